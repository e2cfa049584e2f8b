# SPDX-License-Identifier: GPL-2.0-or-later
"""The bill: IP bytes and packets as they cross the carrier. In: frames with a virtio header. Out: Bill. Pure.

A frame is a virtio_net_hdr (10 bytes, linux/virtio_net.h), an Ethernet header where the link has one, and an IP packet.
Billed is the total length in the IP header (padding is free), and for a super-packet that of each of its segments:
every segment carries its own copy of the headers. Other frames than IPv4 and IPv6 (ARP) are counted apart and free.
Neighbour discovery and multicast reports of IPv6 are IP packets and billed, as on any link.
"""

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from esimshaper.core.model.counts import Counters

VNET = 10
"""Bytes of the virtio header before each frame."""

ETHERNET = 14
_MAX_EXTENSIONS = 8
_EXTENSIONS = frozenset((0, 43, 60, 135))  # hop-by-hop, routing, destination options, mobility (IANA)
_TCP = 6
_JUMBO = 8  # RFC 2675

Frame = bytearray | bytes | memoryview


@dataclass(frozen=True, slots=True)
class Bill:
    """Billed bytes and packets, as a sum and by remote (internet-side) address, spelled as usual; down = to the router.

    lost: packets that only one side counts. Down: billed, then lost or dropped by the carrier's queue.
    Up: sent by the router, lost before they were billed. So the router's own meter should say
    total.down - lost.down, and total.up + lost.up.
    other_frames: frames that were not IP, in both directions; not billed.
    """

    total: Counters = field(default_factory=Counters)
    by_remote: Mapping[str, Counters] = field(default_factory=dict)
    lost: Counters = field(default_factory=Counters)
    other_frames: int = 0

    @property
    def down_bytes(self) -> int:
        return self.total.down_bytes

    @property
    def up_bytes(self) -> int:
        return self.total.up_bytes

    @property
    def down_packets(self) -> int:
        return self.total.down_packets

    @property
    def up_packets(self) -> int:
        return self.total.up_packets

    @property
    def seen_by_router(self) -> Counters:
        """The count of a perfect meter on the router's WAN device."""
        return Counters(
            self.total.down_bytes - self.lost.down_bytes,
            self.total.up_bytes + self.lost.up_bytes,
            self.total.down_packets - self.lost.down_packets,
            self.total.up_packets + self.lost.up_packets,
        )

    def of(self, *remotes: str) -> Counters:
        """The sum over these remote addresses; an address without a packet adds nothing."""
        return sum((self.by_remote.get(remote, Counters()) for remote in remotes), Counters())

    def __add__(self, other: "Bill") -> "Bill":
        remotes = {**self.by_remote, **other.by_remote}
        return Bill(
            self.total + other.total,
            {remote: self.of(remote) + other.of(remote) for remote in remotes},
            self.lost + other.lost,
            self.other_frames + other.other_frames,
        )

    def __sub__(self, other: "Bill") -> "Bill":
        """The bytes since `other`; remotes without any are left out."""
        remotes = {remote: self.of(remote) - other.of(remote) for remote in self.by_remote}
        return Bill(
            self.total - other.total,
            {remote: counters for remote, counters in remotes.items() if counters},
            self.lost - other.lost,
            self.other_frames - other.other_frames,
        )


def weigh(frame: Frame, length: int, ethernet: int, *, upward: bool) -> tuple[bytes, int, int] | None:
    """(remote address, IP bytes, packets) of a frame whose real size is `length`; None if it is not IP.

    `ethernet` is 14, or 0 on a raw-IP link. The frame may be cut short after its headers.
    """
    start = VNET + ethernet
    if ethernet and frame[start - 2 : start] == b"\x81\x00":
        start += 4  # the tag of a VLAN
    if length < start + 20:
        return None
    if ethernet and frame[start - 2 : start] not in (b"\x08\x00", b"\x86\xdd"):
        return None
    version = frame[start] >> 4
    if version == 4:
        total = frame[start + 2] << 8 | frame[start + 3]
        remote = bytes(frame[start + 16 : start + 20] if upward else frame[start + 12 : start + 16])
    elif version == 6 and length >= start + 40:
        total = 40 + (frame[start + 4] << 8 | frame[start + 5])
        remote = bytes(frame[start + 24 : start + 40] if upward else frame[start + 8 : start + 24])
    else:
        return None
    if not frame[1]:  # gso_type: none
        return remote, min(total, length - start), 1
    # BIG TCP: a super-packet beyond 65,535 bytes states no length, and the header that does in IPv6 is in no segment.
    jumbo = _JUMBO if version == 6 and total == 40 and not frame[start + 6] else 0
    total, headers = length - start - jumbo, _header_bytes(frame, start) - jumbo
    gso_size = int.from_bytes(frame[4:6], sys.byteorder)
    segments = max(1, -(-(total - headers) // gso_size))
    return remote, total + (segments - 1) * headers, segments


def _header_bytes(frame: Frame, start: int) -> int:
    """IP and TCP or UDP headers of the super-packet that starts at `start`."""
    if frame[start] >> 4 == 4:
        at, protocol = start + (frame[start] & 15) * 4, frame[start + 9]
    else:
        at, protocol = start + 40, frame[start + 6]
        for _ in range(_MAX_EXTENSIONS):
            if protocol not in _EXTENSIONS:
                break
            at, protocol = at + 8 + frame[at + 1] * 8, frame[at]
    return at - start + ((frame[at + 12] >> 4) * 4 if protocol == _TCP else 8)


class Tally:
    """The bill as it grows. `down` and `up` are [bytes, packets] by remote address in network order."""

    def __init__(self, ethernet: int) -> None:
        self.ethernet = ethernet
        self.down: dict[bytes, list[int]] = {}
        self.up: dict[bytes, list[int]] = {}
        self.lost = [0, 0, 0, 0]  # in the order of Counters
        self.other_frames = 0
        self.billed_bytes = 0

    def add(self, frame: Frame, length: int, *, upward: bool) -> int:
        """Bill one frame and say its IP bytes; 0 for one that is not IP."""
        weight = weigh(frame, length, self.ethernet, upward=upward)
        if weight is None:
            self.other_frames += 1
            return 0
        remote, size, packets = weight
        side = self.up if upward else self.down
        entry = side.get(remote)
        if entry is None:
            side[remote] = [size, packets]
        else:
            entry[0] += size
            entry[1] += packets
        self.billed_bytes += size
        return size

    def lose(self, frame: Frame, length: int, *, upward: bool) -> None:
        """Note a frame that only one side counts (see Bill.lost)."""
        weight = weigh(frame, length, self.ethernet, upward=upward)
        if weight is not None:
            self.lost[1 if upward else 0] += weight[1]
            self.lost[3 if upward else 2] += weight[2]

    def bill(self) -> Bill:
        """The bill up to now."""
        nothing = [0, 0]
        by_remote = {}
        for remote in {**self.down, **self.up}:
            down_bytes, down_packets = self.down.get(remote, nothing)
            up_bytes, up_packets = self.up.get(remote, nothing)
            by_remote[_spell(remote)] = Counters(down_bytes, up_bytes, down_packets, up_packets)
        return Bill(sum(by_remote.values(), Counters()), by_remote, Counters(*self.lost), self.other_frames)


def _spell(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
