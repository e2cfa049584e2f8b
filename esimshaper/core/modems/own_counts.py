# SPDX-License-Identifier: GPL-2.0-or-later
"""The modem's own count of bytes beside ours: a second witness of the bill. Pure.

A modem tells its count now and then, each half minute or so, and ours is of each second. So both are compared from one
moment at which the modem has told another count to the latest such moment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from esimshaper.core.model.modems import Modem, OwnCount


@dataclass(frozen=True, slots=True)
class Watched:
    """since: Unix seconds of the first moment, 0 until it was there; first, last: what modem and router had counted."""

    said: int
    since: int = 0
    first: tuple[int, int] = (0, 0)
    last: tuple[int, int] = (0, 0)


Comparisons = Mapping[str, Watched]
"""By interface of the modem."""


def compare(before: Comparisons, modems: Iterable[Modem], ours: Mapping[str, int], now: float) -> Comparisons:
    """The comparisons after a tick. `ours`: bytes that were counted at an interface so far."""
    found: dict[str, Watched] = {}
    for modem in modems:
        if modem.bytes is None or modem.interface not in ours:
            continue
        said, counted = modem.bytes.received + modem.bytes.sent, ours[modem.interface]
        known = before.get(modem.interface)
        if known is None or said < known.said or counted < known.last[1]:  # another connection, or other maps
            known = Watched(said)
        if said != known.said:
            pair = (said, counted)
            known = replace(known, said=said, last=pair) if known.since else Watched(said, int(now), pair, pair)
        found[modem.interface] = known
    return found


def latest(comparisons: Comparisons) -> Mapping[str, OwnCount]:
    """What each comparison has come to, where it has begun."""
    return {
        interface: OwnCount(each.since, each.last[0] - each.first[0], each.last[1] - each.first[1])
        for interface, each in comparisons.items()
        if each.last != each.first
    }
