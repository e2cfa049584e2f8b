# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds for services in a tick: rules by hours, low-data mode by quotas, what people decide by hand."""

from dataclasses import replace
from datetime import UTC

import pytest

from esimshaper.core import service_commands
from esimshaper.core.commands import resume
from esimshaper.core.model.decisions import DecisionKind, LowData, LowDataMode, ServiceRule
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.time_of_day import Hours, parse_span
from tests.core.limits_router import ALICE, BOB, EACH, MIDNIGHT, TV, A, B, Router, T, client, group, plan, quota

NAMES = {0: "unnamed", 1: "hidden", 2: "other", 3: "youtube", 4: "steam", 5: "apt", 6: "zoom"}
CATEGORIES = {"youtube": "video", "steam": "games", "apt": "updates", "zoom": "calls"}
NIGHT = Hours((parse_span("22:00-07:00"),), UTC, "22:00-07:00")
OWN = {A: ALICE, B: BOB, T: TV}


def router(*quotas, **rules) -> Router:
    made = Router(*quotas, categories=CATEGORIES, **rules)
    made.reading = replace(made.reading, service_names=NAMES)
    return made


def held(made: Router, account=None):
    """By client (or of one account): the services that are blocked, paced or allowed."""
    rows = {each: row for each, row in (made.state.rules.decisions or {}).items() if each in OWN}
    found = {
        OWN[each]: {NAMES[number]: decision.kind.value for number, decision in row.items()}
        for each, row in rows.items()
    }
    return found.get(OWN[account], {}) if account else found


def rule(subject, what, kind=DecisionKind.BLOCK, **more):
    return ServiceRule(subject, frozenset(what.split()), kind, **more)


def test_nothing_is_decided_before_the_catalogue_is_read():
    made = Router()
    made.tick()
    assert made.state.rules.decisions is None


def test_a_rule_holds_in_its_hours():
    made = router(services=(rule(group("family"), "games video", hours=NIGHT),))
    made.now = MIDNIGHT + 22 * 3600 - 2
    made.tick()
    assert held(made) == {}
    made.tick(seconds=1)
    assert held(made) == {TV: {"steam": "block", "youtube": "block"}}
    (first, *_) = made.state.rules.decisions[T].values()
    assert (first.since, first.until) == (MIDNIGHT + 22 * 3600, MIDNIGHT + 31 * 3600)
    made.tick(seconds=9 * 3600)
    assert held(made) == {}


def test_while_nothing_changes_the_decisions_are_the_same_object():
    made = router(plan(), services=(rule(EACH, "video", hours=NIGHT),), low_data=LowData(LowDataMode.AUTO))
    made.now = MIDNIGHT + 23 * 3600
    made.tick()
    before = made.state.rules.decisions
    made.tick(A=50)
    made.tick(A=90, seconds=30)
    assert made.state.rules.decisions is before


def test_low_data_mode_holds_back_what_can_wait_and_leaves_calls_alone():
    made = router(low_data=LowData(LowDataMode.ON, exempt=frozenset({BOB})))
    made.tick()
    assert held(made) == {
        ALICE: {"apt": "block", "youtube": "pace"},
        TV: {"apt": "block", "youtube": "pace"},
    }
    assert all(each.metered_only for each in made.state.rules.decisions[A].values())


def test_low_data_mode_begins_by_itself_for_those_whom_a_quota_is_for():
    made = router(quota(limit=1000), low_data=LowData(LowDataMode.AUTO))
    made.tick(A=790)
    assert held(made) == {}
    made.tick(A=800, seconds=6)
    assert held(made) == {ALICE: {"apt": "block", "youtube": "pace"}}
    (since,) = {each.since for each in made.state.rules.decisions[A].values()}
    made.tick(A=990, seconds=60)
    assert {each.since for each in made.state.rules.decisions[A].values()} == {since}
    made.tick(seconds=86400)
    assert held(made) == {}, "another day, another window"


def test_everyone_is_held_by_the_plan():
    made = router(plan(1000), low_data=LowData(LowDataMode.AUTO, percent=50))
    made.tick(A=100, WHOLE=500)
    made.tick(seconds=6)
    assert set(held(made)) == {ALICE, BOB, TV}


def test_pace_ahead_begins_when_more_is_used_than_time_has_passed():
    made = router(quota(limit=1000), low_data=LowData(LowDataMode.AUTO, percent=100, ahead=True))
    made.tick(A=540)  # noon
    assert held(made) == {}
    made.tick(A=560, seconds=6)
    assert set(held(made)) == {ALICE}
    made.tick(seconds=3600)  # 13:00 is 54 %: still ahead
    assert set(held(made)) == {ALICE}
    made.tick(seconds=3600)
    assert held(made) == {}


@pytest.mark.parametrize(
    ("switched", "expected"),
    [
        ([(client(TV), LowDataMode.ON)], {TV}),
        ([(group("family"), LowDataMode.ON)], {TV}),
        ([(EVERYONE, LowDataMode.ON), (group("family"), LowDataMode.OFF)], {ALICE, BOB}),
        (
            [(EVERYONE, LowDataMode.ON), (group("family"), LowDataMode.OFF), (client(TV), LowDataMode.ON)],
            set(OWN.values()),
        ),
        ([(EVERYONE, LowDataMode.ON), (EVERYONE, None)], set()),
        ([(EVERYONE, LowDataMode.ON), (client(ALICE), LowDataMode.AUTO)], {BOB, TV}),
    ],
)
def test_the_narrowest_switch_by_hand_counts(switched, expected):
    expected = {OWN.get(each, each) for each in expected}
    made = router(quota(limit=1000))
    made.tick()
    for subject, mode in switched:
        made.state = service_commands.switch_low_data(made.state, subject, mode)
    made.tick()
    assert set(held(made)) == expected


def test_a_client_on_auto_is_held_once_its_quota_says_so_though_everyone_is_off():
    made = router(quota(limit=1000))
    made.tick(A=900, B=900)
    made.state = service_commands.switch_low_data(made.state, client(ALICE), LowDataMode.AUTO)
    made.tick()
    assert set(held(made)) == {ALICE}


def test_by_hand_goes_before_low_data_mode_and_rules_and_ends_by_itself():
    made = router(low_data=LowData(LowDataMode.ON), services=(rule(EACH, "games"),))
    made.tick()
    until = int(made.state.clock.time) + 3600
    allow = (EVERYONE, "updates", DecisionKind.ALLOW, until)
    made.state = service_commands.decide(made.state, made.rules, *allow)
    made.state = service_commands.decide(made.state, made.rules, client(TV), "steam", DecisionKind.ALLOW)
    made.tick()
    assert held(made, A) == {"apt": "allow", "youtube": "pace", "steam": "block"}
    assert held(made, T)["steam"] == "allow"
    made.tick(seconds=3600)
    assert held(made, A)["apt"] == "block"
    assert [each.what for each in made.state.rules.kept.hand] == ["steam"]


def test_what_was_decided_outlives_a_restart():
    made = router(quota(limit=1000), low_data=LowData(LowDataMode.AUTO))
    made.tick(A=900)
    made.state = service_commands.decide(made.state, made.rules, client(TV), "youtube", DecisionKind.BLOCK)
    made.tick()
    before = made.state.rules.decisions
    made.state = resume(made.state.baseline)
    made.tick()
    assert made.state.rules.decisions == before
    assert held(made, T) == {"youtube": "block"}
    assert held(made, A) == {"apt": "block", "youtube": "pace"}


def test_what_was_decided_while_history_was_away_stays():
    made = router()
    made.tick()
    made.state = service_commands.decide(made.state, made.rules, client(TV), "video", DecisionKind.BLOCK)
    saved = made.state.baseline
    made.state = service_commands.decide(made.state, made.rules, client(TV), "video", DecisionKind.ALLOW)
    made.state = service_commands.switch_low_data(made.state, EVERYONE, LowDataMode.ON)
    kept = resume(saved, state=made.state).rules.kept
    assert [(each.what, each.kind) for each in kept.hand] == [("video", DecisionKind.ALLOW)]
    assert [each.mode for each in kept.low_data] == [LowDataMode.ON]


def test_a_decision_by_hand_is_taken_back():
    made = router()
    made.tick()
    made.state = service_commands.decide(made.state, made.rules, client(TV), "video", DecisionKind.BLOCK)
    made.state = service_commands.clear(made.state, client(TV), "video")
    made.tick()
    assert held(made) == {}
    with pytest.raises(Unusable, match="nothing was decided by hand"):
        service_commands.clear(made.state, client(TV), "video")


def test_an_unknown_service_is_refused_with_what_was_perhaps_meant():
    made = router()
    made.tick()
    with pytest.raises(Unusable) as refused:
        service_commands.decide(made.state, made.rules, client(TV), "youtub", DecisionKind.BLOCK)
    assert "youtube" in refused.value.hint


def test_where_services_are_not_counted_nothing_can_be_switched():
    made = Router()
    made.tick()
    with pytest.raises(Unusable, match="not counted"):
        service_commands.switch_low_data(made.state, EVERYONE, LowDataMode.ON)


def test_devices_that_come_later_are_held_from_their_first_byte():
    made = router(low_data=LowData(LowDataMode.ON))
    made.tick()
    assert set(made.reading.free) <= made.state.rules.decisions.keys()
