# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: netlink as Linux speaks it (include/uapi/linux/netlink.h). Requests and attributes to bytes, answers back.

    message     header (length, type, flags, number, port), then a body that begins with a struct of its family
    attribute   header (length, type), then a value, padded to 4 bytes; values may be attributes again

Positions in an answer are given as (start, end), since a copy of each value would cost more than all the rest.
"""

import ipaddress
import itertools
import os
import socket
import struct
from collections.abc import Iterator, Sequence

REQUEST, ACK, REPLACE, EXCL, CREATE, DUMP = 0x1, 0x4, 0x100, 0x200, 0x400, 0x300
ERROR, DONE = 2, 3
RTMGRP_LINK, RTMGRP_TC = 1, 8

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Buffer = bytes | memoryview
Place = tuple[int, int]
"""Start and end of something in a Buffer."""

RTMSG, ROUTE_TYPE_AT = struct.Struct("=8BI"), 7
"""struct rtmsg of include/uapi/linux/rtnetlink.h, and where an answer has its rtm_type."""

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER, _FLAGS = struct.Struct("=I"), struct.Struct("=H")
_NUMBER_AT, _FLAGS_AT = 8, 6  # in the header
_CODE = struct.Struct("=i")  # the negative errno of an ERROR or DONE
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_GETROUTE, _RTA_DST = 26, 1
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_SENTENCE = 1  # NLMSGERR_ATTR_MSG: why, in the kernel's own words
_BATCH = 100  # errors of so many fit into any receive buffer
_RECEIVE_BYTES = 1 << 17


def message(kind: int, flags: int, body: bytes) -> bytes:
    """A request without its number, which the socket fills in."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags | REQUEST, 0, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def route_request(far: Address, source_bits: int = 0, more: bytes = b"") -> bytes:
    """Asks by which way a packet to `far` leaves (RTM_GETROUTE); `more`: further attributes of struct rtmsg."""
    family = socket.AF_INET if far.version == 4 else socket.AF_INET6
    head = RTMSG.pack(family, far.max_prefixlen, source_bits, 0, 0, 0, 0, 0, 0)
    return message(_GETROUTE, 0, head + attribute(_RTA_DST, far.packed) + more)


def messages(data: Buffer) -> Iterator[tuple[int, int, Place]]:
    """Type, number and body of each received message; one that is cut off at the end is left out."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, _, number, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield kind, number, (offset + _HEADER.size, min(offset + length, len(data)))
        offset += (length + 3) & ~3


def attributes(data: Buffer, start: int, end: int) -> dict[int, Place]:
    """The value of each attribute between two positions, by type. Stops where there is no attribute."""
    found = {}
    while start + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < _ATTRIBUTE.size or start + length > end:
            break
        found[kind & _TYPE_MASK] = (start + _ATTRIBUTE.size, start + length)
        start += (length + 3) & ~3
    return found


def first_attribute(data: Buffer, wanted: int, start: int, end: int) -> Place | None:
    """The value of the first attribute of one type; looks no further, where `attributes` would read all."""
    while start + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < _ATTRIBUTE.size or start + length > end:
            break
        if kind & _TYPE_MASK == wanted:
            return start + _ATTRIBUTE.size, start + length
        start += (length + 3) & ~3
    return None


def text(data: Buffer, place: Place) -> str:
    """A value that is a text: a name, or a sentence of the kernel."""
    return bytes(data[slice(*place)]).partition(b"\0")[0].decode(errors="replace")


def _error(data: Buffer, start: int, end: int) -> OSError | None:
    """The error in the body of an ERROR or DONE; None if there is none."""
    code = -_CODE.unpack_from(data, start)[0] if end - start >= _CODE.size else 0
    if not code:
        return None
    place = first_attribute(data, _SENTENCE, start + _CODE.size + _HEADER.size, end)  # behind the header of the request
    said = text(data, place) if place else ""
    return OSError(code, os.strerror(code) + (f" ({said})" if said else ""))


class Netlink:
    """Owns a socket in the network namespace of the thread that makes it. `protocol` as in linux/netlink.h.

    Raises OSError; TimeoutError after `timeout` seconds without an answer.
    """

    def __init__(self, protocol: int = socket.NETLINK_ROUTE, timeout: float | None = None) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)  # errors do not repeat the message
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._socket.settimeout(timeout)
        self._socket.bind((0, 0))
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self._socket.close()

    def do(self, request: bytes) -> None:
        """Sends one request. Raises OSError if the kernel refuses it."""
        (error,) = self.send([request])
        if error:
            raise error

    def send(self, requests: Sequence[bytes]) -> list[OSError | None]:
        """Sends requests; the error of each, None if it was carried out. A failure stops none of the later ones."""
        errors: list[OSError | None] = []
        for start in range(0, len(requests), _BATCH):
            errors += self._send(requests[start : start + _BATCH])
        return errors

    def _send(self, batch: Sequence[bytes]) -> list[OSError | None]:
        numbered = [self._numbered(each) for each in batch]
        numbers = [number for number, _ in numbered]
        # Without ACK the kernel answers only to what fails: a hundred requests are two system calls. The last one asks
        # for an answer, which says that all before it are done.
        last = numbered[-1][1]
        _FLAGS.pack_into(last, _FLAGS_AT, _FLAGS.unpack_from(last, _FLAGS_AT)[0] | ACK)
        self._socket.send(b"".join(each for _, each in numbered))
        errors: dict[int, OSError | None] = dict.fromkeys(numbers)
        while True:
            data = self.receive()
            for kind, number, place in messages(data):
                if kind == ERROR and number in errors:
                    errors[number] = _error(data, *place)
                    if number == numbers[-1]:
                        return list(errors.values())

    def get(self, request: bytes) -> memoryview:
        """The body of the only answer to a request. Raises OSError if the kernel refuses it."""
        asked = self.ask(request)
        while True:
            data = memoryview(self.receive())
            for kind, number, (start, end) in messages(data):
                error = _error(data, start, end) if kind == ERROR and number == asked else None
                if error:
                    raise error
                if number == asked:
                    return data[start:end]

    def dump(self, request: bytes) -> list[memoryview]:
        """The bodies of all answers to a request with DUMP. Raises OSError if the kernel refuses it."""
        asked = self.ask(request)
        found: list[memoryview] = []
        while True:
            data = memoryview(self.receive())
            for kind, number, (start, end) in messages(data):
                if number != asked:
                    continue
                if kind not in (ERROR, DONE):
                    found.append(data[start:end])
                    continue
                error = _error(data, start, end)
                if error:
                    raise error
                return found

    def ask(self, request: bytes) -> int:
        """Sends one request, whose answers `receive` gives; their number."""
        number, numbered = self._numbered(request)
        self._socket.send(numbered)
        return number

    def receive(self) -> bytes:
        """Receives the messages that the kernel has sent at once."""
        return self._socket.recv(_RECEIVE_BYTES)

    def _numbered(self, request: bytes) -> tuple[int, bytearray]:
        number, numbered = next(self._numbers) & 0x7FFF_FFFF, bytearray(request)
        _NUMBER.pack_into(numbered, _NUMBER_AT, number)
        return number, numbered


class Subscription:
    """Owns a socket on which the kernel sends news. `groups`: RTMGRP_ bits; `fd` is readable when there are any."""

    def __init__(self, groups: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        self._socket.bind((0, groups))
        self.fd = self._socket.fileno()

    def next_kind(self) -> int:
        """The type of the next message. Raises OSError: EAGAIN if there is none, ENOBUFS if some were lost."""
        kind: int = _HEADER.unpack(self._socket.recv(_HEADER.size))[1]  # the rest of the datagram is thrown away
        return kind

    def close(self) -> None:
        self._socket.close()
