# SPDX-License-Identifier: GPL-2.0-or-later
"""Part of the shaper: HTB, its leaves and their statistics as netlink messages. Pure: values to bytes and back.

Layouts: include/uapi/linux/pkt_sched.h and rtnetlink.h, in the machine's byte order. Not by pyroute2, because here are
hundreds of messages at a time: it takes 1 ms for a class, most of it for two tables that no kernel since 3.8 reads, has
no words for the 64-bit rate and the exact burst of TBF, and reading 1,000 leaves back takes it most of a second.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from esimshaper.core.model.shaping import QDISC, Class, Leaf, Wire

NEWQDISC, DELQDISC, GETQDISC = 36, 37, 38
NEWTCLASS, DELTCLASS, GETTCLASS = 40, 41, 42
REQUEST, ACK, REPLACE, EXCL, CREATE, DUMP = 0x1, 0x4, 0x100, 0x200, 0x400, 0x300
ROOT = 0xFFFF_FFFF

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_TC = struct.Struct("=BBHiIII")  # family, pads, interface, handle, parent, info
_ATTRIBUTE = struct.Struct("=HH")
_RATE = "BBHhHI"  # cell log, link layer, overhead, cell align, mpu, bytes per second
_HTB_PARMS = struct.Struct("=" + _RATE * 2 + "IIIII")  # buffer, cbuffer, quantum, level, prio
_TBF_PARMS = struct.Struct("=" + _RATE * 2 + "III")  # limit, buffer, mtu
_U32, _U64 = struct.Struct("=I"), struct.Struct("=Q")

_KIND, _OPTIONS, _STATS2 = 1, 2, 7
_HTB_PARMS_ID, _HTB_INIT_ID = 1, 2
_TBF_PARMS_ID, _TBF_RATE64_ID, _TBF_BURST_ID = 1, 4, 6
_TARGET, _LIMIT, _INTERVAL, _FLOWS, _MEMORY = 1, 2, 3, 5, 9  # TCA_FQ_CODEL_
_BASIC, _QUEUE, _PACKETS64 = 1, 3, 8  # TCA_STATS_

_LINKLAYER_ETHERNET = 1  # as it is; without it the kernel asks for the old tables
_TICK_NS = 64  # PSCHED_SHIFT
_MOST = 0xFFFF_FFFF

_BURST = 10_000_000 // _TICK_NS
"""The time, in ticks, that a late timer can make good again. HTB sends a whole frame as long as nothing is owed, so a
burst shorter than a frame costs a slow class nothing but what it would get above its rate."""
_TBF_RATE = 125_000_000_000
"""Bytes per second: TBF is there to split packets, and is never to be what holds them back."""


@dataclass(frozen=True, slots=True)
class Queued:
    """Statistics of a class: frame bytes and packets that left, frame bytes that wait, packets waiting and refused."""

    bytes: int
    packets: int
    backlog: int
    waiting: int
    drops: int


def message(kind: int, flags: int, index: int, handle: int, parent: int, attributes: bytes = b"") -> bytes:
    """A request; the sequence number is filled in by whoever sends it."""
    size = _HEADER.size + _TC.size + len(attributes)
    return _HEADER.pack(size, kind, flags | REQUEST, 0, 0) + _TC.pack(0, 0, 0, index, handle, parent, 0) + attributes


def add_qdisc(index: int, default: int, *, replace: bool) -> bytes:
    """Our HTB at the root of a device. Until the default class is there, packets pass as without HTB."""
    init = struct.pack("=IIIII", 3, 10, default & 0xFFFF, 0, 0)
    flags = CREATE | (REPLACE if replace else EXCL)
    return message(NEWQDISC, flags, index, QDISC, ROOT, _named("htb", _attribute(_HTB_INIT_ID, init)))


def remove_qdisc(index: int) -> bytes:
    return message(DELQDISC, 0, index, QDISC, ROOT)


def set_class(index: int, item: Class, wire: Wire, *, add: bool) -> bytes:
    """A new class, or new rates of one that is there, which keeps what waits in it."""
    rate, ceil = item.rate // 8, item.ceil // 8
    parms = _HTB_PARMS.pack(
        *_rate(rate),
        *_rate(ceil),
        _BURST,
        _BURST,
        wire.frame,  # quantum: one frame each in turn
        0,
        0,
    )
    flags = CREATE | EXCL if add else 0
    return message(NEWTCLASS, flags, index, item.id, item.parent, _named("htb", _attribute(_HTB_PARMS_ID, parms)))


def remove_class(index: int, item: Class) -> bytes:
    return message(DELTCLASS, 0, index, item.id, item.parent)


def set_leaf(index: int, class_id: int, leaf: Leaf, *, add: bool) -> bytes:
    """TBF at a rate that nobody reaches: it splits GSO packets above its burst, and its queue is limited in bytes.

    `mtu` means nothing without a peak rate, and is given back as it was: it keeps `largest` for reading it again.
    """
    parms = _TBF_PARMS.pack(*_rate(_MOST), *_rate(0), leaf.limit, 1, leaf.largest)
    attributes = (
        _attribute(_TBF_PARMS_ID, parms)
        + _attribute(_TBF_RATE64_ID, _U64.pack(_TBF_RATE))
        + _attribute(_TBF_BURST_ID, _U32.pack(leaf.largest))
    )
    flags = CREATE | EXCL if add else 0
    return message(NEWQDISC, flags, index, (class_id & 0xFFFF) << 16, class_id, _named("tbf", attributes))


def set_fair_queue(index: int, item: Class, leaf: Leaf, wire: Wire, *, add: bool) -> bytes:
    """fq_codel in the leaf, for kernels that have it. 64 flows, for memory: the kernel's 1,024 are 70 KB a class."""
    frame_us = wire.frame * 8_000_000 // item.ceil
    target = max(5_000, frame_us * 3 // 2)  # tc-fq_codel(8): no less than a frame takes
    attributes = b"".join(
        _attribute(number, _U32.pack(min(value, _MOST)))
        for number, value in (
            (_TARGET, target),
            (_INTERVAL, max(100_000, target * 4)),
            (_LIMIT, max(100, leaf.limit // wire.frame)),
            (_MEMORY, max(256_000, 2 * leaf.limit)),
            *(((_FLOWS, 64),) if add else ()),  # cannot be changed later
        )
    )
    minor = item.id & 0xFFFF
    flags = CREATE | EXCL if add else 0
    parent = minor << 16 | 1
    return message(NEWQDISC, flags, index, (0x8000 | minor) << 16, parent, _named("fq_codel", attributes))


def dump(kind: int, index: int, parent: int = 0) -> bytes:
    """All qdiscs, or all classes, of a device; with `parent` only the classes of that qdisc."""
    return message(kind, DUMP, index, 0, parent)


def read_class(body: memoryview) -> Class | None:
    """A class of our HTB, without what is known of its leaf; None for other messages."""
    _, _, _, _, handle, parent, _ = _TC.unpack_from(body)
    attributes = dict(_attributes(body[_TC.size :]))
    if _text(attributes.get(_KIND)) != "htb" or handle & 0xFFFF_0000 != QDISC:
        return None
    parms = _HTB_PARMS.unpack_from(dict(_attributes(attributes[_OPTIONS]))[_HTB_PARMS_ID])
    return Class(handle, QDISC if parent == ROOT else parent, parms[5] * 8, parms[11] * 8)


def read_leaf(body: memoryview) -> tuple[int, Leaf] | None:
    """The class that a leaf of ours is in, and the leaf; None for other messages."""
    _, _, _, _, _, parent, _ = _TC.unpack_from(body)
    attributes = dict(_attributes(body[_TC.size :]))
    if _text(attributes.get(_KIND)) != "tbf" or parent & 0xFFFF_0000 != QDISC:
        return None
    parms = _TBF_PARMS.unpack_from(dict(_attributes(attributes[_OPTIONS]))[_TBF_PARMS_ID])
    return parent, Leaf(parms[12], parms[14])


def read_root(body: memoryview) -> tuple[int, str] | None:
    """Handle and kind of the qdisc at the root of a device; None for other messages."""
    _, _, _, _, handle, parent, _ = _TC.unpack_from(body)
    return (handle, _text(dict(_attributes(body[_TC.size :])).get(_KIND))) if parent == ROOT else None


def read_id(body: memoryview) -> int:
    """The id of a class."""
    return int(_TC.unpack_from(body)[4])


def read_stats(body: memoryview) -> Queued:
    """What went through a class."""
    stats = dict(_attributes(dict(_attributes(body[_TC.size :]))[_STATS2]))
    moved, packets = struct.unpack_from("=QI", stats[_BASIC])
    if _PACKETS64 in stats:
        (packets,) = _U64.unpack_from(stats[_PACKETS64])
    waiting, backlog, drops = struct.unpack_from("=III", stats[_QUEUE])
    return Queued(moved, packets, backlog, waiting, drops)


def _rate(each_second: int) -> tuple[int, int, int, int, int, int]:
    return 0, _LINKLAYER_ETHERNET, 0, 0, 0, each_second


def _named(kind: str, options: bytes) -> bytes:
    return _attribute(_KIND, kind.encode() + b"\0") + _attribute(_OPTIONS, options)


def _attribute(number: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), number) + value + bytes(-len(value) % 4)


def _attributes(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    while len(data) >= _ATTRIBUTE.size:
        size, number = _ATTRIBUTE.unpack_from(data)
        yield number & 0x3FFF, data[_ATTRIBUTE.size : size]
        data = data[(size + 3) & ~3 :]


def _text(value: memoryview | None) -> str:
    return bytes(value).rstrip(b"\0").decode() if value else ""
