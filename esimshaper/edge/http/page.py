# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: web.sock, which the page's process asks, and nobody else. Out: HTTP + JSON as on the control socket.

    GET /v1/page                     what the page needs before it knows who looks
    GET /v1/me?address=192.168.8.20  how the device at that address stands

Owns the socket. Its process may be taken over by whoever finds a hole in it, so no route writes configuration, reloads
or unloads. The routes and documents are in page_routes.py and core/report/me.py.
"""

import os
import pwd
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from esimshaper.core.model.page_requests import PageRequest
from esimshaper.edge.http.control import attempt, body, error_document, json_application, query
from esimshaper.edge.http.page_routes import reader_of
from esimshaper.edge.http.server import Application, Listener, listen_unix

USER = "esimshaper-web"
"""Whom the page's process runs as."""

SOCKET_NAME = "web.sock"
"""Beside the control socket."""

Answer = Callable[[PageRequest], Mapping[str, Any]]
"""Request -> document, as control.Answer."""


def serve(answer: Answer, path: Path) -> Listener:
    """Answers the page's process, root and our own user until the Listener is stopped; the caller then removes the
    socket. Raises Unusable if it cannot be made.
    """
    return listen_unix(application(answer), path, None, admits)


def admits(user: int) -> bool:
    """Whether processes of this user may ask."""
    if user in (0, os.geteuid()):
        return True
    with suppress(KeyError):
        return user == pwd.getpwnam(USER).pw_uid
    return False


def application(answer: Answer) -> Application:
    """The WSGI application behind `serve`."""

    def respond(environ: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
        reader = reader_of(method, path)
        if reader is None:
            return "404 Not Found", error_document(f"there is no {method} {path} on the socket of the page")

        def work() -> Mapping[str, Any]:
            asked = query(environ)
            return answer(reader(asked, body(environ) if method == "POST" else {}))

        return attempt(work, path)

    return json_application(respond)
