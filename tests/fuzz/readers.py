# SPDX-License-Identifier: GPL-2.0-or-later
"""Every reader of what strangers write, with real messages to begin from and the only errors that may leave it."""

import io
import itertools
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address

from esimshaper.core.model.services import Head, HeadKind
from esimshaper.core.services import dns, tls
from esimshaper.core.services.catalogue import Catalogue, catalogue_of
from esimshaper.core.services.flows import Flows
from esimshaper.core.services.http import may_be_request, requested_host
from esimshaper.core.services.live import LiveNames
from esimshaper.core.services.octets import UnreadableError
from esimshaper.core.services.packet import read_packet
from esimshaper.core.services.patterns import pattern_of
from esimshaper.core.services.quic import VERSIONS, Initials
from esimshaper.edge.names.aes import Aes
from esimshaper.edge.names.captures import CaptureError, packets
from esimshaper.edge.settings_file.catalogue import read_services
from tests.fuzz import page
from tests.hellos import (
    CLIENT,
    SERVER,
    V2,
    crypto,
    dns_answer,
    dns_name,
    hello,
    in_pieces,
    initial,
    ipv4,
    ipv6,
    other_packet,
    pcap,
    pcapng,
    records,
    tcp,
    udp,
)

NAME = "video.example.org"
SIX = ("2001:db8::7", "2001:db8::9")
REQUEST = b"GET /a?b=c HTTP/1.1\r\nAccept: */*\r\nHost:  www.example.org:8080 \r\nX: y\r\n\r\n"


@dataclass(frozen=True)
class Reader:
    """read: takes bytes, and raises nothing but `errors`."""

    name: str
    seeds: Sequence[bytes]
    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = (UnreadableError,)


@cache
def _aes() -> Aes:
    return Aes()


@cache
def _catalogue() -> Catalogue:
    return catalogue_of(read_services())


def _dns_seeds() -> list[bytes]:
    edge, address = "edge.cdn.example", ip_address(SERVER).packed
    https = struct.pack("!H", 1) + b"\x00" + struct.pack("!HH", 4, 4) + address
    answers = [(NAME, dns.CNAME, dns_name(edge)), (edge, dns.A, address), (edge, dns.HTTPS, https)]
    pointer = dns_answer(NAME, []) + b"\xc0\x0c" + struct.pack("!HHIH", dns.A, 1, 60, 4) + address
    return [dns_answer(NAME, answers), dns_answer(NAME, [], flags=0x0100), pointer.replace(b"\0\0", b"\0\1", 1)]


def _hellos() -> list[bytes]:
    return [hello(NAME), hello(NAME, 1_800), hello(None), hello(NAME, 300, first=True)]


def _datagrams() -> list[bytes]:
    message = hello(NAME)
    whole = initial(crypto(message, 0, len(message)))
    second = initial(crypto(message, 0, 40), version=V2, token=b"t" * 9)
    return [whole, second, other_packet(VERSIONS[1], 1, b"12345678") + whole]


def _frames() -> list[bytes]:
    chance = random.Random(1)
    return [*in_pieces(hello(NAME, 1_500), chance), b"\x02" + bytes(5) + crypto(hello(NAME), 0, 99)]


def _packets() -> list[bytes]:
    fragment = bytes([17, 0]) + struct.pack("!HI", 1, 99) + udp(1, 2, b"abc")
    return [
        ipv4(CLIENT, SERVER, 6, tcp((50_000, 443), 1, records(hello(NAME)))),
        ipv4(SERVER, CLIENT, 17, udp(53, 4_000, _dns_seeds()[0])),
        ipv4(CLIENT, SERVER, 17, udp(50_000, 443, _datagrams()[0])),
        ipv6(*SIX, 0, bytes([43, 0]) + bytes(6) + bytes([17, 1]) + bytes(14) + udp(1, 2, b"abc")),
        ipv6(*SIX, 44, fragment),
        ipv4(SERVER, CLIENT, 6, tcp((53, 4_000), 1, len(_dns_seeds()[0]).to_bytes(2, "big") + _dns_seeds()[0])),
    ]


def _read_hello(stream: bytes) -> None:
    for reader in (tls.hello_in_records, tls.hello_behind, tls.read_hello):
        try:
            reader(stream)
        except UnreadableError:
            continue


def _read_initials(datagram: bytes) -> None:
    initials = Initials(_aes())
    for part in (datagram[: len(datagram) // 2], datagram, datagram):
        try:
            initials.take(part)
        except UnreadableError:
            continue


def _read_frames(frames: bytes) -> None:
    """What is inside was written by strangers as well, with the right keys."""
    Initials(_aes()).take(initial(frames[:1_100]))


def _read_pattern(payload: bytes) -> None:
    for protocol, port in itertools.product((6, 17, 50, 1), (53, 443, 1194)):
        pattern_of(protocol, port, payload)


def _read_request(stream: bytes) -> None:
    if may_be_request(stream):
        requested_host(stream)


def _read_capture(data: bytes) -> None:
    flows = Flows(_catalogue(), _aes())
    for packet, length in packets(io.BytesIO(data)):
        try:
            flows.take(read_packet(packet, length))
        except UnreadableError:
            continue
    list(flows.flows())


def _name_live(data: bytes) -> None:
    """The packets of a line of heads, each behind its length, as the process that names conversations gets them."""
    names = LiveNames(_catalogue(), {"youtube": 7}, _aes())
    at, now = 0, 0.0
    while at + 3 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 3], "big") & 0x7FF
        packet = data[at + 3 : at + 3 + size]
        names.take(Head(HeadKind(data[at] % 3), data[at] >> 6, packet[:40].ljust(40, b"\0"), size, packet), now)
        at, now = at + 3 + size, now + 0.5
    names.expire(now + 100)


def _heads() -> list[bytes]:
    lines = [bytes([kind]) + len(each).to_bytes(2, "big") + each for each in _packets() for kind in (0, 1)]
    return [b"".join(lines), *lines]


READERS = (
    Reader("DNS", _dns_seeds(), dns.read_message),
    Reader("DNS over TCP", [len(each).to_bytes(2, "big") + each for each in _dns_seeds()], dns.read_over_tcp, ()),
    Reader("TLS hello", [*_hellos(), *(records(each, 30, 200) for each in _hellos())], _read_hello, ()),
    Reader("QUIC datagram", _datagrams(), _read_initials, ()),
    Reader("QUIC frames", _frames(), _read_frames),
    Reader("HTTP request", [REQUEST, b"CONNECT mail.example.org:443 HTTP/1.1\r\n"], _read_request),
    Reader("pattern", [b"\x13BitTorrent protocol", b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)], _read_pattern, ()),
    Reader("packet", _packets(), lambda data: read_packet(data, len(data))),
    Reader("capture", [pcap(_packets()), pcapng(_packets(), order=">")], _read_capture, (CaptureError,)),
    Reader("heads", _heads(), _name_live, ()),
    Reader("request to the page", page.seeds(), page.ask, ()),
)
