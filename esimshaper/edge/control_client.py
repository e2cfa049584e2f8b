# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the control socket, client side. In: a path and parameters. Out: the document. Owns: one connection at a time.

It is not in edge/http, so that the command line starts without loading a server.
"""

import grp
import json
import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from esimshaper.core.model.errors import Unusable
from esimshaper.languages.texts import _

DEFAULT_DIRECTORY = "/run/esimshaper"
SOCKET_NAME = "control.sock"
TIMEOUT = 10.0
MAX_DOCUMENT = 256 * 1024 * 1024
HTTP_OK = 200

_LINE = re.compile("[ -~]*")
_END = b"\r\n\r\n"
_STATUS = re.compile(r"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r|$)")
_LENGTH = re.compile(r"\r\nContent-Length: *([0-9]{1,12}) *(?:\r|$)", re.IGNORECASE)
_MAX_HEAD, _PIECE = 64 * 1024, 256 * 1024


class ControlError(Unusable):
    """The daemon is there but refused, failed, or may not be asked. `document`: its answer."""

    def __init__(self, message: str, hint: str = "", document: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, hint)
        self.document = document or {}


class DaemonNotRunning(Unusable):
    """Nobody listens on the socket."""


def default_socket() -> Path:
    """$RUNTIME_DIRECTORY/control.sock as systemd sets it, else /run/esimshaper/control.sock."""
    directory = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0] or DEFAULT_DIRECTORY
    return Path(directory) / SOCKET_NAME


def get(socket_path: Path, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The document at `path`, such as `/v1/status`. Raises DaemonNotRunning or ControlError."""
    return _ask(socket_path, "GET", f"{path}?{urlencode(params)}" if params else path)


def post(socket_path: Path, path: str, body: Mapping[str, Any], patience: float = TIMEOUT) -> dict[str, Any]:
    """Sends a command, such as `/v1/block`, and returns the answer. Raises DaemonNotRunning or ControlError."""
    return _ask(socket_path, "POST", path, json.dumps(body).encode(), patience)


def _ask(
    socket_path: Path, method: str, target: str, body: bytes | None = None, patience: float = TIMEOUT
) -> dict[str, Any]:
    try:
        status, answer = exchange(socket_path, method, target, body, patience)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise DaemonNotRunning(
            _("the daemon is not running (nobody listens on {socket})", socket=socket_path),
            _("start it: systemctl start esimshaper; or name its socket with --socket PATH"),
        ) from error
    except PermissionError as error:
        message = _("you may not talk to the daemon on {socket}", socket=socket_path)
        raise ControlError(message, _permission_hint(socket_path)) from error
    except (TimeoutError, BlockingIOError) as error:  # the queue of the socket is full: many others are connecting
        raise ControlError(
            _("the daemon on {socket} did not answer in time", socket=socket_path), _("see: journalctl -u esimshaper")
        ) from error
    except OSError as error:
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        message = _("the daemon on {socket} broke off its answer: {reason}", socket=socket_path, reason=reason)
        raise ControlError(message) from error
    return _document(status, answer, socket_path)


class BrokenAnswerError(OSError):
    """The answer is not one of HTTP, or not whole."""


def exchange(
    socket_path: Path,
    method: str,
    target: str,
    body: bytes | None,
    patience: float,
    most: int = MAX_DOCUMENT,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """One request, and its answer with its status. Raises OSError; also if there are more bytes than `most`.

    `target` and `headers` must be what HTTP allows there, else ValueError.
    """
    given = {"Host": "localhost", "Accept": "application/json", "Connection": "close", **(headers or {})}
    if body is not None:
        given |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    if not all(map(_LINE.fullmatch, (target, *given.values()))) or " " in target:
        raise ValueError("a request would have more lines or words than it should")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience)
        connection.connect(str(socket_path))
        connection.sendall("\r\n".join(lines).encode("ascii") + (body or b""))
        return _answer(connection, most)


# By hand, since http.client with its parser of mail takes longer for an answer than the daemon does, and two thirds as
# long to load as all else of a command.
def _answer(connection: socket.socket, most: int) -> tuple[int, bytes]:
    received = bytearray()
    while (end := received.find(_END)) < 0 and len(received) <= _MAX_HEAD:
        if not (piece := connection.recv(_PIECE)):
            break
        received += piece
    head = bytes(received[: max(end, 0)]).decode("latin-1")
    status, length = _STATUS.match(head), _LENGTH.search(head)
    if not status:
        raise BrokenAnswerError("its answer is not HTTP")
    size = int(length[1]) if length else most
    body = received[end + len(_END) :]
    while len(body) <= min(size, most) and (piece := connection.recv(_PIECE)):
        body += piece
    if len(body) > most or (length and len(body) != size):
        raise BrokenAnswerError("its answer is not whole, or too long")
    return int(status[1]), bytes(body)


def _document(status: int, body: bytes, socket_path: Path) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        message = _("what listens on {socket} is not esimshaper: its answer is not JSON", socket=socket_path)
        raise ControlError(message) from error
    if not isinstance(document, dict):
        message = _("what listens on {socket} is not esimshaper: its answer is no document", socket=socket_path)
        raise ControlError(message)
    if status != HTTP_OK:
        sentence = document.get("error", f"the daemon answered with status {status}")
        raise ControlError(str(sentence), str(document.get("hint", "")), document)
    return document


def _permission_hint(socket_path: Path) -> str:
    """Names the group that may connect: that of the socket, or that of the package where the socket cannot be seen."""
    group = "esimshaper"
    with suppress(OSError, KeyError):
        group = grp.getgrgid(socket_path.stat().st_gid).gr_name
    if group == "root":
        return _("run it as root (sudo)")
    return _(
        "run it with sudo, or join the group {group}: sudo usermod -aG {group} $USER, then log in again", group=group
    )
