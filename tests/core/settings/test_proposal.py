# SPDX-License-Identifier: GPL-2.0-or-later
"""What `setup` proposes for routers of many kinds: the modem as uplink, the side of the devices as LAN. Pure."""

from dataclasses import replace

import pytest

from esimshaper.core.model.box import Interface, LeaseFile
from esimshaper.core.settings.proposal import Look, described, lans, lease_files, proposed_lans, uplinks

LO = Interface(1, "lo", 772)


def box(*links: tuple[str, str, str], routes: tuple[str, ...] = (), raw: tuple[str, ...] = ()) -> Look:
    """Links as (name, kind, address); `raw` have raw IP."""
    made = [
        Interface(number, name, 65534 if name in raw else 1, kind) for number, (name, kind, _) in enumerate(links, 2)
    ]
    return Look((LO, *made), routes, {"lo": ("127.0.0.1",), **{name: (at,) for name, _, at in links if at}})


ROUTERS = {
    "a modem and a bridge": (
        box(("wwan0", "", "10.64.0.2"), ("br0", "bridge", "192.168.4.1"), routes=("wwan0",), raw=("wwan0",)),
        ("wwan0", "br0"),
    ),
    "a modem that is not connected, on hotel Wi-Fi": (
        box(("wwan0", "", ""), ("wlan0", "", "10.1.2.3"), ("br0", "bridge", "192.168.4.1"), routes=("wlan0",)),
        ("wwan0", "br0"),
    ),
    "a phone by USB, an access point and no bridge": (
        box(("usb0", "", "192.168.42.5"), ("wlan0", "", "192.168.4.1"), routes=("usb0",)),
        ("usb0", "wlan0"),
    ),
    "an adapter by USB as the port of the LAN": (
        box(("eth0", "", "100.64.0.9"), ("enx0050b6", "", "192.168.4.1"), routes=("eth0",)),
        ("eth0", "enx0050b6"),
    ),
    "containers beside the LAN": (
        box(
            ("docker0", "bridge", "172.17.0.1"),
            ("br-0123456789ab", "bridge", "172.18.0.1"),
            ("ppp0", "", "100.64.0.9"),
            ("br-lan", "bridge", "192.168.4.1"),
            routes=("ppp0",),
        ),
        ("ppp0", "br-lan"),
    ),
    "a VPN with the default route": (
        box(("wg0", "wireguard", "10.9.0.2"), ("wwan0", "", "10.64.0.2"), ("eth1", "", "10.0.0.1"), routes=("wg0",)),
        ("wwan0", "eth1"),
    ),
    "two ports for devices": (
        box(("wwan0", "", ""), ("eth0", "", "192.168.4.1"), ("wlan0", "", "192.168.5.1")),
        ("wwan0", "eth0,wlan0"),
    ),
    "an uplink made here, as in a lab": (
        box(("wan0", "veth", "10.64.0.2"), ("lan0", "veth", "192.168.4.1"), routes=("wan0",)),
        ("wan0", "lan0"),
    ),
}


@pytest.mark.parametrize("name", ROUTERS)
def test_the_likeliest_uplink_and_lan_come_first(name):
    look, (uplink, lan) = ROUTERS[name]
    assert uplinks(look)[0] == uplink
    assert ",".join(proposed_lans(look, uplink)) == lan
    assert set(proposed_lans(look, uplink)) <= {*lans(look, uplink)}


def test_ports_of_bridges_and_what_cannot_be_counted_are_never_proposed():
    look = box(("wwan0", "", ""), ("br0", "bridge", "192.168.4.1"), ("eth0", "", "192.168.4.9"), ("ifb0", "ifb", ""))
    ports = tuple(replace(link, master=3) if link.name == "eth0" else link for link in look.interfaces)
    look = replace(look, interfaces=(*ports, Interface(9, "can0", 280)))
    assert uplinks(look) == ("wwan0",)
    assert lans(look, "wwan0") == ("br0",)


def test_a_box_with_nothing_gets_no_proposal():
    assert uplinks(Look((LO,))) == lans(Look((LO,)), "") == proposed_lans(Look((LO,)), "") == ()


def test_lease_files_are_named_only_where_the_default_is_not_enough():
    here, there = LeaseFile("/var/lib/misc/dnsmasq.leases", format="dnsmasq"), LeaseFile("/kea.csv", format="Kea")
    unknown = LeaseFile("/else", size=9)
    assert lease_files(Look((), leases=(here, unknown))) == ()
    assert lease_files(Look((), leases=(unknown,))) == ()
    assert lease_files(Look((), leases=(here, there))) == (here.path, there.path)


def test_an_interface_is_described_by_what_tells_it_apart():
    look = box(("wwan0", "", "10.64.0.2"), ("br0", "bridge", "192.168.4.1"), ("wlan0", "", ""), routes=("wwan0",))
    assert described(look, "wwan0") == "a modem or phone, by its name, default route, 10.64.0.2"
    assert described(look, "br0") == "bridge, 192.168.4.1"
    assert described(look, "wlan0") == "Wi-Fi"
    assert described(look, "eth7") == "not there now"
