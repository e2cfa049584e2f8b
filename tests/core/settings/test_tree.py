# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings: what a schema cannot say, and what the texts mean."""

import copy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.kernel import CARRIED_ACCOUNTS, NO_MARK, mark_shift
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.clients import parse_mac
from esimshaper.core.settings.meter import mask_capacity
from esimshaper.core.settings.metrics import parse_listen
from esimshaper.core.settings.subjects import known_from
from esimshaper.core.settings.values import Client, Lan, Listen, Wan
from tests.core.settings.parsing import messages_of, problems_of, settings_of

GOOD = {
    "wan": {"interface": "wwan0", "replace_qdisc": False},
    "lan": {"interfaces": ["br0"], "leases": [], "mark_mask": 0xFF000000},
    "timezone": "Asia/Tokyo",
    "clients": [{"name": "tv", "mac": "02:00:00:00:00:10"}],
    "metrics": {"listen": "[::1]:19473"},
    "meter": {"max_flows": 65536},
    "router": {"reserve": "5MB", "reachable": []},
    "on_failure": "open",
    "quotas": [],
}


def tree_with(path, value):
    tree = copy.deepcopy(GOOD)
    block = tree
    for step in path[:-1]:
        block = block[step]
    block[path[-1]] = value
    return tree


def client(name="tv", mac="02:00:00:00:00:10"):
    return {"name": name, "mac": mac}


@pytest.mark.parametrize(
    ("address", "key"), [("10.8.0.2", "10.8.0.2"), ("::ffff:10.8.0.2", "10.8.0.2"), ("2001:DB8:0::2", "2001:db8::2")]
)
def test_device_in_a_vpn_has_an_ip_address_for_a_mac(address, key):
    (found,) = settings_of(tree_with(("clients",), [{"name": "phone", "address": address}])).clients
    assert found == Client("phone", key)


@pytest.mark.parametrize(
    ("clients", "message"),
    [
        ([{**client(), "address": "10.8.0.2"}], "a client has either a MAC address or an IP address"),
        ([{"name": "a", "address": "10.8.0"}], "`10.8.0` is not an IP address"),
        ([{"name": "a", "address": "224.0.0.1"}], "`224.0.0.1` is not the address of a device"),
        ([{"name": each, "address": "10.8.0.2"} for each in "ab"], "`10.8.0.2` already belongs to `a`"),
    ],
)
def test_wrong_address_of_a_client_is_refused(clients, message):
    assert [each.message for each in problems_of(tree_with(("clients",), clients))] == [message]


def test_complete_tree_becomes_settings():
    assert messages_of(GOOD) == []
    settings = settings_of(GOOD)
    assert settings.clients == (Client("tv", "02:00:00:00:00:10"),)
    assert settings.metrics.listen == Listen("::1", 19473)
    assert settings.wan == Wan("wwan0", None, None, replace_qdisc=False)
    assert settings.lan == Lan(interfaces=("br0",), leases=(), mark_mask=0xFF000000)


@pytest.mark.parametrize(
    ("path", "value", "where", "message"),
    [
        (("lan", "interfaces"), ["br0", "wwan0"], ("lan", "interfaces", 1), "uplink"),
        (("lan", "interfaces"), ["br0", "eth1", "br0"], ("lan", "interfaces", 2), "listed twice"),
        (("lan", "mark_mask"), 0xFF00FF00, ("lan", "mark_mask"), "0xff00ff00.*one piece"),
        (("lan", "mark_mask"), 0x80000000, ("lan", "mark_mask"), "fewer than 2 bits"),
        (("meter", "max_clients"), 254, ("meter", "max_clients"), "can number 253"),
        (("timezone",), "Asia/Tokio", ("timezone",), "`Asia/Tokio` is not a time zone"),
        (("metrics", "listen"), "localhost", ("metrics", "listen"), "not an IP address and a port"),
        (("clients",), [client(name="router")], ("clients", 0, "name"), "built-in"),
        (("clients",), [client(name="unattributed")], ("clients", 0, "name"), "built-in"),
        (("clients",), [client(name="others")], ("clients", 0, "name"), "built-in"),
        (("clients",), [client(name="Router")], ("clients", 0, "name"), "built-in"),
        (("clients",), [client(name="everyone")], ("clients", 0, "name"), "somebody else"),
        (("clients",), [client(name="Each-Client")], ("clients", 0, "name"), "somebody else"),
        (("clients",), [client(name="\uff45\uff56eryone")], ("clients", 0, "name"), "somebody else"),
        (("clients",), [client(name="client\u2215tv")], ("clients", 0, "name"), "somebody else"),
        (("clients",), [client(name="group\uff0fkids")], ("clients", 0, "name"), "somebody else"),
        (
            ("clients",),
            [client("cafe\u0301"), client("caf\u00e9", "02:00:00:00:00:11")],
            ("clients", 1, "name"),
            "twice",
        ),
        (("clients",), [client(name="02-00-00-00-00-99")], ("clients", 0, "name"), "looks like an address"),
        (("clients",), [client(name="192.168.1.5")], ("clients", 0, "name"), "looks like an address"),
        (("clients",), [client(name="t\u200bv")], ("clients", 0, "name"), "invisible"),
        (("clients",), [client(), client(mac="02:00:00:00:00:11")], ("clients", 1, "name"), "`tv` is used twice"),
        (("clients",), [client(), client("b", "02-00-00-00-00-10")], ("clients", 1, "mac"), "belongs to `tv`"),
        (("clients",), [client(mac="03:00:00:00:00:10")], ("clients", 0, "mac"), "group"),
        (("clients",), [client() | {"group": "unknown"}], ("clients", 0, "group"), "all devices that are not listed"),
        (("clients",), [client() | {"group": "a\u200bb"}], ("clients", 0, "group"), "invisible"),
        (("clients",), [client() | {"group": "\u592a" * 11}], ("clients", 0, "group"), "too long"),
        (("wan", "download"), "7kbit", ("wan", "download"), "`7kbit` is not between 8kbit and 10gbit"),
        (("wan", "upload"), "10.1gbit", ("wan", "upload"), "`10.1gbit` is not between 8kbit and 10gbit"),
        (("wan", "upload"), "8000.0001bit", ("wan", "upload"), "whole number of bits"),
        (("clients",), [client(mac="00:00:00:00:00:00")], ("clients", 0, "mac"), "empty address"),
    ],
)
def test_each_contradiction_is_found_at_its_place(path, value, where, message):
    problems = problems_of(tree_with(path, value))
    assert [each.path for each in problems] == [where]
    assert re.search(message, problems[0].message)
    assert problems[0].hint.endswith(".")


def test_all_contradictions_are_found_at_once():
    tree = tree_with(("timezone",), "Mars/Base")
    tree["lan"]["interfaces"] = ["wwan0"]
    tree["clients"] = [client("router"), client("b", "ff:ff:ff:ff:ff:ff")]
    paths = {path for path, _ in messages_of(tree)}
    assert paths == {("timezone",), ("lan", "interfaces", 0), ("clients", 0, "name"), ("clients", 1, "mac")}


def test_more_named_clients_than_the_mask_can_number_are_messages_of():
    tree = tree_with(("lan", "mark_mask"), 0x7)
    tree["clients"] = [client(f"c{number}", f"02:00:00:00:00:{number:02x}") for number in range(6)]
    assert messages_of(tree) == [(("clients", 5), "6 clients are named, but only 5 can be counted one by one")]


def test_more_named_clients_than_max_clients_are_found():
    tree = tree_with(("clients",), [client("a", "02:00:00:00:00:01"), client("b", "02:00:00:00:00:02")])
    tree["meter"]["max_clients"] = 1
    assert messages_of(tree) == [(("clients", 1), "2 clients are named, but only 1 can be counted one by one")]


@pytest.mark.parametrize(("mask", "room"), [(0, 253), (0xFFF00000, 1024)])
def test_named_clients_need_room_in_the_kernel_part_though_their_numbers_would_fit(mask, room):
    tree = tree_with(("lan", "mark_mask"), mask)
    tree["clients"] = [
        client(f"c{number}", f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}") for number in range(1030)
    ]
    (problem,) = problems_of(tree)
    assert (problem.path, problem.message) == (
        ("clients", room),
        f"1030 clients are named, but only {room} can be counted one by one",
    )
    assert problem.hint.startswith("Write `meter: {max_clients: 1030}`, or more")
    tree["meter"]["max_clients"] = 1030
    assert settings_of(tree).meter.max_clients == 1030


def test_without_a_mark_so_many_clients_fit_as_a_packet_can_carry_the_number_of():
    tree = tree_with(("lan", "mark_mask"), NO_MARK)
    tree["meter"]["max_clients"] = 4092
    assert settings_of(tree).meter.max_accounts == CARRIED_ACCOUNTS


@pytest.mark.parametrize(("clients", "bits"), [(254, 9), (1021, 10), (1022, 11)])
def test_hint_names_the_bits_that_so_many_clients_need(clients, bits):
    (problem,) = problems_of(tree_with(("meter", "max_clients"), clients))
    assert problem.hint == f"Set max_clients to 253 or less, or give the mask {bits} bits."
    assert mask_capacity((1 << bits) - 1) >= clients > mask_capacity((1 << bits - 1) - 1)


def test_link_and_groups_become_values():
    tree = tree_with(("wan",), {"interface": "w", "download": "40mbit", "upload": "1.5Mbit/s", "replace_qdisc": True})
    tree["clients"] = [client() | {"group": "kids"}, client("b", "02:00:00:00:00:11")]
    assert messages_of(tree) == []
    settings = settings_of(tree)
    assert settings.wan == Wan("w", 40_000_000, 1_500_000, replace_qdisc=True)
    assert settings.wan.uplinks[0].measure
    assert [each.group for each in settings.clients] == ["kids", ""]
    assert known_from(Block(tree, []), settings.clients).groups == {"kids"}


def test_names_are_one_in_each_form_of_unicode():
    tree = tree_with(("clients",), [client("cafe\u0301") | {"group": "pi\u00f1a"}])
    quota = {"limit": "1GB", "period": "day", "then": "block"}
    tree["quotas"] = [
        quota | {"name": "cafe\u0301", "for": "client/caf\u00e9"},
        quota | {"name": "b", "for": "group/pin\u0303a"},
    ]
    settings = settings_of(tree)
    assert [(each.name, each.group) for each in settings.clients] == [("caf\u00e9", "pi\u00f1a")]
    assert [each.name for each in settings.quotas] == ["caf\u00e9", "b"]
    assert [each.subject.id for each in settings.quotas] == [settings.clients[0].key, "pi\u00f1a"]


def test_more_groups_than_there_is_room_for_are_found_once():
    clients = [client(f"c{n}", f"02:00:00:00:00:{n:02x}") | {"group": f"g{n}"} for n in range(34)]
    assert messages_of(tree_with(("clients",), clients[:31])) == []
    assert messages_of(tree_with(("clients",), clients)) == [
        (("clients", 31, "group"), "there are more than 31 groups")
    ]


def test_what_is_missing_is_not_judged():
    assert messages_of({}) == []
    assert messages_of({"clients": [None, {"name": "tv"}, {}], "lan": {"interfaces": [None, "br0"]}}) == []


@pytest.mark.parametrize(
    ("mask", "capacity", "shift"),
    [(0xFF000000, 253, 24), (0xFFFFFFFF, 2**32 - 3, 0), (0xC, 1, 2), (0xFFF00000, 4093, 20)],
)
def test_mask_carries_its_accounts(mask, capacity, shift):
    assert mask_capacity(mask) == capacity
    assert mark_shift(mask) == shift


@given(st.integers(min_value=0, max_value=30), st.integers(min_value=2, max_value=32))
def test_largest_account_fits_into_the_mask_and_the_next_does_not(shift, bits):
    mask = ((1 << bits) - 1) << shift
    largest = mask_capacity(mask) + 2  # 0 and 1 are the pseudo-clients, and this one is that of the others
    assert (largest << mark_shift(mask)) & ~mask == 0
    assert ((largest + 1) << mark_shift(mask)) & ~mask != 0


@pytest.mark.parametrize("mask", [0, 1, 0x80000000, 0b101, 0xFF00FF])
def test_mask_that_cannot_carry_an_account_is_refused(mask):
    with pytest.raises(ValueError, match="bits"):
        mask_capacity(mask)


@pytest.mark.parametrize(("mask", "clients"), [(0, 253), (0xFF000000, 253), (0xFFF00000, 1024), (0x3, 1)])
def test_default_room_is_1024_clients_or_what_the_mask_can_number(mask, clients):
    meter = settings_of(tree_with(("lan", "mark_mask"), mask)).meter
    assert meter.max_clients == clients
    assert meter.max_accounts == clients + 3


@pytest.mark.parametrize("text", ["02:0A:00:00:00:fF", "02-0a-00-00-00-FF", "02:0a:00:00:00:ff"])
def test_mac_is_kept_in_lower_case_with_colons(text):
    assert parse_mac(text) == "02:0a:00:00:00:ff"


@pytest.mark.parametrize("text", ["", "02:00:00:00:00", "02:00:00:00:00:0g", "020000000010", "02:00:00:00:00:10\n"])
def test_other_texts_are_no_mac(text):
    with pytest.raises(ValueError, match="is not a MAC address"):
        parse_mac(text)


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [("127.0.0.1:19473", "127.0.0.1", 19473), ("[::1]:1", "::1", 1), ("0.0.0.0:65535", "0.0.0.0", 65535)],
)
def test_listen_is_an_address_and_a_port(text, address, port):
    assert parse_listen(text) == Listen(address, port)


@pytest.mark.parametrize(
    "text",
    ["", ":", "19473", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:1x", "127.0.0.1:\u0661",
     "::1:19473", "[127.0.0.1]:80", "[::1]", "[::1]80", "host:80", "127.0.0.1:-1", "127.0.0.1: 80"],
)  # fmt: skip
def test_other_texts_are_nowhere_to_listen(text):
    with pytest.raises(ValueError, match="`"):
        parse_listen(text)
