# SPDX-License-Identifier: GPL-2.0-or-later
"""How often each SIM has connected, from one look at the modems to the next. Pure.

Carriers that round up count each connection (session) by itself.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from esimshaper.core.model.modems import Modem

MOST_SIMS = 64
"""So many SIMs are remembered; a person has a few."""


@dataclass(frozen=True, slots=True)
class Found:
    """A modem as it is now, and the paths of its connections that are up."""

    modem: Modem
    up: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Connects:
    """counts: by SIM, since watching began. up: the connections that are counted already."""

    counts: Mapping[str, int] = field(default_factory=dict)
    up: frozenset[str] = frozenset()


def follow(before: Connects, found: Iterable[Found], dropped: Collection[str] = ()) -> tuple[Connects, list[Modem]]:
    """The counts after another look, and the modems with them. `dropped`: connections that were down in between.

    A connection whose SIM is not known yet is counted when it is.
    """
    counts, up, modems = dict(before.counts), before.up - {*dropped}, []
    known: set[str] = set()
    for each in found:
        sim = each.modem.sim
        if sim:
            known |= each.up
            counts[sim] = counts.pop(sim, 0) + len(each.up - up)  # the latest stands last
        modems.append(replace(each.modem, connects=counts.get(sim, 0)))
    latest = dict(list(counts.items())[-MOST_SIMS:])
    return Connects(latest, frozenset(known)), modems
