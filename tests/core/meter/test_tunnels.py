# SPDX-License-Identifier: GPL-2.0-or-later
"""What tunnels came to is shared out among those who claim it, to the byte, whatever is lost, late or read when."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.commands import override
from esimshaper.core.meter import tunnels
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ROUTER, Account, ClientKey
from esimshaper.core.model.limits import EVERYONE, OverrideKind, Policy, Subject, SubjectKind
from esimshaper.core.model.reading import Observation, Reading, Tunnels
from esimshaper.core.model.state import Booked
from esimshaper.core.model.tick import Step
from esimshaper.core.pipeline import drain
from tests.core import limits_router
from tests.core.limits_router import SLOW, WHOLE, Router, client, plan, quota

ALICE, BOB = Account(2), Account(3)
OWNERS = {ACCOUNT_ROUTER: ClientKey("router"), ALICE: ClientKey("alice"), BOB: ClientKey("bob")}


class Told:
    """Shares tunnels out as the pipeline does, tick by tick; holds what everybody got so far."""

    def __init__(self) -> None:
        self.baseline = Booked(epoch=1, accounts={}, owners={})
        self.reading = Reading(1, 0.0, {}, OWNERS)
        self.last: Reading | None = None
        self.totals: dict[Account, Counters] = {}
        self.budgets: dict[Account, Budget] = {}

    def on_wan(self, **counts: int) -> None:
        now = self.reading.tunnels
        self.reading = replace(self.reading, tunnels=replace(now, outer=now.outer + Counters(**counts)))

    def inside(self, account: Account, **counts: int) -> None:
        now = self.reading.tunnels
        inner = {**now.inner, account: now.inner.get(account, Counters()) + Counters(**counts)}
        self.reading = replace(self.reading, tunnels=replace(now, inner=inner))

    def tick(self, *, after_restart: bool = False) -> None:
        shares = tunnels.share_out(Step.between(self.baseline, None if after_restart else self.last, self.reading))
        for account, counters in shares.given.items():
            assert min(counters.down_bytes, counters.up_bytes, counters.down_packets, counters.up_packets) >= 0
            self.totals[account] = self.totals.get(account, Counters()) + counters
        for account, budget in shares.corrections.items():
            self.budgets[account] = self.budgets.get(account, Budget()) - (Budget() - budget)
        self.baseline = replace(self.baseline, tunnels=shares.booked)
        self.last = self.reading

    @property
    def sum(self) -> Counters:
        return sum(self.totals.values(), Counters())


def test_each_gets_what_it_claims():
    told = Told()
    told.inside(ALICE, up_bytes=300, up_packets=1)
    told.inside(BOB, up_bytes=100, up_packets=1)
    told.on_wan(up_bytes=400, up_packets=2)
    told.tick()
    assert told.totals == {ALICE: Counters(0, 300, 0, 1), BOB: Counters(0, 100, 0, 1)}


def test_handshakes_of_an_idle_tunnel_are_the_routers_one_reading_later():
    told = Told()
    told.on_wan(up_bytes=176, down_bytes=120)
    told.tick()
    assert told.sum == Counters()
    told.tick()
    assert told.totals == {ACCOUNT_ROUTER: Counters(120, 176)}


def test_download_that_comes_out_of_the_tunnel_after_the_reading_finds_its_bytes():
    told = Told()
    told.on_wan(down_bytes=1480)
    told.tick()
    told.inside(BOB, down_bytes=1480)
    told.tick()
    told.tick()
    assert told.totals == {BOB: Counters(1480)}
    assert told.budgets == {}


def test_upload_that_leaves_after_the_reading_is_claimed_already():
    told = Told()
    told.inside(BOB, up_bytes=1480)
    told.tick()
    told.on_wan(up_bytes=1480)
    told.tick()
    assert told.totals == {BOB: Counters(0, 1480)}


def test_what_the_tunnel_dropped_is_nobodys_and_taken_off_the_budget():
    told = Told()
    told.inside(ALICE, up_bytes=5000)
    told.tick()
    told.tick()
    told.on_wan(up_bytes=148)
    told.tick()
    told.tick()
    assert told.totals == {ACCOUNT_ROUTER: Counters(0, 148)}
    assert told.budgets == {ALICE: Budget(-5000, 0, -5000), ACCOUNT_ROUTER: Budget(148, 0, 148)}


def test_overhead_that_nobody_foresaw_goes_with_the_claims():
    told = Told()
    for _ in range(3):
        told.inside(ALICE, up_bytes=1480)
        told.inside(BOB, up_bytes=1480)
        told.on_wan(up_bytes=3000)
        told.tick()
    assert told.totals == {ALICE: Counters(0, 4480), BOB: Counters(0, 4480)}


def test_of_what_nobody_claimed_whole_bytes_go_with_the_claims():
    told = Told()
    told.on_wan(up_bytes=100)
    told.tick()
    told.inside(ALICE, up_bytes=5)
    told.on_wan(up_bytes=5)
    told.tick()
    assert told.totals == {ALICE: Counters(0, 6), ACCOUNT_ROUTER: Counters(0, 99)}, "a quarter of 5 is 1"
    assert all(type(counters.up_bytes) is int for counters in told.totals.values())


def test_other_packets_of_the_router_at_the_port_of_a_tunnel_are_not_the_clients():
    told = Told()
    told.on_wan(down_bytes=10_000_000)
    told.tick()
    told.inside(ALICE, down_bytes=1000)
    told.on_wan(down_bytes=1000)
    told.tick()
    told.tick()
    assert told.totals[ALICE].down_bytes == 1250
    assert told.sum.down_bytes == 10_001_000


def test_everyone_has_the_bytes_on_the_wan_already():
    alice, group = Subject(SubjectKind.CLIENT, "alice"), Subject(SubjectKind.GROUP, "family")
    hierarchies = {alice: (alice, group, EVERYONE)}
    moved = {EVERYONE: Budget(10, 10, 0), group: Budget(8, 8, 0)}
    corrected = tunnels.correct(moved, {alice: Budget(-3, -3, 0)}, hierarchies)
    assert corrected == {EVERYONE: Budget(10, 10, 0), group: Budget(5, 5, 0), alice: Budget(-3, -3, 0)}


def test_maps_made_anew_count_from_zero():
    told = Told()
    told.inside(ALICE, up_bytes=100)
    told.on_wan(up_bytes=100)
    told.tick()
    told.reading = Reading(2, 0.0, {}, OWNERS, tunnels=Tunnels(Counters(0, 50), {ALICE: Counters(0, 50)}))
    shares = tunnels.share_out(Step.between(told.baseline, told.last, told.reading))
    assert shares.given == {ALICE: Counters(0, 50)}


SIZES = st.integers(0, 3000)


@given(st.lists(st.tuples(SIZES, SIZES, SIZES, SIZES, st.booleans(), st.booleans()), max_size=20))
def test_shares_add_up_to_what_was_billed_and_budgets_to_the_shares(history):
    """Whatever was claimed; with readings left out, and the daemon killed."""
    told = Told()
    claimed = {ALICE: 0, BOB: 0}
    for outer, alice, bob, alone, skipped, killed in history:
        told.on_wan(up_bytes=outer, down_bytes=alone, up_packets=bool(outer), down_packets=bool(alone))
        told.inside(ALICE, up_bytes=alice, up_packets=1)
        told.inside(BOB, up_bytes=bob, down_bytes=bob, up_packets=1, down_packets=1)
        claimed = {ALICE: claimed[ALICE] + alice, BOB: claimed[BOB] + 2 * bob}
        if not skipped:
            told.tick(after_restart=killed)
            waiting = told.reading.tunnels.outer - told.sum
            assert 0 <= waiting.up_bytes <= told.reading.tunnels.outer.up_bytes
    for _ in range(3):
        told.tick()
    assert told.sum == told.reading.tunnels.outer
    for account, size in claimed.items():
        got = told.totals.get(account, Counters()).total_bytes
        assert told.budgets.get(account, Budget()).both == got - size
        assert told.baseline.tunnels.inner.get(account, Counters()).total_bytes == size


TUNNELS = Account(200)


def carried(router: Router, outer: int = 0, **claims: int) -> Router:
    """That much more was sent by tunnels, and claimed inside by accounts of `holding`; budgets have the claims."""
    reading, now = router.reading, router.reading.tunnels
    inner, budgets = dict(now.inner), dict(reading.budgets)
    for account, size in ((getattr(limits_router, name), size) for name, size in claims.items()):
        inner[account] = inner.get(account, Counters()) + Counters(0, size, 0, 1)
        budgets[account] = budgets.get(account, Budget()) - Budget(-size, 0, -size)
    following = Tunnels(now.outer + Counters(0, outer, 0, 1), inner)
    router.reading = replace(reading, tunnels=following, budgets=budgets, tunnels_account=TUNNELS)
    return router


def test_a_limit_in_a_tunnel_ends_at_what_it_came_to_outside():
    router = Router(quota(limit=5000))
    router.tick()
    first = carried(router, 1000, A=1000).tick().policies[limits_router.A]
    assert (first.block_at.both, router.tally().used) == (5000, 1000)
    lost = carried(router, A=2000).tick().policies[limits_router.A]
    assert (lost.block_at.both, router.tally().used) == (5000, 3000)
    after = router.tick().policies[limits_router.A]
    assert (after.block_at.both, router.tally().used) == (7000, 1000), (
        "what the tunnel dropped is not held against alice"
    )
    assert sum(each.up_bytes for each in router.state.baseline.meter.totals.values()) == 1000


def test_what_a_foreign_mark_claims_in_a_tunnel_is_the_routers():
    router = Router(quota())
    router.tick()
    nobodys = Tunnels(Counters(0, 120, 0, 1), {Account(77): Counters(0, 120, 0, 1)})
    router.reading = replace(router.reading, tunnels=nobodys)
    router.tick()
    assert router.state.baseline.meter.totals == {ROUTER: Counters(0, 120, 0, 1)}


def test_packets_of_tunnels_stop_with_everyone_but_for_whom_that_was_lifted():
    router = Router(plan(limit=1000))
    told = carried(router).tick().policies
    assert told[TUNNELS] == Policy(parent=WHOLE)
    router.state = override(router.state, client(limits_router.ALICE), OverrideKind.ALLOW)
    assert router.tick().policies[TUNNELS] == Policy(parent=WHOLE, exempt=True)
    router.state = override(router.state, client(limits_router.ALICE), None)
    router.state = override(router.state, EVERYONE, OverrideKind.BLOCK)
    assert router.tick().policies[TUNNELS].blocked


def test_throttled_clients_have_a_pace_in_tunnels():
    assert Router(quota(action=SLOW)).tick(A=100).policies[limits_router.A].police_rate == 256_000 // 8


def test_last_reading_of_maps_leaves_nothing_unbooked():
    router = Router()
    router.tick()
    carried(router, 500)
    seen = Observation(router.reading)
    _, booking = drain(router.state, router.rules, router.now, seen)
    assert booking.baseline.meter.tunnels.outer.up_bytes == 500
    assert sum(each.up_bytes for each in booking.baseline.meter.totals.values()) == 500
