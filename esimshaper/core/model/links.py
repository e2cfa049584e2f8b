# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of network interfaces as the kernel lists them. Pure: values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """An interface: its kernel number, its ARPHRD type, its kind (`ifb`; empty for hardware), its alias.

    master: number of the bridge, bond or team that it is a port of. base: number of the interface below a VLAN or a
    macvlan, if that is in the same network namespace. address: its MAC, in bytes. other_names: `altname` of `ip link`.
    """

    index: int
    name: str
    type: int = 0
    mtu: int = 0
    up: bool = False
    kind: str = ""
    alias: str = ""
    master: int = 0
    base: int = 0
    address: bytes = b""
    other_names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names by which people may call it."""
        return (self.name, *self.other_names)
