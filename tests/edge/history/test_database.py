# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge history: what was saved comes back, adds up and is kept as long as promised."""

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.history import HistoryPeriod, HistoryRow, Resolution, RowChoice, RowRange
from esimshaper.core.model.identity import Account, ClientKey, Identity
from esimshaper.core.model.limit_state import LimitState, Restart
from esimshaper.core.model.limits import (
    EVERYONE,
    Coming,
    Grant,
    Level,
    Override,
    OverrideKind,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.core.model.reading import ClassCounters
from esimshaper.core.model.state import Baseline, Booked, Booking, ClockSlice, QueueDrops
from esimshaper.core.model.uplink import UplinkDrops
from esimshaper.edge.history import schema as history_schema
from esimshaper.edge.history.database import History, HistoryError
from tests.edge.history.acts import ACTS

ALICE, BOB = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")


def baseline_of(*, boottime: float, time: float = 0.0, trusted: bool = False, limits=None, **meter) -> Baseline:
    clock = ClockSlice(time, boottime, trusted)
    return Baseline(Booked(boottime=boottime, **meter), clock, limits or LimitState())


START = 1_800_000_000
BASELINE = baseline_of(
    epoch=2**64 - 1,
    accounts={Account(0): Counters(), Account(2): Counters(2**40, 2, 3, 4)},
    owners={Account(0): ClientKey("unattributed"), Account(2): ALICE},
    totals={ALICE: Counters(2**40, 2, 3, 4)},
    wan={"wwan0": Counters(2**40, 2, 3, 4)},
    boottime=1234.5,
    budgets={Account(2): Budget(2**40 + 2, 2**40, 2), Account(1025): Budget(5, 3, 2)},
    time=1_800_000_000.25,
    trusted=True,
    limits=LimitState(
        tallies=(
            Tally("daily", Subject(SubjectKind.CLIENT, ALICE), Window(0, 2**33), 2**40, 5, 2**40, 2, True, -7, 2**41),
            Tally("plan", EVERYONE, Window(-(2**33), 0), -1500),
        ),
        grants=(Grant("daily", Subject(SubjectKind.CLIENT, ALICE), 5, 2**32),) * 2,
        overrides=(
            Override(Subject(SubjectKind.CLIENT, ALICE), OverrideKind.ALLOW),
            Override(Subject(SubjectKind.GROUP, "living-room"), OverrideKind.BLOCK, 2**32),
        ),
        levels={ALICE: Level.BLOCKED, BOB: Level.THROTTLED},
        coming=(
            Coming(Subject(SubjectKind.CLIENT, ALICE), 2**32, None, 2**40),
            Coming(EVERYONE, 2**33, OverrideKind.BLOCK, until=2**33 + 1),
        ),
        acts=ACTS,
        restarts=(Restart("plan", 2**31, 2**32),),
    ),
)
SECONDS = {Resolution.FIVE_MINUTES: 300, Resolution.HOUR: 3600, Resolution.DAY: 86400, Resolution.MONTH: 30 * 86400}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    with closing(History(path)) as opened:
        yield opened


def row(start: int = START, client: ClientKey = ALICE, down: int = 1, resolution=Resolution.FIVE_MINUTES, **more):
    return HistoryRow(resolution, start, client, Counters(down, 2, 3, 4), **more)


def booking(*rows: HistoryRow, baseline: Baseline = BASELINE, identities: tuple[Identity, ...] = ()) -> Booking:
    return Booking(rows, baseline, identities)


def everything(history: History, resolution: Resolution = Resolution.FIVE_MINUTES) -> tuple[HistoryRow, ...]:
    return history.rows(resolution, 0, 2**40)


def test_a_new_database_knows_nothing(history):
    assert (history.notes, history.load(), history.identities()) == ("", None, ())
    assert everything(history) == ()


def test_what_was_saved_is_there_after_closing_and_opening(path, history):
    identities = (Identity(ALICE, "alice-phone", "pixel", ("10.0.0.1",)), Identity(BOB))
    history.save(booking(row(estimated=True), row(client=BOB), identities=identities))
    history.close()
    with closing(History(path)) as again:
        assert again.notes == ""
        assert again.load() == BASELINE
        assert everything(again) == (row(estimated=True), row(client=BOB))
        assert set(again.identities()) == {Identity(ALICE, "alice-phone", "pixel"), Identity(BOB)}


@pytest.mark.parametrize(
    "key", ["", "02:00:00:00:00:1p", "02:00:00:00:00:1", "02:00:00:00:00:1A", "10.0.0.1q", "otherc"]
)
def test_what_is_set_for_a_client_that_cannot_be_is_left_out(path, history, key):
    """One bit of the key was lost on the card; the kernel could give nobody an account of that name."""
    nobody, limits = Subject(SubjectKind.CLIENT, key), BASELINE.limits
    odd = LimitState(
        (*limits.tallies, Tally("daily", nobody, Window(0, 1))),
        (*limits.grants, Grant("daily", nobody, 5, 2**32)),
        (*limits.overrides, Override(nobody, OverrideKind.BLOCK)),
        {**limits.levels, ClientKey(key): Level.BLOCKED},
        coming=(*limits.coming, Coming(nobody, 2**34, OverrideKind.BLOCK)),
        acts=(*limits.acts, replace(limits.acts[0], subject=nobody)),
        restarts=limits.restarts,
    )
    history.save(booking(baseline=replace(BASELINE, limits=odd)))
    history.close()
    with closing(History(path)) as again:
        assert (again.notes, again.load()) == ("", BASELINE)


def test_rows_of_the_same_bucket_add_up_and_doubt_stays(history):
    history.save(booking(row(down=5), row(client=BOB, estimated=True)))
    history.save(booking(row(down=7), row(client=BOB)))
    first, second = everything(history)
    assert first == HistoryRow(Resolution.FIVE_MINUTES, START, ALICE, Counters(12, 4, 6, 8))
    assert second.estimated


def test_rows_are_found_by_time_and_client(history):
    history.save(booking(*(row(START + n * 300, client) for n in range(4) for client in (BOB, ALICE))))
    five = Resolution.FIVE_MINUTES
    assert [r.start - START for r in history.rows(five, START + 300, START + 900, [ALICE])] == [300, 600]
    assert {r.client for r in history.rows(five, START, START + 1)} == {ALICE, BOB}
    assert history.rows(five, START, START + 900, []) == ()
    assert history.totals(five, START + 300) == {ALICE: Counters(1, 2, 3, 4), BOB: Counters(1, 2, 3, 4)}
    assert history.totals(five, START + 1) == {}


def test_periods_are_the_last_ones_summed_over_the_clients_asked_for(history):
    history.save(booking(*(row(START + n * 300, client) for n in range(4) for client in (BOB, ALICE))))
    history.save(booking(row(START + 600, BOB, estimated=True), row(START + 600, resolution=Resolution.HOUR)))
    five, both, one = Resolution.FIVE_MINUTES, Counters(2, 4, 6, 8), Counters(1, 2, 3, 4)
    three = Counters(3, 6, 9, 12)
    assert history.periods(RowRange(five, 0, START + 900), 2) == (
        HistoryPeriod(START + 600, three, True),
        HistoryPeriod(START + 300, both),
    )
    assert history.periods(RowRange(five, 0, START + 601), 1, RowChoice([ALICE])) == (HistoryPeriod(START + 600, one),)
    assert len(history.periods(RowRange(five, 0, 2**40), 100, RowChoice((ALICE, BOB)))) == 4
    assert history.periods(RowRange(five, 0, 2**40), 100, RowChoice([])) == ()


owned = st.dictionaries(
    st.integers(0, 2000).map(Account),
    st.tuples(st.builds(Counters, *(st.integers(0, 2**62) for _ in range(4))), st.sampled_from([ALICE, BOB, None])),
    max_size=6,
)
totals = st.dictionaries(st.sampled_from([ALICE, BOB, ClientKey("router")]), st.builds(Counters, st.integers(0, 2**62)))
subjects = st.sampled_from(
    [EVERYONE, *(Subject(SubjectKind.CLIENT, key) for key in (ALICE, "others", "fd00::1"))]
) | st.builds(Subject, st.just(SubjectKind.GROUP), st.sampled_from(["unknown", ALICE]))
numbers = st.integers(-(2**40), 2**62)
tallies = st.builds(
    Tally,
    st.sampled_from(["daily", "plan"]),
    subjects,
    st.builds(Window, numbers, numbers),
    *[numbers] * 4,
    reached=st.booleans(),
)
limits = st.builds(
    LimitState,
    # In the order of their keys, as they come back from the database; the order means nothing.
    st.lists(tallies, unique_by=lambda t: (t.quota, t.subject)).map(
        lambda found: tuple(sorted(found, key=lambda t: (t.quota, t.subject.kind.value, t.subject.id)))
    ),
    st.lists(st.builds(Grant, st.sampled_from(["daily", "plan"]), subjects, numbers, numbers), max_size=3).map(tuple),
    st.lists(
        st.builds(Override, subjects, st.sampled_from(OverrideKind), st.none() | numbers), unique_by=lambda o: o.subject
    ).map(lambda found: tuple(sorted(found, key=lambda o: (o.subject.kind.value, o.subject.id)))),
    st.dictionaries(st.sampled_from([ALICE, BOB]), st.sampled_from(Level)),
)
baselines = st.builds(
    lambda slots, **others: baseline_of(
        accounts={account: counters for account, (counters, _) in slots.items()},
        owners={account: owner for account, (_, owner) in slots.items() if owner},
        **others,
    ),
    slots=owned,
    epoch=st.integers(0, 2**64 - 1),
    totals=totals,
    wan=st.dictionaries(st.sampled_from(["wwan0", "usb0"]), st.builds(Counters, st.integers(0, 2**62))),
    boottime=st.floats(0, 1e9),
    clean=st.booleans(),
    budgets=st.dictionaries(
        st.integers(0, 2000).map(Account), st.builds(Budget, *[st.integers(0, 2**62)] * 3), max_size=4
    ),
    time=st.floats(0, 1e10),
    trusted=st.booleans(),
    limits=limits,
    drops=st.dictionaries(
        st.integers(0, 2000).map(Account),
        st.builds(
            QueueDrops,
            st.builds(ClassCounters, *[st.integers(0, 2**40)] * 4),
            st.integers(0, 2**62),
            st.none() | st.integers(-(2**62), 2**62),
            *[st.integers(0, 2**62)] * 2,
        ),
        max_size=3,
    ),
    uplink=st.builds(
        UplinkDrops,
        waiting=st.dictionaries(st.integers(0, 2000).map(Account), numbers, max_size=3),
        corrected=numbers,
        estimated=numbers,
    ),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(baselines, min_size=1, max_size=4))
def test_the_baseline_saved_last_comes_back_whatever_was_there_before(path, chain):
    """Only differences are written, so each is saved over those before it."""
    with closing(History(path)) as history:
        for baseline in chain:
            history.save(booking(baseline=baseline))
            assert history.load() == baseline
    with closing(History(path)) as again:
        assert again.load() == chain[-1]


def test_a_file_of_version_1_is_brought_up_with_everything_in_it(path):
    """history_v1.sql is the dump of a file that version 1 of the program wrote."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("history_v1.sql").read_text())
    counters = Counters(1000, 200, 3, 2)
    with closing(History(path)) as history:
        assert history.notes == ""
        assert history.load() == baseline_of(
            epoch=2**64 - 1,
            accounts={Account(0): Counters(), Account(2): counters},
            owners={Account(0): ClientKey("unattributed"), Account(2): ALICE},
            totals={ALICE: counters},
            wan={"wwan0": counters},
            boottime=1234.5,
            clean=True,
        )
        assert history.identities() == (Identity(ALICE, "alice-phone", "pixel"),)
        for resolution in Resolution:
            doubt = resolution is Resolution.MONTH
            assert everything(history, resolution) == (HistoryRow(resolution, START, ALICE, counters, doubt),)
        history.save(booking(row()))
    with closing(History(path)) as again:
        assert (again.notes, again.load()) == ("", BASELINE)


def test_an_upgrade_that_is_cut_short_is_no_damage(path, monkeypatch):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("history_v1.sql").read_text())
    monkeypatch.setitem(history_schema.SCHEMAS, 2, history_schema.SCHEMAS[2] + "CREATE TABLE nonsense (;\n")
    with closing(sqlite3.connect(path)) as interrupted, pytest.raises(sqlite3.OperationalError):
        history_schema._prepare(interrupted, path)
    monkeypatch.undo()
    with closing(History(path)) as history:
        assert (history.notes, history.load().meter.boottime) == ("", 1234.5)


def test_a_name_stays_until_there_is_a_new_one(path, history):
    history.save(booking(row(), identities=(Identity(ALICE, "alice-phone", "pixel"),)))
    history.save(booking(row(START + 300)))
    history.save(booking(row(START + 600), identities=(Identity(ALICE, "alice", "pixel"),)))
    assert history.identities() == (Identity(ALICE, "alice", "pixel"),)
    history.close()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT * FROM clients").fetchall() == [(ALICE, "alice", "pixel", START, START + 600)]


def test_a_worker_thread_may_use_what_the_main_thread_opened(history):
    with ThreadPoolExecutor(max_workers=1) as worker:
        worker.submit(history.save, booking(row())).result()
        assert worker.submit(everything, history).result() == (row(),)


def test_only_the_owner_and_the_group_may_read_it(path, history):
    history.save(booking(row()))
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o640 & ~_umask()}
    assert "history.db-wal" in modes


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_database_of_a_newer_version_is_left_alone(path, history):
    history.save(booking(row()))
    history.close()
    newer = history_schema.VERSION + 1
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {newer}")
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=rf"newer version.*format {newer}; this one knows {newer - 1}") as error:
        History(path)
    assert error.value.hint
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["history.db"]


def test_a_minute_costs_little_flash(path, history):
    """20 busy clients; what reaches the disk is the journal and, now and then, the pages merged from it."""
    number = 0

    def save() -> None:
        nonlocal number
        number += 1
        clients = [ClientKey(f"02:00:00:00:00:{client:02x}") for client in range(20)]
        counters = Counters(number, number, number, number)
        now = START + number * 60
        rows = [
            HistoryRow(resolution, now // SECONDS[resolution] * SECONDS[resolution], client, counters)
            for resolution in Resolution
            for client in clients
        ]
        accounts = {Account(2 + index): counters for index in range(20)}
        owners = dict(zip(accounts, clients, strict=True))
        totals = dict.fromkeys(clients, counters)
        meter = replace(BASELINE.meter, accounts=accounts, owners=owners, totals=totals, boottime=float(number))
        history.save(booking(*rows, baseline=replace(BASELINE, meter=meter)))

    save()
    before = _written()
    for _ in range(300):
        save()
    each = (_written() - before) / 300
    print(f"bytes written per booking: {each:.0f}")  # noqa: T201 - shown by pytest -s and on failure
    assert each < 48_000, "70 MB a day"


def _written() -> int:
    """Bytes that this process has handed to write()."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("wchar")))
