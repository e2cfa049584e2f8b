# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `lan` -> the side of the clients. Pure."""

from esimshaper.core.settings.block import Block
from esimshaper.core.settings.values import Lan


def lan_from(lan: Block) -> Lan | None:
    """The side of the clients; None where something of it is missing. meter.py judges the mask."""
    interfaces, leases, mask = (lan.get(key) for key in ("interfaces", "leases", "mark_mask"))
    if interfaces is None or leases is None or mask is None:
        return None
    return Lan(tuple(interfaces), tuple(leases), int(mask))
