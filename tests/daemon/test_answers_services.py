# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon answers about services: saved and unsaved bytes together, from the very moment that was asked for."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Bucket, Pending, Span
from esimshaper.core.model.requests import ClientsQuery, HistoryQuery, ServicesQuery
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Booking, State
from esimshaper.core.report.frame import Document
from esimshaper.core.saving import ledger
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.edge.http.routes import BadParameter
from tests import synthetic_router
from tests.daemon.test_answers import Life
from tests.synthetic_router import ALICE, NOW, PIXEL, TOKYO
from tests.synthetic_services import counted


def used(down: int, **services: int) -> Pending:
    return Pending(Counters(down), services={name: Volume(size) for name, size in services.items()})


def at(*, days: int = 0, hours: int = 0, minutes: int = 0) -> int:
    return int((NOW - timedelta(days=days, hours=hours, minutes=minutes)).timestamp()) // 300 * 300


SAVED = {
    Bucket(at(days=500), ALICE): used(7_000_000, icloud=7_000_000),
    Bucket(at(days=30), ALICE): used(100_000, youtube=100_000),
    Bucket(at(days=1), ALICE): used(10_000, youtube=9_000),
    Bucket(at(hours=2), ALICE): used(1_000, line=900),
    Bucket(at(hours=1), PIXEL): used(500, line=500),
    Bucket(at(minutes=20), ALICE): used(100, youtube=60),
}
UNSAVED = {Bucket(at(), ALICE): used(10, youtube=10, line=-2), Bucket(at(), PIXEL): used(1)}


@pytest.fixture
def ask(tmp_path: Path):
    life = Life(tmp_path)
    state = counted(synthetic_router.state())
    state = replace(state, saving=replace(state.saving, pending=UNSAVED))
    facts = synthetic_router.facts
    life.answers = Answers(life.loop, life.storage, None, None, lambda: state, facts, None, life.stopping)

    async def save() -> None:
        await life.storage.open()
        await life.storage.save(Booking(ledger.rows(SAVED, TOKYO), state.baseline))

    asyncio.run_coroutine_threadsafe(save(), life.loop).result(300)
    yield life.answers.answer
    life.end()


def sizes(document: Document) -> dict[str, int]:
    return {entry["service"]: entry["total_bytes"] for entry in document["services"] if entry["total_bytes"]}


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("", {"line": 1398, "youtube": 70, "unnamed": 143}),
        ("17:00", {"line": 500, "youtube": 69, "unnamed": 42}),
        ("18:00", {"youtube": 69, "unnamed": 42}),
        ("18:31", {"youtube": 9070, "line": 1398, "unnamed": 1143}),
        ("yesterday", {"youtube": 9070, "line": 1398, "unnamed": 1143}),
        ("month", {"youtube": 9070, "line": 1398, "unnamed": 1143}),
        ("2026-10-01", {"youtube": 109_070, "line": 1398, "unnamed": 1143}),
        ("2024-06", {"icloud": 7_000_000, "youtube": 109_070, "line": 1398, "unnamed": 1143}),
    ],
)
def test_services_since_a_moment_are_saved_and_unsaved_bytes(ask, since, found):
    document = ask(ServicesQuery(since=since))
    assert sizes(document) == found
    assert document["total"]["total_bytes"] == sum(found.values())


def test_services_of_one_client_and_of_a_kind(ask):
    of_pixel = ask(ServicesQuery("pixel-7-of-somebody-with-a-long-name"))
    assert sizes(of_pixel) == {"line": 500, "unnamed": 1}
    assert sizes(ask(ServicesQuery(category="messages"))) == {"line": 1398}
    with pytest.raises(BadParameter, match="there is no category"):
        ask(ServicesQuery(category="nothing"))
    with pytest.raises(BadParameter, match="is still to come"):
        ask(ServicesQuery(since="2030-01-01"))


def test_clients_and_history_have_the_same_bytes(ask):
    alice = next(each for each in ask(ClientsQuery())["clients"] if each["key"] == ALICE)
    assert alice["services"]["today"] == "line"
    assert alice["services"]["unnamed_bytes"] == 142
    days = ask(HistoryQuery(Span.DAY, 2, "", by_service=True))["rows"]
    assert [sizes(row) for row in days] == [
        {"youtube": 9000, "unnamed": 1000},
        {"line": 1398, "youtube": 70, "unnamed": 143},
    ]
    months = ask(HistoryQuery(Span.MONTH, 9, "alice-phone", by_service=True))["rows"]
    assert [sizes(row).get("youtube", 0) for row in months] == [0, 100_000, 9070]


def test_without_a_history_what_is_unsaved_is_shown(tmp_path):
    life = Life(tmp_path)
    state = counted(synthetic_router.state())
    state = replace(state, saving=replace(state.saving, pending=UNSAVED))
    life.answers = Answers(
        life.loop, Storage(tmp_path), None, None, lambda: state, synthetic_router.facts, None, Stopping()
    )
    try:
        assert sum(sizes(life.answers.answer(ServicesQuery())).values()) == 11
        life.answers = Answers(life.loop, life.storage, None, None, State, synthetic_router.facts, None, Stopping())
        assert life.answers.answer(ServicesQuery())["counted"] is False
    finally:
        life.end()
