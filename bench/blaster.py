# SPDX-License-Identifier: GPL-2.0-or-later
"""Load for section `forwarding`: a fixed number of packets or bytes, and the processor time that they took all told.

On veth pairs the kernel carries a packet from the sender's system call through the router to its end on the same core
and in the sender's own time. So one pinned thread that sends (and, for TCP, also receives) bears the cost of the whole
way. What other programs did meanwhile is told apart: elapsed time less the time that the thread was kept waiting for
its core. What that core's ksoftirqd did in its stead is added. This holds however the kernel accounts interrupts.
"""

import ctypes as ct
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BATCH = 512  # messages a system call; UIO_MAXIOV, 1024, is the most
_CHUNK = memoryview(bytes(256 * 1024))
_libc = ct.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """`units` packets or bytes took `seconds` of one core."""

    units: int
    seconds: float

    @property
    def nanoseconds(self) -> float:
        """For each unit."""
        return self.seconds * 1e9 / self.units


class _IoVec(ct.Structure):
    _fields_ = (("base", ct.c_void_p), ("length", ct.c_size_t))


class _MsgHdr(ct.Structure):
    _fields_ = (
        ("name", ct.c_void_p),
        ("name_length", ct.c_uint32),
        ("iov", ct.POINTER(_IoVec)),
        ("iov_length", ct.c_size_t),
        ("control", ct.c_void_p),
        ("control_length", ct.c_size_t),
        ("flags", ct.c_int),
    )


class _MMsgHdr(ct.Structure):
    _fields_ = (("header", _MsgHdr), ("sent", ct.c_uint32))


class Volley:
    """Datagrams of one size to several ports of one address, prepared so that sending them is one system call."""

    def __init__(self, address: str, ports: Sequence[int], size: int) -> None:
        self._payload = ct.create_string_buffer(size)
        self._iov = _IoVec(ct.addressof(self._payload), size)
        self._names = [ct.create_string_buffer(_socket_address(address, port)) for port in ports]
        self._messages = (_MMsgHdr * BATCH)()
        for index, message in enumerate(self._messages):
            name = self._names[index % len(self._names)]
            message.header.name, message.header.name_length = ct.addressof(name), len(name) - 1
            message.header.iov, message.header.iov_length = ct.pointer(self._iov), 1

    def send(self, sock: socket.socket, count: int) -> None:
        """OSError if the socket takes no more, which a socket of a veth always does."""
        _send(self._messages, sock, count)


class Frames:
    """Whole frames, one after the other and again, for a packet socket that is bound to its interface."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self._frames = [ct.create_string_buffer(frame, len(frame)) for frame in frames]
        self._iovs = [_IoVec(ct.addressof(frame), len(frame)) for frame in self._frames]
        self._messages = (_MMsgHdr * BATCH)()
        for index, message in enumerate(self._messages):
            message.header.iov, message.header.iov_length = ct.pointer(self._iovs[index % len(self._iovs)]), 1

    def send(self, sock: socket.socket, count: int) -> None:
        """As that of Volley. Each call begins with the first frame."""
        _send(self._messages, sock, count)


def _send(messages: "ct.Array[_MMsgHdr]", sock: socket.socket, count: int) -> None:
    while count:
        sent = _libc.sendmmsg(sock.fileno(), messages, min(BATCH, count), 0)
        if sent < 0:
            number = ct.get_errno()
            raise OSError(number, f"sendmmsg: {os.strerror(number)}")
        count -= sent


def pump(source: socket.socket, sink: socket.socket, size: int) -> float:
    """Send `size` bytes and take them in at the other end of the connection; returns seconds of doing nothing."""
    source.setblocking(False)
    sink.setblocking(False)
    sent = received = 0
    idle = 0.0
    while received < size:
        before = sent + received
        if sent < size:
            sent += _tried(source.send, _CHUNK[: size - sent])
        received += _tried(_discard, sink)
        if sent + received == before:
            began = time.monotonic()
            select.select([sink], [source] if sent < size else [], [], 5)
            idle += time.monotonic() - began
    return idle


def measured(core: int, units: int, work: Callable[[], float | None]) -> Cost:
    """The cost of `work`, done by the calling thread on this core; what it returns are seconds of idleness."""
    os.sched_setaffinity(0, {core})
    helper = _helper(core)
    waited, helped, began = _waited(), _ran(helper), time.monotonic()
    idle = work() or 0.0
    elapsed = time.monotonic() - began
    return Cost(units, elapsed - idle - (_waited() - waited) + (_ran(helper) - helped))


def _discard(sink: socket.socket) -> int:
    """MSG_TRUNC takes bytes of TCP without copying them (tcp(7))."""
    buffer = ct.c_char_p()
    got = int(_libc.recv(sink.fileno(), buffer, ct.c_size_t(1 << 20), socket.MSG_TRUNC | socket.MSG_DONTWAIT))
    if got < 0:
        number = ct.get_errno()
        raise OSError(number, os.strerror(number))
    return got


def _tried(function: Callable[..., int], argument: object) -> int:
    try:
        return function(argument)
    except BlockingIOError:
        return 0


def _socket_address(address: str, port: int) -> bytes:
    """struct sockaddr_in or sockaddr_in6."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed, number = socket.inet_pton(family, address), port.to_bytes(2, "big")
    head = ct.c_uint16(family)
    if family == socket.AF_INET:
        return bytes(head) + number + packed + bytes(8)
    return bytes(head) + number + bytes(4) + packed + bytes(4)


def _waited() -> float:
    """Seconds that this thread was ready to run and had no core (Documentation/scheduler/sched-stats.rst)."""
    return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


def _ran(schedstat: Path | None) -> float:
    return int(schedstat.read_text(encoding="ascii").split()[0]) / 1e9 if schedstat else 0.0


def _helper(core: int) -> Path | None:
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text(encoding="utf-8") == f"ksoftirqd/{core}\n":
                return path.with_name("schedstat")
        except OSError:  # it has ended
            continue
    return None
