# SPDX-License-Identifier: GPL-2.0-or-later
"""What clients send to servers, made by hand: TLS hellos, QUIC Initials, DNS answers, packets, captures."""

import itertools
import random
import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from esimshaper.core.services.quic import VERSIONS, Version, keys_of
from esimshaper.edge.names.aes import TAG, Aes

V1, V2 = 0x00000001, 0x6B3343CF
CLIENT, SERVER = "192.0.2.7", "198.51.100.9"


def extension(kind: int, data: bytes) -> bytes:
    return struct.pack("!HH", kind, len(data)) + data


def server_name(name: str) -> bytes:
    host = name.encode()
    return extension(0, struct.pack("!HBH", len(host) + 3, 0, len(host)) + host)


def hello(name: str | None, size: int = 0, *, first: bool = False) -> bytes:
    """The handshake message. size: filled to about so many bytes, as by keys of post-quantum kind, which stand before
    the name unless it is `first`."""
    filling = extension(51, bytes(max(0, size - 120))) if size else b""
    named = server_name(name) if name else b""
    extensions = (
        extension(0x0A0A, b"") + (named + filling if first else filling + named) + extension(43, b"\x02\x03\x04")
    )
    body = b"\x03\x03" + bytes(32) + b"\x20" + bytes(32) + struct.pack("!HHH", 4, 0x1301, 0x1302) + b"\x01\x00"
    body += struct.pack("!H", len(extensions)) + extensions
    return b"\x01" + len(body).to_bytes(3, "big") + body


def records(message: bytes, *cuts: int) -> bytes:
    """The message in TLS records, cut at these places."""
    ends = (0, *cuts, len(message))
    parts = [message[start:end] for start, end in itertools.pairwise(ends)]
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(part)) + part for part in parts if part)


def varint(number: int, size: int = 4) -> bytes:
    prefix = {1: 0, 2: 1, 4: 2, 8: 3}[size]
    return (prefix << (8 * size - 2) | number).to_bytes(size, "big")


def crypto(message: bytes, start: int, end: int) -> bytes:
    """A CRYPTO frame with this part of the message."""
    part = message[start:end]
    return b"\x06" + varint(start) + varint(len(part)) + part


def initial(frames: bytes, connection: bytes = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08", **said: object) -> bytes:
    """A datagram with one Initial of a client.

    said: version; number; token; keys: the connection id that the keys follow from, if it is another; source.
    """
    version = int(str(said.get("version", V1)))
    number = int(str(said.get("number", 0))).to_bytes(2, "big")
    token, source = said.get("token", b""), said.get("source", b"\x01\x02")
    assert isinstance(token, bytes)
    assert isinstance(source, bytes)
    aes = Aes()
    keys = keys_of(aes, VERSIONS[version], said.get("keys", connection))  # type: ignore[arg-type]
    payload = frames + bytes(max(0, 1150 - len(frames)))
    first = 0xC0 | VERSIONS[version].initial << 4 | 1
    header = bytes([first]) + version.to_bytes(4, "big") + bytes([len(connection)]) + connection
    header += bytes([len(source)]) + source + varint(len(token), 2) + token + varint(2 + len(payload) + TAG, 2)
    nonce = (int.from_bytes(keys.iv, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    sealed = aes.seal(keys.key, nonce, header + number, payload)
    mask = aes.mask(keys.protection, (number + sealed)[4:20])
    hidden = bytes([first ^ mask[0] & 0x0F]) + header[1:] + bytes(a ^ b for a, b in zip(number, mask[1:], strict=False))
    return hidden + sealed


def other_packet(version: Version, kind: int, connection: bytes) -> bytes:
    """A packet of 0-RTT (1) or a handshake (2) in the same datagram, whose content nobody reads."""
    first = 0xC0 | (version.initial + kind) % 4 << 4
    number = next(each for each, known in VERSIONS.items() if known is version)
    header = bytes([first]) + number.to_bytes(4, "big") + bytes([len(connection)]) + connection + b"\x00"
    return header + varint(40, 2) + bytes(40)


def in_pieces(message: bytes, chance: random.Random) -> list[bytes]:
    """CRYPTO frames of random sizes, in random order, among padding and pings, for two datagrams, as Chrome sends it:
    the first has the beginning and the end of the message, the second what is between."""
    head, tail = chance.randint(55, 86), len(message) - chance.randint(20, 60)
    parts = [[(0, head), (tail, len(message))], _cut(head, tail, chance)]
    datagrams = []
    for spans in parts:
        frames = [crypto(message, *span) for span in spans]
        frames += [b"\x01"] * chance.randint(2, 10) + [bytes(chance.randint(1, 40)) for _ in range(3)]
        chance.shuffle(frames)
        datagrams.append(b"".join(frames))
    return datagrams


def _cut(start: int, end: int, chance: random.Random) -> list[tuple[int, int]]:
    places = sorted({start, end, *(chance.randint(start, end) for _ in range(7))})
    return list(itertools.pairwise(places))


def dns_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\x00"


def dns_answer(name: str, records_: Sequence[tuple[str, int, bytes]], flags: int = 0x8180) -> bytes:
    """An answer to a question for `name`: owner, type and data of each record."""
    message = struct.pack("!6H", 7, flags, 1, len(records_), 0, 0) + dns_name(name) + struct.pack("!HH", 1, 1)
    for owner, kind, data in records_:
        message += dns_name(owner) + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
    return message


def ipv4(source: str, target: str, protocol: int, payload: bytes, fragment: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 77, fragment, 64, protocol, 0)
    return head + ip_address(source).packed + ip_address(target).packed + payload


def ipv6(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
    return head + ip_address(source).packed + ip_address(target).packed + payload


def udp(source: int, target: int, payload: bytes) -> bytes:
    return struct.pack("!4H", source, target, 8 + len(payload), 0) + payload


def tcp(ports: tuple[int, int], sequence: int, payload: bytes = b"", flags: int = 0x18) -> bytes:
    return struct.pack("!HHIIBBHHH", *ports, sequence % 2**32, 0, 0x50, flags, 1000, 0, 0) + payload


def pcap(packets: Iterable[bytes], link: int = 101, order: str = "<") -> bytes:
    """A capture, of raw IP if nothing else is said."""
    body = b"".join(struct.pack(order + "4I", 0, 0, len(each), len(each)) + each for each in packets)
    return struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link) + body


def pcapng(packets: Iterable[bytes], link: int = 101, order: str = "<") -> bytes:
    """The same in the newer form."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size

    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack(order + "HHI", link, 0, 0))
    return (
        section
        + interface
        + b"".join(block(6, struct.pack(order + "5I", 0, 0, 0, len(each), len(each)) + each) for each in packets)
    )
