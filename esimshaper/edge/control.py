# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the control socket, server side. In: a callable per path. Out: HTTP + JSON. Owns: the unix socket.

    GET /v1/status        -> 200 {"version": 1, ...}
    anything that fails   -> 4xx, 500 or 503 {"version": 1, "error": "one sentence"}

The other end is edge/control_client.py, or `curl --unix-socket`.
"""

import grp
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from esimshaper.edge.http import Application, Listener, listen_unix, plain

GROUP = "esimshaper"
JSON = "application/json"

Route = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""Takes the parameters of the query, gives a document. Called from other threads; raises BadParameter or NotNow."""

log = logging.getLogger(__name__)


class BadParameter(Exception):  # noqa: N818 - it is answered, not a fault
    """What was asked for makes no sense; the text is one sentence for the person who asked."""


class NotNow(Exception):  # noqa: N818 - the same
    """It may work later; the text is one sentence for the person who asked."""


def serve(routes: Mapping[str, Route], path: Path) -> Listener:
    """Serves `routes` (by path, such as `/v1/status`) until the Listener is stopped; then remove the socket yourself.

    The socket has mode 0660 and the group `esimshaper` where there is one. Raises Unusable if it cannot be made.
    """
    return listen_unix(application(routes), path, _group())


def application(routes: Mapping[str, Route]) -> Application:
    """The WSGI application behind `serve`."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, document = _answer(routes, environ)
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return plain(start_response, status, JSON, body + b"\n")

    return respond


def _answer(routes: Mapping[str, Route], environ: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    path = environ.get("PATH_INFO", "")
    if path not in routes:
        return "404 Not Found", _error(f"there is no {path}; try one of {', '.join(sorted(routes))}")
    method = environ.get("REQUEST_METHOD", "")
    if method != "GET":
        return "405 Method Not Allowed", _error(f"{path} can only be read (GET)")
    try:
        params = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        return "400 Bad Request", _error("the query cannot be read")
    try:
        return "200 OK", routes[path](params)
    except BadParameter as error:
        return "400 Bad Request", _error(str(error))
    except NotNow as error:
        return "503 Service Unavailable", _error(str(error))
    except Exception:
        log.exception("a request for %s failed", path)
        return "500 Internal Server Error", _error("internal error; the daemon's journal says more")


def _error(sentence: str) -> Mapping[str, Any]:
    return {"version": 1, "error": sentence}


def _group() -> int | None:
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


# --- for routes: reading parameters


def only(params: Mapping[str, str], *names: str) -> None:
    """Raises BadParameter for a parameter that is not one of `names`."""
    for name in params:
        if name not in names:
            known = f"it takes {', '.join(names)}" if names else "it takes none"
            raise BadParameter(f"unknown parameter {name!r}: {known}")


def whole_number(params: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """A whole number between `low` and `high`, both included. Raises BadParameter."""
    text = params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
        raise BadParameter(f"{name} must be a whole number from {low} to {high}, not {text!r}")
    return int(text)


def choice(params: Mapping[str, str], name: str, default: str, allowed: Iterable[str]) -> str:
    """One of `allowed`. Raises BadParameter."""
    text = params.get(name, "") or default
    words = list(allowed)
    if text not in words:
        raise BadParameter(f"{name} must be one of {', '.join(words)}, not {text!r}")
    return text
