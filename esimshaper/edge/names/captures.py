# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: a file of a capture, pcap (draft-ietf-opsawg-pcap) or pcapng (draft-ietf-opsawg-pcapng) -> its IP packets.

Only reads. The whole file is never in memory; a record that cannot be, or a file that is cut off, ends the packets.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

RECORD_BYTES = 262_144 + 65_536
PCAP = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}
SECTION, INTERFACE, PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
BYTE_ORDER = 0x1A2B3C4D
NULL, ETHERNET, PPP, RAW_BSD, RAW, LOOP, COOKED, PPP_DIRECTION, IPV4, IPV6, COOKED2, PPP_HDLC = (
    *(0, 1, 9, 12, 101, 108, 113, 204, 228, 229, 276, 50),
)
VLANS, PPPOE_SESSION = (0x8100, 0x88A8, 0x9100), 0x8864
IP_TYPES, PPP_TYPES = (0x0800, 0x86DD), (0x0021, 0x0057)


class CaptureError(ValueError):
    """A file that is no capture, or has links that carry no IP. The text is for people."""


@dataclass(frozen=True, slots=True)
class Record:
    """One frame: its captured part, and how long it was."""

    link: int
    data: bytes
    length: int


def packets(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The captured part of each IP packet, and its length on the link. Raises OSError, CaptureError."""
    for record in _records(file):
        header = _link_header(record)
        if header is not None:
            yield record.data[header:], record.length - header


def _records(file: BinaryIO) -> Iterator[Record]:
    magic = file.read(4)
    for order in ("<", ">"):
        number = struct.unpack(order + "I", magic)[0] if len(magic) == 4 else 0
        if number in PCAP:
            return _pcap(file, order)
        if number == SECTION:
            return _pcapng(file)
    raise CaptureError("this is no capture: it begins neither as pcap nor as pcapng")


def _pcap(file: BinaryIO, order: str) -> Iterator[Record]:
    head = file.read(20)
    if len(head) < 20:
        raise CaptureError("the capture ends within its first header")
    link = struct.unpack(order + "I", head[16:])[0] & 0xFFFF
    while len(head := file.read(16)) == 16:
        size, length = struct.unpack(order + "8x2I", head)
        if size > RECORD_BYTES:
            return
        data = file.read(size)
        yield Record(link, data, max(length, len(data)))


def _pcapng(file: BinaryIO) -> Iterator[Record]:
    links: list[int] = []
    file.seek(0)
    order = "<"
    while len(head := file.read(8)) == 8:
        if head[:4] == SECTION.to_bytes(4, "big"):  # the same in either order
            mark = file.read(4)
            order = "<" if mark == BYTE_ORDER.to_bytes(4, "little") else ">"
            links = []
            body, kind = mark, SECTION
            size = struct.unpack(order + "I", head[4:])[0] - 16
        else:
            kind, size = struct.unpack(order + "2I", head)
            size, body = size - 12, b""
        if not 0 <= size <= RECORD_BYTES:
            return
        body += file.read(size)
        file.read(4)
        if kind == INTERFACE and len(body) >= 2:
            links.append(struct.unpack(order + "H", body[:2])[0])
        elif record := _pcapng_record(kind, body, order, links):
            yield record


def _pcapng_record(kind: int, body: bytes, order: str, links: list[int]) -> Record | None:
    if kind == ENHANCED and len(body) >= 20:
        interface, size, length = struct.unpack(order + "I8x2I", body[:20])
        data = body[20 : 20 + size]
    elif kind == PACKET and len(body) >= 20:
        interface, size, length = struct.unpack(order + "H10x2I", body[:20])
        data = body[20 : 20 + size]
    elif kind == SIMPLE and len(body) >= 4:
        interface, length = 0, struct.unpack(order + "I", body[:4])[0]
        data = body[4 : 4 + length]
    else:
        return None
    return Record(links[interface], data, max(length, len(data))) if interface < len(links) else None


def _link_header(record: Record) -> int | None:
    """Bytes before the IP header; None for a frame without IP. Raises CaptureError for a link that we do not know."""
    data, link = record.data, record.link
    if link == ETHERNET:
        return _behind_types(data, 12)
    if link == COOKED:
        return _behind_types(data, 14)
    if link == COOKED2:
        return 20 if _number(data, 0) in IP_TYPES else None
    if link in (RAW, RAW_BSD, IPV4, IPV6):
        return 0
    if link in (NULL, LOOP):
        return 4
    if link in (PPP, PPP_HDLC, PPP_DIRECTION):
        return _behind_ppp(data, 1 if link == PPP_DIRECTION else 0)
    raise CaptureError(
        f"the capture is of links of type {link}, which are not known here: Ethernet, raw IP, Linux cooked and PPP are"
    )


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _behind_types(data: bytes, at: int) -> int | None:
    """Behind an EtherType at `at`, and the VLAN tags and PPPoE that follow."""
    while (kind := _number(data, at)) in VLANS:
        at += 4
    if kind == PPPOE_SESSION:
        return at + 10 if _number(data, at + 8) in PPP_TYPES else None
    return at + 2 if kind in IP_TYPES else None


def _behind_ppp(data: bytes, at: int) -> int | None:
    """Address and control, the first byte of the protocol: each may be left out (RFC 1661, 1662)."""
    if data[at : at + 2] == b"\xff\x03":
        at += 2
    if data[at : at + 1] in (b"\x21", b"\x57"):
        return at + 1
    return at + 2 if _number(data, at) in PPP_TYPES else None
