# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: netlink (include/uapi/linux/rtnetlink.h). By which interfaces devices reach the Internet. Only asks.

The kernel is asked as for a packet of a device, so that every table and rule counts, and also routes to one half of all
addresses, as VPNs set them. Nothing is sent.
"""

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator

from esimshaper.core.model.identity import Neighbour
from esimshaper.edge import netlink
from esimshaper.edge.netlink import Netlink, attribute

GETROUTE = 26
_ROUTE = struct.Struct("=8BI")  # struct rtmsg: family, lengths of the two addresses, and what an answer needs only
_NUMBER = struct.Struct("=I")
_TO, _FROM, _IN, _OUT = 1, 2, 3, 4  # RTA_DST, RTA_SRC, RTA_IIF, RTA_OIF
ASKED = 16
"""So many devices of each IP version are asked for: a rule may send one of them elsewhere."""

FAR = {4: ("8.8.8.8", "198.41.0.4"), 6: ("2001:4860:4860::8888", "3fff::1")}
"""An address in each half of the Internet."""


class Routes:
    """Owns a socket. For one thread."""

    def __init__(self) -> None:
        self._kernel = Netlink()

    def close(self) -> None:
        self._kernel.close()

    def read(self, devices: Iterable[Neighbour]) -> tuple[str, ...]:
        """The interfaces by which packets of `devices` would leave; without any, those of the router itself.

        Never raises: an address without a route has none.
        """
        asked = [(each, ipaddress.ip_address(each.address)) for each in devices if "%" not in each.address]
        found: list[int] = []
        for version, far in FAR.items():
            some = [each for each, ip in asked if ip.version == version and not ip.is_link_local][:ASKED]
            for address in far:
                found += self._ways(address, some)
        with contextlib.suppress(OSError):  # one is gone meanwhile: the next look sees that
            return tuple(dict.fromkeys(map(socket.if_indextoname, dict.fromkeys(found))))
        return ()

    def _ways(self, to: str, devices: Iterable[Neighbour]) -> Iterator[int]:
        ways = {way for each in devices if (way := self._way(to, each))}
        own = set() if ways else {self._way(to)}
        yield from filter(None, ways or own)

    def _way(self, to: str, device: Neighbour | None = None) -> int:
        """The number of the interface, 0 for no way."""
        try:
            body = self._kernel.get(_request(to, device))
        except OSError:
            return 0
        place = netlink.first_attribute(body, _OUT, _ROUTE.size, len(body))
        return int(_NUMBER.unpack_from(body, place[0])[0]) if place else 0


def _request(to: str, device: Neighbour | None) -> bytes:
    far = ipaddress.ip_address(to)
    family = socket.AF_INET if far.version == 4 else socket.AF_INET6
    bits, sides = far.max_prefixlen, attribute(_TO, far.packed)
    if device:
        number = socket.if_nametoindex(device.interface)
        sides += attribute(_FROM, ipaddress.ip_address(device.address).packed)
        sides += attribute(_IN, _NUMBER.pack(number))
    return netlink.message(GETROUTE, 0, _ROUTE.pack(family, bits, bits if device else 0, 0, 0, 0, 0, 0, 0) + sides)
