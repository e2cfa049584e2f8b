# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy, in the pipeline: the kernel holds every limit by itself, and hears of changes only."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.commands import grant, override
from esimshaper.core.model.identity import (
    ACCOUNT_ROUTER,
    ACCOUNT_UNATTRIBUTED,
    ROUTER,
    UNATTRIBUTED,
    Account,
    ClientKey,
)
from esimshaper.core.model.limits import (
    EVERYONE,
    NO_THRESHOLDS,
    Action,
    ActionKind,
    Direction,
    OverrideKind,
    Policy,
    Shaped,
    Thresholds,
)
from tests.core.limits_router import (
    ALICE,
    BLOCK,
    DAY,
    FAMILY,
    FREE,
    MIDNIGHT,
    NOTIFY,
    OWNERS,
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
)

NONE = ACCOUNT_UNATTRIBUTED


def test_without_quotas_nothing_is_in_the_way():
    outcome = Router().tick(A=100)
    assert set(outcome.policies.values()) == {Policy(), Policy(unlisted=True)}
    assert outcome.policies.keys() == {*OWNERS, *FREE, WHOLE, FAMILY, UNKNOWN}
    assert (outcome.shaped, outcome.new_groups) == ((), ())


def test_a_limit_is_the_count_at_which_it_ends():
    router = Router(quota(limit=500, warn_at=(400,)))
    told = router.tick(A=100).policies[A]
    assert (told.block_at, told.warn_at, told.throttle_at) == (
        Thresholds(both=500),
        Thresholds(both=400),
        NO_THRESHOLDS,
    )
    router.tick(60)
    router.reboot()
    assert router.tick(A=30).policies[A].block_at == Thresholds(both=400), (
        "100 are used up, and the count begins at zero"
    )


def test_each_direction_and_action_has_its_own_limit_and_the_nearest_counts():
    router = Router(
        quota("down", direction=Direction.DOWNLOAD, limit=300),
        quota("less", direction=Direction.DOWNLOAD, limit=200),
        quota("up", direction=Direction.UPLOAD, limit=50, action=SLOW),
        quota("all", limit=700, action=NOTIFY),
    )
    told = router.tick(A=100).policies[A]
    assert told.block_at == Thresholds(download=200)
    assert told.throttle_at == Thresholds(upload=50)
    assert told.warn_at == Thresholds(both=700)


def test_a_limit_used_up_before_the_maps_were_made_is_zero():
    router = Router(quota(limit=500))
    router.tick(A=900)
    router.reboot()
    assert router.tick().policies[A].block_at == Thresholds(both=0)


def test_the_next_warning_is_set_once_one_is_crossed():
    router = Router(quota(limit=500, warn_at=(100, 200), action=NOTIFY))
    assert router.tick(A=150).policies[A].warn_at == Thresholds(both=200)
    assert router.tick(A=300).policies[A].warn_at == Thresholds(both=500)
    assert router.tick(A=600).policies[A].warn_at == NO_THRESHOLDS


def test_a_client_stands_under_its_group_and_everyone():
    router = Router(quota("tv", group("family")), quota("guests", group("unknown")), plan())
    told = router.tick().policies
    assert (told[T].parent, told[FAMILY].parent, told[WHOLE].parent) == (FAMILY, WHOLE, NONE)
    assert told[A].parent == WHOLE, "alice is listed and has no group"
    assert (told[B].parent, told[UNKNOWN].parent) == (UNKNOWN, WHOLE)
    assert told[ACCOUNT_ROUTER].parent == told[ACCOUNT_UNATTRIBUTED].parent == WHOLE


def test_only_who_has_a_quota_is_in_the_chain():
    told = Router(quota("tv", group("family"))).tick().policies
    assert (told[T].parent, told[FAMILY].parent, told[A].parent, told[B].parent) == (FAMILY, NONE, NONE, NONE)


def test_a_group_without_an_account_gets_one_and_then_its_limit():
    router = Router(quota("tv", group("family"), limit=300), plan())
    router.reading = replace(router.reading, groups={})
    outcome = router.tick()
    assert outcome.new_groups == ("family",)
    assert outcome.policies[T].parent == WHOLE
    router.reading = replace(router.reading, groups={"family": FAMILY})
    outcome = router.tick()
    assert outcome.new_groups == ()
    assert outcome.policies[T].parent == FAMILY
    assert outcome.policies[FAMILY].block_at == Thresholds(both=300)


def test_a_device_never_seen_is_limited_from_its_first_byte():
    router = Router(quota(limit=500), quota("alices", client(ALICE), limit=5), quota("guests", group("unknown")))
    prepared = router.tick().policies[FREE[0]]
    assert (prepared.parent, prepared.block_at) == (UNKNOWN, Thresholds(both=500))
    router.reading = replace(router.reading, owners={**OWNERS, FREE[0]: "02:00:00:00:00:77"}, free=FREE[1:])
    router.reading = replace(router.reading, budgets={FREE[0]: both(200)})
    assert router.tick().policies[FREE[0]] == prepared


def test_an_account_that_was_used_before_is_prepared_from_its_present_count():
    router = Router(quota(limit=500))
    router.reading = replace(router.reading, budgets={FREE[0]: both(70)})
    told = router.tick().policies
    assert (told[FREE[0]].block_at, told[FREE[1]].block_at) == (Thresholds(both=570), Thresholds(both=500))


def by_hand(router: Router, subject, manual, until=None) -> dict:
    router.state = override(router.state, subject, manual, until)
    return {account: (told.blocked, told.exempt) for account, told in router.tick().policies.items()}


LATE = ClientKey("02:00:00:00:00:77")


def test_a_client_with_a_limit_of_its_own_has_an_account_before_it_comes():
    router = Router(quota(), quota("late", client(LATE), 300))
    assert router.tick().new_clients == (LATE,)
    router.reading = replace(router.reading, owners={**OWNERS, FREE[0]: LATE}, free=FREE[1:])
    outcome = router.tick()
    assert outcome.new_clients == ()
    assert outcome.policies[FREE[0]].block_at == Thresholds(both=300)


@pytest.mark.parametrize("manual", OverrideKind)
def test_so_has_one_that_something_was_set_for_by_hand(manual):
    router = Router()
    router.tick()
    router.state = override(router.state, client(LATE), manual)
    assert router.tick().new_clients == (LATE,)


def test_so_has_one_that_is_listed():
    router = Router(quota("family", group("family"), 300), names={ALICE: "alice"})
    assert router.tick().new_clients == ()
    router.rules = replace(router.rules, names={ALICE: "alice", LATE: "late"})
    assert router.tick().new_clients == (LATE,)


def test_who_would_be_held_otherwise_comes_before_who_is_only_listed():
    names = {ALICE: "alice", ClientKey("02:00:00:00:00:00"): "early"}
    router = Router(quota("late", client(LATE), 300), names=names)
    assert router.tick().new_clients == (LATE,), "there is room for one"


def test_after_a_reboot_who_has_used_something_comes_back_to_what_is_left():
    router = Router(quota(limit=500))
    router.tick(60, A=200)
    router.reboot()
    free = (A, B, T, *FREE)
    router.reading = replace(router.reading, owners={Account(0): UNATTRIBUTED, Account(1): ROUTER}, free=free)
    assert router.tick().new_clients == (ALICE, TV), "who is not listed has no less than a stranger"
    router.reading = replace(router.reading, owners={**router.reading.owners, A: ALICE}, free=free[1:])
    assert router.tick().policies[A].block_at == Thresholds(both=300)


def test_half_of_the_free_accounts_stay_free_for_strangers():
    names = {ClientKey(f"02:00:00:00:01:{number:02x}"): f"c{number}" for number in range(9)}
    router = Router(plan(), names=names, groups=dict.fromkeys(names, "family"))
    router.rules = replace(router.rules, quotas=(quota("family", group("family"), 300),))
    router.reading = replace(router.reading, free=tuple(Account(number) for number in range(10, 18)))
    assert len(router.tick().new_clients) == 4


def test_the_only_free_account_stays_free_for_strangers():
    router = Router(quota("late", client(LATE), 300))
    router.reading = replace(router.reading, free=FREE[:1])
    assert router.tick().new_clients == ()


def test_a_word_by_hand_counts_for_all_below_unless_there_is_a_nearer_one():
    router = Router(quota())
    router.tick()
    assert by_hand(router, client(ALICE), OverrideKind.BLOCK)[A] == (True, False)
    assert by_hand(router, client(ALICE), OverrideKind.ALLOW)[A] == (False, True)
    flags = by_hand(router, EVERYONE, OverrideKind.BLOCK)
    assert (flags[A], flags[B], flags[FREE[0]]) == ((False, True), (True, False), (True, False))
    assert not router.tick().policies[A].over_plan
    assert by_hand(router, client(ALICE), OverrideKind.ALLOW_OVER_PLAN)[A] == (False, True)
    assert router.tick().policies[A].over_plan
    flags = by_hand(router, group("unknown"), OverrideKind.ALLOW)
    assert (flags[B], flags[T], flags[FREE[0]]) == ((False, True), (True, False), (False, True))
    by_hand(router, client(ALICE), None)
    by_hand(router, group("unknown"), None)
    assert set(by_hand(router, EVERYONE, None).values()) == {(False, False)}


def test_a_word_by_hand_may_end_and_survives_a_restart_until_then():
    router = Router(quota())
    router.tick()
    by_hand(router, client(ALICE), OverrideKind.BLOCK, int(router.now) + 60)
    router.restart()
    assert router.tick().policies[A].blocked
    assert not router.tick(60).policies[A].blocked
    assert router.state.baseline.limits.overrides == ()


def test_throttled_accounts_are_listed_with_their_rate():
    slower = Action(ActionKind.THROTTLE, 64_000)
    router = Router(quota("slow", limit=500, action=SLOW), quota("slower", limit=800, action=slower), plan())
    assert router.tick(A=100).shaped == tuple(Shaped(a, 256_000) for a in (A, B, T, *FREE))
    rates = {each.account: each.rate for each in router.tick(A=900, B=600).shaped}
    assert (rates[A], rates[B], rates[T]) == (64_000, 256_000, 256_000)


@pytest.mark.parametrize("action", [BLOCK, SLOW])
def test_a_grant_and_a_new_window_move_the_limit(action):
    router = Router(quota(limit=500, action=action))

    def limit() -> int:
        told = router.tick().policies[A]
        return min(told.block_at.both, told.throttle_at.both)

    router.tick(A=100)
    router.state = grant(router.state, router.rules, client(ALICE), 50)
    assert limit() == 550
    router.tick(DAY, A=300)
    assert limit() == 100 + 500, "what was read at the window's end belongs to the new one"


steps = st.lists(
    st.tuples(st.sampled_from([1, 1, 59, 61, 301]), *[st.integers(-2, 400)] * 3, st.booleans()), min_size=1, max_size=10
)


@given(steps, st.lists(st.sampled_from(list(Direction)), min_size=3, max_size=3))
def test_limits_stand_still_while_nothing_but_usage_changes(steps, directions):
    """Whoever is killed, and whatever is read half way, the kernel is never told another number."""
    router = Router(
        quota("b", limit=2000, direction=directions[0]),
        quota("t", limit=1500, action=SLOW, direction=directions[1]),
        quota("f", group("family"), limit=3000, direction=directions[2]),
        plan(4000),
    )
    router.now = MIDNIGHT
    first = router.tick().policies
    counts = {"A": 100, "T": 100, "WHOLE": 100}
    for seconds, *moved, killed in steps:
        counts = {name: max(0, count + more) for (name, count), more in zip(counts.items(), moved, strict=True)}
        told = router.tick(seconds, **counts, FAMILY=counts["T"]).policies
        assert told == first
        if killed:
            router.restart()


def test_prepared_policies_are_shared():
    router = Router(quota())
    router.reading = replace(router.reading, free=tuple(Account(n) for n in range(5, 90)))
    told = router.tick().policies
    assert len({id(told[account]) for account in router.reading.free}) == 1


def test_an_account_of_a_group_without_a_quota_may_serve_another():
    router = Router(quota("tv", group("family"), limit=300), plan())
    router.reading = replace(router.reading, groups={"family": FAMILY, "guests": UNKNOWN})
    assert router.tick().idle_groups == ("guests",)


@pytest.mark.parametrize(
    ("overrides", "blocked", "exempt"),
    [
        ({}, False, False),
        ({EVERYONE: OverrideKind.BLOCK}, True, False),
        ({EVERYONE: OverrideKind.ALLOW}, False, True),
        ({EVERYONE: OverrideKind.BLOCK, client(ALICE): OverrideKind.ALLOW}, True, True),
        ({client(ALICE): OverrideKind.BLOCK}, False, False),
        ({EVERYONE: OverrideKind.BLOCK, group("gone"): OverrideKind.ALLOW}, True, False),
    ],
)
def test_packets_of_tunnels_stop_when_everyone_is_blocked_and_nobody_is_allowed(overrides, blocked, exempt):
    router = Router(plan())
    router.reading = replace(router.reading, tunnels_account=Account(200))
    router.tick()
    for subject, kind in overrides.items():
        router.state = override(router.state, subject, kind)
    policy = router.tick().policies[Account(200)]
    assert (policy.parent, policy.blocked, policy.exempt) == (WHOLE, blocked, exempt)
    assert not policy.over_plan
    router.state = override(router.state, client(LATE), OverrideKind.ALLOW_OVER_PLAN)
    assert router.tick().policies[Account(200)].over_plan


def test_a_grant_raises_the_count_of_the_next_warning():
    router = Router(quota(warn_at=(400,)))
    assert router.tick(A=100).policies[A].warn_at.both == 400
    router.state = grant(router.state, router.rules, client(ALICE), 50)
    assert router.tick().policies[A].warn_at.both == 450


@pytest.mark.parametrize(("rate", "police_rate"), [(256_000, 32_000), (9, 1), (7, 1)])
def test_without_a_class_a_client_is_held_to_the_bytes_of_its_rate_and_never_to_none(rate, police_rate):
    router = Router(quota(action=Action(ActionKind.THROTTLE, rate)))
    assert router.tick(A=100).policies[A].police_rate == police_rate


def test_of_limits_that_are_not_reached_the_one_that_comes_first_has_the_rate():
    uploads = quota("uploads", limit=500, direction=Direction.UPLOAD, action=Action(ActionKind.THROTTLE, 64_000))
    router = Router(quota(limit=1000, action=SLOW), uploads)
    assert Shaped(A, 256_000) in router.tick(A=900).shaped, "100 bytes are left of the one, 410 of the other"


def test_a_throttled_account_is_policed_to_the_bytes_of_its_rate_and_at_least_to_one():
    for rate, police_rate in ((256_000, 32_000), (4, 1)):
        policies = Router(quota(action=Action(ActionKind.THROTTLE, rate))).tick().policies
        assert policies[A].police_rate == police_rate
    assert Router(quota()).tick().policies[A].police_rate == 0
