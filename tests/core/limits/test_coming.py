# SPDX-License-Identifier: GPL-2.0-or-later
"""What is set by hand for later: it begins at its moment, also over restarts, and can be taken back before."""

import pytest

from esimshaper.core.commands import MAX_COMING, grant, override, revoke, term
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import EVERYONE, OverrideKind
from esimshaper.core.model.time_of_day import parse_wall_time
from tests.core.limits_router import ALICE, DAY, MIDNIGHT, TV, Router, client, group, plan, quota

BLOCK, ALLOW = OverrideKind.BLOCK, OverrideKind.ALLOW
NIGHT, MORNING = int(MIDNIGHT) + 23 * 3600, int(MIDNIGHT) + 31 * 3600


def router() -> Router:
    it = Router(quota(), plan())
    it.tick(A=100)
    return it


def go_to(it: Router, moment: float) -> None:
    it.tick(moment - it.now)


def test_a_block_begins_and_ends_at_its_moments():
    it = router()
    it.state = override(it.state, client(ALICE), BLOCK, MORNING, NIGHT)
    for moment, level in ((NIGHT - 1, "open"), (NIGHT, "blocked"), (MORNING - 1, "blocked"), (MORNING, "open")):
        go_to(it, moment)
        assert it.level() == level
    assert "alice is blocked now: blocked by hand until tomorrow 07:00" in it.announced
    assert it.state.limits.kept.coming == ()


def test_it_is_kept_over_restarts_and_begins_late_if_nobody_was_there():
    it = router()
    it.state = override(it.state, client(ALICE), BLOCK, MORNING, NIGHT)
    it.state = override(it.state, client(TV), BLOCK, NIGHT + 60, NIGHT)
    it.tick()
    it.reboot()
    go_to(it, NIGHT + 3600)
    assert it.level() == "blocked"
    assert it.level(client(TV)) == "open"  # over before anybody could hold it
    assert it.state.limits.kept.coming == ()


def test_what_begins_replaces_what_is_in_force():
    it = router()
    it.state = override(it.state, client(ALICE), ALLOW)
    it.state = override(it.state, client(ALICE), BLOCK, None, NIGHT)
    it.state = override(it.state, client(ALICE), ALLOW, None, NIGHT + 60)
    go_to(it, NIGHT - 1)
    assert (it.level(), it.state.limits.states[client(ALICE)].reason) == ("open", "allowed by hand")
    go_to(it, NIGHT)
    assert it.level() == "blocked"
    go_to(it, NIGHT + 60)
    assert it.level() == "open"
    assert len(it.state.limits.kept.overrides) == 1


def test_of_several_that_have_begun_meanwhile_the_last_one_counts():
    it = router()
    it.state = override(it.state, client(ALICE), BLOCK, None, NIGHT + 60)
    it.state = override(it.state, client(ALICE), ALLOW, None, NIGHT)
    go_to(it, NIGHT + 3600)
    assert it.level() == "blocked"


def test_taken_back_it_never_begins_and_others_stay():
    it = router()
    it.state = override(it.state, client(ALICE), BLOCK, None, NIGHT)
    it.state = override(it.state, group("family"), BLOCK, None, NIGHT)
    it.state = grant(it.state, it.rules, client(ALICE), 100, None, NIGHT)
    it.state = override(it.state, client(ALICE), None)
    go_to(it, NIGHT)
    assert (it.level(), it.level(client(TV))) == ("open", "blocked")
    assert it.tally().granted == 100


def test_the_same_moment_set_again_is_one_act():
    it = router()
    it.state = override(it.state, client(ALICE), BLOCK, MORNING, NIGHT)
    it.state = override(it.state, client(ALICE), ALLOW, None, NIGHT)
    (one,) = it.state.limits.kept.coming
    assert (one.kind, one.until) == (ALLOW, None)


def test_a_grant_begins_at_its_moment_and_is_announced_then():
    it = router()
    it.state = grant(it.state, it.rules, client(ALICE), 300, None, NIGHT)
    go_to(it, NIGHT - 1)
    assert (it.tally().granted, it.tally().allowed, it.announced) == (0, 500, [])
    go_to(it, NIGHT)
    assert (it.tally().granted, it.tally().allowed) == (300, 800)
    assert it.announced == ["alice got 300 B more (daily, until tomorrow 00:00)"]
    it.tick()
    assert it.tally().granted == 300  # once


def test_a_grant_at_midnight_is_for_the_day_that_begins():
    it = router()
    it.state = grant(it.state, it.rules, client(ALICE), 300, None, int(MIDNIGHT) + DAY)
    go_to(it, MIDNIGHT + DAY)
    assert (it.tally().used, it.tally().allowed) == (0, 800)


def test_a_grant_with_an_end_ends_and_one_of_a_day_that_is_over_is_gone_with_it():
    it = router()
    it.state = grant(it.state, it.rules, client(ALICE), 300, NIGHT + 60, NIGHT)
    it.tick(3600)
    go_to(it, NIGHT)
    go_to(it, NIGHT + 59)
    assert it.tally().granted == 300
    go_to(it, NIGHT + 60)
    assert it.tally().granted == 0
    it.state = grant(it.state, it.rules, client(ALICE), 300, None, NIGHT + 120)
    it.tick()
    it.reboot()
    go_to(it, MORNING)
    assert (it.tally().granted, it.state.limits.kept.coming) == (0, ())


def test_all_grants_are_taken_back_with_those_to_come_and_a_part_leaves_them():
    it = router()
    it.state = grant(it.state, it.rules, client(ALICE), 300, None, NIGHT)
    it.state = grant(it.state, it.rules, client(ALICE), 200)
    it.state = revoke(it.state, it.rules, client(ALICE), 100)
    assert len(it.state.limits.kept.coming) == 1
    it.state = revoke(it.state, it.rules, client(ALICE), None)
    assert it.state.limits.kept.coming == ()
    it.state = grant(it.state, it.rules, client(ALICE), 300, None, NIGHT)
    it.state = revoke(it.state, it.rules, client(ALICE), None)  # nothing but what was to come
    with pytest.raises(Unusable, match="nothing was granted"):
        revoke(it.state, it.rules, client(ALICE), None)


def test_a_grant_to_come_needs_a_quota_and_there_is_room_for_so_many_acts():
    it = router()
    with pytest.raises(Unusable, match="no quota for group family"):
        grant(it.state, it.rules, group("family"), 100, None, NIGHT)
    for number in range(MAX_COMING):
        it.state = override(it.state, EVERYONE, BLOCK, None, NIGHT + number)
    with pytest.raises(Unusable, match="to come already"):
        override(it.state, EVERYONE, BLOCK, None, MORNING)
    it.state = override(it.state, EVERYONE, ALLOW, None, NIGHT)  # in the place of another


def test_an_end_counts_from_the_beginning():
    it = router()
    at, until = parse_wall_time("23:00"), parse_wall_time("07:00")
    assert term(it.now, it.rules.zone, until, at) == (MORNING, NIGHT)
    assert term(it.now, it.rules.zone, 8 * 3600, at) == (MORNING, NIGHT)
    assert term(it.now, it.rules.zone, until) == (MORNING, None)
    assert term(it.now, it.rules.zone, parse_wall_time("23:00"), at) == (NIGHT + DAY, NIGHT)
    with pytest.raises(Unusable, match="is over already"):
        term(it.now, it.rules.zone, parse_wall_time("2027-01-15 11:00"))
    with pytest.raises(Unusable, match="more than two years"):
        term(it.now, it.rules.zone, parse_wall_time("2029-02-15 11:00"))
