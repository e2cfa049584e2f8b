# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: web.sock, which the page's process asks, and nobody else. Out: HTTP + JSON as on the control socket.

    GET  /v1/page                           what the page needs before it knows who looks
    GET  /v1/me?address=192.168.8.20        how the device at that address stands
    POST /v1/me/ask                         it asks the owner for more
    POST /v1/owner/login, logout, logout-all
    GET  /v1/status?address=A ...           as on the control socket, for the owner's token, bound to that browser
    POST /v1/grant?address=A {"request"}    once for each request id, however often it is sent

Owns the socket. Its process may be taken over by whoever finds a hole in it, so no route writes configuration, reloads
or unloads. The routes and documents are in page_routes.py and core/report/me.py.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from esimshaper.core.model.page_requests import PageRequest
from esimshaper.edge.http.admission import Admission
from esimshaper.edge.http.control import Routed, body, private_application, query
from esimshaper.edge.http.page_routes import reader_of, token_of
from esimshaper.edge.http.server import Application, Listener, listen_unix

USER = "esimshaper-web"
"""Whom the page's process runs as."""

MAX_BODY = 16 * 1024

SOCKET_NAME = "web.sock"
"""Beside the control socket."""

Answer = Callable[[PageRequest], Mapping[str, Any]]
"""Request -> document, as control.Answer."""


def serve(answer: Answer, path: Path) -> Listener:
    """Answers the page's process, root and our own user until the Listener is stopped; the caller then removes the
    socket. Raises Unusable if it cannot be made.
    """
    return listen_unix(application(answer), path, None, Admission(USER))


def application(answer: Answer) -> Application:
    """The WSGI application behind `serve`."""

    def route_of(method: str, path: str) -> Routed | None:
        reader = reader_of(method, path)
        if reader is None:
            return None

        def route(environ: Mapping[str, Any]) -> Mapping[str, Any]:
            token = token_of(environ.get("HTTP_AUTHORIZATION", ""))
            return answer(reader(query(environ), body(environ) if method == "POST" else {}, token))

        return route

    return private_application(route_of, MAX_BODY, "the page")
