# SPDX-License-Identifier: GPL-2.0-or-later
"""The interfaces of `wan` and `lan` together: each is named once, and the uplink on one side only. Pure."""

from esimshaper.core.settings.block import Block
from esimshaper.core.settings.problem import Path
from esimshaper.core.settings.uplink import fits


def check_sides(tree: Block) -> None:
    """Adds a problem for each interface of the clients or of a tunnel that is the uplink too, or named twice there."""
    wan, lan = tree.block("wan"), tree.block("lan")
    uplink = wan.get("interface") or ""
    seen: set[str] = set()
    for position, name in enumerate(lan.get("interfaces", ())):
        _check_interface(lan, ("interfaces", position), name, uplink, seen)
    # A VPN whose clients are clients of ours is both: they come in by it, and its packets cross the uplink.
    seen = set()
    for tunnel in wan.blocks("tunnels"):
        _check_interface(tunnel, ("interface",), tunnel.get("interface"), uplink, seen)


def _check_interface(block: Block, where: Path, name: str | None, uplink: str, seen: set[str]) -> None:
    """Compares `name` with the uplink and with the interfaces `seen` before it, and adds it to them."""
    if name is None:
        return
    if "*" in name:
        block.refuse(where, f"`{name}` is not one interface", "Name each interface.")
    if uplink and fits(name, uplink):
        block.refuse(where, f"`{name}` is the uplink (wan.interface)", "An interface is on one side only.")
    if name in seen:
        block.refuse(where, f"`{name}` is listed twice", "Remove one of the two.")
    seen.add(name)
