# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the kernel's neighbour table, by netlink (pyroute2). Names of LAN interfaces in, Neighbours out. Only reads."""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink import NetlinkError
from pyroute2.netlink.rtnl.ndmsg import NUD_DELAY, NUD_PERMANENT, NUD_PROBE, NUD_REACHABLE, NUD_STALE

from esimshaper.core.model.identity import Neighbour

USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT
"""States in which the MAC belongs to the address; in the others it is unknown, or made up (NOARP, multicast)."""

NO_MAC = "00:00:00:00:00:00"


class Neighbours:
    """A netlink socket, and the neighbours that were read last. For one thread."""

    def __init__(self) -> None:
        self._netlink = IPRoute()
        self._last: tuple[Neighbour, ...] = ()

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def read(self, interfaces: Iterable[str]) -> tuple[Neighbour, ...]:
        """The clients' addresses at these interfaces, IPv4 and IPv6; one that is not there has none. 40 us each.

        Never raises, as names are not worth a tick. If the table cannot be read now, the last answer stands.
        """
        with contextlib.suppress(NetlinkError, OSError):
            self._last = tuple(self._dump(interfaces))
        return self._last

    def _dump(self, names: Iterable[str]) -> Iterator[Neighbour]:
        # The number is looked up each time: an interface that was made anew has another one.
        interfaces = {number: name for name in names if (number := _number(name))}
        for family in (socket.AF_INET, socket.AF_INET6) if interfaces else ():
            for entry in self._netlink.get_neighbours(family=family):
                neighbour = _neighbour(entry, interfaces)
                if neighbour:
                    yield neighbour


def _number(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0


def _neighbour(entry: Any, interfaces: dict[int, str]) -> Neighbour | None:  # noqa: ANN401 - pyroute2 has no types
    if entry["ifindex"] not in interfaces or not entry["state"] & USABLE:
        return None
    mac, address = entry.get_attr("NDA_LLADDR"), entry.get_attr("NDA_DST")
    if not mac or not address or mac == NO_MAC:
        return None
    return Neighbour(mac.lower(), address, interfaces[entry["ifindex"]])
