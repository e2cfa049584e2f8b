# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas by service, in the pipeline: each goes by the pools of its services, and holds these only."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from esimshaper.core.commands import begin_quotas, override
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryRow, Resolution
from esimshaper.core.model.identity import ROUTER, Account
from esimshaper.core.model.limits import EVERYONE, UNKNOWN_GROUP, Direction, Level, OverrideKind, Quota, Subject
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.service_sets import Pool, ServiceSet
from esimshaper.core.model.services import NUMBER_HIDDEN, NUMBER_UNNAMED, Volume
from esimshaper.core.model.state import Outcome, State
from esimshaper.core.pipeline import recover_from_kernel
from tests.core.limits_router import (
    ALICE,
    DAY,
    FAMILY,
    FREE,
    MIDNIGHT,
    NOTIFY,
    SLOW,
    TV,
    UNKNOWN,
    WHOLE,
    A,
    B,
    Router,
    T,
    both,
    client,
    group,
    plan,
    quota,
)  # fmt: skip

YOUTUBE, NETFLIX, SPOTIFY = 3, 4, 5
NAMES = {YOUTUBE: "youtube", NETFLIX: "netflix", SPOTIFY: "spotify"}
CATEGORIES = {"youtube": "video", "netflix": "video", "spotify": "music"}
VIDEO, TUBE, UNNAMED = ServiceSet(("video",)), ServiceSet(("youtube",)), ServiceSet(("unnamed",))
FIRST = 500


class Named(Router):
    """A router that counts services. Pools are given as the daemon does it: after the tick that wants them."""

    def __init__(self, *quotas: Quota, **rules) -> None:
        super().__init__(*quotas, categories=CATEGORIES, **rules)
        self.reading = replace(self.reading, service_names=NAMES)
        self.given: dict[Pool, Account] = {}
        self.used = 0

    def pool(self, holder: Account = A, services: ServiceSet = VIDEO) -> Account:
        return self.given[Pool(holder, services.key)]

    def tick(self, seconds: float = 1, **counts: int) -> Outcome:
        outcome = super().tick(seconds, **counts)
        if set(outcome.wanted_pools) != set(self.given):
            kept = {pool: number for pool, number in self.given.items() if pool in outcome.wanted_pools}
            for pool in outcome.wanted_pools:
                if pool not in kept:
                    kept[pool] = Account(FIRST + self.used)
                    self.used += 1
            self.given = kept
            self.reading = replace(self.reading, pools={number: pool for pool, number in kept.items()})
        return outcome

    def begin(self) -> "Named":
        """Until the kernel counts in all pools."""
        self.tick()
        self.tick()
        return self

    def pass_in(self, counts: Mapping[Account, int]) -> "Named":
        """What pools have counted, in absolute numbers."""
        budgets = {number: both(count) for number, count in counts.items()}
        self.reading = replace(self.reading, budgets={**self.reading.budgets, **budgets})
        return self

    def move(self, account: Account, **services: int) -> "Named":
        """What the kernel counted for services, in absolute numbers; all of it was downloaded."""
        rows = {number: Volume(services.get(name, 0)) for number, name in NAMES.items()}
        counters = Counters(sum(services.values()), 0, 1, 0)
        self.reading = replace(
            self.reading,
            services={**self.reading.services, account: {n: v for n, v in rows.items() if v}},
            accounts={**self.reading.accounts, account: counters},
        )
        return self


def by_service(services: ServiceSet = VIDEO, **more) -> Quota:
    return quota("video", services=services, **more)


def test_a_quota_counts_what_its_pool_has_and_nothing_else():
    router = Named(by_service(), quota()).begin()
    router.pass_in({router.pool(): 300, router.pool(B): 100}).tick(A=400, B=100)
    assert [router.tally(name).used for name in ("video", "daily")] == [300, 400]


def test_each_client_a_group_and_everyone_have_pools_of_their_own():
    router = Named(
        by_service(), quota("tube", EVERYONE, services=TUBE), quota("kids", group("family"), services=VIDEO)
    ).begin()
    router.pass_in({router.pool(T): 30, router.pool(FAMILY): 40, router.pool(WHOLE, TUBE): 50}).tick()
    assert router.tally("video", client(TV)).used == 30
    assert router.tally("kids", group("family")).used == 40
    assert router.tally("tube", EVERYONE).used == 50


def test_the_rows_of_an_account_name_the_pools_that_count_each_service():
    tube, kids = quota("tube", EVERYONE, services=TUBE), quota("kids", group("family"), services=VIDEO)
    router = Named(by_service(), tube, kids).begin()
    pools = router.tick().pools
    family, whole = router.pool(FAMILY), router.pool(WHOLE, TUBE)
    assert pools[T] == {YOUTUBE: (router.pool(T), family, whole), NETFLIX: (router.pool(T), family)}
    assert pools[A] == {YOUTUBE: (router.pool(A), whole), NETFLIX: (router.pool(A),)}


def test_unnamed_and_hidden_can_be_limited_too():
    router = Named(by_service(ServiceSet(("hidden", "unnamed")))).begin()
    assert set(router.tick().pools[A]) == {NUMBER_UNNAMED, NUMBER_HIDDEN}


def test_a_pseudo_client_has_no_pool_of_each_client_but_counts_for_everyone():
    router = Named(by_service(), quota("tube", EVERYONE, services=TUBE)).begin()
    own = Account(1)
    assert router.reading.owners[own] == ROUTER
    assert router.tick().pools[own] == {YOUTUBE: (router.pool(WHOLE, TUBE),)}


def test_the_threshold_is_in_the_pool_and_stays_while_bytes_are_used():
    router = Named(by_service()).begin()
    first = router.pass_in({router.pool(): 100}).tick().policies
    second = router.pass_in({router.pool(): 170}).tick().policies
    assert first[router.pool()].block_at.both == second[router.pool()].block_at.both == 500
    assert first[A].block_at.both > 2**60


@pytest.mark.parametrize("action", [SLOW, NOTIFY])
def test_a_rate_and_a_notice_are_policies_of_the_pool_without_a_class(action):
    router = Named(by_service(action=action)).begin()
    outcome = router.tick()
    policy = outcome.policies[router.pool()]
    ends = policy.throttle_at if action is SLOW else policy.warn_at
    assert (ends.both, policy.police_rate) == (500, 32_000 if action is SLOW else 0)
    assert outcome.shaped == ()


def test_a_stranger_is_limited_from_its_first_byte():
    router = Named(by_service(), quota("new", group(UNKNOWN_GROUP), services=TUBE)).begin()
    outcome = router.tick()
    free = FREE[0]
    assert outcome.policies[router.pool(free)].block_at.both == 500
    assert outcome.pools[free][YOUTUBE] == (router.pool(free), router.pool(UNKNOWN, TUBE))


def test_a_device_that_comes_has_used_what_its_pool_counted():
    router = Named(by_service()).begin()
    new, free = client("02:00:00:00:00:20"), FREE[0]
    router.reading = replace(router.reading, owners={**router.reading.owners, free: new.id}, free=FREE[1:])
    router.pass_in({router.pool(free): 70}).tick()
    assert router.tally("video", new).used == 70


def test_a_used_up_quota_of_a_service_blocks_that_only_and_people_hear_of_what():
    router = Named(by_service()).begin()
    router.pass_in({router.pool(): 500}).tick()
    assert router.tally("video").reached
    assert router.state.limits.states[client(ALICE)].level is Level.OPEN
    assert router.announced == ["alice has used up 500 B (video: video, until tomorrow 00:00)"]


def test_the_state_says_which_services_are_held_by_what_and_until_when():
    kids = quota("kids", group("family"), services=TUBE, action=SLOW)
    router = Named(by_service(), kids).begin()
    router.pass_in({router.pool(T): 620, router.pool(FAMILY, TUBE): 700}).tick()
    tv = router.state.limits.states[client(TV)]
    assert tv.level is Level.OPEN
    assert [(each.services, each.level, each.reason) for each in tv.services] == [
        (VIDEO, Level.BLOCKED, "video (video): 620 B used of 500 B, blocked until tomorrow 00:00"),
        (TUBE, Level.THROTTLED, "kids (youtube): 700 B used of 500 B, throttled to 256 kbit/s until tomorrow 00:00"),
    ]
    assert {each.quota for each in router.state.limits.states[group("family")].services} == {"kids"}
    assert router.state.limits.states[client(ALICE)].services == ()


def test_services_stand_no_worse_than_a_device_that_is_blocked_allowed_or_only_told():
    told = quota("told", EVERYONE, services=TUBE, action=NOTIFY)
    for other, by_hand in ((quota(limit=100), None), (told, OverrideKind.ALLOW), (told, OverrideKind.BLOCK)):
        router = Named(by_service(), other).begin()
        router.pass_in({router.pool(): 600, **dict.fromkeys(router.given.values(), 600)})
        if by_hand:
            router.state = override(router.state, client(ALICE), by_hand)
        router.tick(A=600)
        assert router.state.limits.states[client(ALICE)].services == ()


def test_a_new_window_opens_the_services():
    router = Named(by_service()).begin()
    router.pass_in({router.pool(): 600}).tick()
    assert router.state.limits.states[client(ALICE)].services
    router.tick(DAY)
    assert router.state.limits.states[client(ALICE)].services == ()
    assert router.tick().policies[router.pool()].block_at.both == 1_100


def test_a_refused_packet_reaches_the_limit_of_its_pool_only():
    router = Named(by_service(), quota("tube", services=TUBE)).begin()
    router.pass_in({router.pool(): 450, router.pool(services=TUBE): 450}).tick()
    router.reading = replace(router.reading, announced={router.pool(): 500})
    router.tick()
    assert router.tally("video").reached
    assert not router.tally("tube").reached


def test_what_moved_before_the_kernel_counted_in_the_pool_counts_by_what_was_booked():
    router = Named(by_service())
    router.move(A, youtube=100, spotify=50).tick()
    assert router.tally("video").used == 100
    router.move(A, youtube=120, netflix=5, spotify=50).tick()  # this reading is the first that knows the pool
    assert router.tally("video").used == 125
    router.move(A, youtube=220, netflix=5, spotify=50).pass_in({router.pool(): 95}).tick()
    assert router.tally("video").used == 220


def test_of_unnamed_counts_what_the_named_ones_leave():
    router = Named(by_service(UNNAMED, direction=Direction.DOWNLOAD))
    router.move(A, youtube=100)
    counters = Counters(130, 7, 1, 1)
    router.reading = replace(router.reading, accounts={**router.reading.accounts, A: counters})
    router.tick()
    assert router.tally("video").used == 30


def test_what_was_used_while_the_daemon_was_down_is_booked_by_pool():
    router = Named(by_service()).begin()
    router.pass_in({router.pool(): 200}).tick()
    router.restart()
    router.pass_in({router.pool(): 350}).tick()
    assert router.tally("video").used == 350


def test_after_a_reboot_the_window_goes_on_in_new_pools():
    router = Named(by_service()).begin()
    router.pass_in({router.pool(): 200}).tick(60, A=200)
    router.reboot()
    router.reading, router.given = replace(router.reading, pools={}), {}
    router.begin()
    router.pass_in({router.pool(): 40}).tick()
    assert router.tally("video").used == 240


def test_without_a_history_the_policies_of_pools_say_what_was_used():
    router = Named(by_service(), quota()).begin()
    installed = router.pass_in({router.pool(): 200}).tick(A=50).policies
    router.state = recover_from_kernel(State(), router.rules, router.now, Observation(router.reading), installed)
    router.tick()
    assert [router.tally(name).used for name in ("video", "daily")] == [200, 50]


def test_a_pool_that_passes_to_another_quota_takes_nothing_along():
    router = Named(by_service()).begin()
    router.pass_in({router.pool(): 200}).tick()
    number = router.pool()
    router.rules = replace(router.rules, quotas=(quota("tube", services=TUBE),))
    router.pass_in({number: 260}).tick()
    router.reading = replace(router.reading, pools={number: Pool(A, TUBE.key)})
    router.given = {Pool(A, TUBE.key): number}
    router.pass_in({number: 270}).tick()
    assert router.tally("tube").used == 0
    router.pass_in({number: 300}).tick()
    assert router.tally("tube").used == 30
    assert router.tick().policies[number].block_at.both == 300 + 500 - 30


def test_no_pool_is_wanted_without_a_quota_by_service():
    outcome = Named(quota(), plan()).tick()
    assert (outcome.wanted_pools, outcome.pools) == ((), {})


def test_a_service_that_is_in_no_catalogue_any_more_is_counted_in_no_pool():
    router = Named(by_service(ServiceSet(("gone",)))).begin()
    assert router.tick().pools == {}


def test_another_catalogue_changes_the_rows():
    router = Named(by_service()).begin()
    router.rules = replace(router.rules, categories={**CATEGORIES, "spotify": "video"})
    assert set(router.tick().pools[A]) == {YOUTUBE, NETFLIX, SPOTIFY}


def test_the_router_is_not_blocked_by_a_quota_of_a_service():
    router = Named(quota("tube", EVERYONE, services=TUBE)).begin()
    router.pass_in({router.pool(WHOLE, TUBE): 600}).tick()
    assert {state.level for state in router.state.limits.states.values()} == {Level.OPEN}
    assert [each.quota for each in router.state.limits.kept.reserve] == [""]


def test_an_allow_by_hand_is_in_the_policy_of_the_client_not_of_the_pool():
    router = Named(by_service()).begin()
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW)
    policies = router.tick().policies
    assert policies[A].exempt
    assert not policies[router.pool()].exempt


def test_a_new_quota_begins_with_what_history_has_of_its_services():
    router = Named(quota()).begin()
    router.rules = replace(router.rules, quotas=(quota(), by_service(limit=5000)))
    start = int(MIDNIGHT) + 3600
    services = {"youtube": Volume(100, 10), "spotify": Volume(40, 0)}
    row = HistoryRow(Resolution.DAY, int(MIDNIGHT), ALICE, Counters(900, 90, 9, 9), services=services)
    assert start < router.now < MIDNIGHT + DAY
    router.state = begin_quotas(router.state, router.rules, {"video": [row]}, router.rules.zone)
    assert router.tally("video").used == 110


def test_each_client_of_a_named_one_shares_its_pool():
    own = quota("alice", Subject(client(ALICE).kind, ALICE), services=VIDEO)
    router = Named(by_service(), own).begin()
    router.pass_in({router.pool(): 60}).tick()
    assert [router.tally(name).used for name in ("video", "alice")] == [60, 60]
