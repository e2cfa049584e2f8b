# SPDX-License-Identifier: GPL-2.0-or-later
"""An uplink whose interface the settings leave out: ModemManager's modem, else the default route."""

import pytest

from esimshaper.core.model.links import Link
from esimshaper.core.model.uplinks import AUTO, BY_MODEM, BY_ROUTE, Ways
from esimshaper.core.settings.changes import changes
from esimshaper.core.settings.uplink import present
from tests.core.settings.parsing import messages_of, settings_of
from tests.core.settings.test_tree import GOOD, tree_with

LAN = GOOD["lan"]["interfaces"][0]
BOX = [Link(1, "lo"), Link(2, "wwan0"), Link(3, "wlan1", up=True), Link(4, LAN), Link(5, "wg0", kind="wireguard")]


def settings(**wan):
    return settings_of(tree_with(("wan",), wan))


def wan(*ways, before=None, links=BOX, known=None):
    return present(before or settings(), links, known, Ways(*ways)).wan


def test_left_out_is_auto_and_both_are_found_by_the_modem_first():
    assert settings().as_written == settings(interface="auto").as_written
    found = wan(("wwan0",), ("wlan1",))
    assert (found.interface, found.found_by, found.others) == ("wwan0", BY_MODEM, ())
    route = wan((), ("wlan1",))
    assert (route.interface, route.found_by) == ("wlan1", BY_ROUTE)


@pytest.mark.parametrize("wrong", [LAN, "wg0"])
def test_a_modem_at_a_lan_or_a_tunnel_is_not_the_uplink_either(wrong):
    assert wan((wrong,), ()).interface == AUTO


@pytest.mark.parametrize("wrong", [LAN, "wg0", "tun0", "not-there"])
def test_a_lan_a_tunnel_or_nothing_is_never_the_uplink(wrong):
    links = [*BOX, Link(6, "tun0", kind="tun")]
    found = wan((), (wrong,), links=links)
    assert (found.interface, found.found_by) == (AUTO, "")
    assert wan((), (wrong, "wlan1"), links=links).interface == "wlan1"


def test_what_a_modem_had_is_not_handed_over_to_a_mere_route():
    before = present(settings(), BOX, None, Ways(("wwan0",), ()))
    gone = present(before, BOX[2:], None, Ways((), ("wlan1",)))
    assert (gone.wan.interface, gone.wan.found_by) == ("wwan0", BY_MODEM), "hotel Wi-Fi while the modem resets"
    back = present(gone, [*BOX[2:], Link(9, "wwan7")], None, Ways(("wwan7",), ("wlan1",)))
    assert back.wan.interface == "wwan7"


def test_another_route_is_followed_and_a_modem_takes_over():
    before = present(settings(), BOX, None, Ways((), ("wlan1",)))
    assert present(before, BOX, None, Ways()).wan.interface == "wlan1", "while there is no route"
    other = present(before, [*BOX, Link(7, "eth7")], None, Ways((), ("eth7",)))
    assert (other.wan.interface, other.wan.found_by) == ("eth7", BY_ROUTE)
    assert present(other, BOX, None, Ways(("wwan0",), ("eth7",))).wan.found_by == BY_MODEM


def test_a_start_without_any_way_goes_on_where_our_programs_are():
    found = wan((), (), known={"wwan0": 2, LAN: 4})
    assert (found.interface, found.found_by) == ("wwan0", "")
    assert wan((), ("wlan1",), known={"wwan0": 2}).interface == "wlan1"


def test_what_the_settings_say_beside_it_holds_and_they_are_the_same_as_written():
    before = settings(download="40mbit", name="sim")
    found = present(before, BOX, None, Ways(("wwan0",), ()))
    assert (found.wan.download, found.wan.interface, found.wan.name) == (40_000_000, "wwan0", "sim")
    assert found.as_written == before.as_written
    assert present(found, BOX, None, Ways(("wwan0",), ())) is found
    assert "WAN auto" in found.in_short


def test_in_a_list_it_is_what_the_others_are_not():
    both = [{"name": "sim", "interface": "auto"}, {"name": "hotel", "interface": "wlan1"}]
    found = present(settings_of(tree_with(("wan",), both)), BOX, None, Ways((), ("wlan1", "wwan0")))
    assert [each.interfaces for each in found.uplinks] == [("wwan0",), ("wlan1",)]


def test_closed_needs_a_name():
    tree = tree_with(("wan",), {}) | {"on_failure": "closed"}
    ((path, message),) = messages_of(tree)
    assert path == ("on_failure",)
    assert "nothing to hold" in message


HOTEL = [{"name": "sim", "interface": "wwan0"}, {"name": "hotel", "interface": "wlan1", "metered": "auto"}]


@pytest.mark.parametrize(
    ("said", "metered"), [({}, True), ({"wlan1": True}, True), ({"wlan1": False}, False), ({"wwan0": False}, True)]
)
def test_an_uplink_is_metered_as_networkmanager_says_and_while_it_says_nothing(said, metered):
    written = settings_of(tree_with(("wan",), HOTEL))
    found = present(written, BOX, None, Ways(metered=said))
    assert [each.metered for each in found.uplinks] == [True, metered]
    assert found.as_written == written.as_written
    assert present(found, BOX, None, Ways()).uplinks[1].metered, "it does not say any more"
    assert found.wan.counted_apart == ("hotel", "sim")


def test_one_uplink_that_asks_is_counted_apart_from_the_start():
    alone = settings_of(tree_with(("wan",), {"interface": "wlan1", "metered": "auto"}))
    assert alone.wan.counted_apart == ("wan",)
    assert not present(alone, BOX, None, Ways(metered={"wlan1": False})).uplinks[0].metered


def test_a_change_of_it_is_said_in_the_words_of_the_file():
    before, after = (settings_of(tree_with(("wan",), [HOTEL[0], HOTEL[1] | {"metered": to}])) for to in ("no", "auto"))
    assert changes(before, after) == ("uplink hotel: metered: no -> auto",)


def test_what_is_found_by_itself_cannot_ask_as_well():
    assert messages_of(tree_with(("wan",), {"metered": "auto"})) == [
        (("wan", "metered"), "an uplink that is not always metered needs its interface")
    ]
