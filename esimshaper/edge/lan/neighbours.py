# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the kernel's neighbour table, by netlink (linux/neighbour.h). Names of LAN interfaces in, Neighbours out."""

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping

from esimshaper.core.model.identity import Neighbour
from esimshaper.edge import netlink
from esimshaper.edge.netlink import DUMP, Netlink

GETNEIGH = 30
ENTRY = struct.Struct("=BxxxiHBB")  # struct ndmsg: family, number of the interface, state, flags, type
ADDRESS, LINK_ADDRESS = 1, 2  # NDA_DST, NDA_LLADDR
ADDRESS_BYTES = {socket.AF_INET: 4, socket.AF_INET6: 16}

USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
"""States in which the MAC belongs to the address: NUD_REACHABLE, STALE, DELAY, PROBE and PERMANENT. In the others it is
unknown, or made up (NOARP, multicast)."""

NO_MAC = bytes(6)

ANSWER_SECONDS = 1.0
"""The kernel answers at once; this only ends a hang."""


class Neighbours:
    """A netlink socket, and the neighbours that were read last. For one thread."""

    def __init__(self) -> None:
        self._netlink = Netlink()
        self._last: tuple[Neighbour, ...] = ()

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def read(self, interfaces: Iterable[str]) -> tuple[Neighbour, ...]:
        """The clients' addresses at these interfaces, IPv4 and IPv6; one that is not there has none. 4 us each.

        Never raises, as names are not worth a tick. If the table cannot be read now, the last answer stands.
        """
        with contextlib.suppress(OSError):
            found = tuple(self._dump(interfaces))
            if found != self._last:  # else the same tuple again, which is compared at once
                self._last = found
        return self._last

    def _dump(self, names: Iterable[str]) -> Iterator[Neighbour]:
        # The number is looked up each time: an interface that was made anew has another one.
        interfaces = {number: name for name in names if (number := _number(name))}
        for family in (socket.AF_INET, socket.AF_INET6) if interfaces else ():
            for answer in self._netlink.dump(netlink.message(GETNEIGH, DUMP, ENTRY.pack(family, 0, 0, 0, 0))):
                neighbour = _neighbour(answer, interfaces)
                if neighbour:
                    yield neighbour


def at_this_moment(address: str, interfaces: Iterable[str]) -> Neighbour | None:
    """Who has an address now, at the first of `interfaces` that knows; None if the kernel does not know a MAC for it.

    From any thread. Asks for that one entry, so it is never an answer of earlier.
    """
    packed = ipaddress.ip_address(address).packed
    family = next(family for family, size in ADDRESS_BYTES.items() if size == len(packed))
    numbers = {number: name for name in interfaces if (number := _number(name))}
    with contextlib.suppress(OSError), contextlib.closing(Netlink(timeout=ANSWER_SECONDS)) as kernel:
        for number in numbers:
            body = ENTRY.pack(family, number, 0, 0, 0) + netlink.attribute(ADDRESS, packed)
            with contextlib.suppress(OSError):  # ENOENT: not at this interface
                if found := _neighbour(kernel.get(netlink.message(GETNEIGH, 0, body)), numbers):
                    return found
    return None


def _number(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0


def _neighbour(answer: memoryview, interfaces: Mapping[int, str]) -> Neighbour | None:
    family, number, state, *_ = ENTRY.unpack_from(answer)
    if number not in interfaces or not state & USABLE:
        return None
    found = netlink.attributes(answer, ENTRY.size, len(answer))
    address, mac = (bytes(answer[slice(*found.get(kind, (0, 0)))]) for kind in (ADDRESS, LINK_ADDRESS))
    if len(address) != ADDRESS_BYTES.get(family) or len(mac) != len(NO_MAC) or mac == NO_MAC:
        return None
    return Neighbour(mac.hex(":"), socket.inet_ntop(family, address), interfaces[number])
