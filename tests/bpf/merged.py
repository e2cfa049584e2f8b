# SPDX-License-Identifier: GPL-2.0-or-later
"""Merged packets in any encapsulation, and what a plain segmentation of each puts on the wire. Pure, from a seed.

A merged packet here is what GRO and GSO of Linux make: the data of all segments behind one set of headers, in which
every length is that of the whole. On the wire each segment has all of these headers, and its part of the data.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.bpf.packets import CLIENT6, SERVER4, SERVER6, TCP, UDP, WAN4, ethernet, extension, ipv4, ipv6, tcp, udp, vlan

IPIP, IPV6, GRE, SCTP = 4, 41, 47, 132
ETHERTYPES = {4: 0x0800, 6: 0x86DD}
BRIDGING, VLAN = 0x6558, 0x8100
DESTINATION_OPTIONS = 60
ROOM = 3600
"""Bytes of a packet that BPF_PROG_TEST_RUN takes, with some to spare."""
MOST_HEADERS = 320

Layer = Callable[[bytes], bytes]
"""Puts headers before a payload."""


@dataclass(frozen=True)
class Merged:
    """`packet` begins with its IP header and has `segments` of `size` bytes; `wire`: the bytes of all segments."""

    name: str
    family: int
    packet: bytes
    size: int
    segments: int
    wire: int


def plain(dice: Random) -> Merged:
    """Of one connection."""
    family = dice.choice((4, 6))
    whole = _connection(dice, family)
    parts = _parts(dice, ROOM - MOST_HEADERS)
    wire = sum(len(whole(part)) for part in parts)
    return Merged("plain", family, whole(b"".join(parts)), len(parts[0]), len(parts), wire)


def encapsulated(dice: Random) -> Merged:
    """Of one connection, inside an encapsulation."""
    name, outer, wrap, inner, family = _nested(dice, tuple(ENCAPSULATIONS))
    parts = _parts(dice, ROOM - MOST_HEADERS)
    wire = sum(len(outer(wrap(inner(part)))) for part in parts)
    return Merged(name, family, outer(wrap(inner(b"".join(parts)))), len(parts[0]), len(parts), wire)


def merged_outside(dice: Random) -> Merged:
    """Datagrams that carry a packet each, of a whole connection or alone, merged by their own UDP header only.

    A router that forwards them may do that. All but the last are of one length.
    """
    name, outer, wrap, inner, family = _nested(dice, IN_UDP)
    parts = _parts(dice, ROOM - 7 * MOST_HEADERS)
    datagrams = [wrap(inner(part)) for part in parts]
    whole = outer(datagrams[0][:8] + b"".join(each[8:] for each in datagrams))
    wire = sum(len(outer(each)) for each in datagrams)
    return Merged(f"{name}, outside", family, whole, len(datagrams[0]) - 8, len(parts), wire)


def _nested(dice: Random, names: tuple[str, ...]) -> tuple[str, Layer, Layer, Layer, int]:
    """An encapsulation, the IP header outside, the encapsulation itself, all headers inside, the family outside."""
    name, family, inside = dice.choice(names), dice.choice((4, 6)), dice.choice((4, 6))
    protocol, wrap = ENCAPSULATIONS[name](dice, inside)
    return name, _ip(dice, family, protocol), wrap, _connection(dice, inside), family


def _parts(dice: Random, room: int) -> list[bytes]:
    """The data of two to six segments, all of one length but the last."""
    number = dice.randrange(2, 7)
    size = dice.randrange(1, room // number)
    return [bytes(size)] * (number - 1) + [bytes(dice.randrange(1, size + 1))]


def _ip(dice: Random, family: int, protocol: int) -> Layer:
    if family == 4:
        options = bytes(4 * dice.choice((0, 0, 0, 1, 10)))
        return lambda payload: ipv4(WAN4, SERVER4, protocol, payload, options=options)
    sizes = [dice.choice((8, 16, 24)) for _ in range(dice.choice((0, 0, 1, 3)))]

    def layer(payload: bytes) -> bytes:
        next_ = protocol
        for size in sizes:
            payload, next_ = extension(next_, size) + payload, DESTINATION_OPTIONS
        return ipv6(CLIENT6, SERVER6, next_, payload)

    return layer


def _connection(dice: Random, family: int) -> Layer:
    protocol = dice.choice((TCP, TCP, UDP, SCTP))
    options = bytes(4 * dice.randrange(11))
    transports: dict[int, Layer] = {
        TCP: lambda data: tcp(1000, 80, data, options),
        UDP: lambda data: udp(1000, 443, data),
        SCTP: lambda data: struct.pack("!HHII", 1000, 80, 1, 1) + data,
    }
    ip = _ip(dice, family, protocol)
    return lambda data: ip(transports[protocol](data))


def _frame(dice: Random, family: int) -> Layer:
    """Ethernet, maybe with VLAN tags."""
    tags = dice.choice((0, 0, 1, 2))

    def layer(packet: bytes) -> bytes:
        type_ = ETHERTYPES[family]
        for _ in range(tags):
            packet, type_ = vlan(packet, type_), VLAN
        return ethernet(packet, type_)

    return layer


def _in_ip(_dice: Random, inside: int) -> tuple[int, Layer]:
    return (IPIP if inside == 4 else IPV6), lambda packet: packet


def _in_gre(dice: Random, inside: int) -> tuple[int, Layer]:
    fields = dice.choice((0, 0x8000, 0x2000, 0x1000, 0xB000))
    bridged, frame = dice.random() < 0.5, _frame(dice, inside)
    head = struct.pack("!HH", fields, BRIDGING if bridged else ETHERTYPES[inside]) + bytes(4 * fields.bit_count())
    return GRE, lambda packet: head + (frame(packet) if bridged else packet)


def _in_vxlan(dice: Random, inside: int) -> tuple[int, Layer]:
    """As RFC 7348 has it, or with the extensions for groups or for other payloads (GPE)."""
    group = struct.pack("!BBHI", 0x88, 0, dice.randrange(1 << 16), dice.randrange(1 << 24) << 8)
    other = struct.pack("!BBBBI", 0x0C, 0, 0, 1 if inside == 4 else 2, 7 << 8)
    head = dice.choice((struct.pack("!BBHI", 0x08, 0, 0, 7 << 8), group, other))
    frame = _frame(dice, inside)
    return UDP, lambda packet: udp(40000, 4789, head + (packet if head == other else frame(packet)))


def _in_geneve(dice: Random, inside: int) -> tuple[int, Layer]:
    words, bridged, frame = dice.randrange(16), dice.random() < 0.5, _frame(dice, inside)
    head = struct.pack("!BBHI", words, 0, BRIDGING if bridged else ETHERTYPES[inside], 7 << 8) + bytes(4 * words)
    return UDP, lambda packet: udp(40000, 6081, head + (frame(packet) if bridged else packet))


def _in_gue(dice: Random, inside: int) -> tuple[int, Layer]:
    words = dice.randrange(3)
    head = struct.pack("!BBH", words, IPIP if inside == 4 else IPV6, 0) + bytes(4 * words)
    return UDP, lambda packet: udp(40000, 6080, head + packet)


def _in_fou(_dice: Random, _inside: int) -> tuple[int, Layer]:
    return UDP, lambda packet: udp(40000, 5555, packet)


ENCAPSULATIONS: dict[str, Callable[[Random, int], tuple[int, Layer]]] = {
    "ip": _in_ip,
    "gre": _in_gre,
    "vxlan": _in_vxlan,
    "geneve": _in_geneve,
    "gue": _in_gue,
    "fou": _in_fou,
}
IN_UDP = ("vxlan", "geneve", "gue", "fou")
