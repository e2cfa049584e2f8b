# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge history, export and import: a year comes back without a byte of difference, and nothing counts twice."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import ALL_ROWS, COUNTED_ROWS, Bucket, Pending, Resolution, RowChoice, RowRange
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Booking
from esimshaper.core.model.transfer import Transferred
from esimshaper.core.saving import ledger
from esimshaper.edge.history import usage_tables
from esimshaper.edge.history.database import History, HistoryError
from tests.edge.history.test_database import BASELINE

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = int(datetime(2025, 11, 1, tzinfo=BERLIN).timestamp())
CLIENTS = [ClientKey(f"02:00:00:00:00:{number:02x}") for number in (0x15, 3, 0x10)]  # not in the order of their names
WHOLE = RowRange(Resolution.MONTH, 0, 2**40)


def year() -> Iterator[Booking]:
    """A year in which each client is awake some hours a day, by two uplinks; the last fortnight by five minutes."""
    for day in range(365):
        steps = range(84, 276, 4) if day >= 351 else range(84, 276, 48)
        pending = {
            Bucket(BEGIN + day * 86400 + step * 300, client, ("cellular", "hotel")[(day + step) % 2]): Pending(
                Counters(day * 1000 + step, step, 7, 3),
                step == 84,
                {"youtube": Volume(step * 3, 1), **({"line": Volume(-5, 2)} if day % 3 else {})},
            )
            for number, client in enumerate(CLIENTS)
            for step in steps
            if (day + step + number) % 5
        }
        yield Booking(ledger.rows(pending, BERLIN), BASELINE)


def exported(history: History, choice: RowChoice = ALL_ROWS, since: int = 0, until: int = 2**40) -> list[Transferred]:
    rows: list[Transferred] = []
    page = history.page(None, since, until, choice)
    while True:
        rows += page.rows
        if page.following is None:
            return rows
        page = history.page(page.following, since, until, choice)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place: Path = tmp_path_factory.mktemp("year") / "history.db"
    with closing(History(place)) as history:
        rows = tuple(row for booking in year() for row in booking.rows)
        history.save(Booking(rows, BASELINE))
    return place


@pytest.fixture
def full(recorded: Path, tmp_path: Path) -> Path:
    place = tmp_path / "history.db"
    place.write_bytes(recorded.read_bytes())
    return place


def test_a_year_comes_back_without_a_byte_of_difference_also_into_a_fresh_database(full, tmp_path):
    with closing(History(full)) as history, closing(History(tmp_path / "fresh.db")) as fresh:
        rows = exported(history)
        assert len(rows) > 5000
        assert len({(row.resolution, *row[1:6]) for row in rows}) == len(rows)
        for at in range(0, len(rows), 1000):
            fresh.put(rows[at : at + 1000])
        assert exported(fresh) == rows
        for at in range(0, len(rows), 777):
            fresh.put(rows[at : at + 777])
        assert exported(fresh) == rows, "twice changes nothing"
        for resolution in Resolution:
            whole = RowRange(resolution, 0, 2**40)
            assert fresh.sums([whole]) == history.sums([whole])
            assert fresh.service_periods(whole) == history.service_periods(whole)


def test_what_was_exported_here_changes_nothing_here_but_what_was_lost_comes_back(full):
    with closing(History(full)) as history:
        rows = exported(history)
        history.put(rows)
        assert exported(history) == rows
    with closing(sqlite3.connect(full)) as raw:
        raw.execute("DELETE FROM usage WHERE start % 86400 < 43200")
        raw.execute("DELETE FROM service_usage WHERE start % 86400 < 43200")
        raw.commit()
    with closing(History(full)) as history:
        history.put(rows)
        assert exported(history) == rows


def test_a_part_is_what_was_asked_for(full):
    with closing(History(full)) as history:
        rows = exported(history)
        middle = BEGIN + 200 * 86400
        some = exported(history, RowChoice([CLIENTS[0]], ["hotel"]), middle, middle + 30 * 86400)
        assert some == [
            row
            for row in rows
            if row.client == CLIENTS[0] and row.uplink == "hotel" and middle <= row.start < middle + 30 * 86400
        ]
        assert some
        assert exported(history, RowChoice(uplinks=["nowhere"])) == []


def test_what_was_imported_is_in_reports_and_touches_no_count_of_now(full):
    with closing(History(full)) as history:
        before = history.sums([WHOLE])[0].usage[CLIENTS[0]].down_bytes
        typed = Transferred(Resolution.MONTH, BEGIN, CLIENTS[0], "cellular", "typed", "", 10**9, 0, estimated=True)
        history.put([typed])
        history.put([typed._replace(down_bytes=2 * 10**9)])
        assert history.sums([WHOLE])[0].usage[CLIENTS[0]].down_bytes == before + 2 * 10**9
        assert history.sums([WHOLE], COUNTED_ROWS)[0].usage[CLIENTS[0]].down_bytes == before
        own = history.rows(Resolution.MONTH, BEGIN, BEGIN + 1)
        assert sum(row.counters.down_bytes for row in own if row.client == CLIENTS[0]) < 10**9
        assert history.totals(Resolution.MONTH, BEGIN)[CLIENTS[0]].down_bytes < 10**9
        assert history.load() == BASELINE


def test_an_import_that_fails_has_taken_in_nothing(full, monkeypatch):
    with closing(History(full)) as history:
        rows = exported(history)
        new = [rows[0]._replace(source="other", uplink="new"), rows[1]._replace(source="other", down_bytes=2**70)]
        with pytest.raises(HistoryError):
            history.put(new)
        assert exported(history) == rows
        history.put(new[:1])
        assert len(exported(history)) == len(rows) + 1


def test_a_bucket_of_a_crowd_is_one_page_and_pages_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(usage_tables, "KEPT", {})
    clients = [ClientKey(f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}") for n in range(700)]
    pending = {Bucket(BEGIN + at * 300, client): Pending(Counters(1)) for at in range(3) for client in clients}
    with closing(History(tmp_path / "history.db")) as history:
        history.save(Booking(ledger.rows(pending, BERLIN), BASELINE))
        page = history.page(None, 0, 2**40, ALL_ROWS)
        assert len(page.rows) == 700
        assert len(exported(history)) == 700 * 6


def test_each_history_has_a_name_of_its_own(tmp_path):
    with closing(History(tmp_path / "one.db")) as one, closing(History(tmp_path / "two.db")) as two:
        booking = next(year())
        for history in (one, two):
            history.save(replace(booking, rows=booking.rows[:1]))
        sources = [exported(history)[0].source for history in (one, two)]
        assert len(set(sources)) == 2
        assert all(sources)
