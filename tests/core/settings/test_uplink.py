# SPDX-License-Identifier: GPL-2.0-or-later
"""The uplink by the beginning of its name, and the tunnels that go through it."""

import pytest

from esimshaper.core.settings.uplink import with_uplink
from esimshaper.core.settings.values import Tunnel
from tests.core.settings.parsing import problems_of, settings_of
from tests.core.settings.test_tree import tree_with

TUNNEL = {"interface": "wg0", "port": 51820}


def settings(**wan):
    return settings_of(tree_with(("wan",), {"interface": "wwan*", "replace_qdisc": False, **wan}))


def messages(path, value):
    return [each.message for each in problems_of(tree_with(path, value))]


def test_newest_of_what_fits_is_the_uplink_and_the_others_are_counted_too():
    found = with_uplink(settings(), ["wwan1", "wwan5", "wwan0"]).wan
    assert (found.interface, found.others, found.written) == ("wwan1", ("wwan0", "wwan5"), "wwan*")


def test_uplink_that_is_gone_keeps_its_name_until_another_comes():
    before = with_uplink(settings(), ["wwan0"])
    gone = with_uplink(before, [])
    assert gone is before
    assert with_uplink(gone, ["wwan1"]).wan.interface == "wwan1"
    assert with_uplink(settings(), []).wan.interface == "wwan*"


def test_uplink_by_its_whole_name_is_never_another():
    named = settings(interface="wwan0")
    assert with_uplink(named, ["wwan1"]) is named


def test_what_was_found_is_not_what_was_written():
    assert with_uplink(settings(), ["wwan1", "wwan0"]).as_written == with_uplink(settings(), ["wwan7"]).as_written


def test_tunnels_become_values():
    assert settings(tunnels=[TUNNEL]).wan.tunnels == (Tunnel("wg0", 51820),)


def test_an_asterisk_alone_is_no_uplink():
    assert messages(("wan", "interface"), "*")[0] == "`*` does not name an uplink"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("wan", "interface"), "ww*n0", "`ww*n0` does not name an uplink"),
        (("wan", "interface"), "br*", "`br0` is the uplink (wan.interface)"),
        (("lan", "interfaces"), ["br*"], "`br*` is not one interface"),
        (("wan", "tunnels"), [{**TUNNEL, "interface": "wwan0"}], "`wwan0` is the uplink (wan.interface)"),
        (("wan", "tunnels"), [{**TUNNEL, "interface": "br0"}], "`br0` is listed twice"),
        (("wan", "tunnels"), [TUNNEL, {**TUNNEL, "port": 1}], "`wg0` is listed twice"),
    ],
)
def test_interface_is_on_one_side_and_named_in_a_way_that_can_be_found(path, value, message):
    assert messages(path, value) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/8",
        "8.8.8.0/24",
        "100.64.0.0/10",
        "2001:db8::/32",
        "fc00::/7",
        "224.0.0.0/4",
        "10.0.0.1/24",
        "modem",
    ],
)
def test_nothing_larger_than_a_modem_is_unbilled(text):
    (problem,) = problems_of(tree_with(("wan",), {"interface": "wwan0", "unbilled": ["192.168.8.1", text]}))
    assert problem.path == ("wan", "unbilled", 1)
    assert text in problem.message


def test_addresses_of_a_modem_are_networks_each_once():
    written = ["192.168.8.1", "192.168.8.1/32", "fe80::/10", "ff02::/16", "255.255.255.255", "8.8.8.8"]
    found = settings(unbilled=written).wan.unbilled
    assert found == ("192.168.8.1/32", "fe80::/10", "ff02::/16", "255.255.255.255/32", "8.8.8.8/32")
