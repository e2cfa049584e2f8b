# SPDX-License-Identifier: GPL-2.0-or-later
"""Part of the shaper: HTB, its leaves and their statistics as netlink messages. Pure: values to bytes and back.

Layouts: include/uapi/linux/pkt_sched.h, in the machine's byte order.
"""

# Not by pyroute2, as there are hundreds of messages at a time. It takes 1 ms for a class, most of it for two tables
# that no kernel since 3.8 reads, and most of a second to read 1,000 leaves back. Nor does it know the 64-bit rate and
# the exact burst of TBF.

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from esimshaper.core.model.shaping import QDISC, Class, Leaf, Wire
from esimshaper.edge import netlink
from esimshaper.edge.netlink import CREATE, EXCL, REPLACE, attribute
from esimshaper.edge.tc.tcmsg import (
    DELQDISC,
    DELTCLASS,
    HEAD,
    IDS,
    IDS_AT,
    NEWQDISC,
    NEWTCLASS,
    OPTIONS,
    ROOT,
    STATS2,
    kind_of,
    message,
    named,
)

_RATE = "BBHhHI"  # cell log, link layer, overhead, cell align, mpu, bytes per second
_HTB_PARMS = struct.Struct("=" + _RATE * 2 + "IIIII")  # buffer, cbuffer, quantum, level, prio
_TBF_PARMS = struct.Struct("=" + _RATE * 2 + "III")  # limit, buffer, mtu
_U32, _U64 = struct.Struct("=I"), struct.Struct("=Q")

_HTB_PARMS_ID, _HTB_INIT_ID = 1, 2
_TBF_PARMS_ID, _TBF_RATE64_ID, _TBF_BURST_ID = 1, 4, 6
_TARGET, _LIMIT, _INTERVAL, _FLOWS, _MEMORY = 1, 2, 3, 5, 9  # TCA_FQ_CODEL_
_BASIC_ID, _QUEUE_ID, _PACKETS64 = 1, 3, 8  # TCA_STATS_
_BASIC = struct.Struct("=QI")  # bytes, packets
_QUEUE = struct.Struct("=III")  # packets that wait, their bytes, packets dropped

_LINKLAYER_ETHERNET = 1  # as it is; without it the kernel asks for the old tables
_TICK_NS = 64  # PSCHED_SHIFT
_MOST = 0xFFFF_FFFF

_BURST = 10_000_000 // _TICK_NS
"""The time, in ticks, that a late timer can make good again. HTB sends a whole frame as long as nothing is owed, so a
burst shorter than a frame costs a slow class nothing but what it would get above its rate."""
_TBF_RATE = 125_000_000_000
"""Bytes per second: TBF only splits packets; HTB alone shall hold them back."""


@dataclass(frozen=True, slots=True)
class Queued:
    """Statistics of a class: frame bytes and packets that left, frame bytes that wait, packets waiting and refused."""

    bytes: int
    packets: int
    backlog: int
    waiting: int
    drops: int


def add_qdisc(index: int, default: int, *, replace: bool) -> bytes:
    """Our HTB at the root of a device. Until the default class is there, packets pass as without HTB."""
    init = struct.pack("=IIIII", 3, 10, default & 0xFFFF, 0, 0)
    flags = CREATE | (REPLACE if replace else EXCL)
    return message(NEWQDISC, flags, index, QDISC, ROOT, named("htb", attribute(_HTB_INIT_ID, init)))


def remove_qdisc(index: int) -> bytes:
    return message(DELQDISC, 0, index, QDISC, ROOT)


def set_class(index: int, item: Class, wire: Wire, *, add: bool) -> bytes:
    """A new class, or new rates of one that is there, which keeps what waits in it."""
    flags = CREATE | EXCL if add else 0
    parms = _htb_class(item.rate, item.ceil, wire.frame, item.order)
    return message(NEWTCLASS, flags, index, item.id, item.parent, parms)


# The parameters of a class or leaf depend on a few figures that a crowd has in common, so they are put together once.
@lru_cache(2048)
def _htb_class(rate: int, ceil: int, frame: int, order: int) -> bytes:
    quantum = frame  # one frame of each class in turn
    parms = _HTB_PARMS.pack(*_rate(rate // 8), *_rate(ceil // 8), _BURST, _BURST, quantum, 0, order)
    return named("htb", attribute(_HTB_PARMS_ID, parms))


def remove_class(index: int, item: Class) -> bytes:
    return message(DELTCLASS, 0, index, item.id, item.parent)


def set_leaf(index: int, class_id: int, leaf: Leaf, *, add: bool) -> bytes:
    """TBF at a rate that nobody reaches: it splits GSO packets above its burst, and its queue is limited in bytes."""
    flags = CREATE | EXCL if add else 0
    return message(NEWQDISC, flags, index, (class_id & 0xFFFF) << 16, class_id, _tbf(leaf))


@lru_cache(2048)
def _tbf(leaf: Leaf) -> bytes:
    # The last number, `mtu`, means nothing without a peak rate and is given back as it was: it keeps `largest`, which
    # `read_leaf` could not find out otherwise.
    parms = _TBF_PARMS.pack(*_rate(_MOST), *_rate(0), leaf.limit, 1, leaf.largest)
    rate, burst = _U64.pack(_TBF_RATE), _U32.pack(leaf.largest)
    options = attribute(_TBF_PARMS_ID, parms) + attribute(_TBF_RATE64_ID, rate) + attribute(_TBF_BURST_ID, burst)
    return named("tbf", options)


def set_fair_queue(index: int, item: Class, leaf: Leaf, wire: Wire, *, add: bool) -> bytes:
    """fq_codel in the leaf, for kernels that have it."""
    minor = item.id & 0xFFFF
    flags = CREATE | EXCL if add else 0
    options = _fq_codel(item.ceil, leaf.limit, wire.frame, add=add)
    return message(NEWQDISC, flags, index, (0x8000 | minor) << 16, minor << 16 | 1, options)


@lru_cache(2048)
def _fq_codel(ceil: int, limit: int, frame: int, *, add: bool) -> bytes:
    target = max(5_000, frame * 8_000_000 // ceil * 3 // 2)  # tc-fq_codel(8): no less than a frame takes, in us
    options = [
        (_TARGET, target),
        (_INTERVAL, max(100_000, target * 4)),
        (_LIMIT, max(100, limit // frame)),
        (_MEMORY, max(256_000, 2 * limit)),
    ]
    if add:
        options.append((_FLOWS, 64))  # the kernel's 1,024 take 70 KB a class; the number cannot be changed later
    return named("fq_codel", b"".join(attribute(number, _U32.pack(min(value, _MOST))) for number, value in options))


def read_class(body: memoryview, leaves: Mapping[int, Leaf]) -> Class | None:
    """A class of our HTB, with its leaf out of `leaves` (by class id); None for other answers."""
    _, handle, parent = IDS.unpack_from(body, IDS_AT)
    found = _htb_rates(_made_with(body)) if handle & 0xFFFF_0000 == QDISC else None
    if found is None:
        return None
    rate, ceil, order = found
    return Class(handle, QDISC if parent == ROOT else parent, rate, ceil, leaves.get(handle), order)


def read_leaf(body: memoryview) -> tuple[int, Leaf] | None:
    """The id of the class that a leaf of ours is in, and the leaf; None for other answers."""
    _, _, parent = IDS.unpack_from(body, IDS_AT)
    leaf = _tbf_leaf(_made_with(body)) if parent & 0xFFFF_0000 == QDISC else None
    return (parent, leaf) if leaf else None


def read_root(body: memoryview) -> tuple[int, str] | None:
    """Handle and kind of the qdisc at the root of a device; None for other answers."""
    _, handle, parent = IDS.unpack_from(body, IDS_AT)
    return (handle, kind_of(body)) if parent == ROOT else None


def _made_with(body: memoryview) -> bytes:
    """The attributes with the parameters of a qdisc or class. The kernel puts them first, and statistics behind."""
    options = netlink.first_attribute(body, OPTIONS, HEAD.size, len(body))
    return bytes(body[HEAD.size : options[1]]) if options else b""


# A crowd has thousands of classes and leaves of a few kinds. So each kind is read once, and after that looked up by its
# bytes: that takes a tenth of the time.
@lru_cache(2048)
def _htb_rates(made_with: bytes) -> tuple[int, int, int] | None:
    """Rate and ceiling in bit/s, and the order."""
    found = _parms(made_with, "htb", _HTB_PARMS_ID, _HTB_PARMS)
    return (found[5] * 8, found[11] * 8, found[16]) if found else None


@lru_cache(2048)
def _tbf_leaf(made_with: bytes) -> Leaf | None:
    found = _parms(made_with, "tbf", _TBF_PARMS_ID, _TBF_PARMS)
    return Leaf(found[12], found[14]) if found else None


def _parms(made_with: bytes, kind: str, number: int, layout: struct.Struct) -> tuple[int, ...] | None:
    """The struct in a qdisc's or class's options; None if it is of another kind."""
    options = netlink.attributes(made_with, 0, len(made_with)).get(OPTIONS)
    if options is None or kind_of(made_with, 0) != kind:
        return None
    start, end = netlink.attributes(made_with, *options).get(number, (0, 0))
    return layout.unpack_from(made_with, start) if end - start >= layout.size else None


def read_id(body: memoryview) -> int:
    """The id of a class."""
    class_id: int = IDS.unpack_from(body, IDS_AT)[1]
    return class_id


def read_stats(body: memoryview) -> Queued:
    """The statistics of a class or qdisc."""
    stats = netlink.attributes(body, *netlink.attributes(body, HEAD.size, len(body))[STATS2])
    size, packets = _BASIC.unpack_from(body, stats[_BASIC_ID][0])
    if _PACKETS64 in stats:
        (packets,) = _U64.unpack_from(body, stats[_PACKETS64][0])
    waiting, backlog, drops = _QUEUE.unpack_from(body, stats[_QUEUE_ID][0])
    return Queued(size, packets, backlog, waiting, drops)


def _rate(each_second: int) -> tuple[int, int, int, int, int, int]:
    return 0, _LINKLAYER_ETHERNET, 0, 0, 0, each_second
