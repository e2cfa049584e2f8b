# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas that name uplinks or a plan."""

import pytest

from esimshaper.core.model.scope import MAX_SCOPES, Scope
from esimshaper.core.settings.changes import changes, needs_restart
from tests.core.settings.parsing import messages_of, settings_of
from tests.core.settings.test_tree import tree_with

UPLINKS = [
    {"name": "cellular", "interface": "wwan0"},
    {"name": "hotel", "interface": "wlan1", "metered": "no"},
    {"name": "tether", "interface": "usb0"},
]
QUOTA = {"name": "daily", "for": "everyone", "limit": "1GB", "period": "day", "then": "block"}


def tree(*quotas, wan=UPLINKS):
    rows = [{**QUOTA, "name": f"daily {number}", **each} for number, each in enumerate(quotas)]
    return {**tree_with(("wan",), wan), "quotas": rows}


def scopes_of(*quotas, **more):
    return [quota.scope for quota in settings_of(tree(*quotas, **more)).quotas]


def test_a_quota_names_an_uplink_or_several_or_a_plan_or_none():
    found = scopes_of({"uplink": "hotel"}, {"uplink": ["hotel", "cellular"]}, {"plan": "trip"}, {})
    assert found == [Scope(("hotel",)), Scope(("cellular", "hotel")), Scope(plan="trip"), None]


def test_the_same_uplinks_are_one_scope_in_whatever_order():
    settings = settings_of(tree({"uplink": ["hotel", "cellular"]}, {"uplink": ["cellular", "hotel", "hotel"]}))
    assert settings.scopes == (Scope(("cellular", "hotel")),)


def test_the_only_uplink_is_all_uplinks():
    alone = {"interface": "wwan0", "name": "cellular"}
    assert scopes_of({"uplink": "cellular"}, wan=alone) == [None]
    assert settings_of(tree({"uplink": "cellular"}, wan=alone)).counted_apart == ()
    free = [{**alone, "metered": "no"}]
    assert scopes_of({"uplink": "cellular"}, wan=free) == [Scope(("cellular",))]


def test_one_uplink_with_quotas_of_its_plans_is_counted_apart():
    settings = settings_of(tree({"plan": "trip"}, wan={"interface": "wwan0"}))
    assert settings.counted_apart == ("wan",)


@pytest.mark.parametrize(
    ("quota", "path", "message"),
    [
        ({"uplink": "motel"}, ("uplink",), "no uplink is called `motel`"),
        ({"uplink": ["hotel", "motel"]}, ("uplink", 1), "no uplink is called `motel`"),
        ({"uplink": "hotel", "plan": "trip"}, ("plan",), "a quota is of some uplinks, or of a plan, wherever that is"),
    ],
)
def test_what_is_wrong_has_its_place(quota, path, message):
    assert messages_of(tree({}, quota)) == [(("quotas", 1, *path), message)]


def test_a_quota_that_follows_a_plan_names_no_uplink():
    following = {"name": "carrier", "for": "everyone", "follow": "plan", "uplink": "hotel", "then": "block"}
    tree_of_it = {**tree_with(("wan",), UPLINKS), "quotas": [following]}
    assert messages_of(tree_of_it) == [(("quotas", 0, "uplink"), "`uplink` does not go with `follow: plan`")]


def test_there_is_room_for_some_sets_of_uplinks_and_the_next_one_has_its_place():
    names = ["cellular", "hotel", "tether", ["cellular", "hotel"], ["hotel", "tether"]]
    rows = [{"uplink": name} for name in names]
    assert len(settings_of(tree(*rows[:MAX_SCOPES])).scopes) == MAX_SCOPES
    message = "quotas name 5 sets of uplinks and plans, but there is room for 4"
    assert messages_of(tree(*rows, {"uplink": "hotel"})) == [(("quotas", MAX_SCOPES, "uplink"), message)]


def test_other_scopes_need_a_restart_and_the_change_is_said():
    old, new = settings_of(tree({})), settings_of(tree({"uplink": "hotel"}))
    (problem,) = needs_restart(old, new)
    assert problem.path == ("quotas",)
    assert "none -> uplink hotel" in problem.message
    assert changes(old, new) == ("quota daily 0: at all metered uplinks -> uplink hotel",)
    assert not needs_restart(new, settings_of(tree({"uplink": "hotel", "limit": "2GB"})))


def test_keys_of_scopes_are_apart():
    scopes = [Scope(("a", "b")), Scope(("a",)), Scope(("ab",)), Scope(plan="a"), Scope(("plan", "a"))]
    keys = {scope.key for scope in scopes}
    assert len(keys) == len(scopes)
    assert all(len(key) < 32 for key in keys)
