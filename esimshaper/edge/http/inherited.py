# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: HTTP on listening sockets that systemd has opened and hands over (sd_listen_fds(3)). Owns these sockets.

A binding as `server`, whose patience with slow clients it has. One address has few of its connections served at a time,
so a device that opens hundreds keeps nobody else out. A socket with certificates speaks TLS to who begins with TLS, and
plain HTTP to others.
"""

import os
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Any

from cheroot import wsgi

from esimshaper.core.model.units import format_endpoint
from esimshaper.edge.http import server
from esimshaper.edge.http.server import Application, Listener
from esimshaper.edge.http.tls import Certificates

LOCAL_ADDRESS = "esimshaper.local_address"
"""In the environment of a request: the address of ours that the client has connected to."""

PER_PEER = 8
"""Connections of one address, served or waiting; a browser opens six at most."""

MAX_BODY = 32 * 1024  # of a form
WAITING = 64  # connections of all addresses

_FIRST = 3  # SD_LISTEN_FDS_START
_HANDSHAKE = b"\x16"  # what TLS begins with (RFC 8446, 5.1), and HTTP never does
_SHARED_BITS = 64  # of IPv6: a device makes up the others at will


def take_sockets() -> list[socket.socket]:
    """The listening sockets that this process was started with. Nobody else takes them, no child has them."""
    pid, number = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not number.isdigit():
        return []
    found = [socket.socket(fileno=each) for each in range(_FIRST, _FIRST + int(number))]
    for each in found:
        each.set_inheritable(False)
    return found


def serve_inherited(
    application: Application,
    listening: socket.socket,
    headers: Sequence[tuple[str, str]],
    certificates: Certificates | None = None,
) -> Listener:
    """Serves on a TCP socket that listens already. `headers` are those of answers that the application never sees,
    as to what is no request at all.
    """
    serving = _Server(application, listening, headers, certificates)
    serving.prepare()
    return Listener(serving, format_endpoint(*listening.getsockname()[:2]))


def plain_address(address: str) -> str:
    """An address as people write it: without a zone, and IPv4 as such where it comes through an IPv6 socket."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


class _Request(server._Request):
    def simple_response(self, status: str, msg: str = "") -> None:
        """What cheroot says by itself, with the headers of all other answers."""
        self.close_connection = True
        body = f"{msg or status}\n".encode("latin-1", "replace")
        headers = [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            ("Cache-Control", "no-store"),
            *self.server.headers,
        ]
        head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *(f"{k}: {v}" for k, v in headers)))
        with suppress(OSError):
            self.conn.wfile.write(f"{head}\r\n".encode("latin-1") + body)


class _Connection(server._Connection):
    RequestHandlerClass = _Request
    secure = False
    counted = ""

    def _begin(self) -> None:
        certificates = self.server.certificates
        if certificates and self._first_byte() == _HANDSHAKE:
            self._encrypt(certificates.context())
            self.secure = True

    def _first_byte(self) -> bytes:
        byte = bytearray(1)
        self.socket.recv_into(byte, 1, socket.MSG_PEEK)
        return bytes(byte)

    def close(self) -> None:
        """Also of one that was never served."""
        self.server.uncount(self)
        super().close()


class _Gateway(wsgi.Gateway_10):  # type: ignore[misc,unused-ignore]
    def get_environ(self) -> dict[str, Any]:  # type: ignore[override,unused-ignore]
        """Says what cheroot leaves out: by which address of ours, and whether by our own TLS."""
        connection = self.req.conn
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        environ["wsgi.url_scheme"] = "https" if connection.secure else "http"
        environ["REMOTE_ADDR"] = plain_address(environ["REMOTE_ADDR"])
        with suppress(OSError):  # the client has gone
            environ[LOCAL_ADDRESS] = plain_address(connection.socket.getsockname()[0])
        return environ


class _Server(server._Server):
    ConnectionClass = _Connection
    waiting = WAITING
    max_request_body_size = MAX_BODY

    def __init__(
        self,
        application: Application,
        listening: socket.socket,
        headers: Sequence[tuple[str, str]],
        certificates: Certificates | None,
    ) -> None:
        super().__init__(application, listening, certificates)
        self.headers = headers
        self.gateway = _Gateway
        self._peers: Counter[str] = Counter()
        self._lock = threading.Lock()

    def process_conn(self, conn: _Connection) -> None:
        """Closes what one address opens beyond its share."""
        peer = _network(plain_address(conn.remote_addr or ""))
        with self._lock:
            admitted = self._peers[peer] < PER_PEER
            if admitted:
                self._peers[peer] += 1
                conn.counted = peer
        if admitted:
            super().process_conn(conn)
        else:
            conn.close()

    def uncount(self, conn: _Connection) -> None:
        """The connection ends; once or several times."""
        with self._lock:
            peer, conn.counted = conn.counted, ""
            if peer:
                self._peers[peer] -= 1
                if not self._peers[peer]:
                    del self._peers[peer]


def _network(address: str) -> str:
    """What belongs to one device: an address of IPv4, the upper half of one of IPv6."""
    found = ip_address(address) if address else None
    if isinstance(found, IPv6Address):
        return str(int(found) >> _SHARED_BITS)
    return address
