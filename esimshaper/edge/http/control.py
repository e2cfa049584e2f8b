# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the control socket, server side. In: a callable that answers Requests. Out: HTTP + JSON. Owns: the socket.

    GET /v1/status              -> 200 {"version": 1, ...}
    POST /v1/block {"subject"}  -> 200 {"version": 1, ...}, once it is done
    POST /v1/reload             -> 422 and {"problems": [...]} beside the error if the edited configuration is bad
    anything that fails         -> 4xx, 500 or 503 {"version": 1, "error": "one sentence", "hint": what to do, if known}

routes.py has the table of all requests. The other end is edge/control_client.py, or `curl --unix-socket` (with
`--json '{"subject": "tv"}'`).
"""

import grp
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.requests import Request
from esimshaper.edge.http.routes import BadParameter, Params
from esimshaper.edge.http.server import Application, Listener, listen_unix, plain
from esimshaper.edge.http.table import ROUTES

GROUP = "esimshaper"
JSON = "application/json"
PIECE = 32
"""Entries of a list that are written at once; one with 250 clients has some 50 kB."""

Answer = Callable[[Request], Mapping[str, Any]]
"""Request -> document. Called from several threads. Raises BadParameter, Refused, NotNow or Unusable."""

log = logging.getLogger(__name__)


class NotNow(Exception):  # noqa: N818 - it is answered, not a fault
    """The same request may succeed later; `sentence` and `hint` are for the person who asked."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint


class Declined(Exception):  # noqa: N818 - the same
    """Who asks may not have it, or not now. `status`: the status line of HTTP; `details` stand beside the sentence."""

    def __init__(self, status: str, sentence: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.details = details or {}


class Refused(Exception):  # noqa: N818 - the same
    """The request makes sense, but is not carried out. `details` stand beside the sentence in the answer."""

    def __init__(self, sentence: str, details: Mapping[str, Any]) -> None:
        super().__init__(sentence)
        self.details = details


def serve(answer: Answer, path: Path) -> Listener:
    """Answers all of ROUTES until the Listener is stopped. The caller removes the socket after that.

    The socket has mode 0660 and the group `esimshaper` where there is one. Raises Unusable if it cannot be made.
    """
    return listen_unix(application(answer), path, _group())


def application(answer: Answer) -> Application:
    """The WSGI application behind `serve`."""

    return json_application(lambda environ: _respond(answer, environ))


Routed = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The environ of WSGI -> a document. It may raise what `attempt` knows."""


def private_application(route_of: Callable[[str, str], Routed | None], most: int, name: str) -> Application:
    """The WSGI application of a socket that is for one process of ours: it knows who asks, and names no other way.

    route_of: by method and path. most: bytes of a body. name: of the socket, for people.
    """

    def respond(environ: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
        route = route_of(method, path)
        if route is None:
            return "404 Not Found", error_document(f"there is no {method} {path} on the socket of {name}")

        def work() -> Mapping[str, Any]:
            if int(environ.get("CONTENT_LENGTH") or 0) > most:
                raise BadParameter(f"the body has more than {most} bytes")
            return route(environ)

        return attempt(work, path)

    return json_application(respond)


def params_of(environ: Mapping[str, Any]) -> Params:
    """What a request is about: by its body if it has one, else by its address. Raises BadParameter."""
    return body(environ) if environ.get("REQUEST_METHOD") == "POST" else query(environ)


Response = Callable[[Mapping[str, Any]], tuple[str, Mapping[str, Any]]]
"""The environ of WSGI -> the status line of HTTP and a document."""


def json_application(response: Response) -> Application:
    """The WSGI application that answers with documents as JSON."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, document = response(environ)
        return plain(start_response, status, JSON, b"".join(_encoded(document)) + b"\n")

    return respond


def _encoded(document: Mapping[str, Any]) -> Iterator[bytes]:
    """The document as JSON, long lists in pieces: while json writes, no other thread of the daemon gets on."""
    yield b"{"
    for number, (name, value) in enumerate(document.items()):
        yield b"," * (number > 0) + _json(name) + b":"
        if not isinstance(value, list) or len(value) <= PIECE:
            yield _json(value)
            continue
        for at in range(0, len(value), PIECE):
            yield (b"[" if at == 0 else b",") + _json(value[at : at + PIECE])[1:-1]
        yield b"]"
    yield b"}"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _respond(answer: Answer, environ: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
    methods = [known for known, at in ROUTES if at == path]
    if not methods:
        paths = sorted({at for _, at in ROUTES})
        return "404 Not Found", error_document(f"there is no {path}; try one of {', '.join(paths)}")
    if method not in methods:
        return "405 Method Not Allowed", error_document(f"{path} takes {' and '.join(methods)}")

    def work() -> Mapping[str, Any]:
        return answer(ROUTES[method, path](params_of(environ)))

    return attempt(work, path)


def attempt(work: Callable[[], Mapping[str, Any]], path: str) -> tuple[str, Mapping[str, Any]]:
    """The document that `work` gives, or one that says why there is none, each with its status line. Never raises."""
    try:
        return "200 OK", work()
    except BadParameter as error:
        return "400 Bad Request", error_document(str(error))
    except Unusable as error:
        return "400 Bad Request", error_document(error.message, error.hint)
    except Declined as error:
        return error.status, {**error_document(str(error)), **error.details}
    except Refused as error:
        return "422 Unprocessable Entity", {**error_document(str(error)), **error.details}
    except NotNow as error:
        return "503 Service Unavailable", error_document(str(error), error.hint)
    except Exception:
        log.exception("a request for %s failed", path)
        return "500 Internal Server Error", error_document("internal error; the daemon's journal says more")


def query(environ: Mapping[str, Any]) -> Params:
    """The parameters of the address. Raises BadParameter."""
    try:
        return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise BadParameter("the query cannot be read") from None


def body(environ: Mapping[str, Any]) -> Params:
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


def error_document(sentence: str, hint: str = "") -> Mapping[str, Any]:
    """The answer to what fails."""
    return {"version": DOCUMENT_VERSION, "error": sentence} | ({"hint": hint} if hint else {})


def _group() -> int | None:
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None
