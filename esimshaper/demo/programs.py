# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of the story's devices that meet a limit: a download that is cut, a video that becomes small. Own sockets.

They speak to the lab's servers, as esimshaper.lab.traffic does.
"""

import contextlib
import socket
import time

from esimshaper.lab import servers, traffic
from esimshaper.lab.traffic import Moved

_WINDOW = 40_000  # bytes, which the kernel doubles; so little is in flight, as with a modem that is nearly full
_CONNECT_SECONDS = 1.0  # a device that is blocked while the daemon is dead gets no answer at all
_STALL_SECONDS = 10.0
_CHUNK = 16_384
_LARGE, _SMALL, _SLOW_BITS = 1_000_000, 100_000, 3e6


class Cut(ConnectionResetError):  # noqa: N818 - reads as what happened
    """The connection was reset; `moved` has the bytes that came before."""

    def __init__(self, moved: Moved) -> None:
        super().__init__("the connection was reset")
        self.moved = moved


def steady_download(server: str, name: str, size: int, bits: float) -> Moved:
    """Downloads `size` bytes over TLS, at `bits` per second, from the host `name`. Raises Cut, or another OSError."""
    got, due = 0, time.monotonic()
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_STREAM) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        plain.settimeout(_CONNECT_SECONDS)
        plain.connect((server, servers.TLS_PORT))
        sock = traffic.tls_context().wrap_socket(plain, server_hostname=name)
        sock.settimeout(_STALL_SECONDS)
        # Python's ssl takes a reset for the end of the stream.
        with contextlib.suppress(ConnectionResetError):
            sock.sendall(servers.TCP_REQUEST.pack(servers.DOWN, size))
            while chunk := sock.recv(_CHUNK):
                got += len(chunk)
                due = max(due + len(chunk) * 8 / bits, time.monotonic() - 1)  # catches up at most a second
                time.sleep(max(0.0, due - time.monotonic()))
    if got < size:
        raise Cut(Moved(down=got))
    return Moved(servers.TCP_REQUEST.size, got)


class Video:
    """Fetched in pieces; in smaller ones where they come slowly, as players do."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._piece = _LARGE

    def __call__(self, server: str) -> Moved:
        """The next piece."""
        began = time.monotonic()
        moved = traffic.tls_down(server, self._name, self._piece)
        seconds = time.monotonic() - began
        self._piece = _LARGE if moved.down * 8 / seconds > _SLOW_BITS else _SMALL
        return moved
