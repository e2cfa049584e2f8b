# SPDX-License-Identifier: GPL-2.0-or-later
"""A TLS ClientHello (RFC 8446 section 4.1.2) -> the name of the server that it asks for. Pure.

    record: 16 03 xx length | handshake: 01 length | version, random, session, ciphers, compression | extensions -> name

The hello is read only as far as its name: it may be cut into any number of segments and records, and of an unfinished
one the name may be there already.
"""

import itertools
import re
from dataclasses import dataclass

from esimshaper.core.services.octets import IncompleteError, MalformedError, Octets

HANDSHAKE, CLIENT_HELLO = 22, 1
CLIENT_HELLO_BYTE = bytes([CLIENT_HELLO])
RECORD_BYTES = 16_384 + 256
HELLO_BYTES = 65_536
SERVER_NAME = 0  # RFC 6066 section 3
_RECORD = re.compile(rb"\x16\x03[\x00-\x04]", re.DOTALL)
_HOST = re.compile(r"[a-z0-9_*](?:[a-z0-9_*.-]*[a-z0-9_*])?")
NAME_LENGTH = 253

SEARCHED = 2048
"""A hello behind something else (STARTTLS, SOCKS, CONNECT) begins within so many bytes."""

BEGINNINGS = 8
"""So many places in them that look like the beginning of a hello are tried."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a ClientHello says. name: None where it has none."""

    name: str | None


def host_name(text: str) -> str | None:
    """A host name in lower case and without its last dot; None for what is no name of a host, such as an address."""
    name = text.strip().rstrip(".").lower()
    is_name = len(name) <= NAME_LENGTH and _HOST.fullmatch(name) and ".." not in name
    return name if is_name and not name.replace(".", "").isdigit() else None


def hello_in_records(stream: bytes) -> Hello:
    """The hello at the beginning of a TCP stream. Raises IncompleteError or MalformedError."""
    handshake, at, is_broken = bytearray(), 0, False
    while at < len(stream) and not is_broken:
        head = stream[at : at + 5]
        length = int.from_bytes(head[3:5], "big") if len(head) == 5 else 1
        is_record = b"\x16\x03".startswith(head[:2]) and head[2:3] <= b"\x04" and 0 < length <= RECORD_BYTES
        is_broken = not is_record or handshake[:1] not in (b"", CLIENT_HELLO_BYTE)
        handshake += b"" if is_broken else stream[at + 5 : at + 5 + length]
        at += 5 + length
    # Once, and not with each record: a device may send thousands of them, of a byte each.
    try:
        return read_hello(bytes(handshake))
    except IncompleteError:
        if is_broken:
            raise MalformedError from None
        raise


def hello_behind(stream: bytes) -> Hello:
    """The first hello in a stream that begins with something else. Raises IncompleteError or MalformedError."""
    for found in itertools.islice(_RECORD.finditer(stream[:SEARCHED]), BEGINNINGS):
        try:
            return hello_in_records(stream[found.start() :])
        except MalformedError:
            continue
    if len(stream) >= SEARCHED:
        raise MalformedError
    raise IncompleteError


def read_hello(handshake: bytes) -> Hello:
    """The hello that a stream of handshake messages begins with. Raises IncompleteError or MalformedError."""
    reader = Octets(handshake)
    kind = reader.number(1)
    if kind != CLIENT_HELLO:
        raise MalformedError
    length = reader.number(3)
    if not 0 < length <= HELLO_BYTES:
        raise MalformedError
    whole = reader.left >= length
    try:
        return _read_body(reader.within(length), whole=whole)
    except IncompleteError:
        if whole:  # its own lengths lead out of it
            raise MalformedError from None
        raise


def _read_body(body: Octets, *, whole: bool) -> Hello:
    if body.number(1) != 3:  # SSL 3.0 to TLS 1.3
        raise MalformedError
    body.skip(1 + 32)
    body.skip(body.number(1))
    body.skip(body.number(2))
    body.skip(body.number(1))
    if whole and not body.left:
        return Hello(None)  # old clients have no extensions
    left = body.number(2)
    while left >= 4:
        kind, size = body.number(2), body.number(2)
        left -= 4 + size
        if left < 0:
            raise MalformedError
        extension = body.take(size)
        if kind == SERVER_NAME:
            return Hello(_server_name(extension))
    return Hello(None)


def _server_name(extension: bytes) -> str | None:
    """Of the list in it the first name, RFC 6066; a server sends the extension without a list."""
    if not extension:
        return None
    kind, length = extension[2:3], int.from_bytes(extension[3:5], "big")
    if kind != b"\0" or len(extension) < 5 + length:
        raise MalformedError
    return host_name(extension[5 : 5 + length].decode("ascii", "replace"))
