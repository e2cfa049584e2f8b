# SPDX-License-Identifier: GPL-2.0-or-later
"""What was dropped behind our program: taken off again to the byte, never before it was dropped, never twice."""

from collections import Counter, deque
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.meter.uplink_drops import compare
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.reading import Tunnels
from esimshaper.core.model.uplink import Means, UplinkCounters, UplinkDrops
from tests.core.limits_router import ALICE, BOB, FAMILY, TV, WHOLE, A, B, Router, T, client, group, plan, quota

QUOTAS = (quota(limit=50_000), quota("tv", group("family"), 90_000), plan(200_000))
ABOVE = {A: (A, WHOLE), B: (B, WHOLE), T: (T, FAMILY, WHOLE)}
CLIENTS = {A: ALICE, B: BOB, T: TV}
TUNNELS = Account(133)


class Uplink(Router):
    """An uplink with a first-come queue, whose packets are bytes of an account."""

    def __init__(self, means: Means = Means.TAP) -> None:
        super().__init__(*QUOTAS)
        self.queue: deque[tuple[Account, int]] = deque()
        self.entered: Counter[Account] = Counter()
        self.gone: Counter[Account] = Counter()
        self.dropped: Counter[Account] = Counter()
        self.unknown = self.frames = self.lost = 0
        self.began, self.means = 1, means
        self.tick()
        self.look()

    def upload(self, account: Account, size: int, *, room: bool = True) -> None:
        """A packet is charged; then it waits, or there is no room for it."""
        reading = self.reading
        budgets = {each: reading.budgets.get(each, Budget()) - Budget(-size, 0, -size) for each in ABOVE[account]}
        counters = reading.accounts.get(account, Counters()) + Counters(0, size, 0, 1)
        accounts = {**reading.accounts, account: counters}
        self.reading = replace(reading, accounts=accounts, budgets={**reading.budgets, **budgets})
        self.entered[account] += size
        if room:
            self.queue.append((account, size))
        else:
            self.dropped[account] += size

    def leave(self, *, nameless: bool = False) -> None:
        """The packet at the head of the queue goes to the driver."""
        if self.queue:
            account, size = self.queue.popleft()
            self.frames += 1
            if nameless:
                self.unknown += size
            else:
                self.gone[account] += size

    def throw_away(self) -> None:
        """The queue drops a packet that waits, as CoDel does."""
        if self.queue:
            account, size = self.queue.popleft()
            self.dropped[account] += size

    def look(self, during=lambda: None):
        """One tick; `during`: what happens between the reading and what is read after it."""
        reading, entered = self.reading, dict(self.entered)
        waiting = sum(size for _, size in self.queue)
        during()
        after, self.reading = self.reading, reading
        sent = dict(self.gone) if self.means is Means.TAP else entered
        counters = (entered, sent, self.unknown, self.frames, waiting if self.means is Means.TAP else 0, self.lost)
        self.uplink = UplinkCounters(self.began, self.means, *counters)
        outcome = self.tick()
        self.reading = after
        return outcome

    def begin_anew(self) -> None:
        self.began += 1
        for each in (self.entered, self.gone, self.dropped):
            each.clear()
        self.unknown = self.frames = self.lost = 0
        self.look()

    @property
    def booked(self) -> Counter[Account]:
        totals = self.state.baseline.meter.totals
        return +Counter({account: totals[client].up_bytes for account, client in CLIENTS.items() if client in totals})

    @property
    def used(self) -> Counter[Account]:
        """What counts against the limit of each client, and of everyone."""
        named = {account: client(key) for account, key in CLIENTS.items()}
        named[WHOLE] = EVERYONE
        known = {tally.subject: tally.used for tally in self.state.limits.kept.tallies if tally.quota != "tv"}
        return +Counter({account: known.get(each, 0) for account, each in named.items()})

    @property
    def drops(self):
        return self.state.meter.booked.uplink


def test_what_a_queue_has_no_room_for_counts_for_nobody():
    uplink = Uplink()
    for _ in range(10):
        uplink.upload(A, 100)
        uplink.upload(T, 1000, room=False)
        uplink.leave()
    uplink.look()
    assert (uplink.booked[A], uplink.booked[T]) == (1000, 0)
    assert uplink.used == {A: 1000, WHOLE: 1000}
    assert uplink.tally("tv", group("family")).used == 0
    assert (uplink.drops.corrected, uplink.drops.estimated) == (10_000, 0)


def test_a_limit_rises_by_what_was_dropped():
    uplink = Uplink()
    before = uplink.look().policies
    uplink.upload(T, 1000, room=False)
    after = uplink.look().policies
    for account in (T, FAMILY, WHOLE):
        assert after[account].block_at.both - before[account].block_at.both == 1000
    assert after[A].block_at == before[A].block_at


def test_what_waits_may_be_anybodys():
    """Bob's 80 missing bytes may all be among the 100 that wait; of everyone's, the rest is gone for certain."""
    uplink = Uplink()
    uplink.upload(A, 100)
    uplink.upload(A, 900, room=False)
    uplink.upload(B, 80, room=False)
    uplink.look()
    assert uplink.used == {A: 1000 - 900, B: 80, WHOLE: 100}
    assert uplink.booked == {}
    uplink.leave()
    uplink.look()
    assert uplink.used == {A: 100, WHOLE: 100}
    assert uplink.booked == {A: 100}


def test_what_is_sent_while_it_is_read_is_not_taken_for_dropped():
    uplink = Uplink()
    uplink.upload(A, 100)

    def meanwhile() -> None:
        for _ in range(5):
            uplink.upload(B, 70)
        while uplink.queue:
            uplink.leave()

    uplink.look(meanwhile)
    uplink.look()
    assert (uplink.booked, uplink.used) == ({A: 100, B: 350}, {A: 100, B: 350, WHOLE: 450})
    assert uplink.drops.corrected == 0


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["upload", "upload", "full", "leave", "leave", "drop", "look", "skewed"]),
        st.sampled_from([A, B, T]),
        st.integers(1, 1500),
    ),
    max_size=60,
)


def act(uplink, anonymous, action, account, size):
    if action in ("upload", "full"):
        uplink.upload(account, size, room=action == "upload")
    elif action == "leave":
        uplink.leave(nameless=anonymous)
    elif action == "drop":
        uplink.throw_away()


@given(ACTIONS, st.booleans())
def test_never_more_than_was_dropped_and_in_the_end_all_of_it(actions, anonymous):
    """`anonymous`: somebody takes our note off each packet, so that only the sum is known."""
    uplink = Uplink()
    totals = 0

    def skew(account, size):
        for each in ("leave", "upload", "leave"):
            act(uplink, anonymous, each, account, size)

    for action, account, size in actions:
        if action not in ("look", "skewed"):
            act(uplink, anonymous, action, account, size)
            continue
        before = sum(uplink.entered.values())
        entered = dict(uplink.entered)

        uplink.look(partial(skew, account, size) if action == "skewed" else lambda: None)
        dropped = sum(uplink.dropped.values())
        assert uplink.used[WHOLE] >= before - dropped
        if not anonymous:
            for each in (A, B, T):
                assert uplink.used[each] >= entered.get(each, 0) - uplink.dropped[each]
        assert sum(uplink.booked.values()) >= totals
        totals = sum(uplink.booked.values())
    while uplink.queue:
        uplink.leave(nameless=anonymous)
    uplink.look()
    left = sum(uplink.entered.values()) - sum(uplink.dropped.values())
    assert (sum(uplink.booked.values()), uplink.used[WHOLE]) == (left, left)
    if not anonymous:
        by_account = {each: uplink.entered[each] - uplink.dropped[each] for each in (A, B, T)}
        assert {each: uplink.booked[each] for each in (A, B, T)} == by_account
        assert {each: uplink.used[each] for each in (A, B, T)} == by_account


@pytest.mark.parametrize("means", [Means.TAP, Means.COUNTERS])
def test_packets_that_a_driver_lost_are_of_mean_size(means):
    uplink = Uplink(means)
    for size in (100, 1400):
        for _ in range(10):
            uplink.upload(A if size == 100 else B, size)
            uplink.leave()
    uplink.lost = 4
    uplink.look()
    assert uplink.booked == {A: 800, B: 11_200}
    assert uplink.used == {A: 800, B: 11_200, WHOLE: 12_000}
    assert (uplink.drops.corrected, uplink.drops.estimated) == (3000, 3000)
    rows = uplink.state.saving.pending.items()
    assert {bucket.client for bucket, entry in rows if entry.estimated} == {ALICE, BOB}


def test_a_driver_that_says_more_than_it_got_is_believed_so_far():
    uplink = Uplink()
    uplink.upload(A, 100)
    uplink.leave()
    uplink.lost = 50
    uplink.look()
    assert (uplink.booked[A], uplink.used[A]) == (0, 0)
    uplink.upload(A, 100)
    uplink.leave()
    uplink.look()
    assert (uplink.booked[A], uplink.used[A]) == (100, 100)


def test_a_comparison_that_ends_charges_what_may_have_left():
    uplink = Uplink()
    uplink.upload(A, 100)
    uplink.upload(B, 900, room=False)
    uplink.look()
    assert uplink.booked == {}
    uplink.begin_anew()
    assert sum(uplink.booked.values()) == 100
    assert (uplink.used[WHOLE], uplink.drops.corrected) == (100, 900)


def test_what_waits_at_a_restart_is_charged_then_and_what_was_dropped_is_not():
    uplink = Uplink()
    uplink.upload(A, 100)
    uplink.upload(B, 900, room=False)
    uplink.look()
    saved = replace(uplink.disk, meter=replace(uplink.state.baseline.meter, uplink=only_saved(uplink.drops)))
    uplink.disk = replace(saved, limits=uplink.state.baseline.limits)
    uplink.restart()
    uplink.begin_anew()
    assert (sum(uplink.booked.values()), uplink.used[WHOLE], uplink.drops.corrected) == (100, 100, 900)


def only_saved(drops: UplinkDrops) -> UplinkDrops:
    return UplinkDrops(waiting=drops.waiting, corrected=drops.corrected, estimated=drops.estimated)


def test_packets_of_a_tunnel_are_those_of_who_sent_inside():
    uplink = Uplink()
    outer, inner = Counters(0, 1000, 0, 1), {A: Counters(0, 1000, 0, 1)}
    uplink.reading = replace(uplink.reading, tunnels=Tunnels(outer, inner), tunnels_account=TUNNELS)
    uplink.entered[TUNNELS] = 1000
    uplink.dropped[TUNNELS] = 1000
    uplink.look()
    assert sum(counters.up_bytes for counters in uplink.state.baseline.meter.totals.values()) == 0
    assert UNATTRIBUTED not in uplink.state.baseline.meter.totals
    assert ROUTER not in uplink.state.baseline.meter.totals


def test_counters_that_seem_to_fall_back_to_zero_are_no_drops():
    drops = compare(UplinkDrops(), UplinkCounters(1, Means.NOTHING)).drops
    for size in (-104, 0, 50):
        sizes = {A: size} if size else {}
        drops = compare(drops, UplinkCounters(1, Means.NOTHING, sizes, sizes)).drops
    assert (drops.dropped, drops.given_back, drops.left) == (0, {}, {A: 50})
