# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets as the kernel copies them for their names, made by hand: of a client with an account, at the uplink."""

import itertools
import struct
from collections.abc import Iterator
from ipaddress import ip_address

from esimshaper.core.model.services import Head, HeadKind
from esimshaper.core.services.dns import AAAA, A
from tests.hellos import crypto, dns_answer, hello, in_pieces, initial, ipv4, ipv6, tcp, udp

HEAD_BYTES = 2_048
WAN, SERVER, RESOLVER = "203.0.113.5", "198.51.100.9", "198.51.100.53"
WAN6 = "2001:db8::5"
ROUTER, ALICE, BOB = 1, 2, 3

_ports = itertools.cycle(range(20_000, 60_000))


def mapped(address: str) -> bytes:
    ip = ip_address(address)
    return bytes(10) + b"\xff\xff" + ip.packed if ip.version == 4 else ip.packed


class Call:
    """One conversation of a client with a server, and the heads of its uploads."""

    def __init__(self, account: int = ALICE, server: str = SERVER, port: int = 443, protocol: int = 6) -> None:
        self.account, self.server, self.port, self.protocol = account, server, port, protocol
        self.own = next(_ports)
        self.wan = WAN6 if ":" in server else WAN
        ports = struct.pack("!HHB3x", port, self.own, protocol)
        self.flow = mapped(server) + mapped(self.wan) + ports

    def segment(self, payload: bytes, sequence: int = 1, flags: int = 0x18) -> Head:
        return self._head(6, tcp((self.own, self.port), sequence, payload, flags))

    def datagram(self, payload: bytes) -> Head:
        return self._head(17, udp(self.own, self.port, payload))

    def _head(self, protocol: int, carried: bytes) -> Head:
        make = ipv6 if ":" in self.server else ipv4
        packet = make(self.wan, self.server, protocol, carried)
        return Head(HeadKind.OUT, self.account, self.flow, len(packet), packet[:HEAD_BYTES])


def answer(account: int, name: str, *addresses: str, message: bytes | None = None) -> Head:
    """What a resolver of the router says to a client."""
    known = [ip_address(each) for each in addresses]
    records = [(name, A if each.version == 4 else AAAA, each.packed) for each in known]
    said = dns_answer(name, records) if message is None else message
    packet = ipv4("192.168.8.1", "192.168.8.10", 17, udp(53, 4_000, said))
    return Head(HeadKind.RESOLVED, account, bytes(40), len(packet), packet[:HEAD_BYTES])


def quic_hello(name: str, size: int, chance: "object") -> list[bytes]:
    """The datagrams of a hello that is larger than one, as Chrome cuts it."""
    message = hello(name, size)
    return [initial(frames, number=at) for at, frames in enumerate(in_pieces(message, chance))]  # type: ignore[arg-type]


def whole_quic_hello(name: str) -> bytes:
    message = hello(name)
    return initial(crypto(message, 0, len(message)))


def cuts(size: int, step: int) -> Iterator[tuple[int, int]]:
    """Where to cut into three; of the second place every one that is not before the first."""
    return ((one, two) for one in range(1, size, step) for two in (min(size, one + 700), size))
