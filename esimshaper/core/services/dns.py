# SPDX-License-Identifier: GPL-2.0-or-later
"""A DNS answer (RFC 1035; HTTPS and SVCB: RFC 9460) -> the name asked for, and the addresses that it has. Pure.

    question www.example.org -> CNAME edge.cdn.example -> A 192.0.2.7, HTTPS ipv4hint 192.0.2.8

The question's name is what people mean; the owner of an address is often the name of a CDN.
"""

import ipaddress
from dataclasses import dataclass

from esimshaper.core.model.services import Address
from esimshaper.core.services.octets import IncompleteError, MalformedError, Octets, UnreadableError
from esimshaper.core.services.stream import Stream, distance
from esimshaper.core.services.tls import host_name

A, CNAME, AAAA, SVCB, HTTPS = 1, 5, 28, 64, 65
INTERNET = 1
RECORDS, POINTERS = 100, 32
NAME_BYTES = 255
ALIASES = 16
ADDRESSES = 32
"""So many of an answer are read: a longer one costs more than all that it may name."""

IPV4_HINT, IPV6_HINT = 4, 6  # RFC 9460 section 14.3.2
_IS_ANSWER, _OPCODE_AND_CUT, _ERROR, _NO_NAME = 0x8000, 0x7A00, 0x000F, 3


@dataclass(frozen=True, slots=True)
class Message:
    """A question, or an answer to one. name: of the question. aliases: the names that it leads to by CNAME.

    is_refused: there is no such name, and no authority that says so: the resolver itself was told not to look.
    """

    is_answer: bool
    name: str
    aliases: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    is_refused: bool = False


def read_message(message: bytes) -> Message:
    """A message of one question. Records that cannot be read end it. Raises IncompleteError or MalformedError."""
    reader = Octets(message)
    reader.skip(2)
    flags, questions, answers, authorities = (reader.number(2) for _ in range(4))
    reader.skip(2)
    if questions != 1 or flags & (_OPCODE_AND_CUT & ~0x0200):
        raise MalformedError
    name = host_name(_name(reader))
    reader.skip(4)
    if name is None:
        raise MalformedError
    if not flags & _IS_ANSWER or flags & _ERROR:
        # dnsmasq hands on the SOA of a name that does not exist, from its cache as well (RFC 2308).
        is_refused = flags & (_IS_ANSWER | _ERROR) == _IS_ANSWER | _NO_NAME and not answers + authorities
        return Message(bool(flags & _IS_ANSWER), name, is_refused=is_refused)
    owners, addresses = [name], dict[Address, None]()
    try:
        for _ in range(min(answers, RECORDS)):
            if len(addresses) < ADDRESSES:
                _read_record(reader, owners, addresses)
    except UnreadableError:
        pass  # what stands before it was right
    return Message(is_answer=True, name=name, aliases=tuple(owners[1:]), addresses=tuple(addresses)[:ADDRESSES])


class OverTcp:
    """What a name server sends by TCP, in any order -> each message once. `base`: the number of its first byte."""

    def __init__(self, base: int) -> None:
        self._base, self._stream = base, Stream()

    def take(self, sequence: int, data: bytes) -> list[Message]:
        """Adds a segment. Returns the messages that are whole now, but those that cannot be read."""
        self._stream.put(distance(self._base, sequence), data)
        messages, size = read_over_tcp(self._stream.front)
        # What was read is let go: else each segment would cost as much as all that came before it.
        self._stream.drop(size)
        self._base = (self._base + size) % 2**32
        return messages


def read_over_tcp(stream: bytes) -> tuple[list[Message], int]:
    """The messages at the beginning of a TCP stream, each with its length before it; and how many bytes they take."""
    messages, size, reader = list[Message](), 0, Octets(stream)
    try:
        while reader.left and len(messages) < RECORDS:
            message = reader.take(reader.number(2))
            size = reader.at
            messages += _readable(message)
    except IncompleteError:
        pass
    return messages, size


def _readable(message: bytes) -> list[Message]:
    try:
        return [read_message(message)]
    except UnreadableError:
        return []


def _read_record(reader: Octets, owners: list[str], addresses: dict[Address, None]) -> None:
    """Adds what a record says, if its owner is the question's name or one that it leads to."""
    owner = host_name(_name(reader))
    kind, family = reader.number(2), reader.number(2)
    reader.skip(4)
    length = reader.number(2)
    if length > reader.left:
        raise IncompleteError
    data = reader.within(length)
    if family != INTERNET or owner not in owners:
        return
    if kind == CNAME and len(owners) <= ALIASES:
        alias = host_name(_name(data))
        owners += [alias] if alias and alias not in owners else []
    elif (kind, length) in ((A, 4), (AAAA, 16)):
        addresses[ipaddress.ip_address(data.rest())] = None
    elif kind in (SVCB, HTTPS):
        data.skip(2)
        _name(data)
        addresses |= dict.fromkeys(_hints(data))


def _hints(parameters: Octets) -> list[Address]:
    found: list[Address] = []
    while parameters.left >= 4 and len(found) < RECORDS:
        key, value = parameters.number(2), parameters.take(parameters.number(2))
        size = {IPV4_HINT: 4, IPV6_HINT: 16}.get(key)
        if size:
            whole = range(0, len(value) - size + 1, size)
            found += [ipaddress.ip_address(value[at : at + size]) for at in whole]
    return found


def _name(reader: Octets) -> str:
    """A name, RFC 1035 section 4.1.4; the reader moves behind it. A pointer leads to an earlier place only."""
    labels, length, at = list[bytes](), 0, reader
    lowest = reader.at
    for _ in range(POINTERS + NAME_BYTES // 2):
        size = at.number(1)
        if size == 0:
            return b".".join(labels).decode("ascii", "replace")
        if size >= 0xC0:
            to = (size & 0x3F) << 8 | at.number(1)
            if to >= lowest:
                raise MalformedError
            at, lowest = Octets(reader.data, to), to
            continue
        if size > 63 or (length := length + 1 + size) > NAME_BYTES:
            raise MalformedError
        labels.append(at.take(size))
    raise MalformedError
