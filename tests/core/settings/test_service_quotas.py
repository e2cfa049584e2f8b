# SPDX-License-Identifier: GPL-2.0-or-later
"""`service` of a quota: what it means, and what the kernel has no room for."""

import copy

import pytest

from esimshaper.core.model.service_sets import MAX_POOLS, POOLS_OF_A_PACKET, ServiceSet
from esimshaper.core.model.services import Volume
from esimshaper.core.settings.changes import changes, needs_restart
from esimshaper.core.settings.service_quotas import wrong_services
from tests.core.settings.parsing import messages_of, settings_of
from tests.core.settings.test_quotas import TREE

SERVICES = {"youtube": "video", "netflix": "video", "spotify": "music", "fritz": None}
QUOTA = {"for": "each-client", "limit": "1GB", "period": "day", "then": "block", "warn_at": [], "used": "0B"}


def tree(*rows, **other):
    quotas = [QUOTA | {"name": f"daily {number}"} | row for number, row in enumerate(rows)]
    return copy.deepcopy(TREE) | {"quotas": quotas, **other}


def wrong(*rows, settings=True):
    found = tree(*rows)
    problems = wrong_services(found, settings_of(found) if settings else None, SERVICES)
    return [(each.path[1:], each.message, each.hint.split("? ")[0]) for each in problems]


def test_one_name_or_a_list_becomes_one_set_in_any_order():
    quotas = settings_of(tree({"service": "video"}, {"service": ["video", "music", "video"]}, {})).quotas
    assert [each.services for each in quotas] == [ServiceSet(("video",)), ServiceSet(("music", "video")), None]


@pytest.mark.parametrize("other", [{"uplink": "wwan0"}, {"plan": "trip"}])
def test_services_of_one_uplink_are_refused_since_that_could_not_be_exact(other):
    (key,) = other
    message = "what a service moves by one uplink is not counted apart, so this limit could not be exact"
    assert (("quotas", 0, key), message) in messages_of(tree({"service": "video", **other}))


def test_a_quota_that_follows_a_plan_names_no_service():
    following = {"name": "carrier", "for": "everyone", "follow": "plan", "service": "video", "then": "block"}
    found = tree() | {"quotas": [following]}
    assert messages_of(found) == [(("quotas", 0, "service"), "`service` does not go with `follow: plan`")]


def test_nothing_is_limited_by_service_where_services_are_not_counted():
    message = "services are not counted, as services.names is off"
    assert messages_of(tree({}, {"service": "video"}, services={"names": "off"})) == [
        (("quotas", 1, "service"), message)
    ]


def test_the_quota_that_needs_one_pool_too_many_is_named():
    sets = [{"service": f"service {number}"} for number in range(4)]
    assert settings_of(tree(*sets, *({"for": "everyone", "service": f"s{n}"} for n in range(8)))).quotas
    message = (
        "quotas by service need 1270 pools (254 for each set of services that is for each-client), but there is room "
        f"for {MAX_POOLS}"
    )
    assert messages_of(tree(*sets, {}, {"service": "one more"})) == [(("quotas", 5, "service"), message)]


def test_quotas_with_one_set_for_the_same_clients_share_their_pools():
    rows = [{"service": "video", "period": period} for period in ("hour", "day", "week", "month")]
    assert len(settings_of(tree(*rows, {"service": "video", "then": "notify"})).quotas) == 5


@pytest.mark.parametrize(
    ("written", "place", "name", "meant"),
    [
        ("youtub", ("service",), "youtub", "Did you mean `youtube`"),
        (["music", "vidoe"], ("service", 1), "vidoe", "Did you mean `video`"),
        ("YouTube", ("service",), "YouTube", "Did you mean `youtube`"),
    ],
)
def test_a_name_that_is_in_no_catalogue_is_refused_with_the_one_that_was_perhaps_meant(written, place, name, meant):
    message = f"no service and no category is called `{name}`"
    assert wrong({}, {"service": written}) == [((1, *place), message, meant)]


def test_built_in_services_and_those_without_a_category_can_be_limited():
    assert wrong({"service": ["unnamed", "hidden", "other", "fritz"]}) == []


def test_one_packet_has_room_in_six_pools_and_the_quota_with_the_next_one_is_named():
    rows = [
        {"service": "youtube"},
        {"service": "video", "for": "alice"},
        {"service": ["video", "music"], "for": "everyone"},
        {"service": ["youtube", "music"], "for": "everyone"},
        {"service": ["youtube", "video"], "for": "everyone"},
        {"service": ["youtube", "netflix"], "for": "everyone"},
    ]
    assert len(rows) == POOLS_OF_A_PACKET
    assert wrong(*rows) == []
    others = [{"service": "netflix", "for": "everyone"}, {"service": "youtube", "for": "group/living-room"}]
    assert wrong(*rows, *others) == []
    found = wrong(*rows, {"service": "youtube", "for": "everyone", "name": "late"})
    message = "for one client, 7 different sets of services in quotas have youtube in them, but there is room for 6"
    assert [(place, said) for place, said, _ in found] == [((6, "service"), message)]


def test_a_change_of_services_is_said_and_needs_no_restart():
    old, new = settings_of(tree({})), settings_of(tree({"service": ["video", "music"]}))
    assert not needs_restart(old, new)
    assert changes(old, new) == ("quota daily 0: of everything -> music, video",)
    said = "quota daily 0: new, 1.00 GB per day for each-client of music, video, then block"
    assert changes(settings_of(tree()), new) == (said,)


CATEGORIES = {"youtube": "video", "vpn": "hidden"}


@pytest.mark.parametrize(
    ("names", "numbers"),
    [(("video",), {3}), (("youtube",), {3}), (("hidden",), {1, 4}), (("unnamed",), {0}), (("other",), {2})],
)
def test_a_set_is_its_services_and_all_of_its_categories(names, numbers):
    assert ServiceSet(names).numbers({3: "youtube", 4: "vpn", 5: "maps"}, CATEGORIES) == numbers


def test_unnamed_is_what_the_named_ones_leave():
    services = {"youtube": Volume(10, 1), "maps": Volume(5, 0)}
    assert ServiceSet(("unnamed", "video")).volume(services, Volume(20, 4), CATEGORIES) == Volume(15, 4)
    assert ServiceSet(("video",)).volume(services, Volume(20, 4), CATEGORIES) == Volume(10, 1)


def test_keys_of_sets_are_apart():
    sets = [ServiceSet(("a", "b")), ServiceSet(("a",)), ServiceSet(("ab",))]
    assert len({each.key for each in sets}) == len(sets)


def test_a_pace_of_a_service_that_nobody_knows_is_refused_at_its_name():
    paces = [{"for": "each-client", "only": only, "rate": "2500kbit"} for only in ("video", "vidoe", ["youtube", "x"])]
    problems = wrong_services({"saver": {"pace": paces}}, None, SERVICES)
    assert [each.path for each in problems] == [("saver", "pace", 1, "only"), ("saver", "pace", 2, "only", 1)]
    assert problems[0].hint.startswith("Did you mean `video`?")
