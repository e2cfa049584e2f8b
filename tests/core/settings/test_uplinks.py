# SPDX-License-Identifier: GPL-2.0-or-later
"""Several ways to the Internet: a list under `wan`."""

from dataclasses import replace

import pytest

from esimshaper.core.model.links import Link
from esimshaper.core.settings.changes import changes, needs_restart
from esimshaper.core.settings.uplink import belonging, present
from tests.core.settings.parsing import messages_of, settings_of
from tests.core.settings.test_tree import tree_with

CELLULAR = {"name": "cellular", "interface": "wwan*", "download": "40mbit"}
HOTEL = {"name": "hotel", "interface": "wlan1"}


def settings(*uplinks):
    return settings_of(tree_with(("wan",), list(uplinks) or [CELLULAR, HOTEL]))


def test_one_block_is_one_uplink_under_its_name_or_wan():
    (alone,) = settings_of(tree_with(("wan",), {"interface": "wwan0"})).uplinks
    (named,) = settings_of(tree_with(("wan",), {"interface": "wwan*", "name": "sim"})).uplinks
    assert (alone.name, alone.interface, alone.interfaces) == ("wan", "wwan0", ("wwan0",))
    assert (named.name, named.interface, named.pattern) == ("sim", "wwan*", "wwan*")


def test_each_uplink_has_its_interfaces_and_all_of_them_are_counted():
    box = [Link(1, "wwan0", up=True), Link(2, "wwan1", up=True), Link(3, "wlan1", up=True), Link(4, "eth0", up=True)]
    found = present(settings(), box)
    assert [each.interfaces for each in found.uplinks] == [("wwan1", "wwan0"), ("wlan1",)]
    assert (found.wan.interface, found.wan.others) == ("wwan1", ("wwan0", "wlan1"))
    assert found.wan.download == 40_000_000
    assert found.uplink_names == ("wwan*", "wlan1")
    assert found.as_written == settings().as_written
    assert "WAN wwan* wlan1" in found.in_short


def test_traffic_is_shaped_at_the_first_uplink_that_is_up():
    down = present(settings(), [Link(1, "wwan0"), Link(3, "wlan1", up=True)])
    assert (down.wan.interface, down.wan.download, down.wan.others) == ("wlan1", None, ("wwan0",))
    none = present(settings(), [])
    assert (none.wan.interface, none.wan.download) == ("wwan*", 40_000_000)
    back = present(down, [Link(5, "wwan3", up=True), Link(3, "wlan1", up=True)])
    assert (back.wan.interface, back.wan.others) == ("wwan3", ("wlan1",))
    assert present(back, []).uplinks[0].interfaces == ("wwan3",), "as it was called last"


def test_an_interface_that_an_uplink_names_is_no_other_uplink_by_a_pattern():
    found = present(
        settings({"name": "one", "interface": "wlan1"}, {"name": "all", "interface": "w*"}), [Link(3, "wlan1")]
    )
    assert [each.interfaces for each in found.uplinks] == [("wlan1",), ("w*",)]


@pytest.mark.parametrize(
    ("second", "path", "message"),
    [
        ({"name": "cellular", "interface": "usb0"}, ("wan", 1, "name"), "the name `cellular` is used twice"),
        ({"name": "usb", "interface": "wwan*"}, ("wan", 1, "interface"), "`wwan*` is another uplink already"),
        ({"name": "usb", "interface": "br0"}, ("lan", "interfaces", 0), "`br0` is the uplink (wan.interface)"),
        (
            {"name": "usb", "interface": "u", "tunnels": [{"interface": "wwan5"}]},
            ("wan", 1, "tunnels", 0, "interface"),
            "`wwan5` is the uplink (wan.interface)",
        ),
    ],
)
def test_what_two_uplinks_cannot_share_is_said_at_its_place(second, path, message):
    assert messages_of(tree_with(("wan",), [CELLULAR, second])) == [(path, message)]


def test_tunnels_and_unbilled_networks_of_all_uplinks_hold():
    found = settings({**CELLULAR, "tunnels": [{"interface": "wg0", "port": 5}]}, {**HOTEL, "unbilled": ["10.0.0.1"]})
    assert [each.interface for each in found.wan.tunnels] == ["wg0"]
    assert found.wan.unbilled == ("10.0.0.1/32",)


def test_changes_of_a_list_are_said_by_the_name_of_the_uplink():
    before = settings()
    after = settings({**CELLULAR, "download": "20mbit"}, {"name": "phone", "interface": "usb0"})
    assert changes(before, after) == (
        "uplink cellular: download: 40.0 Mbit/s -> 20.0 Mbit/s",
        "uplink phone: new (usb0)",
        "uplink hotel: removed",
    )
    one = settings_of(tree_with(("wan",), {"interface": "wwan*", "name": "cellular", "download": "40mbit"}))
    assert changes(one.as_written, before.as_written) == ("uplink hotel: new (wlan1)",)
    found = present(before, [Link(1, "wwan0", up=True)])
    assert changes(before.as_written, replace(found).as_written) == ()


def test_whether_an_uplink_is_metered_and_what_needs_a_restart():
    before = settings()
    free = settings(CELLULAR, {**HOTEL, "metered": "no"})
    assert changes(before, free) == ("uplink hotel: metered: yes -> no",)
    assert free.uplink_names == ("wwan*", "wlan1")
    assert free.metered_names == ("wwan*",)
    assert needs_restart(before, free) == ()
    assert needs_restart(before, settings(HOTEL, CELLULAR)) == (), "another order is no other list"
    one = settings_of(tree_with(("wan",), {"interface": "wwan*", "name": "cellular"}))
    (problem,) = needs_restart(one, before)
    assert problem.message == "wan cannot change while the daemon runs (one uplink -> cellular, hotel)"
    alone = settings_of(tree_with(("wan",), {"interface": "wlan1", "metered": "no"}))
    assert [(each.name, each.metered) for each in alone.uplinks] == [("wan", False)]
    assert alone.wan.counted_apart == ("wan",)


def test_each_interface_belongs_to_its_uplink_by_number_also_where_it_is_counted_at_another():
    box = [
        Link(1, "wwan0", up=True),
        Link(2, "wwan0.5", up=True, kind="vlan", base=1),
        Link(3, "wlan1", up=True),
        Link(4, "eth0", up=True),
    ]
    found = present(settings(), box)
    assert belonging(found, box) == {1: "cellular", 2: "cellular", 3: "hotel"}


def test_an_uplink_that_is_not_metered_names_its_interface():
    message = "an uplink that is not always metered needs its interface"
    assert messages_of(tree_with(("wan",), {"metered": "no"})) == [(("wan", "metered"), message)]
