# SPDX-License-Identifier: GPL-2.0-or-later
"""Acts by hand, in the pipeline: each can be taken back, a carrier's figure counts at once, a new SIM begins anew."""

from dataclasses import replace

import pytest

from esimshaper.core.commands import correct, grant, override, redo, restart, revoke, undo
from esimshaper.core.limits.acts import MAX_ACTS
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limit_state import ActKind
from esimshaper.core.model.limits import (
    EVERYONE,
    Grant,
    Override,
    OverrideKind,
    Period,
    PeriodUnit,
    Quota,
    Subject,
    Tally,
    Thresholds,
)
from tests.core.limits_router import ALICE, BOB, DAY, MIDNIGHT, TV, WHOLE, A, B, Router, client, plan, quota

HOUR = 3600


def trip(limit: int = 1000, **more) -> Quota:
    return quota("trip", EVERYONE, limit, period=Period(PeriodUnit.DAY, 30, int(MIDNIGHT) - 8 * DAY), **more)


def tally(router: Router, name: str, subject: Subject = EVERYONE) -> Tally:
    return next(each for each in router.state.limits.kept.tallies if (each.quota, each.subject) == (name, subject))


def take_back(router: Router) -> ActKind:
    router.state, last, _changed = undo(router.state, router.rules)
    router.tick()
    return last.kind


# --- undo


def test_acts_are_undone_from_the_last_one_back_also_after_a_restart():
    router = Router(quota(), plan())
    router.tick(A=100, WHOLE=100)
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW)
    router.state = override(router.state, client(ALICE), OverrideKind.BLOCK, int(router.now) + HOUR)
    router.state = grant(router.state, router.rules, EVERYONE, 500)
    router.state = override(router.state, client(ALICE), None)
    router.tick()
    router.restart()
    assert take_back(router) is ActKind.CLEAR
    assert router.state.limits.kept.overrides[0].kind is OverrideKind.BLOCK
    assert take_back(router) is ActKind.GRANT
    assert tally(router, "plan").allowed == 1000
    assert take_back(router) is ActKind.BLOCK
    assert router.state.limits.kept.overrides == (Override(client(ALICE), OverrideKind.ALLOW),)
    assert take_back(router) is ActKind.ALLOW
    assert router.state.limits.kept.overrides == ()
    with pytest.raises(Unusable, match="nothing was done by hand"):
        undo(router.state, router.rules)


def test_so_many_acts_are_remembered_and_one_that_changes_nothing_is_none():
    router = Router(quota(), plan())
    router.tick()
    for number in range(MAX_ACTS + 5):
        router.state = override(router.state, client(ALICE), OverrideKind.BLOCK, int(router.now) + HOUR + number)
    assert len(router.state.limits.kept.acts) == MAX_ACTS
    router.state = override(router.state, client(BOB), None)
    assert router.state.limits.kept.acts[-1].kind is ActKind.BLOCK


def test_a_grant_is_undone_though_bytes_were_used_since_and_a_limit_is_reached_again():
    router = Router(quota())
    router.tick(A=500)
    router.state = grant(router.state, router.rules, client(ALICE), 300)
    assert router.tick(A=600).policies[A].block_at.both == 800
    assert router.level() == "open"
    assert take_back(router) is ActKind.GRANT
    assert router.tick().policies[A].block_at.both == 500
    assert router.level() == "blocked"
    assert "alice has 300 B of its grants no more (daily, until tomorrow 00:00)" in router.announced


def test_a_grant_with_an_end_of_its_own_is_taken_back_once_and_not_after_its_end():
    router = Router(quota())
    router.tick(A=10)
    for _ in range(2):
        router.state = grant(router.state, router.rules, client(ALICE), 100, int(router.now) + 60)
    router.tick()
    assert take_back(router) is ActKind.GRANT
    assert len(router.state.limits.kept.grants) == 1
    assert tally(router, "daily", client(ALICE)).granted == 100
    router.tick(120)
    assert tally(router, "daily", client(ALICE)).granted == 0
    assert take_back(router) is ActKind.GRANT
    assert tally(router, "daily", client(ALICE)).granted == 0


def test_what_was_taken_back_is_given_again_as_far_as_it_had_time_left():
    router = Router(quota())
    router.tick(A=10)
    ends = int(router.now) + 600
    router.state = grant(router.state, router.rules, client(ALICE), 100, ends)
    router.state = grant(router.state, router.rules, client(ALICE), 200)
    router.state = revoke(router.state, router.rules, client(ALICE), None)
    router.tick()
    assert tally(router, "daily", client(ALICE)).granted == 0
    assert take_back(router) is ActKind.REVOKE
    assert router.state.limits.kept.grants == (Grant("daily", client(ALICE), 100, ends),)
    assert tally(router, "daily", client(ALICE)).granted == 300
    router.state = revoke(router.state, router.rules, client(ALICE), None)
    router.tick(601)
    assert take_back(router) is ActKind.REVOKE
    assert tally(router, "daily", client(ALICE)).granted == 200


def test_in_another_window_nothing_is_left_of_a_grant():
    router = Router(quota())
    router.tick(A=10)
    router.state = grant(router.state, router.rules, client(ALICE), 100)
    router.tick(DAY)
    router.state = grant(router.state, router.rules, client(ALICE), 70)
    router.tick()
    assert take_back(router) is ActKind.GRANT
    assert take_back(router) is ActKind.GRANT
    assert tally(router, "daily", client(ALICE)).granted == 0


@pytest.mark.parametrize("seconds", [1, 120])
def test_what_was_set_for_later_is_undone_before_it_begins_and_after(seconds):
    router = Router(quota())
    router.tick(A=10)
    begins = int(router.now) + 60
    router.state = grant(router.state, router.rules, client(ALICE), 100, at=begins)
    router.state = override(router.state, client(TV), OverrideKind.BLOCK, at=begins)
    router.tick(seconds)
    assert take_back(router) is ActKind.BLOCK
    assert take_back(router) is ActKind.GRANT
    kept = router.state.limits.kept
    assert (kept.coming, kept.overrides, tally(router, "daily", client(ALICE)).granted) == ((), (), 0)


def test_what_was_to_come_and_was_taken_back_is_to_come_again():
    router = Router(quota())
    router.tick()
    router.state = override(router.state, client(TV), OverrideKind.BLOCK, at=int(router.now) + 60)
    before = router.state.limits.kept.coming
    router.state = override(router.state, client(TV), None)
    assert router.state.limits.kept.coming == ()
    assert take_back(router) is ActKind.CLEAR
    assert router.state.limits.kept.coming == before


# --- redo


def do_again(router: Router) -> tuple[ActKind, bool]:
    router.state, last, changed = redo(router.state, router.rules)
    return last.kind, changed


def test_what_was_undone_is_done_again_from_the_last_one_on():
    router = Router(quota(), plan())
    router.tick(A=500, WHOLE=500)
    router.state = grant(router.state, router.rules, client(ALICE), 100)
    router.state = override(router.state, client(TV), OverrideKind.BLOCK, int(router.now) + 600)
    router.state = correct(router.state, router.rules, router.rules.quotas[1], None, 900)
    router.state = revoke(router.state, router.rules, client(ALICE), 40)
    router.tick()
    done = router.state.limits.kept
    for _ in range(4):
        take_back(router)
    router.tick()
    assert (router.level(client(ALICE)), router.level(client(TV)), tally(router, "plan").used) == (
        "blocked",
        "open",
        500,
    )
    redone = [do_again(router) for _ in range(4)]
    assert redone == [(kind, True) for kind in (ActKind.GRANT, ActKind.BLOCK, ActKind.CORRECT, ActKind.REVOKE)]
    router.tick()
    assert replace(router.state.limits.kept, levels={}) == replace(done, levels={})
    assert [take_back(router) for _ in range(2)] == [ActKind.REVOKE, ActKind.CORRECT], "and it can be undone again"


def test_it_can_be_looked_up_that_a_block_of_all_was_undone_and_done_again():
    router = Router(quota())
    router.tick()
    router.state = override(router.state, EVERYONE, OverrideKind.BLOCK)
    router.state = undo(router.state, router.rules).state
    router.state = redo(router.state, router.rules).state
    told = [each.text for each in router.state.saving.happenings]
    assert told == [
        "everyone is blocked by hand",
        "everyone is no longer blocked by hand",
        "everyone is blocked by hand",
    ]


def test_a_new_act_leaves_nothing_to_be_done_again():
    router = Router(quota())
    router.tick()
    router.state = override(router.state, client(TV), OverrideKind.BLOCK)
    take_back(router)
    router.state = override(router.state, client(ALICE), OverrideKind.BLOCK)
    with pytest.raises(Unusable, match="nothing was undone since"):
        redo(router.state, router.rules)


def test_what_would_have_ended_meanwhile_is_not_done_again():
    router = Router(quota())
    router.tick()
    router.state = override(router.state, client(TV), OverrideKind.BLOCK, int(router.now) + 60)
    take_back(router)
    router.tick(120)
    assert do_again(router) == (ActKind.BLOCK, False)
    router.state = override(router.state, client(TV), OverrideKind.BLOCK, at=int(router.now) + 60)
    take_back(router)
    router.tick(30)
    assert do_again(router) == (ActKind.BLOCK, True)
    take_back(router)
    router.tick(60)
    with pytest.raises(Unusable, match="the moment for which it was set is over"):
        redo(router.state, router.rules)


def test_a_new_sim_that_was_undone_begins_again_where_it_began():
    router = Router(trip())
    router.tick(WHOLE=400)
    began = tally(router, "trip").window.start
    router.state = restart(router.state, router.rules, router.rules.quotas[0], None)
    anew = int(router.now)
    router.tick(WHOLE=450)
    take_back(router)
    router.tick(WHOLE=460)
    assert (tally(router, "trip").used, tally(router, "trip").window.start) == (460, began)
    assert do_again(router) == (ActKind.RESTART, True)
    router.tick(WHOLE=461)
    assert (tally(router, "trip").used, tally(router, "trip").window.start) == (61, anew)


# --- the carrier's figure


def test_the_carriers_figure_counts_from_now_on_to_the_byte_and_over_a_restart():
    router = Router(plan(used=200))
    router.tick(WHOLE=100)
    router.state = correct(router.state, router.rules, router.rules.quotas[0], None, 700)
    assert router.tick().policies[WHOLE].block_at == Thresholds(both=400), "100 of the counter, and 300 that are left"
    assert (
        "everyone counts as having used 700 B from now on, not 300 B (plan, until 2027-02-01 00:00)" in router.announced
    )
    router.restart()
    assert router.tick(WHOLE=150).policies[WHOLE].block_at == Thresholds(both=400)
    assert tally(router, "plan").used == 750
    assert take_back(router) is ActKind.CORRECT
    assert tally(router, "plan").used == 350, "what was used since counts on"
    assert router.tick().policies[WHOLE].block_at == Thresholds(both=800)


def test_a_figure_above_the_limit_reaches_it_and_one_below_opens_again():
    router = Router(plan(warn_at=(800,)))
    router.tick(WHOLE=100)
    router.state = correct(router.state, router.rules, router.rules.quotas[0], None, 1000)
    router.tick()
    assert router.level(EVERYONE) == "blocked"
    assert [text for text in router.announced if "used up" in text]
    router.state = correct(router.state, router.rules, router.rules.quotas[0], None, 900)
    router.tick()
    assert (router.level(EVERYONE), tally(router, "plan").warned) == ("open", 800)
    router.state = correct(router.state, router.rules, router.rules.quotas[0], None, 10)
    router.tick()
    assert tally(router, "plan").warned == 0


def test_a_figure_for_each_client_is_that_of_one():
    router = Router(quota())
    router.tick(A=100, B=50)
    with pytest.raises(Unusable, match="is for each client: say whose is meant"):
        correct(router.state, router.rules, router.rules.quotas[0], None, 300)
    router.state = correct(router.state, router.rules, router.rules.quotas[0], client(ALICE), 300)
    policies = router.tick().policies
    assert (policies[A].block_at.both, policies[B].block_at.both) == (300, 500)
    with pytest.raises(Unusable, match="counts nothing for whom you name"):
        correct(router.state, router.rules, router.rules.quotas[0], EVERYONE, 300)


# --- a new SIM


def test_a_new_sim_begins_at_nothing_now_and_so_does_its_window():
    router = Router(trip())
    router.tick(WHOLE=900)
    router.state = grant(router.state, router.rules, EVERYONE, 500)
    router.tick()
    router.state = restart(router.state, router.rules, router.rules.quotas[0], None)
    began = int(router.state.clock.time)
    assert router.tick().policies[WHOLE].block_at == Thresholds(both=1900)
    anew = tally(router, "trip")
    assert (anew.used, anew.granted, anew.window.start, anew.window.end) == (0, 0, began, began + 30 * DAY)
    assert (
        "everyone begins anew with 1.00 KB; 900 B were used before (trip, until 2027-02-14 12:00)" in router.announced
    )
    router.restart()
    router.tick(WHOLE=950)
    assert (tally(router, "trip").used, tally(router, "trip").window.start) == (50, began)
    router.tick(30 * DAY)
    assert (tally(router, "trip").used, tally(router, "trip").window.start) == (0, began + 30 * DAY)


def test_a_restart_is_undone_with_what_was_used_since():
    router = Router(trip())
    router.tick(WHOLE=900)
    before = tally(router, "trip").window
    for _ in range(2):
        router.state = restart(router.state, router.rules, router.rules.quotas[0], None)
        router.tick(10)
    router.tick(WHOLE=960)
    first = router.state.limits.kept.acts[0].moved
    assert take_back(router) is ActKind.RESTART
    assert router.state.limits.kept.restarts == (first,)
    assert take_back(router) is ActKind.RESTART
    assert (tally(router, "trip").used, tally(router, "trip").window) == (960, before)
    assert router.state.limits.kept.restarts == ()


def test_an_edited_beginning_counts_more_than_a_restart_before_it():
    router = Router(trip())
    router.tick(WHOLE=900)
    router.state = restart(router.state, router.rules, router.rules.quotas[0], None)
    router.tick()
    edited = Period(PeriodUnit.DAY, 30, int(MIDNIGHT) - DAY)
    for period in (edited, trip().period):
        router.rules = replace(router.rules, quotas=(replace(trip(), period=period),))
        router.tick()
        assert tally(router, "trip").window.start == period.anchor
    assert router.state.limits.kept.restarts == ()


def test_a_quota_of_the_calendar_keeps_its_window_and_each_client_begins_anew():
    router = Router(quota(), plan())
    router.tick(A=400, B=500, WHOLE=900)
    daily = router.rules.quotas[0]
    window = tally(router, "daily", client(ALICE)).window
    router.state = restart(router.state, router.rules, daily, client(BOB))
    router.tick()
    assert [tally(router, "daily", client(who)).used for who in (ALICE, BOB)] == [400, 0]
    assert router.level(client(BOB)) == "open"
    router.state = restart(router.state, router.rules, daily, None)
    router.tick()
    assert [tally(router, "daily", client(who)).used for who in (ALICE, BOB)] == [0, 0]
    assert tally(router, "daily", client(ALICE)).window == window
    assert tally(router, "plan").used == 900
    assert router.announced[-1].startswith("each client begins anew with 500 B; 400 B were used before (daily, ")
