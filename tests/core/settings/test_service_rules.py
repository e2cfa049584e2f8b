# SPDX-License-Identifier: GPL-2.0-or-later
"""`rules` and `low_data` of the configuration."""

from typing import Any

import pytest

from esimshaper.core.model.decisions import GO_ON, HELD_BACK, SD_RATE, DecisionKind, LowDataMode
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject, SubjectKind
from esimshaper.core.settings.changes import changes
from esimshaper.core.settings.service_rules import unknown_words
from esimshaper.core.settings.tree import parse_settings
from esimshaper.edge.settings_file.zones import known
from tests.core.settings.parsing import settings_of
from tests.core.settings.test_changes import TREE

KIDS = {"for": "alice", "service": ["games", "video"], "hours": "22:00-07:00", "then": "block"}


def with_(**more) -> dict[str, Any]:
    return {**TREE, **more}


def problems(**more):
    return [(".".join(map(str, each.path)), each.message) for each in parse_settings(with_(**more), known).problems]


def test_rules_are_taken_in_their_order():
    paced = {"for": "everyone", "service": "video", "uplink": "metered", "then": {"pace": "2500kbit"}}
    first, second, third = settings_of(with_(rules=[KIDS, paced, {"for": "group/family", "then": "allow"}])).rules
    assert (first.what, first.kind, first.written) == (
        frozenset({"games", "video"}),
        DecisionKind.BLOCK,
        "games, video, 22:00-07:00",
    )
    assert (second.subject, second.kind, second.rate, second.metered_only) == (
        EVERYONE,
        DecisionKind.PACE,
        2_500_000,
        True,
    )
    assert (third.subject, third.what) == (Subject(SubjectKind.GROUP, "family"), None)


def test_wrong_rules_are_problems_at_their_place():
    wrong = [{**KIDS, "for": "alica"}, {**KIDS, "hours": "22-7"}, {"for": "tv", "then": {"pace": "1bit"}}]
    assert [where for where, _ in problems(rules=wrong)] == ["rules.0.for", "rules.1.hours", "rules.2.then.pace"]


def test_more_rules_than_there_is_room_for_are_a_problem():
    ((where, message),) = problems(rules=[KIDS] * 65)
    assert (where, message) == ("rules.64", "65 rules are listed, but there is room for 64")


def test_low_data_mode_has_defaults_and_is_off():
    low = settings_of(TREE).low_data
    assert (low.mode, low.percent, low.ahead, low.hold, low.video) == (LowDataMode.OFF, 80, False, HELD_BACK, SD_RATE)


def test_low_data_mode_is_what_the_block_says():
    block = {"mode": "auto", "from": "90%", "pace": "ahead", "hold": ["ads"], "video": "any", "exempt": ["alice"]}
    low = settings_of(with_(low_data=block)).low_data
    assert (low.mode, low.percent, low.ahead, low.hold, low.video) == (LowDataMode.AUTO, 90, True, ("ads",), 0)
    assert low.exempt == {ClientKey("02:00:00:00:00:10")}


def test_wrong_low_data_is_a_problem_at_its_place():
    wrong = {"from": "0%", "video": "1bit", "exempt": ["alice", "group/family"]}
    assert [where for where, _ in problems(low_data=wrong)] == ["low_data.from", "low_data.video", "low_data.exempt.1"]


def test_rules_need_services_that_are_counted():
    found = problems(rules=[KIDS], low_data={"mode": "on"}, services={"names": "off"})
    assert [where for where, _ in found] == ["rules", "low_data"]
    assert problems(low_data={}, services={"names": "off"}) == []


def test_a_name_of_no_service_is_a_problem_with_what_was_perhaps_meant():
    tree = with_(rules=[{**KIDS, "service": ["games", "vidoe"]}], low_data={"hold": ["update"]})
    first, second = unknown_words(tree, {"youtube": "video", "steam": "games", "apt": "updates"})
    assert (first.path, second.path) == (("rules", 0, "service", 1), ("low_data", "hold", 0))
    assert "video" in first.hint
    assert "updates" in second.hint


@pytest.mark.parametrize("name", ["calls", "messaging", "line", "maps", "shopping", "mail"])
def test_low_data_mode_never_holds_what_people_count_on(name):
    services = {"line": "messaging", **{category: category for category in GO_ON}, "ads": "ads"}
    found = unknown_words(with_(low_data={"hold": ["ads", name]}), services)
    assert [problem.path for problem in found] == [("low_data", "hold", 1)]
    assert "people count on it" in found[0].message


def test_a_reload_says_what_changes():
    old, new = settings_of(with_(rules=[KIDS])), settings_of(with_(rules=[], low_data={"mode": "on", "video": "1mbit"}))
    assert changes(old, new) == (
        "low_data.mode: off -> on",
        "low_data.video: 2.50 Mbit/s -> 1.00 Mbit/s",
        "rule for client/alice, games, video, 22:00-07:00: removed (block)",
    )
