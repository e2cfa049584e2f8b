# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the HTTP server that control and metrics share, on cheroot. In: a WSGI application. Owns: a listening socket.

The one module that other edges may import. Applications run in a few worker threads, so they must only read what may be
read from any thread (the daemon hands out immutable snapshots).

A client can hold a worker for DEADLINE seconds at most, however slowly it sends or reads, and no connection is kept
open after its answer: a stuck reader costs the daemon one of WORKERS threads for that time and nothing else.
"""

import errno
import io
import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cheroot import server as cheroot_server
from cheroot import wsgi

from esimshaper.core.model import Unusable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""A WSGI application (PEP 3333)."""

WORKERS = 3
WAITING = 16  # connections that may wait for a worker; more are closed
DEADLINE = 5  # seconds for one request and its answer
MAX_HEADER = 16 * 1024
MAX_BODY = 16 * 1024

log = logging.getLogger(__name__)


class Listener:
    """A running server. `address` is the socket's path, or `HOST:PORT` as really bound."""

    def __init__(self, server: "_Server", address: str) -> None:
        self._server = server
        self.address = address
        self._thread = threading.Thread(target=server.serve, name=f"http {address}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answers what has been asked, closes everything, takes at most some seconds."""
        self._server.stop()
        self._thread.join()


def listen_unix(application: Application, path: Path, group: int | None) -> Listener:
    """Serves on a unix socket of mode 0660, given to `group` if not None. Removes the socket of a dead predecessor.

    Raises Unusable if somebody is listening there, or the path cannot be used.
    """
    _remove_dead_socket(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), 0o600)  # before bind, so that it is never open to more than the owner
        listening.bind(str(path))
        if group is not None and group != os.getegid():  # where it is ours already, a sandbox may forbid to change it
            os.chown(path, -1, group)
        path.chmod(0o660)
    except OSError as error:
        listening.close()
        raise Unusable(
            f"cannot listen on the control socket {path}: {error.strerror or error}",
            "its directory must exist and be writable; --socket PATH names another place",
        ) from error
    return _serve(application, listening, str(path))


def listen_tcp(application: Application, host: str, port: int, what: str) -> Listener:
    """Serves on a TCP address; IPv6 hosts without brackets. Port 0 takes a free one. `what`: for the error's text.

    Raises Unusable if the address is not ours or is in use.
    """
    where = _host_port(host, port)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][0]
    except socket.gaierror as error:
        raise Unusable(f"cannot serve {what} on {where}: not an IP address", "write it as 127.0.0.1 or ::1") from error
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and host == "::":
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # "everywhere" means IPv4 too
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Unusable(f"cannot serve {what} on {where}: {error.strerror or error}", _bind_hint(error, port)) from error
    return _serve(application, listening, _host_port(*listening.getsockname()[:2]))


def _bind_hint(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"`ss -ltnp sport = :{port}` shows who uses it; choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "no interface of this machine has this address"
    return ""


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _remove_dead_socket(path: Path) -> None:
    """Removes a socket that nobody listens on. Anything else of that name is left and refused."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # not there; or bind will say what is wrong
    if not stat.S_ISSOCK(mode):
        raise Unusable(f"{path} is there and is not a socket", "move it away, or name another place with --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError:
            pass  # a full backlog or a timeout: somebody is there
    raise Unusable(f"another daemon listens on {path}", "stop it first, or name another socket with --socket")


def _serve(application: Application, listening: socket.socket, address: str) -> Listener:
    server = _Server(application, listening)
    server.prepare()
    return Listener(server, address)


class _DeadlineSocket(socket.socket):
    """A connection whose reads and writes all have to be done by `deadline` (time.monotonic)."""

    deadline = 0.0

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        self._hurry()
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        self._hurry()
        return super().send(data, flags)

    def _hurry(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")  # the text by which cheroot knows it
        self.settimeout(left)


class _Connection(cheroot_server.HTTPConnection):  # type: ignore[misc,unused-ignore]
    def __init__(self, server: wsgi.Server, sock: socket.socket, makefile: Callable[..., io.IOBase]) -> None:
        self._hurried = _DeadlineSocket(fileno=sock.detach())
        self._hurried.deadline = time.monotonic() + DEADLINE
        super().__init__(server, self._hurried, makefile)

    def communicate(self) -> bool:
        """One request. A peer that is gone or too slow must not end the worker thread, here and in close()."""
        self._hurried.deadline = time.monotonic() + DEADLINE  # from now: waiting for a worker was not its fault
        with suppress(OSError, ValueError):  # ValueError: the file was closed under us by stop()
            return bool(super().communicate())  # type: ignore[no-untyped-call]
        return False

    def close(self) -> None:
        """Drops what could not be sent. cheroot leaves it to the garbage collector, which cannot fail quietly."""
        with suppress(OSError, ValueError):
            self.wfile.close()
        with suppress(OSError):
            super().close()


class _Server(wsgi.Server):  # type: ignore[misc,unused-ignore]
    """cheroot with a listening socket of our own making, since its own has mode 0777 and is unlinked unasked."""

    ConnectionClass = _Connection
    keep_alive_conn_limit = 0
    max_request_header_size = MAX_HEADER
    max_request_body_size = MAX_BODY

    def __init__(self, application: Application, listening: socket.socket) -> None:
        self._listening = listening
        # A string for unix sockets, a pair for TCP: cheroot tells them apart by this.
        name = listening.getsockname()
        super().__init__(
            name if isinstance(name, str) else name[:2],
            application,
            numthreads=WORKERS,
            max=WORKERS,
            server_name="esimshaper",
            request_queue_size=WAITING,
            timeout=DEADLINE,
            shutdown_timeout=1,
            accepted_queue_size=WAITING,
            accepted_queue_timeout=1,
        )

    def bind_unix_socket(self, bind_addr: object) -> socket.socket:  # noqa: ARG002 - cheroot's signature
        self.socket = self._listening
        return self._listening

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:  # noqa: A002, ARG002 - the same
        self.socket = self._listening
        return self._listening

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: FBT001, FBT002
        log.log(level, "%s", msg, exc_info=traceback)


def plain(start_response: Callable[..., Any], status: str, kind: str, body: bytes) -> Sequence[bytes]:
    """Answers with one body of a known length."""
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")])
    return [body]
