# SPDX-License-Identifier: GPL-2.0-or-later
"""The uplink by the beginning of its name, and the tunnels that go through it."""

import pytest

from esimshaper.core.model.links import Link
from esimshaper.core.model.reading import Detour
from esimshaper.core.model.tunnels import TunnelEnd, TunnelLink
from esimshaper.core.settings import tunnels
from esimshaper.core.settings.uplink import detour_of, present
from esimshaper.core.settings.values import Tunnel
from tests.core.settings.parsing import problems_of, settings_of
from tests.core.settings.test_tree import tree_with

TUNNEL = {"interface": "wg0", "port": 51820}


def settings(**wan):
    return settings_of(tree_with(("wan",), {"interface": "wwan*", "replace_qdisc": False, **wan}))


def messages(path, value):
    return [each.message for each in problems_of(tree_with(path, value))]


def links(*names, **others):
    """Interfaces that are up, the oldest first, by name; and those that need more said."""
    plain = [Link(number, name, up=True) for number, name in enumerate(names, 1)]
    return [*plain, *(Link(100 + number, name, up=True, **said) for number, (name, said) in enumerate(others.items()))]


def test_newest_of_what_fits_and_is_up_is_the_uplink_and_the_others_are_counted_too():
    found = present(settings(), [*links("wwan0", "wwan5", "wwan1", "eth0"), Link(9, "wwan9")]).wan
    assert (found.interface, found.others, found.written) == ("wwan1", ("wwan0", "wwan5", "wwan9"), "wwan*")


def test_uplink_that_is_gone_keeps_its_name_until_another_comes():
    before = present(settings(), links("wwan0"))
    gone = present(before, [])
    assert gone is before
    assert present(gone, links("wwan1")).wan.interface == "wwan1"
    assert present(settings(), []).wan.interface == "wwan*"


def test_uplink_by_its_whole_name_is_never_another():
    named = settings(interface="wwan0")
    assert present(named, links("wwan1")) is named


def test_what_was_found_is_not_what_was_written():
    one, other = present(settings(), links("wwan0", "wwan1")), present(settings(), links("wwan7"))
    assert one.as_written == other.as_written


def test_other_names_and_names_of_before_mean_the_interface_wherever_a_name_may_stand():
    long = "wwp0s20f0u2i4-modem"
    written = settings_of(
        tree_with(("wan",), {"interface": long, "replace_qdisc": False, "tunnels": [{**TUNNEL, "interface": "vpn"}]})
    )
    box = [
        Link(3, "wwan0", other_names=("modem", long)),
        Link(4, "lan0"),
        Link(5, "wg0", other_names=("vpn",)),
    ]
    found = present(written, box, {"br0": 4})
    assert found.devices == {long: "wwan0", "br0": "lan0", "vpn": "wg0"}
    assert (found.wan.interface, found.device(long), found.device("eth0")) == (long, "wwan0", "eth0")
    assert found.uplink_names == ("wwan0",)
    assert found.as_written == written
    back = present(found, [Link(8, "br0")], {"br0": 4})
    assert back.devices == {}, "the real name goes first"


def test_interface_that_was_renamed_to_another_name_of_the_settings_is_that_one_only():
    found = present(settings(interface="wwan0"), [Link(4, "br0")], {"wwan0": 4})
    assert found.devices == {}


VLAN = {"kind": "vlan", "base": 1}


@pytest.mark.parametrize(
    ("box", "counted", "stacked"),
    [
        ([*links("wwan0"), Link(9, "wwan0.1", **VLAN)], {"wwan0"}, {"wwan0.1": "wwan0"}),
        (
            [*links("wwan0"), Link(9, "wwan0.1", **VLAN), Link(10, "wwan0.1.2", kind="vlan", base=9)],
            {"wwan0"},
            {"wwan0.1": "wwan0", "wwan0.1.2": "wwan0"},
        ),
        ([*links("wwan0"), Link(9, "wwanbr", kind="vlan", base=77)], {"wwan0", "wwanbr"}, {}),
        (
            [Link(1, "wwan0", master=9), Link(2, "wwan1", master=9), Link(9, "wwanbr", kind="bridge")],
            {"wwanbr"},
            {"wwan0": "wwanbr", "wwan1": "wwanbr"},
        ),
        (
            [Link(1, "wwan0", master=9), Link(9, "wwan-bond", kind="bond"), Link(10, "wwan-v", kind="vlan", base=9)],
            {"wwan-bond"},
            {"wwan0": "wwan-bond", "wwan-v": "wwan-bond"},
        ),
        (
            [Link(1, "wwan0", address=b"a"), Link(9, "wwan-m", kind="macvlan", base=1, address=b"b")],
            {"wwan0", "wwan-m"},
            {},
        ),
        (
            [Link(1, "wwan0", address=b"a"), Link(9, "wwan-m", kind="macvlan", base=1, address=b"a")],
            {"wwan0"},
            {"wwan-m": "wwan0"},
        ),
        (
            [
                Link(1, "wwan0", address=b"a"),
                Link(8, "wwan0.1", kind="vlan", base=1, master=9, address=b"a"),
                Link(9, "wwanbr", kind="bridge", address=b"a"),
            ],
            {"wwan0"},
            {"wwan0.1": "wwan0", "wwanbr": "wwan0"},
        ),
        ([*links("wwan0"), Link(9, "wwan-rm", kind="rmnet", base=1)], {"wwan0", "wwan-rm"}, {}),
        (
            [*links("wwan0"), Link(9, "wwan-vpn", kind="wireguard"), Link(10, "wwan-gre", kind="gre", base=1)],
            {"wwan0"},
            {},
        ),
    ],
)
def test_of_interfaces_that_stand_on_one_another_each_packet_counts_at_one(box, counted, stacked):
    wan = present(settings(), box).wan
    assert {wan.interface, *wan.others} == counted
    assert {each.interface: each.at for each in wan.stacked} == stacked


def test_side_of_the_devices_and_tunnels_are_no_uplinks_though_they_fit_by_another_name():
    box = [Link(1, "wwan0"), Link(2, "br0", other_names=("wwan-lan",)), Link(3, "wg0", other_names=("wwan-vpn",))]
    assert present(settings(tunnels=[TUNNEL]), box).wan.others == ()


def test_detour_is_a_way_that_nothing_counts_and_a_tunnel_is_told_apart():
    box = [
        Link(1, "wwan0", up=True),
        Link(2, "wwan0.7", kind="vlan", base=1),
        Link(3, "wg0", kind="wireguard"),
        Link(4, "wlan1"),
        Link(5, "tun0", kind="tun"),
    ]
    named = present(settings(interface="wwan0", tunnels=[TUNNEL]), box)
    for counted in ("wwan0", "wwan0.7", "wg0"):
        assert detour_of(named, box, [counted]) == Detour(has_way=True)
    assert detour_of(named, box, []) == Detour()
    found = detour_of(named, box, ["wwan0", "wlan1", "tun0"])
    assert found.interfaces == ("wlan1", "tun0")
    free, tunnel = found.sentence.split("; devices")
    assert "hotel Wi-Fi" in free
    assert "wan.tunnels" in tunnel
    assert detour_of(named, box, ["modem0"]) == Detour(has_way=True)  # that is what one of them was called just now


def test_tunnels_become_values():
    assert settings(tunnels=[TUNNEL]).wan.tunnels == (Tunnel("wg0", 51820),)


def test_vpn_whose_clients_are_clients_is_named_on_both_sides():
    tree = tree_with(("wan",), {"interface": "wwan0", "replace_qdisc": False, "tunnels": [TUNNEL]})
    tree["lan"]["interfaces"].append("wg0")
    found = settings_of(tree)
    assert tunnels.servers(found) == {"wg0"}
    (udp, tcp) = sorted(tunnels.ends(found.wan.tunnels, {}, {"wg0"}), key=lambda end: -end.protocol)
    assert (udp, tcp) == (TunnelEnd(17, 51820, unasked=True), TunnelEnd(6, 51820, unasked=True))


LINKS = {
    "gre1": TunnelLink(7, "gre", "203.0.113.1"),
    "ds": TunnelLink(8, "ip6tnl", "2001:db8::1"),
    "he": TunnelLink(9, "sit"),
    "vx": TunnelLink(10, "vxlan", port=4789),
    "clat": TunnelLink(11, "tun"),
}


def test_tunnel_without_a_port_is_what_its_link_is():
    named = [Tunnel(name) for name in (*LINKS, "later")]
    assert [each.interface for each in named if tunnels.is_translator(each, LINKS)] == ["clat", "later"]
    assert tunnels.ends(named, LINKS) == {
        TunnelEnd(47, 0, "203.0.113.1", unasked=True),
        *(TunnelEnd(protocol, 0, "2001:db8::1", unasked=True) for protocol in (4, 41)),
        *(TunnelEnd(protocol, unasked=True) for protocol in (4, 41)),
        TunnelEnd(17, 4789, unasked=True),
    }
    assert tunnels.added(named, LINKS) == {7: 24, 8: 48, 9: 20, 10: 50}


def test_port_of_a_vpn_is_narrowed_by_its_protocol_and_peer():
    (tunnel,) = settings(tunnels=[{**TUNNEL, "port": 443, "protocol": "udp", "peer": "198.51.100.7"}]).wan.tunnels
    assert tunnels.ends([tunnel], {}) == {TunnelEnd(17, 443, "198.51.100.7")}
    assert tunnels.ends_to_refuse([tunnel]) == {TunnelEnd(17, 443)}


def test_an_asterisk_alone_is_no_uplink():
    assert messages(("wan", "interface"), "*")[0] == "`*` does not name an uplink"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("wan", "interface"), "ww*n0", "`ww*n0` does not name an uplink"),
        (("wan", "interface"), "br*", "`br0` is the uplink (wan.interface)"),
        (("lan", "interfaces"), ["br*"], "`br*` is not one interface"),
        (("wan", "tunnels"), [{**TUNNEL, "interface": "wwan0"}], "`wwan0` is the uplink (wan.interface)"),
        (("wan", "tunnels"), [{**TUNNEL, "peer": "vpn.example.org"}], "`vpn.example.org` is not an IP address"),
        (("wan", "tunnels"), [{"interface": "tun0", "protocol": "udp"}], "a protocol needs its port"),
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
