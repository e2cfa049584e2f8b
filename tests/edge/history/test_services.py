# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge history, services: what bytes were for comes back, adds up, is kept as long as the bytes, and stays small."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryRow, Resolution, RowChoice, RowRange, Sums
from esimshaper.core.model.identity import Account, ClientKey, Identity
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Baseline, Booked, Booking
from esimshaper.edge.history.database import KEPT, History, HistoryError
from tests.edge.history.test_database import ALICE, BASELINE, BOB, SECONDS, START, _written
from tests.five_years import write_five_years

FIVE = Resolution.FIVE_MINUTES
ALL = RowRange(FIVE, 0, 2**40)
SERVICES = {"youtube": Volume(900, 10), "hidden": Volume(5, 5)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def row(start: int = START, client: ClientKey = ALICE, resolution: Resolution = FIVE, services=SERVICES) -> HistoryRow:
    return HistoryRow(resolution, start, client, Counters(1000, 100, 2, 1), services=services)


def booking(*rows: HistoryRow, baseline: Baseline = BASELINE) -> Booking:
    return Booking(rows, baseline)


def test_what_bytes_were_for_is_there_after_closing_and_opening(path):
    with closing(History(path)) as history:
        history.save(booking(row(), row(client=BOB, services={"line": Volume(1, 2)}), row(START + 300)))
    with closing(History(path)) as again:
        doubled = {name: volume + volume for name, volume in SERVICES.items()}
        both = {ALICE: Counters(2000, 200, 4, 2), BOB: Counters(1000, 100, 2, 1)}
        assert again.sums([ALL]) == (Sums(both, {ALICE: doubled, BOB: {"line": Volume(1, 2)}}),)
        assert again.sums([ALL], RowChoice([BOB])) == (Sums({BOB: both[BOB]}, {BOB: {"line": Volume(1, 2)}}),)
        assert again.sums([ALL], RowChoice([ClientKey("router")])) == (Sums(),)
        assert again.sums([RowRange(FIVE, START + 300, START + 301)])[0].services == {ALICE: SERVICES}
        first = {**SERVICES, "line": Volume(1, 2)}
        assert again.service_periods(ALL) == {START: first, START + 300: SERVICES}
        assert again.service_periods(ALL, RowChoice([ALICE])) == {START: SERVICES, START + 300: SERVICES}


def test_a_name_that_comes_later_takes_bytes_from_another_service(path):
    with closing(History(path)) as history:
        history.save(booking(row(services={"other": Volume(500)})))
        history.save(booking(row(services={"other": Volume(-500), "line": Volume(500)})))
        assert history.sums([ALL])[0].services == {ALICE: {"other": Volume(), "line": Volume(500)}}


def test_a_number_is_given_once_and_a_catalogue_that_changes_renames_nothing(path):
    with closing(History(path)) as history:
        history.save(booking(row(services={"twitter": Volume(5)})))
    with closing(History(path)) as again:
        again.save(booking(row(START + 300, services={"x": Volume(7)}), row(START + 300, BOB, services={})))
        again.save(booking(row(START + 600, services={"twitter": Volume(1), "x": Volume(1)})))
        assert again.sums([ALL])[0].services == {ALICE: {"twitter": Volume(6), "x": Volume(8)}}
    with closing(sqlite3.connect(path)) as raw:
        assert dict(raw.execute("SELECT name, number FROM services")) == {"twitter": 1, "x": 2}
        assert dict(raw.execute("SELECT client, number FROM usage_clients")) == {ALICE: 1, BOB: 2}


def test_a_save_that_fails_gives_no_number(path, monkeypatch):
    with closing(History(path)) as history:
        history.save(booking(row(services={})))
        with monkeypatch.context() as patch:
            patch.setattr(History, "_save_baseline", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("full")))
            with pytest.raises(HistoryError):
                history.save(booking(row()))
        history.save(booking(row(START + 300, services={"hidden": Volume(3)})))
        assert history.sums([ALL])[0] == Sums({ALICE: Counters(2000, 200, 4, 2)}, {ALICE: {"hidden": Volume(3)}})


def test_the_counts_that_services_were_booked_from_come_back(path):
    meter = replace(
        BASELINE.meter,
        services={Account(2): {0: Volume(-5, 2**40), 3: Volume(2**62, 1)}, Account(3): {255: Volume(1, 2)}},
        served={ALICE: {"youtube": Volume(2**62, 1)}, BOB: {"other": Volume(0, 7)}},
    )
    fewer = replace(meter, services={Account(2): {3: Volume(2**62, 2)}}, served={ALICE: {"youtube": Volume(2**62, 2)}})
    more = replace(meter, services={**meter.services, Account(4): {1: Volume(9)}})  # the others are the same objects
    with closing(History(path)) as history:
        for each in (meter, fewer, meter, more):
            history.save(booking(baseline=replace(BASELINE, meter=each)))
    with closing(History(path)) as again:
        assert again.load().meter == more


def test_a_database_of_today_is_brought_up_with_everything_in_it(path):
    """history_v6.sql is the dump of a file that version 6 of the program wrote: the last one without services."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("history_v6.sql").read_text())
    with closing(History(path)) as history:
        assert history.notes == ""
        assert history.load() == BASELINE
        assert set(history.identities()) == {Identity(ALICE, "alice-phone", "pixel"), Identity(BOB)}
        assert [each.quota for each in history.happenings(0)] == ["plan", ""]
        used = Counters(6040, 600, 10, 6)
        for resolution in Resolution:
            assert history.sums([RowRange(resolution, 0, 2**40)]) == (Sums({ALICE: used, BOB: used}),)
        history.save(booking(row(START), row(START, resolution=Resolution.DAY)))
        assert history.sums([ALL])[0].services == {ALICE: SERVICES}
    with closing(History(path)) as again:
        assert (again.notes, again.load()) == ("", BASELINE)
        assert EVERYONE in again.happenings(0)[0].subjects


@pytest.mark.parametrize("resolution", KEPT)
def test_services_go_with_the_buckets_of_their_bytes_and_months_stay(path, resolution):
    kept, step = KEPT[resolution], SECONDS[resolution]
    starts = [START + number * step for number in range(kept + 3)]
    with closing(History(path)) as history:
        history.save(booking(*(row(start, resolution=r) for start in starts for r in (resolution, Resolution.MONTH))))
        history.save(booking(row(starts[-1] + 300)))
        history.save(booking(row(starts[-1] + step), row(starts[-1] + step, resolution=resolution)))
        whole = RowRange(resolution, 0, 2**40)
        assert history.service_periods(whole).keys() == {each.start for each in history.rows(*whole)}
        assert len(history.service_periods(RowRange(Resolution.MONTH, 0, 2**40))) == kept + 3


def test_a_lost_number_makes_bytes_unnamed_and_nothing_else(path):
    with closing(History(path)) as history:
        history.save(booking(row()))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM services WHERE name = 'hidden'")
        raw.commit()
    with closing(History(path)) as again:
        assert again.sums([ALL])[0] == Sums({ALICE: Counters(1000, 100, 2, 1)}, {ALICE: {"youtube": Volume(900, 10)}})
        assert again.service_periods(ALL) == {START: {"youtube": Volume(900, 10)}}


def test_five_years_of_twenty_clients_are_small(path):
    """With a tenth of them, so that the test is short; `make bench` has all, and how long a year takes."""
    write_five_years(path, 2)
    year = RowRange(Resolution.DAY, START, START + 365 * 86400)
    with closing(History(path)) as history:
        assert len(history.sums([year])[0].services) == 2
        assert len(history.service_periods(year)) == 365
    assert path.stat().st_size < 30_000_000


def test_a_minute_with_services_costs_little_flash(path):
    """20 busy clients, each with six services at the time and twenty in a day."""
    clients = [ClientKey(f"02:00:00:00:00:{client:02x}") for client in range(20)]
    with closing(History(path)) as history:

        def save(number: int) -> None:
            now = START + number * 60
            services = {f"service-{(number // 60 * 3 + n) % 20}": Volume(number, number) for n in range(6)}
            rows = [
                HistoryRow(each, now // SECONDS[each] * SECONDS[each], client, Counters(number), services=services)
                for each in Resolution
                for client in clients
            ]
            counts = {Account(2 + n): {s: Volume(number, n + s) for s in range(6)} for n in range(20)}
            served = {client: dict.fromkeys(services, Volume(number)) for client in clients}
            meter = Booked(7, dict.fromkeys(counts, Counters(number)), {}, services=counts, served=served)
            history.save(booking(*rows, baseline=Baseline(meter)))

        save(0)
        before = _written()
        for number in range(1, 301):
            save(number)
        each = (_written() - before) / 300
    print(f"bytes written per booking: {each:.0f}")  # noqa: T201 - as above
    assert each < 160_000, "230 MB a day"
