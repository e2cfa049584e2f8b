# SPDX-License-Identifier: GPL-2.0-or-later
"""The interfaces of `wan` and `lan` together: each is named once, and an uplink on one side only. Pure."""

from collections.abc import Collection, Iterator

from esimshaper.core.model.uplinks import fits
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.problem import Path
from esimshaper.core.settings.wan import wan_blocks


def check_sides(tree: Block) -> None:
    """Adds a problem for each interface of the clients or of a tunnel that is an uplink too, or named twice there."""
    blocks, lan = wan_blocks(tree), tree.block("lan")
    uplinks = list(_uplinks(blocks))
    seen: set[str] = set()
    for position, name in enumerate(lan.get("interfaces", ())):
        _check_interface(lan, ("interfaces", position), name, uplinks, seen)
    # A VPN whose clients are clients of ours is both: they come in by it, and its packets cross the uplink.
    seen = set()
    for tunnel in (tunnel for block in blocks for tunnel in block.blocks("tunnels")):
        _check_interface(tunnel, ("interface",), tunnel.get("interface"), uplinks, seen)


def _uplinks(blocks: Collection[Block]) -> Iterator[str]:
    """The interface of each uplink. One that another uplink has already adds a problem."""
    before: list[str] = []
    for block in blocks:
        name = str(block.get("interface") or "")
        if not name:
            continue
        # A whole name beside a pattern that it fits is no mistake: the pattern then means the others.
        alike = (other for other in before if ("*" in other) == ("*" in name))
        if any(fits(name, other) or fits(other, name) for other in alike):
            block.refuse("interface", f"`{name}` is another uplink already", "An interface belongs to one uplink.")
        before.append(name)
        yield name


def _check_interface(block: Block, where: Path, name: str | None, uplinks: Collection[str], seen: set[str]) -> None:
    """Compares `name` with the uplinks and with the interfaces `seen` before it, and adds it to them."""
    if name is None:
        return
    if "*" in name:
        block.refuse(where, f"`{name}` is not one interface", "Name each interface.")
    if any(fits(name, uplink) for uplink in uplinks):
        block.refuse(where, f"`{name}` is the uplink (wan.interface)", "An interface is on one side only.")
    if name in seen:
        block.refuse(where, f"`{name}` is listed twice", "Remove one of the two.")
    seen.add(name)
