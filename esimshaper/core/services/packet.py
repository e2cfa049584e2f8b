# SPDX-License-Identifier: GPL-2.0-or-later
"""An IP packet of a capture -> who sends what to whom, and how many bytes the carrier bills for it. Pure.

The kernel part has a reader of its own, in bpf/parse.h; this one is for captures.
"""

import ipaddress
from dataclasses import dataclass

from esimshaper.core.model.services import TCP, UDP, Address
from esimshaper.core.services.octets import MalformedError, Octets

DCCP, SCTP, UDPLITE = 33, 132, 136
FRAGMENT = 44
EXTENSIONS = (0, 43, 51, 60, FRAGMENT)  # hop-by-hop, routing, authentication, destination options
EXTENSIONS_MAX = 8
SYN, ACK = 0x02, 0x10


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. Ports are 0 for protocols that have none, and for a fragment that is not the first.

    size: bytes of the packet, as its IP header states them. sequence, flags: of TCP. datagram: the number that joins
    fragments, None for a whole packet.
    """

    source: Address
    target: Address
    protocol: int
    size: int
    source_port: int = 0
    target_port: int = 0
    sequence: int = 0
    flags: int = 0
    payload: bytes = b""
    datagram: int | None = None
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class _Header:
    """What an IP header says, and where what it carries begins and ends."""

    source: Address
    target: Address
    protocol: int
    size: int
    body: Octets
    datagram: int | None = None
    is_first: bool = True


def read_packet(data: bytes, length: int) -> Packet:
    """`data` is the captured part of a packet that had `length` bytes. Raises IncompleteError or MalformedError."""
    version = data[:1] and data[0] >> 4
    if version not in (4, 6):
        raise MalformedError
    header = _read_ipv4(data, length) if version == 4 else _read_ipv6(data, length)
    common = (header.source, header.target, header.protocol, header.size)
    if not header.is_first:
        return Packet(*common, datagram=header.datagram, is_first=False)
    body = header.body
    if header.protocol == TCP:
        source, target, sequence = body.number(2), body.number(2), body.number(4)
        body.skip(4)
        offset, flags = (body.number(1) >> 4) * 4, body.number(1)
        if offset < 20:
            raise MalformedError
        body.skip(min(body.left, offset - 14))
        return Packet(*common, source, target, sequence, flags, body.rest(), header.datagram)
    if header.protocol in (UDP, UDPLITE):
        source, target = body.number(2), body.number(2)
        body.skip(4)
        return Packet(*common, source, target, payload=body.rest(), datagram=header.datagram)
    if header.protocol in (SCTP, DCCP):
        return Packet(*common, body.number(2), body.number(2), datagram=header.datagram)
    return Packet(*common, payload=body.rest(), datagram=header.datagram)


def _read_ipv4(data: bytes, length: int) -> _Header:
    reader = Octets(data)
    ihl = (reader.number(1) & 0x0F) * 4
    reader.skip(1)
    total, number, fragment = reader.number(2), reader.number(2), reader.number(2)
    reader.skip(1)
    protocol = reader.number(1)
    reader.skip(2)
    source, target = (ipaddress.IPv4Address(reader.take(4)) for _ in range(2))
    # A packet that the kernel will cut into segments later may state the length 0.
    total = total or length
    if ihl < 20 or total < ihl:
        raise MalformedError
    reader.skip(ihl - 20)
    is_part, is_first = bool(fragment & 0x3FFF), not fragment & 0x1FFF
    body = Octets(data, reader.at, total)
    return _Header(source, target, protocol, min(total, length), body, number if is_part else None, is_first)


def _read_ipv6(data: bytes, length: int) -> _Header:
    reader = Octets(data)
    reader.skip(4)
    stated, protocol = reader.number(2), reader.number(1)
    reader.skip(1)
    source, target = (ipaddress.IPv6Address(reader.take(16)) for _ in range(2))
    total = stated + 40 if stated else length
    reader = Octets(data, 40, total)
    datagram, is_first = None, True
    for _ in range(EXTENSIONS_MAX):
        if protocol not in EXTENSIONS or not is_first:
            break
        kind, (protocol, words) = protocol, reader.take(2)
        if kind == FRAGMENT:
            offset, datagram = reader.number(2), reader.number(4)
            is_first = not offset & 0xFFF8
            datagram = datagram if offset & 0xFFF9 else None
        else:
            reader.skip((words + 2) * 4 - 2 if kind == 51 else (words + 1) * 8 - 2)
    return _Header(source, target, protocol, min(total, length), reader, datagram, is_first)
