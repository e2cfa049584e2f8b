# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of network interfaces as the kernel lists them. Pure: values only."""

import ipaddress
import re
from dataclasses import dataclass

MODEM_NAMES = ("ww", "usb", "ppp", "enx", "mhi", "rmnet", "qmimux")
"""How systemd and the kernel begin the names of modems, and of phones that share their link."""

_BRIDGES = {
    r"docker\d|br-[0-9a-f]{12}$": "Docker",
    r"(cni-)?podman\d|cni\d": "Podman",
    r"lxc|lxd|incus": "LXC or Incus",
    r"virbr\d": "libvirt",
    r"vmnet\d": "VMware",
    r"vboxnet\d": "VirtualBox",
}
"""How programs call the bridges of their containers and virtual machines."""

_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918


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


def bridge_owner(name: str) -> str:
    """The programs whose containers or machines are at a bridge of this name; empty if it is a name like any other."""
    return next((whose for pattern, whose in _BRIDGES.items() if re.match(pattern, name)), "")


def is_private(address: str) -> bool:
    """Whether an IPv4 address is one of those that nobody has on the Internet (RFC 1918)."""
    number = ipaddress.ip_address(address)
    return any(number in network for network in _PRIVATE)
