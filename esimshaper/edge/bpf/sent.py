# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the map `sent`, and the taps that add to it. A tap is a packet socket with our filter; it keeps no packet."""

import errno
import os
import socket
from pathlib import Path
from typing import NamedTuple

from esimshaper.core.model.identity import Account
from esimshaper.core.model.kernel import ETH_P_ALL
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.packet_sockets import PacketSockets

_SO_ATTACH_BPF = 50  # include/uapi/asm-generic/socket.h


class Sent(NamedTuple):
    """What taps saw leave, of which account; and what our program gave to the interface with our classes."""

    bytes: int
    frames: int
    shaped: int


class SentMap:
    """The map of one generation. Raises OSError or ValueError if it is not there or not ours."""

    def __init__(self, generation: Path) -> None:
        self._map = libbpf.Map(generation / "sent", layouts.NUMBER.size, layouts.SENT.size)

    def close(self) -> None:
        self._map.close()

    def read(self) -> dict[Account, Sent]:
        """The entries of accounts that have any. That of everyone has what left without a word whose it was."""
        found: dict[Account, Sent] = {}
        at = 0
        for _, values, number in self._map.chunks():
            entries = layouts.SENT.iter_unpack(values[: number * layouts.SENT.size])
            found |= {Account(at + n): Sent(*fields) for n, fields in enumerate(entries) if any(fields)}
            at += number
        return found


class Tap:
    """Runs the filter `program` (a file descriptor) on all that leaves an interface. Raises OSError.

    PermissionError: there is no socket for it.
    """

    # The kernel shows a packet socket what leaves behind the queue, in dev_queue_xmit_nit() of net/core/dev.c. It does
    # so from the IP header on if the socket is SOCK_DGRAM, so one program does for all kinds of links. The filter comes
    # before the socket is bound to the interface, and wants nothing, so the socket never has a packet.

    def __init__(self, sockets: PacketSockets, name: str, index: int, program: int) -> None:
        self._sockets, self._socket = sockets, sockets.take()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_BPF, program)
            self._socket.bind((name, ETH_P_ALL))
            _check(name, index)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        self._sockets.give_back(self._socket)

    def missed_something(self) -> bool:
        """Whether the interface was down, or went, since the last call: what left meanwhile was not seen."""
        return bool(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _check(name: str, index: int) -> None:
    if socket.if_nametoindex(name) != index:  # another interface has the name by now
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
