# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the control socket, server side. In: a callable per method and path. Out: HTTP + JSON. Owns: the unix socket.

    GET /v1/status              -> 200 {"version": 1, ...}
    POST /v1/block {"subject"}  -> 200 {"version": 1, ...}, once it is done
    POST /v1/reload             -> 422 and {"problems": [...]} beside the error if the edited configuration is bad
    anything that fails         -> 4xx, 500 or 503 {"version": 1, "error": "one sentence", "hint": what to do, if known}

The other end is edge/control_client.py, or `curl --unix-socket` (with `--json '{"subject": "tv"}'`).
"""

import grp
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from esimshaper.core.model.errors import Unusable
from esimshaper.edge.http.server import Application, Listener, listen_unix, plain

GROUP = "esimshaper"
JSON = "application/json"

Params = Mapping[str, Any]
"""Of GET the query, all of it text; of POST the JSON object that is the body."""

Route = Callable[[Params], Mapping[str, Any]]
"""Takes Params, gives a document. Called from other threads; raises BadParameter, Refused, NotNow, or Unusable."""

Routes = Mapping[tuple[str, str], Route]
"""By method and path, such as `("GET", "/v1/status")`."""

log = logging.getLogger(__name__)


class BadParameter(Exception):  # noqa: N818 - it is answered, not a fault
    """What was asked for makes no sense; the text is one sentence for the person who asked."""


class NotNow(Exception):  # noqa: N818 - the same
    """It may work later; the text is one sentence for the person who asked."""


class Refused(Exception):  # noqa: N818 - the same
    """What was asked for makes sense, but is not done. `details` stand in the answer beside the sentence."""

    def __init__(self, sentence: str, details: Mapping[str, Any]) -> None:
        super().__init__(sentence)
        self.details = details


def serve(routes: Routes, path: Path) -> Listener:
    """Serves `routes` until the Listener is stopped; then remove the socket yourself.

    The socket has mode 0660 and the group `esimshaper` where there is one. Raises Unusable if it cannot be made.
    """
    return listen_unix(application(routes), path, _group())


def application(routes: Routes) -> Application:
    """The WSGI application behind `serve`."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, document = _answer(routes, environ)
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return plain(start_response, status, JSON, body + b"\n")

    return respond


def _answer(routes: Routes, environ: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
    methods = [known for known, at in routes if at == path]
    if not methods:
        paths = sorted({at for _, at in routes})
        return "404 Not Found", _error(f"there is no {path}; try one of {', '.join(paths)}")
    if method not in methods:
        return "405 Method Not Allowed", _error(f"{path} takes {' and '.join(methods)}")
    try:
        params = _body(environ) if method == "POST" else _query(environ)
        return "200 OK", routes[method, path](params)
    except BadParameter as error:
        return "400 Bad Request", _error(str(error))
    except Unusable as error:
        return "400 Bad Request", _error(error.message, error.hint)
    except Refused as error:
        return "422 Unprocessable Entity", {**_error(str(error)), **error.details}
    except NotNow as error:
        return "503 Service Unavailable", _error(str(error))
    except Exception:
        log.exception("a request for %s failed", path)
        return "500 Internal Server Error", _error("internal error; the daemon's journal says more")


def _query(environ: Mapping[str, Any]) -> Params:
    try:
        return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise BadParameter("the query cannot be read") from None


def _body(environ: Mapping[str, Any]) -> Params:
    """All of the request's body or nothing: one that was cut off might read as if it were whole."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise BadParameter("the length of the body must be given (Content-Length)")
    length = int(environ.get("CONTENT_LENGTH") or 0)  # which cheroot has checked, and refused if too large
    try:
        body = environ["wsgi.input"].read(length)
    except OSError:
        raise BadParameter("the body did not come in time") from None
    if len(body) != length:
        raise BadParameter("the body was cut off")
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadParameter("the body is not JSON") from None
    if not isinstance(document, dict):
        raise BadParameter('the body must be an object, such as {"subject": "tv"}')
    return document


def _error(sentence: str, hint: str = "") -> Mapping[str, Any]:
    return {"version": 1, "error": sentence} | ({"hint": hint} if hint else {})


def _group() -> int | None:
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


# --- for routes: reading parameters


def only(params: Params, *names: str) -> None:
    """Raises BadParameter for a parameter that is not one of `names`."""
    for name in params:
        if name not in names:
            known = f"it takes {', '.join(names)}" if names else "it takes none"
            raise BadParameter(f"unknown parameter {name!r}: {known}")


def text(params: Params, name: str) -> str:
    """A text that is not empty. Raises BadParameter."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise BadParameter(f"{name} is missing" if value is None else f"{name} must be a text that is not empty")
    return value


def whole_number(params: Params, name: str, default: int | None, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included; without a default it must be there. Raises BadParameter."""
    value = params.get(name)
    if value in (None, ""):
        if default is None:
            raise BadParameter(f"{name} is missing")
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if type(value) is not int or not low <= value <= high:
        raise BadParameter(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value


def flag(params: Params, name: str) -> bool:
    """True or false, in JSON; false where it is missing. Raises BadParameter."""
    value = params.get(name, False)
    if not isinstance(value, bool):
        raise BadParameter(f"{name} must be true or false, not {value!r}")
    return value


def choice(params: Params, name: str, default: str, allowed: Iterable[str]) -> str:
    """One of `allowed`. Raises BadParameter."""
    value = params.get(name, "") or default
    words = list(allowed)
    if value not in words:
        raise BadParameter(f"{name} must be one of {', '.join(words)}, not {value!r}")
    return str(value)
