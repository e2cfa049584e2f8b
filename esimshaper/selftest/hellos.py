# SPDX-License-Identifier: GPL-2.0-or-later
"""What browsers send first, made for one name: a TLS hello in two segments, and one of QUIC in two datagrams.

Both are larger than a packet, and neither part has the name and what it takes to find it. Pure but for libcrypto.
"""

import struct

from esimshaper.core.services.quic import VERSIONS, keys_of
from esimshaper.edge.names.aes import Aes

SERVER_NAME, KEYS = 0, 51  # extensions, RFC 8446 section 4.2
POST_QUANTUM = bytes(1_216)
"""A key share as X25519MLKEM768 has it."""

QUIC, CONNECTION = 0x00000001, b"selftest"
FIRST_PART = 70
"""Bytes of the hello in the first datagram beside its end, as Chrome has it: the name comes in the second."""

DATAGRAM = 1_200  # RFC 9000 section 14.1


def tls_segments(name: str) -> tuple[bytes, bytes]:
    """A record with a ClientHello, cut in the middle of the name."""
    hello = _hello(name)
    record = b"\x16\x03\x01" + struct.pack("!H", len(hello)) + hello
    cut = record.index(name.encode()) + len(name) // 2
    return record[:cut], record[cut:]


def quic_datagrams(name: str) -> tuple[bytes, bytes]:
    """Two Initials of version 1."""
    hello, tail = _hello(name), 40
    first = _crypto(hello, 0, FIRST_PART) + _crypto(hello, len(hello) - tail, len(hello))
    return _initial(first, 0), _initial(_crypto(hello, FIRST_PART, len(hello) - tail), 1)


def _hello(name: str) -> bytes:
    host = name.encode()
    named = struct.pack("!HHHBH", SERVER_NAME, len(host) + 5, len(host) + 3, 0, len(host)) + host
    extensions = (
        struct.pack("!HH", KEYS, len(POST_QUANTUM)) + POST_QUANTUM + named + struct.pack("!HHB2s", 43, 3, 2, b"\3\4")
    )
    body = b"\x03\x03" + bytes(32) + b"\0" + struct.pack("!HH", 2, 0x1301) + b"\x01\0"
    body += struct.pack("!H", len(extensions)) + extensions
    return b"\x01" + len(body).to_bytes(3, "big") + body


def _crypto(hello: bytes, start: int, end: int) -> bytes:
    """A CRYPTO frame, RFC 9000 section 19.6."""
    return b"\x06" + _varint(start) + _varint(end - start) + hello[start:end]


def _varint(number: int) -> bytes:
    return (0x8000_0000 | number).to_bytes(4, "big")


def _initial(frames: bytes, number: int) -> bytes:
    """A packet of a client, RFC 9001 section 5."""
    aes = Aes()
    keys = keys_of(aes, VERSIONS[QUIC], CONNECTION)
    payload = frames.ljust(DATAGRAM - 60, b"\0")
    own = number.to_bytes(4, "big")
    length = 0x4000 | len(own) + len(payload) + 16
    header = (
        b"\xc3" + QUIC.to_bytes(4, "big") + bytes([len(CONNECTION)]) + CONNECTION + b"\0\0" + length.to_bytes(2, "big")
    )
    nonce = (int.from_bytes(keys.iv, "big") ^ number).to_bytes(12, "big")
    sealed = aes.seal(keys.key, nonce, header + own, payload)
    mask = aes.mask(keys.protection, sealed[:16])
    hidden = bytes(a ^ b for a, b in zip(own, mask[1:], strict=False))
    return bytes([header[0] ^ mask[0] & 0x0F]) + header[1:] + hidden + sealed
