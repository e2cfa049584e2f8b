# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the HTTP server that control and metrics share, on cheroot. In: a WSGI application. Owns: a listening socket.

A binding that other edges may import. Applications run in a few worker threads, so they must only read what may be
read from any thread (the daemon hands out immutable snapshots).

A client can hold a worker for DEADLINE seconds at most, and for HURRIED while others wait, however slowly it shakes
hands, sends or reads; no connection is kept open after its answer. So a stuck one costs the daemon one of WORKERS
threads for that time and nothing else. TLS is spoken in the workers, too: cheroot's own adapters shake hands in the
thread that accepts.
"""

import errno
import logging
import os
import socket
import ssl
import stat
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from cheroot import server as cheroot_server
from cheroot import wsgi

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.units import format_endpoint
from esimshaper.edge.http.streams import Patience, PlainSocket, TlsSocket, Writer, reader, stream
from esimshaper.edge.http.tls import Certificates, UnusableFileError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""A WSGI application (PEP 3333)."""

WORKERS = 3
WAITING = 16  # connections that may wait for a worker; more are closed
DEADLINE = 5  # seconds that a worker waits for one client
HURRIED = 1  # the same while other connections wait
MAX_HEADER = 16 * 1024
MAX_BODY = 256 * 1024  # of an import, whose rows come by the thousand

_PEER = struct.Struct("=iII")  # struct ucred: process, user, group

log = logging.getLogger(__name__)


class Listener:
    """A running server. `address` is the socket's path, or `HOST:PORT` as really bound."""

    def __init__(self, server: "_Server", address: str) -> None:
        self._server = server
        self.address = address
        self._thread = threading.Thread(target=server.serve, name=f"http {address}", daemon=True)
        self._thread.start()

    def share_port(self) -> None:
        """Another socket of this user that asks for it may have the port too."""
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

    def stop(self) -> None:
        """Answers requests that have arrived, closes everything, takes at most some seconds."""
        self._server.stop()
        self._thread.join()


Admits = Callable[[int], bool]
"""The number of a user -> whether its processes may ask."""


def listen_unix(application: Application, path: Path, group: int | None, admits: Admits | None = None) -> Listener:
    """Serves on a unix socket of mode 0660, given to `group` if not None. Removes the socket of a dead predecessor.

    With `admits` its mode is 0666, and who may not ask is left without an answer. Raises Unusable if somebody is
    listening there, or the path cannot be used.
    """
    _remove_dead_socket(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), 0o600)  # before bind, so that it is never open to more than the owner
        listening.bind(str(path))
        if group is not None and group != os.getegid():  # where it is ours already, a sandbox may forbid to change it
            os.chown(path, -1, group)
        path.chmod(0o666 if admits else 0o660)
    except OSError as error:
        listening.close()
        raise Unusable(
            f"cannot listen on the socket {path}: {error.strerror or error}",
            "its directory must exist and be writable; --socket PATH names another place",
        ) from error
    return _serve(application, listening, str(path), admits=admits)


def listen_tcp(
    application: Application,
    host: str,
    port: int,
    what: str,
    certificates: Certificates | None,
    instead_of: Listener | None,
) -> Listener:
    """Serves on a TCP address; IPv6 hosts without brackets. Port 0 takes a free one. `what`: for the error's text.

    With `certificates` it speaks TLS only; they may become usable later. `instead_of` may have the same address, or a
    part of it; both serve until you stop that one.
    Raises Unusable if the address is not ours or is in use.
    """
    try:
        listening = _bound(host, port, instead_of)
    except OSError as error:
        where, hint = format_endpoint(host, port), _bind_hint(error, host, port)
        raise Unusable(f"cannot serve {what} on {where}: {error.strerror or error}", hint) from error
    if certificates:
        with suppress(UnusableFileError):
            certificates.context()  # says in the log what is wrong, before the first connection comes
    return _serve(application, listening, format_endpoint(host, listening.getsockname()[1]), certificates)


def _bound(host: str, port: int, instead_of: Listener | None) -> socket.socket:
    # The address as it is found: of a link-local one the interface belongs to it.
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, kind, _, _, address = found[0]
    listening = socket.socket(family, kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if instead_of:
            instead_of.share_port()
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and host == "::":
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # "everywhere" means IPv4 too
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening


def _bind_hint(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        zone = host.partition("%")[2]
        return f"there is no interface {zone}" if zone else "write it as 127.0.0.1 or ::1"
    if error.errno == errno.EAFNOSUPPORT:
        return "this machine has no IPv6; 0.0.0.0 is everywhere in IPv4"
    if error.errno == errno.EADDRINUSE:
        return f"`ss -ltnp sport = :{port}` shows who uses it; choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "no interface of this machine has this address"
    if error.errno == errno.EACCES:
        return "ports below 1024 are root's; choose another port"
    return "choose another address"


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


def _serve(
    application: Application,
    listening: socket.socket,
    address: str,
    certificates: Certificates | None = None,
    admits: Admits | None = None,
) -> Listener:
    server = _Server(application, listening, certificates, admits)
    server.prepare()
    return Listener(server, address)


# From here on this module reaches into cheroot, which has no settings for what the daemon needs. cheroot waits anew for
# each read and each write, so a client that sends a byte now and then would hold a worker for ever. Its TLS adapters
# shake hands in the thread that accepts. Its unix sockets have mode 0777. Of the other servers in Debian 12, waitress
# has no TLS.


class _Headers(cheroot_server.HeaderReader):  # type: ignore[misc,unused-ignore]
    def __call__(self, rfile: object, hdict: object = None) -> object:
        """Raises ValueError, which is answered with 400, for a first line that is the continuation of none; the cheroot
        of Debian 13 trips over it.
        """
        try:
            return super().__call__(rfile, hdict)
        except UnboundLocalError:
            raise ValueError("Illegal header line.") from None


class _Request(cheroot_server.HTTPRequest):  # type: ignore[misc,unused-ignore]
    header_reader = _Headers()

    def read_request_line(self) -> bool:
        """Answers 400 to a URL that urllib cannot parse, such as `http://[::1/`."""
        try:
            return bool(super().read_request_line())  # type: ignore[no-untyped-call]
        except ValueError:
            self.simple_response("400 Bad Request", "Malformed Request-URI")
            return False

    def send_headers(self) -> None:
        """Keeps them until the body is there."""
        self.conn.wfile.keeps = True
        try:
            super().send_headers()
        finally:
            self.conn.wfile.keeps = False


class _Connection(cheroot_server.HTTPConnection):  # type: ignore[misc,unused-ignore]
    RequestHandlerClass = _Request

    def __init__(self, server: "_Server", sock: socket.socket, _makefile: object) -> None:
        plain_socket = PlainSocket(fileno=sock.detach())
        self._patience = plain_socket.patience = Patience(lambda: server.requests.qsize > 0, DEADLINE, HURRIED)
        super().__init__(server, plain_socket, stream)

    def communicate(self) -> bool:
        """One request. A peer that is gone or too slow must not end the worker thread, here and in close()."""
        with suppress(OSError, ValueError, UnusableFileError):  # ValueError: the file was closed under us by stop()
            if self.server.admits and not self.server.admits(_user_of(self.socket)):
                return False
            self._begin()
            super().communicate()  # type: ignore[no-untyped-call]
            self.wfile.flush()
        return False

    def _begin(self) -> None:
        """What comes before the request."""
        if self.server.certificates:
            self._encrypt(self.server.certificates.context())

    def _encrypt(self, context: ssl.SSLContext) -> None:
        context.sslsocket_class = TlsSocket
        encrypted = cast("TlsSocket", context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False))
        encrypted.patience = self._patience
        self.socket = encrypted
        self.rfile, self.wfile = reader(encrypted), Writer(encrypted)
        encrypted.shake_hands()

    def close(self) -> None:
        """Drops unsent bytes."""
        if isinstance(self.socket, TlsSocket):
            with suppress(OSError, ValueError):
                self.socket.settimeout(0)
                self.socket.unwrap()  # says that this is the end, and waits for no answer
        with suppress(OSError):
            super().close()


def _user_of(peer: socket.socket) -> int:
    """The user whose process has connected to a unix socket (unix(7), SO_PEERCRED). Raises OSError."""
    _, user, _ = _PEER.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(user)


class _Server(wsgi.Server):  # type: ignore[misc,unused-ignore]
    """cheroot with a listening socket of our own making, since its own has mode 0777 and is unlinked unasked."""

    ConnectionClass = _Connection
    keep_alive_conn_limit = 0
    waiting = WAITING
    max_request_header_size = MAX_HEADER
    max_request_body_size = MAX_BODY

    def __init__(
        self,
        application: Application,
        listening: socket.socket,
        certificates: Certificates | None,
        admits: Admits | None = None,
    ) -> None:
        self._listening = listening
        self.certificates = certificates
        self.admits = admits
        # A string for unix sockets, a pair for TCP: cheroot tells them apart by this.
        name = listening.getsockname()
        super().__init__(
            name if isinstance(name, str) else name[:2],
            application,
            numthreads=WORKERS,
            max=WORKERS,
            server_name="esimshaper",
            request_queue_size=self.waiting,
            timeout=DEADLINE,
            shutdown_timeout=1,
            accepted_queue_size=self.waiting,
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
