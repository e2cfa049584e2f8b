# SPDX-License-Identifier: GPL-2.0-or-later
"""Replay, for limits: however a router's life is cut up, everybody has used the same and is told the same, once.

What is squashed, doubled, reversed and restarted are the readings between the ends of windows. Bytes belong to the
window in which they were read, so a reading left out right before an end is not neutral; the last test says what then.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.commands import resume
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.limits import (
    EVERYONE,
    Action,
    ActionKind,
    Direction,
    Period,
    PeriodUnit,
    Policy,
    Quota,
    Subject,
    SubjectKind,
    Tally,
)
from esimshaper.core.model.notices import NoticeKind
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Baseline, Booking, State
from esimshaper.core.pipeline import advance
from esimshaper.core.saving.booking import final, note_not_saved, note_saved

MACS = [ClientKey(f"02:00:00:00:00:{number}") for number in (10, 11, 12)]
ACCOUNTS = [Account(2), Account(3), Account(4)]
OWNERS = {Account(0): UNATTRIBUTED, Account(1): ROUTER, **dict(zip(ACCOUNTS, MACS, strict=True))}
WHOLE, GUESTS = Account(100), Account(101)
HOUR = 3600
START = 1_799_971_200 + 8 * HOUR
"""A full hour."""
BOOTED = 100.0

EACH = Subject(SubjectKind.EACH_CLIENT)
SLOW = Action(ActionKind.THROTTLE, 256_000)
RULES = Rules(
    "wwan0",
    UTC,
    {MACS[0]: "alice"},
    quotas=(
        Quota("hourly", EACH, 3_000_000, Period(PeriodUnit.HOUR), UTC, SLOW, warn_at=(1_000_000, 2_500_000)),
        Quota("daily", EACH, 9_000_000, Period(PeriodUnit.DAY), UTC, Action(ActionKind.BLOCK), Direction.DOWNLOAD),
        Quota(
            "guests", Subject(SubjectKind.GROUP, "unknown"), 8_000_000, Period(PeriodUnit.DAY), UTC, SLOW,
        ),
        Quota("plan", EVERYONE, 20_000_000, Period(PeriodUnit.MONTH), UTC, Action(ActionKind.BLOCK), used=5_000_000),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Tick:
    """What one tick sees. `wall` is what the clock says, right or wrong."""

    wall: float
    reading: Reading
    trusted: bool = True


History = tuple[Tick, ...]


@dataclass
class Router:
    """The daemon without its edges; `announced` is what people heard, `baseline` what a kill leaves."""

    state: State = field(default_factory=State)
    baseline: Baseline | None = None
    announced: list[tuple[NoticeKind, Subject, str, int]] = field(default_factory=list)
    policies: dict[Account, Policy] = field(default_factory=dict)

    def tick(self, tick: Tick, *, works: bool = True) -> None:
        seen = Observation(tick.reading, clock_trusted=tick.trusted)
        self.state, outcome = advance(self.state, RULES, tick.wall, seen)
        self.policies = dict(outcome.policies)
        if outcome.booking and works:
            self.save(outcome.booking)
        elif outcome.booking:
            self.state = note_not_saved(self.state, RULES)

    def save(self, booking: Booking) -> None:
        self.baseline = booking.baseline
        self.state = note_saved(self.state, booking)
        now = {(tally.quota, tally.subject): tally.window.start for tally in booking.baseline.limits.tallies}
        for each in booking.notices:
            self.announced.append((each.kind, each.subject, each.quota, now.get((each.quota, each.subject), 0)))

    def kill(self) -> None:
        self.state = resume(self.baseline)

    def stop(self) -> None:
        self.save(final(self.state, RULES))
        self.kill()

    @property
    def tallies(self) -> dict[tuple[str, Subject], Tally]:
        """What everybody has used; which warnings were announced is in `announced`."""
        return {(each.quota, each.subject): each for each in self.state.baseline.limits.tallies}


def run(history: Sequence[Tick]) -> Router:
    router = Router()
    for tick in history:
        router.tick(tick)
    return router


def unmarked(router: Router) -> dict[tuple[str, Subject], Tally]:
    """Of readings squashed, warnings may be skipped."""
    return {key: replace(tally, warned=0) for key, tally in router.tallies.items()}


# --- histories, and other ways to have seen the same


def reading(epoch: int, boottime: float, used: Sequence[int]) -> Reading:
    """`used`: bytes of each account, one in four of them sent; the last client is a guest, and so is the second."""
    budgets = {account: budget(count) for account, count in zip(ACCOUNTS, used, strict=True)}
    budgets |= {WHOLE: budget(sum(used)), GUESTS: budget(used[1] + used[2])}
    accounts = {account: Counters(b.download, b.upload, 1, 1) for account, b in budgets.items() if account < WHOLE}
    return Reading(epoch, boottime, accounts, OWNERS, budgets, {"unknown": GUESTS}, WHOLE, (Account(5),))


def budget(count: int) -> Budget:
    return Budget(count, count - count // 4, count // 4)


@st.composite
def histories(draw: st.DrawFn, *, epochs: int = 1, clocks: bool = False) -> History:
    """Up to 12 ticks from 8 o'clock on; with `clocks`, the wall clock may be anywhere as long as it is not trusted."""
    now, boottime, epoch, used = float(START), BOOTED, 1, [0, 0, 0]
    ticks = []
    for _ in range(draw(st.integers(1, 12))):
        if epoch < epochs and draw(st.integers(0, 3)) == 0:
            epoch, boottime, used = epoch + 1, 5.0, [0, 0, 0]
        seconds = draw(st.sampled_from([1, 1, 59, 61, 1200, 3600]))
        now, boottime = now + seconds, boottime + seconds
        used = [count + draw(st.sampled_from([0, 0, 1500, 600_000, 3_100_000])) for count in used]
        trusted = not clocks or draw(st.integers(0, 2)) == 0
        wall = now if trusted else draw(st.sampled_from([0.0, now + 1e6, now - 1e6, now + 1e9]))
        ticks.append(Tick(wall, reading(epoch, boottime, used), trusted))
    return tuple(ticks)


def squashed(history: History) -> History:
    """Only the last reading of each run of one epoch and one hour."""
    runs = itertools.groupby(history, key=lambda tick: (tick.reading.epoch, tick.wall // HOUR))
    return tuple(list(run)[-1] for _, run in runs)


def doubled(history: History) -> History:
    return tuple(tick for tick in history for _ in range(2))


def clients_reversed(history: History) -> History:
    def turned(each: Reading) -> Reading:
        names = ("accounts", "owners", "budgets", "groups")
        return replace(each, **{name: dict(reversed(getattr(each, name).items())) for name in names})

    return tuple(replace(tick, reading=turned(tick.reading)) for tick in history)


any_history = st.one_of(histories(), histories(epochs=3))


@given(any_history)
def test_one_reading_in_a_window_tells_as_much_as_many(history):
    assert unmarked(run(squashed(history))) == unmarked(run(history))


@pytest.mark.parametrize("expand", [doubled, clients_reversed])
@given(history=st.one_of(any_history, histories(epochs=2, clocks=True)))
def test_seen_twice_or_in_another_order_nothing_changes(expand, history):
    expanded, expected = run(expand(history)), run(history)
    assert expanded.tallies == expected.tallies
    assert Counter(expanded.announced) == Counter(expected.announced)
    assert expanded.policies == expected.policies


@settings(max_examples=50)
@given(histories(epochs=2), st.booleans())
def test_restarted_between_any_two_ticks_everything_is_the_same(history, orderly):
    expected = run(history)
    for cut in range(len(history)):
        router = Router()
        for number, tick in enumerate(history):
            router.tick(tick)
            if number == cut:
                router.stop()
        assert router.tallies == expected.tallies
        assert Counter(router.announced) == Counter(expected.announced)
        assert router.policies == expected.policies


@settings(max_examples=50)
@given(histories(), st.data())
def test_killed_between_any_two_ticks_no_byte_is_lost_or_doubled(history, data):
    """The kernel still has what the kill forgot; within a window it is all the same when it is read."""
    history = tuple(tick for tick in history if tick.wall < START + HOUR)
    if not history:
        return
    expected = run(history)
    for cut in range(len(history)):
        router = Router()
        for number, tick in enumerate(history):
            router.tick(tick, works=data.draw(st.booleans()))
            if number == cut:
                router.kill()
        router.tick(history[-1])
        assert unmarked(router) == unmarked(expected)
        assert router.policies == expected.policies


@settings(max_examples=50)
@given(any_history, st.lists(st.booleans(), min_size=12, max_size=12))
def test_no_notice_is_told_twice_whoever_is_killed(history, kills):
    router = Router()
    for tick, killed in zip(history, kills, strict=False):
        router.tick(tick)
        if killed:
            router.kill()
    at_most = {NoticeKind.QUOTA_REACHED: 1, NoticeKind.QUOTA_RENEWED: 1, NoticeKind.QUOTA_WARNING: 2}
    for (kind, *_), number in Counter(router.announced).items():
        assert number <= at_most.get(kind, number)


@given(any_history)
def test_a_limit_does_not_move_within_its_window(history):
    """It telescopes: what the kernel counts, and what we have counted, rise together."""
    router, before = Router(), None
    for tick in history:
        router.tick(tick)
        told = {account: (each.block_at, each.throttle_at) for account, each in router.policies.items()}
        key = (tick.reading.epoch, tick.wall // HOUR)
        assert before is None or before[0] != key or before[1] == told
        before = key, told


@given(histories(clocks=True))
def test_no_clock_gives_a_second_window_or_takes_one_away(history):
    """Once it was right, the clock may say anything while it is not trusted: no window comes before its time, and what
    was used in all of them is what was counted.
    """
    router, used = Router(), {}
    for number, tick in enumerate(history):
        truth = START + tick.reading.boottime - BOOTED
        router.tick(tick if number else replace(tick, wall=truth, trusted=True))
        tally = router.tallies["hourly", Subject(SubjectKind.CLIENT, MACS[0])]
        assert tally.window.start <= truth
        assert tally.window.start == max([tally.window.start, *used]), "windows do not come back"
        used[tally.window.start] = tally.used
        assert sum(used.values()) == tick.reading.budgets[ACCOUNTS[0]].both


def test_bytes_that_moved_across_the_end_of_a_window_belong_to_the_next():
    """The rule, and why squashing across an end is not neutral: the reading before the end is what tells them apart."""
    key = ("hourly", Subject(SubjectKind.CLIENT, MACS[0]))
    ticks = (
        Tick(START + 10, reading(1, 10, (100, 0, 0))),
        Tick(START + HOUR - 1, reading(1, HOUR - 1, (700, 0, 0))),
        Tick(START + HOUR, reading(1, HOUR, (1000, 0, 0))),
    )
    assert run(ticks).tallies[key].used == 300
    assert run((ticks[0], ticks[2])).tallies[key].used == 900
