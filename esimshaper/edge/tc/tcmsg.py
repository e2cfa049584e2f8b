# SPDX-License-Identifier: GPL-2.0-or-later
"""Part of traffic control: the common part of all messages about qdiscs, classes and filters (struct tcmsg).

Layouts: include/uapi/linux/rtnetlink.h, in the machine's byte order.
"""

import struct

from esimshaper.edge import netlink
from esimshaper.edge.netlink import DUMP, Netlink, attribute

NEWQDISC, DELQDISC, GETQDISC = 36, 37, 38
NEWTCLASS, DELTCLASS, GETTCLASS = 40, 41, 42
NEWTFILTER, DELTFILTER, GETTFILTER = 44, 45, 46
ROOT = 0xFFFF_FFFF

HEAD = struct.Struct("=BBHiIII")  # family, pads, interface, handle, parent, info
IDS = struct.Struct("=iII")  # the interface, handle and parent of it
IDS_AT = 4
KIND, OPTIONS, STATS2 = 1, 2, 7  # TCA_


def message(
    kind: int, flags: int, index: int, handle: int, parent: int, attributes: bytes = b"", info: int = 0
) -> bytes:
    """A request about the interface with this number."""
    return netlink.message(kind, flags, HEAD.pack(0, 0, 0, index, handle, parent, info) + attributes)


def named(kind: str, options: bytes = b"") -> bytes:
    """The attributes of a qdisc, class or filter of that kind."""
    return attribute(KIND, kind.encode() + b"\0") + attribute(OPTIONS, options)


def kind_of(data: netlink.Buffer, start: int = HEAD.size) -> str:
    """The name of a qdisc's, class's or filter's kind; empty if the answer has none."""
    place = netlink.first_attribute(data, KIND, start, len(data))
    return netlink.text(data, place) if place else ""


def dump(kind: int, index: int, parent: int = 0) -> bytes:
    """All qdiscs, or all classes, of a device; with `parent` only the classes or filters of that qdisc."""
    return message(kind, DUMP, index, 0, parent)


def qdiscs(kernel: Netlink, index: int) -> list[memoryview]:
    """The kernel's answers about all qdiscs of an interface. Raises OSError."""
    answers = kernel.dump(dump(GETQDISC, index))  # of all interfaces, whatever was asked for
    return [body for body in answers if IDS.unpack_from(body, IDS_AT)[0] == index]
