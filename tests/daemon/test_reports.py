# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon answers about the past: by whom, what for, by which way, when; saved and unsaved bytes together."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Bucket, Grouping, Pending, Span
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.requests import HistoryQuery, ReportQuery, Request
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Booking
from esimshaper.core.model.trips import Trip
from esimshaper.core.report.frame import Document
from esimshaper.core.saving import ledger
from esimshaper.daemon.answers import Answers
from esimshaper.edge.http.routes import BadParameter
from tests import synthetic_router
from tests.daemon.test_answers import Life
from tests.synthetic_router import ALICE, NOW, PIXEL, TOKYO

TV = ClientKey("02:00:00:00:00:11")
CELL, HOTEL = "cellular", "hotel"
Ask = Callable[[Request], Document]


def used(down: int, **services: int) -> Pending:
    return Pending(Counters(down, down // 10), services={name: Volume(size) for name, size in services.items()})


def at(*, days: int = 0, hours: int = 0, minutes: int = 0) -> int:
    return int((NOW - timedelta(days=days, hours=hours, minutes=minutes)).timestamp()) // 300 * 300


SAVED = {
    Bucket(at(days=70), ALICE, ""): used(7_000_000, icloud=7_000_000),
    Bucket(at(days=9), ALICE, CELL): used(100_000, youtube=100_000),
    Bucket(at(days=9), PIXEL, HOTEL): used(40_000),
    Bucket(at(days=2), ALICE, HOTEL): used(10_000, youtube=9_000),
    Bucket(at(days=1, hours=2), PIXEL, CELL): used(3_000, line=3_000),
    Bucket(at(hours=1), PIXEL, CELL): used(500, line=500),
}
UNSAVED = {Bucket(at(), ALICE, CELL): used(10, youtube=10), Bucket(at(), PIXEL, HOTEL): used(20)}
PLANS = [
    ("old", CELL, at(days=100), at(days=5)),
    ("new", CELL, at(days=5), None),
    ("lobby", HOTEL, at(days=2, minutes=30), None),
]


TRIPS = (
    Trip("japan", at(days=10), at(days=-5), 150_000),
    Trip("lobby", at(days=2, minutes=30), at(days=1), 5_000),
    Trip("next year", at(days=-300), at(days=-310)),
)


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    life = Life(tmp_path)
    state = synthetic_router.state()
    state = replace(state, saving=replace(state.saving, pending=UNSAVED))
    facts = replace(synthetic_router.facts(), trips=TRIPS)
    life.answers = Answers(life.loop, life.storage, None, None, lambda: state, lambda: facts, None, life.stopping)  # type: ignore[arg-type]

    async def save() -> None:
        await life.storage.open()
        assert state.baseline
        await life.storage.save(Booking(ledger.rows(SAVED, TOKYO), state.baseline))

    asyncio.run_coroutine_threadsafe(save(), life.loop).result(300)
    with closing(sqlite3.connect(tmp_path / "history.db")) as other:
        other.executemany("INSERT INTO plan_intervals VALUES (?, ?, ?, ?)", PLANS)
        other.commit()
    yield life.answers.answer
    life.end()


def down(document: Document, name: str) -> dict[str | None, int]:
    return {row[name]: row["down_bytes"] for row in document["rows"]}


def facts_group(key: ClientKey) -> str | None:
    facts = synthetic_router.facts()
    return facts.groups.get(key) or (None if key in facts.names else "unknown")


ALL = {"since": "2026-01-01"}


@pytest.mark.parametrize(
    ("query", "name", "found"),
    [
        (ReportQuery(Grouping.CLIENT, **ALL), "key", {ALICE: 7_110_010, PIXEL: 43_520}),
        (ReportQuery(Grouping.CLIENT, "2d"), "key", {ALICE: 10_010, PIXEL: 3520}),
        (ReportQuery(Grouping.CLIENT, "2d", until="today"), "key", {ALICE: 10_000, PIXEL: 3000}),
        (ReportQuery(Grouping.CLIENT, "2d", uplink=CELL), "key", {ALICE: 10, PIXEL: 3500}),
        (ReportQuery(Grouping.CLIENT, "2d", client="alice-phone"), "key", {ALICE: 10_010}),
        (ReportQuery(Grouping.UPLINK, **ALL), "uplink", {None: 7_000_000, CELL: 103_510, HOTEL: 50_020}),
        (ReportQuery(Grouping.PLAN, **ALL), "plan", {None: 7_040_000, "old": 100_000, "lobby": 10_020, "new": 3510}),
        (ReportQuery(Grouping.CLIENT, **ALL, plan="new"), "key", {PIXEL: 3500, ALICE: 10}),
        (ReportQuery(Grouping.GROUP, "2d"), "group", {facts_group(ALICE): 10_010, facts_group(PIXEL): 3520}),
    ],
    ids=lambda each: each.by.value if isinstance(each, ReportQuery) else "",
)
def test_a_report_adds_up_saved_and_unsaved_bytes(ask, query, name, found):
    document = ask(query)
    assert down(document, name) == found
    assert document["total"]["down_bytes"] == sum(found.values())


def test_a_trip_has_what_is_left_of_its_budget_and_the_plans_that_it_was_used_of(ask):
    japan, lobby = ask(ReportQuery(Grouping.TRIP))["rows"]
    assert (japan["trip"], japan["down_bytes"]) == ("japan", 153_530)
    assert japan["left_bytes"] == 150_000 - japan["total_bytes"] < 0
    parts = {each["plan"]: each["down_bytes"] for each in japan["plans"]}
    assert parts == {"old": 100_000, None: 40_000, "lobby": 10_020, "new": 3510}
    assert {each["plan"]: each["down_bytes"] for each in lobby["plans"]} == {"lobby": 10_000, "new": 3000}
    (short,) = ask(ReportQuery(Grouping.TRIP, "1d", uplink=CELL))["rows"]
    assert (short["trip"], short["down_bytes"]) == ("japan", 510)


def test_services_of_a_report_sum_up_to_its_clients(ask):
    services = ask(ReportQuery(Grouping.SERVICE, **ALL))
    assert down(services, "service")["youtube"] == 109_010
    categories = ask(ReportQuery(Grouping.CATEGORY, **ALL))
    clients = ask(ReportQuery(Grouping.CLIENT, **ALL))
    for document in (services, categories, clients):
        assert sum(row["total_bytes"] for row in document["rows"]) == clients["total"]["total_bytes"]


def test_days_of_another_zone_begin_at_its_midnight(ask):
    """What was used at eight in the evening in Tokyo was used at noon in Berlin; the sum is the same."""
    here = ask(ReportQuery(Grouping.DAY, "20d"))
    there = ask(ReportQuery(Grouping.DAY, "20d", zone="America/New_York"))
    assert {row["start"][10:] for row in there["rows"]} <= {"T00:00:00-04:00", "T00:00:00-05:00"}
    assert {row["start"][10:] for row in here["rows"]} == {"T00:00:00+09:00"}
    assert here["total"] == there["total"]
    assert there["zone"] == "America/New_York"
    hours = ask(ReportQuery(Grouping.HOUR, "20d", zone="Asia/Kathmandu"))
    assert hours["total"] == here["total"]
    assert {row["start"][13:] for row in hours["rows"]} == {":00:00+05:45"}


def test_a_plan_has_its_days_and_the_day_on_which_it_changed_twice(ask):
    days = ask(ReportQuery(Grouping.DAY, **ALL, plan="lobby"))
    assert sum(row["down_bytes"] for row in days["rows"]) == 10_020
    assert {row["start"][10:] for row in days["rows"]} == {"T00:00:00+09:00"}
    history = ask(HistoryQuery(Span.DAY, 31, "", plan="lobby"))
    assert [row["down_bytes"] for row in history["rows"]] == [10_000, 20]
    assert (history["plan"], history["zone"]) == ("lobby", str(TOKYO))


def test_history_by_uplink_and_zone_with_clients_and_services(ask):
    hotel = ask(HistoryQuery(Span.DAY, 31, "", uplink=HOTEL, each=True))
    assert [row["down_bytes"] for row in hotel["rows"]] == [40_000, 10_000, 20]
    assert [[part["key"] for part in row["clients"]] for row in hotel["rows"]] == [[PIXEL], [ALICE], [PIXEL]]
    away = HistoryQuery(Span.DAY, 31, "", zone="Europe/Berlin", each=True)
    rows = ask(away)["rows"]
    assert sum(row["down_bytes"] for row in rows) == 153_530
    assert all(sum(part["down_bytes"] for part in row["clients"]) == row["down_bytes"] for row in rows)
    by_service = ask(replace(away, each=False, by_service=True))["rows"]
    of_line = [part["down_bytes"] for row in by_service for part in row["services"] if part["service"] == "line"]
    assert of_line == [3000, 500]
    assert all(sum(part["total_bytes"] for part in row["services"]) == row["total_bytes"] for row in by_service)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (ReportQuery(Grouping.CLIENT, zone="Asia/Tokio"), "not a time zone"),
        (ReportQuery(Grouping.CLIENT, plan="newest"), "there is no plan `newest`; those on record are old, new, lobby"),
        (ReportQuery(Grouping.CLIENT, "yesterday", "2026-01-01"), "nothing is between"),
        (ReportQuery(Grouping.HOUR, "2020-01-01"), "more than 10,000 rows"),
        (ReportQuery(Grouping.TRIP, plan="new"), "a trip shows its plans by itself"),
        (HistoryQuery(Span.DAY, 31, "", plan="x"), "there is no plan"),
        (HistoryQuery(Span.DAY, 31, "", zone="Mars"), "not a time zone"),
    ],
    ids=lambda each: "",
)
def test_what_makes_no_sense_is_said(ask, query, words):
    with pytest.raises(BadParameter, match=words):
        ask(query)


def test_too_many_rows_are_refused_and_not_held_in_memory(ask, monkeypatch):
    monkeypatch.setattr("esimshaper.daemon.reports.MOST_ROWS", 3)
    with pytest.raises(BadParameter, match="`esimshaper export` has all"):
        ask(HistoryQuery(Span.DAY, 31, "", each=True))
    with pytest.raises(BadParameter, match="more than 20,000 rows"):
        ask(HistoryQuery(Span.DAY, 31, "", by_service=True))
