# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the router's own addresses, by netlink (linux/if_addr.h). Names of interfaces in, addresses out."""

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterable

from esimshaper.edge import netlink
from esimshaper.edge.netlink import DUMP, Netlink

GETADDR = 22
_ENTRY = struct.Struct("=BBBBI")  # struct ifaddrmsg: family, prefix, flags, scope, number of the interface
_ADDRESS, _LOCAL = 1, 2  # IFA_ADDRESS; IFA_LOCAL, which is our end where the link has two
_BYTES = {socket.AF_INET: 4, socket.AF_INET6: 16}
_SECONDS = 1.0
"""The kernel answers at once; this only ends a hang."""


def own_addresses(interfaces: Iterable[str]) -> tuple[str, ...]:
    """The addresses of the interfaces, IPv4 first, without link-local ones, which no browser takes. Never raises.

    From any thread.
    """
    found: list[str] = []
    with contextlib.suppress(OSError), contextlib.closing(Netlink(timeout=_SECONDS)) as kernel:
        wanted = {number for name in interfaces if (number := _number(name))}
        for family in (socket.AF_INET, socket.AF_INET6):
            for answer in kernel.dump(netlink.message(GETADDR, DUMP, _ENTRY.pack(family, 0, 0, 0, 0))):
                found += _address(answer, wanted)
    return tuple(dict.fromkeys(found))


def _number(interface: str) -> int:
    with contextlib.suppress(OSError):
        return socket.if_nametoindex(interface)
    return 0


def _address(answer: memoryview, wanted: set[int]) -> list[str]:
    family, _, _, _, number = _ENTRY.unpack_from(answer)
    values = netlink.attributes(answer, _ENTRY.size, len(answer))
    place = values.get(_LOCAL) or values.get(_ADDRESS)
    if number not in wanted or place is None or place[1] - place[0] != _BYTES.get(family):
        return []
    address = ipaddress.ip_address(bytes(answer[slice(*place)]))
    return [] if address.is_link_local else [str(address)]
