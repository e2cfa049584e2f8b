# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the interfaces of this network namespace, by netlink (include/uapi/linux/if_link.h).

Requests are values, which the owner of a socket sends; answers are Links.
"""

import errno
import struct
from collections.abc import Iterator
from socket import if_nameindex

from esimshaper.core.model.links import Link
from esimshaper.edge import netlink
from esimshaper.edge.netlink import CREATE, EXCL, Netlink, attribute

NEWLINK, DELLINK, GETLINK = 16, 17, 18
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, number, flags, changed flags
_U32 = struct.Struct("=I")
_UP = 1  # IFF_UP
# IFLA_
_ADDRESS, _NAME, _MTU, _BASE, _MASTER, _INFO, _ALIAS, _LEFT_OUT, _ELSEWHERE = 1, 3, 4, 5, 10, 18, 20, 29, 37
_PROPERTIES, _OTHER_NAME = 52, 53
_NAME_BYTES = 15  # IFNAMSIZ without the zero; other names may be longer
_NO_STATISTICS = 1 << 3  # RTEXT_FILTER_SKIP_STATS
_INFO_KIND = 1


def find(kernel: Netlink, name: str) -> Link | None:
    """The interface of that name, which may be an alternative one; None if there is none. Raises OSError."""
    try:
        return read(kernel.get(_message(GETLINK, 0, attributes=_named(name) + _without_statistics())))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return None


def find_number(kernel: Netlink, index: int) -> Link | None:
    """The interface of that number; None if there is none. Raises OSError."""
    try:
        return read(kernel.get(_message(GETLINK, 0, index, attributes=_without_statistics()))) if index else None
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return None


def find_all(kernel: Netlink) -> Iterator[Link]:
    """All interfaces. Raises OSError."""
    # Each is asked for alone: netlink's answer for all at once is cut short while interfaces come and go.
    for _, name in if_nameindex():
        link = find(kernel, name)
        if link:
            yield link


def get(index: int) -> bytes:
    """A question for one interface with its statistics, which `read` and `attributes` take apart."""
    return _message(GETLINK, 0, index)


def attributes(body: memoryview) -> dict[int, netlink.Place]:
    """The places of all that the kernel says of an interface."""
    return netlink.attributes(body, _LINK.size, len(body))


def read(body: memoryview) -> Link:
    """A Link of the kernel's answer."""
    _, kind, index, flags, _ = _LINK.unpack_from(body)
    found = attributes(body)
    info = netlink.attributes(body, *found[_INFO]) if _INFO in found else {}
    (mtu,) = _U32.unpack_from(body, found[_MTU][0]) if _MTU in found else (0,)
    places = found.get(_NAME), info.get(_INFO_KIND), found.get(_ALIAS)
    name, driver, alias = (netlink.text(body, place) if place else "" for place in places)
    (master,) = _U32.unpack_from(body, found[_MASTER][0]) if _MASTER in found else (0,)
    # The number of one in another namespace would be that of a stranger here, and what is below a veth is its peer.
    has_base = _BASE in found and _ELSEWHERE not in found and driver != "veth"
    (base,) = _U32.unpack_from(body, found[_BASE][0]) if has_base else (0,)
    address = bytes(body[slice(*found[_ADDRESS])]) if _ADDRESS in found else b""
    names = tuple(_other_names(body, *found[_PROPERTIES])) if _PROPERTIES in found else ()
    return Link(index, name, kind, mtu, bool(flags & _UP), driver, alias, master, base, address, names)


def _other_names(body: memoryview, start: int, end: int) -> Iterator[str]:
    while place := netlink.first_attribute(body, _OTHER_NAME, start, end):
        yield netlink.text(body, place)
        start = (place[1] + 3) & ~3  # the next attribute


def add(name: str, kind: str) -> bytes:
    """A new interface of that kind, down."""
    info = attribute(_INFO, attribute(_INFO_KIND, kind.encode() + b"\0"))
    return _message(NEWLINK, CREATE | EXCL, attributes=_named(name) + info)


def set_alias(index: int, alias: str) -> bytes:
    return _message(NEWLINK, 0, index, attributes=attribute(_ALIAS, alias.encode()))


def set_up(index: int) -> bytes:
    return _message(NEWLINK, 0, index, up=True)


def remove(index: int) -> bytes:
    return _message(DELLINK, 0, index)


def _message(kind: int, flags: int, index: int = 0, *, up: bool = False, attributes: bytes = b"") -> bytes:
    return netlink.message(kind, flags, _LINK.pack(0, 0, index, _UP * up, _UP * up) + attributes)


def _named(name: str) -> bytes:
    encoded = name.encode()
    return attribute(_NAME if len(encoded) <= _NAME_BYTES else _OTHER_NAME, encoded + b"\0")


def _without_statistics() -> bytes:
    return attribute(_LEFT_OUT, _U32.pack(_NO_STATISTICS))
