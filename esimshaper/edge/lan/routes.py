# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: netlink (include/uapi/linux/rtnetlink.h). By which interfaces devices reach the Internet. Only asks.

The kernel is asked as for a packet of a device, so that every table and rule counts, and also routes to one half of all
addresses, as VPNs set them; and as for one with each mark that a rule looks for, as mwan3 sets them. Nothing is sent.
"""

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator

from esimshaper.core.model.identity import Neighbour
from esimshaper.edge import netlink
from esimshaper.edge.netlink import ROUTE_TYPE_AT, RTMSG, Netlink, attribute

GETRULE = 34
_NUMBER = struct.Struct("=I")
_FROM, _IN, _OUT, _MARK = 2, 3, 4, 16  # RTA_SRC, RTA_IIF, RTA_OIF, RTA_MARK
_UNICAST = 1  # RTN_UNICAST
_RULE_MARK, _RULE_FLAGS_AT, _INVERTED = 10, 8, 2  # FRA_FWMARK; struct fib_rule_hdr, FIB_RULE_INVERT
_UNMARKED = 0
MARKS = 16
"""So many marks are asked for."""

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
            marks = self._marks(version)
            for address in far:
                found += self._ways(address, some)
                found += filter(None, (self._way(address, each, mark) for each in some[:1] for mark in marks))
        with contextlib.suppress(OSError):  # one is gone meanwhile: the next look sees that
            return tuple(dict.fromkeys(map(socket.if_indextoname, dict.fromkeys(found))))
        return ()

    def _ways(self, to: str, devices: Iterable[Neighbour]) -> Iterator[int]:
        ways = {way for each in devices if (way := self._way(to, each))}
        own = set() if ways else {self._way(to)}
        yield from filter(None, ways or own)

    def _marks(self, version: int) -> tuple[int, ...]:
        """The marks by which rules of the routing choose a table."""
        head = RTMSG.pack(socket.AF_INET if version == 4 else socket.AF_INET6, *[0] * 8)
        found: dict[int, None] = {}
        with contextlib.suppress(OSError):  # a kernel without rules
            for body in self._kernel.dump(netlink.message(GETRULE, netlink.DUMP, head)):
                place = netlink.first_attribute(body, _RULE_MARK, RTMSG.size, len(body))
                (flags,) = _NUMBER.unpack_from(body, _RULE_FLAGS_AT)
                if place and not flags & _INVERTED:
                    found[_NUMBER.unpack_from(body, place[0])[0]] = None
        found.pop(_UNMARKED, None)
        return tuple(found)[:MARKS]

    def _way(self, to: str, device: Neighbour | None = None, mark: int = _UNMARKED) -> int:
        """The number of the interface, 0 for no way."""
        try:
            body = self._kernel.get(_request(to, device, mark))
        except OSError:
            return 0
        if mark and body[ROUTE_TYPE_AT] != _UNICAST:  # to a program here, as tproxy does it
            return 0
        place = netlink.first_attribute(body, _OUT, RTMSG.size, len(body))
        return int(_NUMBER.unpack_from(body, place[0])[0]) if place else 0


def _request(to: str, device: Neighbour | None, mark: int) -> bytes:
    sides = attribute(_MARK, _NUMBER.pack(mark)) if mark else b""
    if not device:
        return netlink.route_request(ipaddress.ip_address(to), more=sides)
    source = ipaddress.ip_address(device.address)
    sides += attribute(_FROM, source.packed)
    sides += attribute(_IN, _NUMBER.pack(socket.if_nametoindex(device.interface)))
    return netlink.route_request(ipaddress.ip_address(to), source.max_prefixlen, sides)
