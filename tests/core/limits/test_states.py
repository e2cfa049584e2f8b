# SPDX-License-Identifier: GPL-2.0-or-later
"""States, in the pipeline: how everybody stands, and why, in words that can be read aloud."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from esimshaper.core.commands import override
from esimshaper.core.model.identity import ROUTER, ClientKey
from esimshaper.core.model.limits import EVERYONE, Action, ActionKind, ClientState, Direction, Level, OverrideKind
from tests.core.limits_router import (
    ALICE,
    BOB,
    DAY,
    MIDNIGHT,
    NOTIFY,
    OWNERS,
    SLOW,
    TV,
    A,
    Router,
    client,
    group,
    plan,
    quota,
)


def test_who_has_something_left_is_open():
    router = Router(quota(), plan())
    router.tick(A=499, WHOLE=499)
    assert set(router.state.limits.states.values()) == {ClientState()}
    assert client(ROUTER) in router.state.limits.states


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "daily: 600 B used of 500 B, blocked until tomorrow 00:00"),
        ({"action": SLOW}, "daily: 600 B used of 500 B, throttled to 256 kbit/s until tomorrow 00:00"),
        ({"direction": Direction.DOWNLOAD}, "daily: 540 B downloaded of 500 B, blocked until tomorrow 00:00"),
        ({"direction": Direction.UPLOAD, "limit": 60}, "daily: 60 B uploaded of 60 B, blocked until tomorrow 00:00"),
    ],
)
def test_the_reason_says_it_all(changes, reason):
    router = Router(quota(**changes))
    router.tick(A=600)
    assert router.state.limits.states[client(ALICE)].reason == reason


def test_times_are_those_of_where_the_people_are():
    router = Router(quota(), zone=timezone(timedelta(hours=9)))
    router.tick(A=600)
    assert router.state.limits.states[client(ALICE)].reason.endswith("until tomorrow 09:00")


def test_a_verdict_says_which_quota_and_until_when():
    router = Router(quota(action=SLOW))
    router.tick(A=600)
    verdict = router.state.limits.states[client(ALICE)]
    assert (verdict.level, verdict.quota, verdict.rate) == (Level.THROTTLED, "daily", 256_000)
    assert verdict.until == MIDNIGHT + DAY


def test_the_worst_of_client_group_and_everyone_counts():
    router = Router(quota(action=SLOW), quota("family", group("family"), limit=700), plan(1000, action=SLOW))
    router.tick(A=600, T=100, FAMILY=100, WHOLE=700)
    assert (router.level(), router.level(client(TV)), router.level(client(BOB))) == ("throttled", "open", "open")
    router.tick(A=600, T=700, FAMILY=700, WHOLE=1300)
    assert router.state.limits.states[client(TV)].quota == "family"
    assert (router.level(client(TV)), router.level(client(BOB)), router.level(EVERYONE)) == (
        "blocked",
        "throttled",
        "throttled",
    )
    assert router.level(client(ROUTER)) == "throttled"


def test_of_two_throttles_the_slower_counts_and_of_two_blocks_the_longer():
    slower = Action(ActionKind.THROTTLE, 64_000)
    router = Router(quota("a", action=SLOW), quota("b", action=slower), quota("c", EVERYONE, 900), plan(900))
    router.tick(A=600, WHOLE=600)
    assert router.state.limits.states[client(ALICE)].quota == "b"
    router.tick(WHOLE=900)
    assert router.state.limits.states[client(ALICE)].quota == "plan"


def test_a_limit_that_only_notifies_keeps_everything_open():
    router = Router(quota(action=NOTIFY))
    router.tick(A=600)
    assert router.state.limits.states[client(ALICE)] == ClientState()


def test_a_word_by_hand_is_over_all_quotas():
    router = Router(quota())
    router.tick(A=600)
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW, int(MIDNIGHT) + 64800)
    router.tick()
    assert router.state.limits.states[client(ALICE)].reason == "allowed by hand until 18:00"
    assert router.state.limits.states[client(ALICE)].until == MIDNIGHT + 64800
    assert router.level() == "open"
    router.state = override(router.state, group("unknown"), OverrideKind.BLOCK)
    router.tick()
    assert router.state.limits.states[client(BOB)] == ClientState(Level.BLOCKED, "blocked by hand")


def test_a_plan_that_is_used_up_is_over_an_allow_unless_that_is_over_the_plan():
    router = Router(quota(limit=100), plan(1000))
    router.tick(A=600, WHOLE=600)
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW)
    router.tick()
    assert router.level() == "open"
    router.tick(A=900, WHOLE=1000)
    assert router.level() == "blocked"
    assert router.state.limits.states[client(ALICE)].quota == "plan"
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW_OVER_PLAN)
    router.tick()
    assert router.state.limits.states[client(ALICE)] == ClientState(reason="allowed by hand over the plan")
    router.state = override(router.state, EVERYONE, OverrideKind.ALLOW)
    router.tick()
    assert router.state.limits.states[EVERYONE].level is Level.BLOCKED


def test_a_limit_that_only_refuses_large_uploads_any_more_is_reached():
    """A packet that does not fit is refused; smaller ones may never come, and what is used stays below."""
    router = Router(quota())
    router.tick(A=450)
    router.reading = replace(router.reading, announced={A: 499})
    router.tick()
    assert router.level() == "open", "another limit than this one"
    router.reading = replace(router.reading, announced={A: 500})
    router.tick()
    assert router.level() == "blocked"
    router.tick()
    router.restart(quotas=(quota(limit=600),))
    router.tick()
    assert router.level() == "open", "it was refused at a limit that is no more"


def test_a_text_that_says_tomorrow_is_written_anew_at_midnight_though_nothing_else_changes():
    router = Router()
    router.tick()
    router.state = override(router.state, client(ALICE), OverrideKind.BLOCK, int(MIDNIGHT) + DAY + 9 * 3600)
    router.tick()
    assert router.state.limits.states[client(ALICE)].reason == "blocked by hand until tomorrow 09:00"
    router.tick(43200)
    assert router.state.limits.states[client(ALICE)].reason == "blocked by hand until 09:00"


def test_tomorrow_begins_at_the_midnight_of_where_the_people_are():
    router = Router(zone=timezone(timedelta(hours=9)))
    router.tick()
    router.state = override(router.state, client(ALICE), OverrideKind.BLOCK, int(MIDNIGHT) + 16 * 3600)
    router.tick()
    assert router.state.limits.states[client(ALICE)].reason == "blocked by hand until tomorrow 01:00"
    router.tick(3 * 3600)
    assert router.state.limits.states[client(ALICE)].reason == "blocked by hand until 01:00"


def test_a_client_that_is_not_here_has_no_state_any_more_once_its_override_has_ended():
    """Nobody hears of it when everyone is throttled later. It has no account, as none is free."""
    router = Router(plan(1000, action=SLOW))
    router.reading = replace(router.reading, free=())
    router.tick()
    gone = client(ClientKey("02:00:00:00:00:99"))
    router.state = override(router.state, gone, OverrideKind.BLOCK, int(router.now) + 60)
    router.tick()
    router.tick(60)
    assert router.announced[-1] == f"{gone.id} is no longer blocked"
    router.tick()
    assert gone not in router.state.limits.states
    router.tick(WHOLE=1200)
    assert not [told for told in router.announced if gone.id in told and "throttled" in told]


def test_nor_has_one_that_left_while_everyone_was_blocked_once_that_is_over():
    """An upload that was read half-way is taken off again, so the limit is not reached any more."""
    router = Router(plan(1000))
    router.tick(WHOLE=1100)
    router.reading = replace(router.reading, owners={key: each for key, each in OWNERS.items() if each != BOB}, free=())
    router.tick()
    assert router.level(client(BOB)) == "blocked"
    router.tick(WHOLE=900)
    assert f"{BOB} is no longer blocked" in router.announced
    router.tick()
    assert client(BOB) not in router.state.limits.states
    told = len(router.announced)
    router.tick(WHOLE=1200)
    assert len(router.announced) > told
    assert not [words for words in router.announced[told:] if BOB in words]


def test_an_override_ends_at_its_moment_though_nothing_else_happens_then():
    router = Router()
    router.tick()
    router.state = override(router.state, client(ALICE), OverrideKind.BLOCK, int(router.now) + 60)
    router.tick(59)
    assert router.level() == "blocked"
    router.tick(1)
    assert router.level() == "open"


def test_a_group_with_a_quota_stands_somewhere_also_while_nobody_is_in_it():
    router = Router(quota("guests", group("guests")))
    router.tick()
    assert router.level(group("guests")) == "open"
