# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: packet sockets. To open one takes CAP_NET_RAW, to use one takes no right; so a service can be given some."""

import ctypes as ct
import errno
import os
import socket
import struct
from collections.abc import Iterable

_LIBC = ct.CDLL(None, use_errno=True)

_SO_ATTACH_FILTER = 26  # include/uapi/asm-generic/socket.h

# No EtherType is below 0x600, so no packet has these protocols.
_RESTING, _ALSO_RESTING = 0x5FE, 0x5FF

_RETURN = 0x06  # BPF_RET | BPF_K of include/uapi/linux/bpf_common.h
_TAKE_NOTHING = ct.create_string_buffer(struct.pack("=HBBI", _RETURN, 0, 0, 0))


class PacketSockets:
    """Those that rest until they are taken, and get nothing. More than were `given` are opened when they are wanted."""

    def __init__(self, given: Iterable[socket.socket] = ()) -> None:
        self._resting: list[socket.socket] = []
        for each in given:
            self.give_back(each)

    def close(self) -> None:
        """Closes those that rest."""
        for each in self._resting:
            each.close()
        self._resting.clear()

    def take(self) -> socket.socket:
        """One without a filter of ours. Raises PermissionError if all are in use and this process may open no other."""
        while len(self._resting) < 2:  # one stays, to wait with
            self._resting.append(_opened())
        return self._resting.pop()

    def give_back(self, taken: socket.socket) -> None:
        """Lets it rest, whatever became of its interface."""
        try:
            _lay_down(taken)
        except OSError:
            taken.close()
        else:
            self._resting.append(taken)

    def wait_for_packets_under_way(self) -> None:
        """Returns once each packet that is now between our program and a queue, or a queue and a tap, is behind it.

        It takes some 15 ms, and a socket that was taken before. Raises OSError.
        """
        # On its way a packet is not interrupted by other tasks, but its processor may be, by the host of a virtual
        # machine. The kernel waits for all such packets (synchronize_net) when a packet socket turns from what it gets
        # to something else: packet_do_bind(), net/packet/af_packet.c.
        spare = self._resting[0]
        _bind(spare, _ALSO_RESTING if spare.getsockname()[1] == _RESTING else _RESTING)


def _opened() -> socket.socket:
    try:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:  # the sandbox of the service knows no such sockets
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM)) from None
        raise
    try:
        _lay_down(made)
    except OSError:
        made.close()
        raise
    return made


def _lay_down(found: socket.socket) -> None:
    """Binds a socket to no interface, and has it forget that its last one was down."""
    found.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", 1, ct.addressof(_TAKE_NOTHING)))
    _bind(found, _RESTING)
    found.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _bind(found: socket.socket, protocol: int) -> None:
    """Binds a socket to a protocol at all interfaces, which Python's bind() cannot."""
    address = struct.pack("=HHiHBB8x", socket.AF_PACKET, socket.htons(protocol), 0, 0, 0, 0)  # struct sockaddr_ll
    if _LIBC.bind(found.fileno(), address, len(address)):
        raise OSError(ct.get_errno(), os.strerror(ct.get_errno()))
