# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets as bytes, built by hand so that nothing of the program under test takes part. Pure."""

import ipaddress
import struct

ETHERNET = 14
LAN_MAC = "02:00:00:00:00:10"
ROUTER_MAC = "00:00:00:00:00:00"  # of lo, on which BPF_PROG_TEST_RUN receives
WAN4, SERVER4 = "100.64.0.2", "198.51.100.1"
WAN6, SERVER6, CLIENT6 = "2001:db8:64::2", "2001:db8:5::1", "2001:db8:77::10"
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def ethernet(
    payload: bytes, type_: int = 0x0800, source: str = LAN_MAC, pad: int = 0, destination: str = ROUTER_MAC
) -> bytes:
    return mac(destination) + mac(source) + struct.pack("!H", type_) + payload + bytes(pad)


def vlan(payload: bytes, inner: int = 0x0800, tag: int = 7) -> bytes:
    """The part of a tagged frame behind its EtherType 0x8100."""
    return struct.pack("!HH", tag, inner) + payload


def ipv4(
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    *,
    options: bytes = b"",
    fragment: int = 0,
    id_: int = 1,
    length: int | None = None,
) -> bytes:
    """`fragment` is the field with its flags; `length` overrides what the header states."""
    header = 20 + len(options)
    stated = header + len(payload) if length is None else length
    return (
        struct.pack("!BBHHHBBH", 0x40 | header // 4, 0, stated, id_, fragment, 64, protocol, 0)
        + ipaddress.IPv4Address(source).packed
        + ipaddress.IPv4Address(destination).packed
        + options
        + payload
    )


def ipv6(source: str, destination: str, next_: int, payload: bytes, *, length: int | None = None) -> bytes:
    stated = len(payload) if length is None else length
    return (
        struct.pack("!IHBB", 6 << 28, stated, next_, 64)
        + ipaddress.IPv6Address(source).packed
        + ipaddress.IPv6Address(destination).packed
        + payload
    )


def extension(next_: int, size: int = 8) -> bytes:
    """Hop-by-hop, routing or destination options of `size` bytes."""
    return struct.pack("!BB", next_, size // 8 - 1) + bytes(size - 2)


def fragment6(next_: int, offset: int, more: int, id_: int) -> bytes:
    return struct.pack("!BBHI", next_, 0, offset | more, id_)


def udp(source: int, destination: int, payload: bytes = b"") -> bytes:
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(
    source: int, destination: int, payload: bytes = b"", options: bytes = b"", flags: int = 0x10, sequence: int = 1
) -> bytes:
    words = (20 + len(options)) // 4
    return (
        struct.pack("!HHIIBBHHH", source, destination, sequence, 1, words << 4, flags, 1000, 0, 0) + options + payload
    )


def icmp(type_: int, identifier: int = 0, payload: bytes = b"", code: int = 0) -> bytes:
    """For errors `payload` is the packet that they are about."""
    return struct.pack("!BBHHH", type_, code, 0, identifier, 1) + payload
