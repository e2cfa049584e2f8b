# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas that name uplinks or a plan, in the pipeline: each goes by the accounts of its scope, and holds there only."""

from dataclasses import replace
from datetime import UTC

from esimshaper.core.commands import override
from esimshaper.core.limits.states import states_of
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import EVERYONE, Level, OverrideKind, QuotaUsage, Tally, Window
from esimshaper.core.model.plan_state import PlanState, UplinkPlan
from esimshaper.core.model.reading import Observation, Tunnels
from esimshaper.core.model.scope import Scope
from esimshaper.core.model.state import State
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.pipeline import recover_from_kernel
from esimshaper.core.plan.places import places_of
from esimshaper.core.shaping import policy_transition
from tests.core.limits_router import ALICE, DAY, FREE, SLOW, WHOLE, A, B, Router, both, client, plan, quota

ROWS = 200
CELLULAR, HOTEL = Scope(("cellular",)), Scope(("hotel",))
UPLINKS = (
    Uplink("cellular", "wwan0", interfaces=("wwan0",)),
    Uplink("hotel", "wlan1", metered=False, interfaces=("wlan1",)),
)


class TwoUplinks(Router):
    """`in_hotel`, `in_cellular`: as `use`, of the accounts of a scope."""

    def __init__(self, *quotas, scopes=(CELLULAR, HOTEL)) -> None:
        super().__init__(*quotas, uplinks=UPLINKS, scopes=scopes)
        self.scopes = scopes
        offsets = {scope.key: number * ROWS for number, scope in enumerate(scopes, 1)}
        self.reading = replace(self.reading, scopes=offsets)

    def within(self, scope: Scope, account: Account = A) -> Account:
        return Account(account + self.reading.scopes[scope.key])

    def use_in(self, scope: Scope, **counts: int) -> "TwoUplinks":
        names = {"A": A, "B": B, "WHOLE": WHOLE}
        budgets = {self.within(scope, names[name]): both(count) for name, count in counts.items()}
        self.reading = replace(self.reading, budgets={**self.reading.budgets, **budgets})
        return self


def test_a_quota_of_an_uplink_counts_what_its_accounts_have_and_nothing_else():
    router = TwoUplinks(quota(scope=HOTEL), quota("all"), plan(scope=CELLULAR))
    router.use_in(HOTEL, A=300).use_in(CELLULAR, A=150, WHOLE=160).tick(A=200)
    used = [router.tally(name).used for name in ("daily", "all")]
    assert used == [300, 200]
    assert router.tally("plan", EVERYONE).used == 160


def test_the_threshold_is_in_the_tree_of_the_scope_and_stays_while_bytes_are_used():
    router = TwoUplinks(quota(scope=HOTEL))
    first = router.use_in(HOTEL, A=100).tick(A=40).policies
    second = router.use_in(HOTEL, A=170).tick(A=50).policies
    number = router.within(HOTEL)
    assert first[number].block_at.both == second[number].block_at.both == 500
    assert first[A].block_at.both > 2**60
    assert first[router.within(CELLULAR)].block_at.both > 2**60


def test_a_stranger_is_limited_in_each_scope_from_its_first_byte():
    router = TwoUplinks(quota(scope=HOTEL))
    policies = router.tick().policies
    assert policies[router.within(HOTEL, FREE[0])].block_at.both == 500


def test_parents_are_those_that_have_a_quota_in_the_scope():
    router = TwoUplinks(plan(scope=HOTEL), quota())
    policies = router.tick().policies
    assert policies[router.within(HOTEL)].parent == WHOLE
    assert policies[router.within(CELLULAR)].parent == policies[A].parent == 0


def test_a_block_of_a_scope_says_where_it_holds():
    router = TwoUplinks(quota(scope=HOTEL))
    router.use_in(HOTEL, A=600).tick()
    state = router.state.limits.states[client(ALICE)]
    assert (state.level, state.uplinks) == (Level.BLOCKED, {"hotel"})
    assert state.reason == "daily: 600 B used of 500 B, blocked at hotel until tomorrow 00:00"


def test_what_holds_everywhere_counts_more_and_several_scopes_are_named_together():
    scoped = quota(scope=HOTEL), quota("other", scope=CELLULAR)
    router = TwoUplinks(*scoped)
    router.use_in(HOTEL, A=600).use_in(CELLULAR, A=600).tick()
    assert router.state.limits.states[client(ALICE)].uplinks == {"cellular", "hotel"}
    router = TwoUplinks(*scoped, quota("all"))
    router.use_in(HOTEL, A=600).tick(A=600)
    state = router.state.limits.states[client(ALICE)]
    assert (state.quota, state.uplinks) == ("all", frozenset())


def test_a_packet_that_was_refused_in_a_scope_reaches_the_limit_of_that_scope_only():
    router = TwoUplinks(quota(scope=HOTEL), quota("all"))
    router.use_in(HOTEL, A=450).tick(A=450)
    router.reading = replace(router.reading, announced={router.within(HOTEL): 500})
    router.tick()
    assert router.tally("daily").reached
    assert not router.tally("all").reached


def test_overrides_hold_in_all_scopes():
    router = TwoUplinks(quota(scope=HOTEL))
    router.tick()
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW)
    policies = router.tick().policies
    assert policies[router.within(HOTEL)].exempt
    assert policies[router.within(CELLULAR)].exempt


def test_a_throttle_of_a_scope_needs_no_class():
    router = TwoUplinks(quota(scope=HOTEL, action=SLOW))
    outcome = router.use_in(HOTEL, A=600).tick()
    assert outcome.shaped == ()
    assert outcome.policies[router.within(HOTEL)].police_rate == 32_000


def test_what_was_used_while_the_daemon_was_down_is_booked_by_scope():
    router = TwoUplinks(quota(scope=HOTEL))
    router.use_in(HOTEL, A=200).tick()
    router.restart()
    router.use_in(HOTEL, A=350).use_in(CELLULAR, A=900).tick(A=900)
    assert router.tally("daily").used == 350


def test_without_a_history_the_policies_of_scopes_say_what_was_used():
    router = TwoUplinks(quota(scope=HOTEL), quota("all"))
    installed = router.use_in(HOTEL, A=200).tick(A=50).policies
    seen = Observation(router.reading)
    found = recover_from_kernel(State(), router.rules, router.now, seen, installed)
    assert {(each.quota, each.subject): each.used for each in found.limits.kept.tallies}["daily", client(ALICE)] == 0
    router.state = found
    router.tick()
    assert [router.tally(name).used for name in ("daily", "all")] == [200, 50]


def test_claims_of_a_tunnel_are_taken_off_a_scope_that_did_not_carry_it():
    router = TwoUplinks(quota(scope=HOTEL), quota("cell", scope=CELLULAR))
    outer = Account(150)
    empty = {"cellular": {}, "hotel": {}}
    router.reading = replace(router.reading, tunnels_account=outer, by_uplink=empty)
    router.tick()
    claimed, carried = Counters(90, 10, 1, 1), Counters(90, 10, 1, 1)
    router.use_in(HOTEL, A=100).use_in(CELLULAR, A=100)
    router.reading = replace(
        router.reading,
        tunnels=Tunnels(carried, {A: claimed}),
        by_uplink={"cellular": {outer: carried}, "hotel": {}},
    )
    router.tick()
    router.tick()
    assert [router.tally(name).used for name in ("daily", "cell")] == [0, 100]


def test_policies_of_a_scope_are_written_from_above_and_then_from_below():
    strict = quota(scope=HOTEL), plan(scope=HOTEL)
    router = TwoUplinks(*strict)
    policies = router.tick().policies
    first, _ = policy_transition.writes({}, policies, WHOLE, ROWS)
    places = [router.within(HOTEL, WHOLE), router.within(HOTEL)]
    order = [number for number in first if number in places]
    assert order == places


TRIP, HOME = Scope(plan="trip"), Scope(plan="home")


def test_a_scope_of_a_plan_is_where_the_plan_is():
    known = PlanState(uplinks={"cellular": UplinkPlan("trip"), "hotel": UplinkPlan("home", waits=True)})
    assert places_of((TRIP, HOME, HOTEL), UPLINKS, known) == {TRIP: {"cellular"}, HOME: {"hotel"}, HOTEL: {"hotel"}}


def test_of_an_esim_that_was_never_read_each_plan_may_be_and_of_a_strange_one_none():
    nobody = PlanState(uplinks={"cellular": UplinkPlan(waits=True), "hotel": UplinkPlan(unknown="8981")})
    assert places_of((TRIP,), UPLINKS, nobody) == {TRIP: {"cellular"}}
    assert places_of((TRIP,), UPLINKS, PlanState()) == {TRIP: {"cellular", "hotel"}}


def test_a_quota_of_a_plan_that_no_uplink_has_holds_nobody():
    used_up = QuotaUsage(quota(scope=TRIP), Tally("daily", EVERYONE, Window(0, DAY), 600, allowed=500, reached=True))
    held = {EVERYONE: [used_up]}
    for places, level in (({TRIP: frozenset({"hotel"})}, Level.BLOCKED), ({TRIP: frozenset()}, Level.OPEN)):
        states = states_of({EVERYONE: (EVERYONE,)}, held, {}, 0, UTC, places=places)
        assert states[EVERYONE].level is level
