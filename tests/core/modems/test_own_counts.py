# SPDX-License-Identifier: GPL-2.0-or-later
"""The modem's own count beside ours: from one moment at which it was told to another."""

from esimshaper.core.model.modems import Modem, ModemBytes, OwnCount
from esimshaper.core.modems.own_counts import Comparisons, compare, latest


def after(*looks: tuple[int | None, int], interface: str = "wwan0") -> Comparisons:
    """The comparisons after looks at what the modem and the router had counted, one each 10 s from 1000 on."""
    found: Comparisons = {}
    for place, (modem, router) in enumerate(looks):
        said = None if modem is None else ModemBytes(modem, 0)
        modems = (Modem(interface="wwan0", bytes=said),)
        found = compare(found, modems, {interface: router}, 1_000 + 10 * place)
    return found


def test_both_are_compared_from_when_the_modem_tells_another_count_to_when_it_does_so_last():
    # What the modem says is some seconds old: 500 of it is of an unknown moment.
    assert latest(after((500, 9_000), (500, 9_400))) == {}
    assert latest(after((500, 9_000), (900, 9_400))) == {}
    looks = ((500, 9_000), (900, 9_400), (900, 9_900), (1_900, 10_410), (1_900, 99_000))
    assert latest(after(*looks)) == {"wwan0": OwnCount(1_010, 1_000, 1_010)}


def test_another_connection_or_other_maps_begin_anew():
    assert latest(after((500, 9_000), (900, 9_400), (1_900, 10_400), (20, 10_500))) == {}
    assert latest(after((500, 9_000), (900, 9_400), (1_900, 10_400), (2_000, 5))) == {}


def test_without_two_counts_there_is_nothing_to_compare():
    assert after((None, 5), (None, 9)) == {}
    assert after((500, 9_000), (900, 9_400), interface="wlan1") == {}
