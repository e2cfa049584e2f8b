# SPDX-License-Identifier: GPL-2.0-or-later
"""Part of the shaper: a netlink socket for many messages at a time, which it owns. Messages in, errors or answers out.

Protocol: include/uapi/linux/netlink.h. The kernel answers a message without NLM_F_ACK only if it fails, so a batch of a
hundred costs two system calls, and the messages after one that failed are still done.
"""

import itertools
import os
import socket
import struct
from collections.abc import Iterator, Sequence

from esimshaper.edge.tc.messages import ACK

_HEADER = struct.Struct("=IHHII")
_ERROR, _DONE = 2, 3
_SOL_NETLINK, _CAP_ACK = 270, 10
_BATCH = 100  # errors of so many fit into any receive buffer
_ROOM = 1 << 17


class Netlink:
    """In the network namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)  # errors do not repeat the message
        self._socket.bind((0, 0))
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self._socket.close()

    def send(self, messages: Sequence[bytes]) -> list[int]:
        """Has each done in turn; the errno of each, 0 for done. Raises OSError only if the socket fails."""
        errors = [0] * len(messages)
        for start in range(0, len(messages), _BATCH):
            batch = messages[start : start + _BATCH]
            errors[start : start + len(batch)] = self._send(batch)
        return errors

    def _send(self, batch: Sequence[bytes]) -> list[int]:
        numbers = [next(self._numbers) & 0x7FFF_FFFF for _ in batch]
        numbered = [bytearray(each) for each in batch]
        for number, each in zip(numbers, numbered, strict=True):
            struct.pack_into("=I", each, 8, number)
        flags = struct.unpack_from("=H", numbered[-1], 6)[0]
        struct.pack_into("=H", numbered[-1], 6, flags | ACK)
        self._socket.send(b"".join(numbered))
        errors = dict.fromkeys(numbers, 0)
        while True:
            for kind, number, body in self._receive():
                if kind == _ERROR and number in errors:
                    errors[number] = -struct.unpack_from("=i", body)[0]
                    if number == numbers[-1]:
                        return list(errors.values())

    def dump(self, request: bytes) -> Iterator[memoryview]:
        """The bodies of all answers. Raises OSError."""
        number = next(self._numbers) & 0x7FFF_FFFF
        numbered = bytearray(request)
        struct.pack_into("=I", numbered, 8, number)
        self._socket.send(numbered)
        found: list[memoryview] = []
        while True:
            for kind, answered, body in self._receive():
                if answered != number:
                    continue
                if kind in (_ERROR, _DONE):
                    code = -struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
                    if code:
                        raise OSError(code, os.strerror(code))
                    return iter(found)
                found.append(body)

    def _receive(self) -> Iterator[tuple[int, int, memoryview]]:
        data = memoryview(self._socket.recv(_ROOM))
        while len(data) >= _HEADER.size:
            size, kind, _, number, _ = _HEADER.unpack_from(data)
            yield kind, number, data[_HEADER.size : size]
            data = data[(size + 3) & ~3 :]
