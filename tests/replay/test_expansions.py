# SPDX-License-Identifier: GPL-2.0-or-later
"""Replay: a router's life is a fold over what it observed, and however it is cut up, the ledger is the same.

Each history is multiplied: all readings of an epoch squashed into one, each seen twice, clients in reverse order, and
the daemon stopped or killed between any two, with saves that work, fail or take a few ticks.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.commands import resume
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Baseline, Booking, State
from esimshaper.core.pipeline import advance
from esimshaper.core.saving.booking import final, note_not_saved, note_saved

POLICY = Rules("wwan0", ZoneInfo("Asia/Kolkata"))
MACS = [ClientKey(f"02:00:00:00:00:{number:02x}") for number in range(16, 20)]
OWNERS = {Account(0): UNATTRIBUTED, Account(1): ROUTER, **{Account(2 + n): mac for n, mac in enumerate(MACS)}}
MIDNIGHT = 1_793_557_800.0
"""2026-11-02 00:00 in India, with the half hour."""


@dataclass(frozen=True)
class Tick:
    """What one tick sees, and when."""

    now: float
    reading: Reading


History = tuple[Tick, ...]
Sums = dict[tuple[Resolution, int, ClientKey], Counters]


@dataclass
class Disk:
    """What survives a kill: rows added up, and the baseline of the same transaction."""

    sums: Sums = field(default_factory=dict)
    baseline: Baseline | None = None

    def save(self, booking: Booking) -> None:
        for row in booking.rows:
            key = (row.resolution, row.start, row.client)
            self.sums[key] = self.sums.get(key, Counters()) + row.counters
        self.baseline = booking.baseline

    def by_client(self, resolution: Resolution = Resolution.MONTH) -> dict[ClientKey, Counters]:
        found: dict[ClientKey, Counters] = {}
        for (each, _, client), counters in self.sums.items():
            if each is resolution and counters:
                found[client] = found.get(client, Counters()) + counters
        return found

    def in_buckets(self) -> Sums:
        return {key: counters for key, counters in self.sums.items() if counters}


class Router:
    """The daemon without its edges: the one fold, a disk, and the ways a process can end."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.state = State()

    def tick(self, tick: Tick, *, works: bool = True) -> None:
        self.state, outcome = advance(self.state, POLICY, tick.now, Observation(tick.reading))
        baseline = self.state.baseline
        assert sum(baseline.meter.totals.values(), Counters()) == sum(baseline.meter.wan.values(), Counters())
        if outcome.booking and works:
            self.disk.save(outcome.booking)
            self.state = note_saved(self.state, outcome.booking)
        elif outcome.booking:
            self.state = note_not_saved(self.state, POLICY)

    def kill(self) -> None:
        self.state = resume(self.disk.baseline)

    def stop(self) -> None:
        if booking := final(self.state, POLICY):
            self.disk.save(booking)
        self.kill()


def run(history: Sequence[Tick]) -> Disk:
    router = Router()
    for tick in history:
        router.tick(tick)
    router.stop()
    return router.disk


def spent(history: Sequence[Tick]) -> Counters:
    """What the kernel counted in all: the last reading of each epoch."""
    last = {tick.reading.epoch: tick.reading for tick in history}
    return sum((sum(reading.accounts.values(), Counters()) for reading in last.values()), Counters())


# --- expanders: other ways to have seen the same


def squashed(history: History) -> History:
    """Only the last reading of each run of one epoch and one set of owners."""
    runs = itertools.groupby(history, key=lambda tick: (tick.reading.epoch, tuple(tick.reading.owners.items())))
    return tuple(list(run)[-1] for _, run in runs)


def doubled(history: History) -> History:
    return tuple(tick for tick in history for _ in range(2))


def clients_reversed(history: History) -> History:
    def turn(reading: Reading) -> Reading:
        accounts = dict(reversed(reading.accounts.items()))
        return replace(reading, accounts=accounts, owners=dict(reversed(reading.owners.items())))

    return tuple(Tick(tick.now, turn(tick.reading)) for tick in history)


# --- histories


@st.composite
def histories(draw: st.DrawFn, *, epochs: int = 1) -> History:
    """Ticks of 1 s to 20 min around a midnight, with 0 to 4 GB in between, and reboots where `epochs` is above 1."""
    now, boottime, epoch = MIDNIGHT - draw(st.integers(0, 3000)), 100.0, 1
    accounts = {account: Counters() for account in OWNERS}
    ticks = []
    for _ in range(draw(st.integers(1, 12))):
        if epoch < epochs and draw(st.integers(0, 3)) == 0:
            epoch, boottime = epoch + 1, 5.0
            accounts = {account: Counters() for account in OWNERS}
        seconds = draw(st.sampled_from([1, 1, 1, 59, 61, 299, 1200]))
        now, boottime = now + seconds, boottime + seconds
        for account in draw(st.lists(st.sampled_from(list(OWNERS)), max_size=3)):
            down, up = draw(st.sampled_from([(1500, 40), (6_000_000, 9), (2**32 + 1, 2**20)]))
            accounts = accounts | {account: accounts[account] + Counters(down, up, down // 1400 + 1, 1)}
        ticks.append(Tick(now, Reading(epoch, boottime, accounts, OWNERS)))
    return tuple(ticks)


ALICE, BOB = MACS[0], MACS[1]


def by_hand() -> Iterator[History]:
    """A quiet day, a reboot, and a slot that gets another owner."""

    def reading(epoch: int, boottime: float, owner: ClientKey, down: int) -> Reading:
        owners = {Account(0): UNATTRIBUTED, Account(1): ROUTER, Account(2): owner}
        return Reading(epoch, boottime, {Account(1): Counters(7), Account(2): Counters(down)}, owners)

    yield (Tick(MIDNIGHT, reading(1, 10, ALICE, 0)),)
    yield (Tick(MIDNIGHT - 1, reading(1, 10, ALICE, 10)), Tick(MIDNIGHT, reading(1, 11, ALICE, 30)))
    yield (Tick(MIDNIGHT, reading(1, 900, ALICE, 800)), Tick(MIDNIGHT + 90, reading(2, 30, ALICE, 900)))
    yield (
        Tick(MIDNIGHT, reading(1, 900, ALICE, 800)),
        Tick(MIDNIGHT + 1, reading(1, 901, ALICE, 900)),
        Tick(MIDNIGHT + 4000, reading(1, 4901, BOB, 950)),
        Tick(MIDNIGHT + 4001, reading(1, 4902, BOB, 1000)),
    )


any_history = st.one_of(histories(), histories(epochs=3), st.sampled_from(list(by_hand())))


@given(any_history)
def test_everything_the_kernel_counted_is_in_the_ledger(history):
    disk = run(history)
    for resolution in Resolution:
        assert sum(disk.by_client(resolution).values(), Counters()) == spent(history)


@given(any_history)
def test_one_reading_tells_as_much_as_many(history):
    assert run(squashed(history)).by_client() == run(history).by_client()


@pytest.mark.parametrize("expand", [doubled, clients_reversed])
@given(history=any_history)
def test_seen_twice_or_in_another_order_nothing_changes(expand, history):
    assert run(expand(history)).in_buckets() == run(history).in_buckets()


@settings(max_examples=60)
@given(any_history)
def test_stopped_between_any_two_ticks_the_ledger_is_the_same(history):
    """A stop reads once more; here the reading of the last tick is it."""
    expected = run(history).in_buckets()
    for cut in range(len(history)):
        router = Router()
        for number, tick in enumerate(history):
            router.tick(tick)
            if number == cut:
                router.stop()
        router.stop()
        assert router.disk.in_buckets() == expected


@settings(max_examples=60)
@given(histories(), st.data())
def test_killed_between_any_two_ticks_no_byte_is_lost_or_doubled(history, data):
    """What a kill forgets is in the kernel still; only the five minutes in which it stands may be later ones."""
    expected = run(history).by_client()
    for cut in range(len(history)):
        router = Router()
        for number, tick in enumerate(history):
            router.tick(tick, works=data.draw(st.booleans()))
            if number == cut:
                router.kill()
        router.tick(history[-1])  # whoever was killed last comes back and finds the kernel as it was
        router.stop()
        assert router.disk.by_client() == expected
        assert sum(router.disk.baseline.meter.totals.values(), Counters()) == spent(history)


@given(histories(), st.data())
def test_a_slow_disk_changes_nothing(history, data):
    """A save is under way for any number of ticks, and more comes in meanwhile."""
    disk, state, under_way = Disk(), State(), None
    for tick in history:
        state, outcome = advance(state, POLICY, tick.now, Observation(tick.reading))
        under_way = outcome.booking or under_way
        if under_way and data.draw(st.booleans()):
            if data.draw(st.booleans()):
                disk.save(under_way)
                state = note_saved(state, under_way)
            else:
                state = note_not_saved(state, POLICY)
            under_way = None
    if under_way:
        disk.save(under_way)
        state = note_saved(state, under_way)
    disk.save(final(state, POLICY))
    assert disk.by_client() == run(history).by_client()


@given(histories(epochs=4))
def test_a_power_cut_costs_no_more_than_was_unsaved(history):
    """Maps and process are gone together: what is missing is what no save had reached, and it is marked."""
    router, lost = Router(), Counters()
    for before, tick in zip((None, *history), history, strict=False):
        if before and before.reading.epoch != tick.reading.epoch:
            lost += sum((entry.counters for entry in router.state.saving.pending.values()), Counters())
            router.kill()
        router.tick(tick)
    router.stop()
    assert sum(router.disk.by_client().values(), Counters()) + lost == spent(history)


def test_trap_the_epoch_belongs_to_the_maps_and_not_to_the_process():
    """A new process that finds the old maps must not book their contents again."""
    first = Tick(MIDNIGHT, Reading(1, 100, {Account(2): Counters(1000)}, OWNERS))
    router = Router()
    router.tick(first)
    for restart in range(1, 5):
        router.kill()
        router.tick(Tick(MIDNIGHT + restart, Reading(1, 100 + restart, {Account(2): Counters(1000)}, OWNERS)))
    assert router.disk.by_client() == {MACS[0]: Counters(1000)}


def test_trap_bytes_that_moved_across_midnight_have_one_owner():
    """They belong to the day in which they were read, whichever way the readings are cut."""
    ticks = [
        Tick(MIDNIGHT - 1, Reading(1, 100, {Account(2): Counters(1000)}, OWNERS)),
        Tick(MIDNIGHT, Reading(1, 101, {Account(2): Counters(1400)}, OWNERS)),
    ]
    days = {start: counters for (res, start, _), counters in run(ticks).sums.items() if res is Resolution.DAY}
    assert days == {MIDNIGHT - 86400: Counters(1000), MIDNIGHT: Counters(400)}


def test_a_recycled_account_is_split_at_the_last_reading_of_its_old_owner():
    history = list(by_hand())[-1]
    assert run(history).by_client() == {ROUTER: Counters(7), ALICE: Counters(900), BOB: Counters(100)}
