# SPDX-License-Identifier: GPL-2.0-or-later
"""What a start goes on from: history, history that opens late, or the kernel's policies alone."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from esimshaper.core.commands import correct, grant, override, resume, undo
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limit_state import ActKind
from esimshaper.core.model.limits import (
    EVERYONE,
    Direction,
    Override,
    OverrideKind,
    Period,
    PeriodUnit,
    Policy,
    Subject,
)
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.state import State
from esimshaper.core.pipeline import advance, recover_from_kernel
from tests.core.limits_router import ALICE, BOB, FAMILY, FREE, TV, UNKNOWN, Router, client, group, plan, quota


def test_what_was_set_by_hand_while_history_could_not_be_opened_is_kept():
    router = Router(quota())
    router.tick(A=100)
    saved_before = router.disk
    router.state = State()
    router.tick(A=120)
    router.state = grant(router.state, router.rules, client(ALICE), 50, int(router.now) + 60)
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW)
    router.tick()
    router.state = resume(saved_before, state=router.state)
    router.tick(A=130)
    assert (router.tally().used, router.tally().allowed) == (130, 550)
    assert router.state.limits.states[client(ALICE)].reason == "allowed by hand"
    assert [each.kind for each in router.state.limits.kept.acts] == [ActKind.GRANT, ActKind.ALLOW]
    router.tick(60)
    assert router.tally().allowed == 500


def test_it_can_be_undone_as_before_but_for_what_was_corrected():
    router = Router(quota())
    router.tick(A=100)
    router.state = override(router.state, client(BOB), OverrideKind.BLOCK)
    router.tick()
    saved_before = router.disk
    router.state = State()
    router.tick(A=120)
    router.state = grant(router.state, router.rules, client(ALICE), 50)
    router.state = correct(router.state, router.rules, router.rules.quotas[0], client(ALICE), 7)
    router.state = resume(saved_before, state=router.state)
    router.tick(A=130)
    assert (router.tally().used, router.tally().allowed) == (130, 550)
    router.state = undo(router.state, router.rules).state
    assert router.tally().granted == 0
    router.state = undo(router.state, router.rules).state
    assert router.state.limits.kept.overrides == ()


def test_so_is_what_was_granted_to_somebody_or_in_a_window_that_is_not_in_it():
    for window_is_new in (False, True):
        router = Router(quota())
        if window_is_new:
            router.tick(A=100)
        saved_before = router.disk if window_is_new else Router().tick().booking.baseline
        router.state = State()
        router.tick(86400, A=120)
        router.state = grant(router.state, router.rules, client(ALICE), 50)
        router.state = resume(saved_before, state=router.state)
        router.tick(A=130)
        assert (router.tally().granted, router.tally().allowed) == (50, 550)
        assert [words for words in router.announced if "got" in words]


def test_the_end_of_a_grant_that_went_with_its_window_takes_nothing_of_a_new_one():
    router = Router(quota())
    router.tick(A=100)
    router.state = grant(router.state, router.rules, client(ALICE), 50, int(router.now) + 60)
    router.tick()
    saved_before = router.disk
    router.state = State()
    router.tick(86400)
    router.state = grant(router.state, router.rules, client(ALICE), 200)
    router.state = resume(saved_before, state=router.state)
    router.tick()
    assert router.tally().granted == 200


def test_without_a_history_limits_go_on_as_the_kernel_was_told_them():
    """Yesterday's bytes are in the maps, too; so is what an earlier daemon made of them."""
    quotas = (quota(limit=500), plan(1000), quota("up", client(ALICE), 90, direction=Direction.UPLOAD))
    router = Router(*quotas)
    router.tick(A=400)
    router.tick(43200, A=450)
    told = router.tick(A=460).policies
    tallies = router.state.baseline.limits.tallies
    seen_now = Observation(router.reading, clock_trusted=True)
    router.state = recover_from_kernel(State(), router.rules, router.now, seen_now, told)
    allowed = {tally.quota: tally.allowed for tally in router.state.baseline.limits.tallies}
    assert allowed == {"daily": 500, "plan": 1000, "up": 90}
    assert router.tick().policies == told
    assert router.state.baseline.limits.tallies == tuple(replace(each, other_start=0, other_used=0) for each in tallies)
    assert router.state.baseline.meter.totals[ALICE].total_bytes == 460


def test_of_two_limits_in_one_place_the_kernel_knows_too_little():
    router = Router(quota(limit=500), quota("weekly", limit=2000, period=Period(PeriodUnit.WEEK)))
    router.tick(A=100)
    told = router.tick(43200, A=400).policies
    assert recover_from_kernel(State(), router.rules, router.now, Observation(router.reading), told) == State()


WORDS = [
    {client(ALICE): OverrideKind.BLOCK},
    {client(ALICE): OverrideKind.ALLOW, EVERYONE: OverrideKind.BLOCK},
    {group("family"): OverrideKind.BLOCK, client(TV): OverrideKind.ALLOW},
    {group("unknown"): OverrideKind.BLOCK},
    {EVERYONE: OverrideKind.ALLOW},
    {EVERYONE: OverrideKind.ALLOW, client(ALICE): OverrideKind.ALLOW_OVER_PLAN},
]


def by_hand(router: Router) -> dict[Subject, OverrideKind]:
    return {each.subject: each.kind for each in router.state.baseline.limits.overrides}


def start_without_history(router: Router, told: Mapping[Account, Policy]) -> None:
    router.state = recover_from_kernel(State(), router.rules, router.now, Observation(router.reading), told)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("groups", [{"family": FAMILY, "unknown": UNKNOWN}, {"family": FAMILY}])
def test_without_a_history_what_was_set_by_hand_goes_on_for_those_and_no_others(words, groups):
    router = Router(quota(limit=500), plan(1000))
    router.reading = replace(router.reading, groups=groups, tunnels_account=Account(200))
    router.tick()
    for subject, manual in words.items():
        router.state = override(router.state, subject, manual)
    told = router.tick().policies
    start_without_history(router, told)
    assert by_hand(router) == words
    assert router.tick().policies == told


def test_of_a_group_without_an_account_its_members_stay_blocked():
    router = Router()
    router.reading = replace(router.reading, groups={})
    router.tick()
    router.state = override(router.state, group("family"), OverrideKind.BLOCK)
    start_without_history(router, router.tick().policies)
    assert by_hand(router) == {client(TV): OverrideKind.BLOCK}


def test_strangers_stay_blocked_though_the_daemon_was_killed_after_their_first_free_account_was_written():
    router = Router()
    router.reading = replace(router.reading, groups={"family": FAMILY})
    router.tick()
    router.state = override(router.state, group("unknown"), OverrideKind.BLOCK)
    told = router.tick().policies
    start_without_history(router, {**told, FREE[1]: Policy()})
    assert by_hand(router) == {group("unknown"): OverrideKind.BLOCK}


def test_history_that_opens_late_says_what_was_set_by_hand_but_for_what_was_set_since():
    router = Router(quota())
    router.tick()
    until = int(router.now) + 60
    for who in (ALICE, BOB, TV):
        router.state = override(router.state, client(who), OverrideKind.BLOCK, until)
    start_without_history(router, router.tick().policies)
    saved_before = router.disk
    router.tick()
    router.state = override(router.state, client(BOB), None)
    router.state = override(router.state, client(TV), OverrideKind.ALLOW)
    router.state = resume(saved_before, state=router.state)
    assert router.state.baseline.limits.overrides == (
        Override(client(ALICE), OverrideKind.BLOCK, until),
        Override(client(TV), OverrideKind.ALLOW),
    )


def test_without_a_history_a_quota_of_a_group_is_not_taken_for_one_of_each_client():
    router = Router(quota(limit=500), quota("tv", group("family"), limit=900))
    router.tick(FAMILY=400)
    router.tick(43200, FAMILY=450)
    assert router.tally("tv", group("family")).used == 50
    start_without_history(router, router.tick().policies)
    router.tick()
    assert router.tally("tv", group("family")).used == 50


def test_a_history_that_opens_late_and_is_new_takes_nothing_from_what_is_known():
    router = Router(quota())
    router.tick(A=100)
    router.state = override(router.state, client(ALICE), OverrideKind.BLOCK)
    router.use(A=120)
    state, outcome = advance(router.state, router.rules, router.now, Observation(router.reading))
    assert outcome.booking is state.saving.booking is not None
    again = resume(None, state=state)
    assert again == replace(state, saving=replace(state.saving, booking=None))
