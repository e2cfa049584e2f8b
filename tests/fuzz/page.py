# SPDX-License-Identifier: GPL-2.0-or-later
"""Random bytes as requests to the page: each line is a part of the request, by its number, and the rest is a form."""

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from esimshaper.edge.http.inherited import LOCAL_ADDRESS
from esimshaper.web import safety
from esimshaper.web.app import App
from esimshaper.web.daemon import Daemon, Document
from tests.web import documents

PARTS = (
    *("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_COOKIE", "CONTENT_TYPE"),
    *("HTTP_ACCEPT_LANGUAGE", "HTTP_IF_NONE_MATCH"),
)
HOST, VISITOR = b"192.168.8.1", b"0123456789abcdef012345"


class _Ready(Daemon):
    """A daemon that knows one phone and does everything; only its owner is nobody."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))

    def get(self, target: str, token: str = "") -> Document:
        return documents.page() if target == "/v1/page" else documents.me()

    def post(self, target: str, body: Mapping[str, Any], token: str = "") -> Document:
        return {"version": 1, "token": "x"}


@cache
def _app() -> App:
    return App(_Ready())


def seeds() -> list[bytes]:
    """A page, what refreshes it, a form and a login, as browsers send them."""
    token = safety.form_token(VISITOR.decode(), "").encode()
    cookie, origin, kind = b"visitor=" + VISITOR, b"http://" + HOST, b"application/x-www-form-urlencoded"
    form = b"csrf=" + token + b"&request=0123456789abcdef&back=%2F"
    return [
        b"\n".join((b"GET", b"/", b"", HOST, b"", cookie, b"", b"zh-TW,en;q=0.5", b"")),
        b"\n".join((b"GET", b"/about", b"json", b"data.internal:80", b"", cookie, b"", b"ja", b'"0123"')),
        b"\n".join((b"POST", b"/ask", b"", HOST, origin, cookie, kind, b"", b"", form + b"&bytes=300000000&text=maps")),
        b"\n".join((b"POST", b"/login", b"", HOST, origin, cookie, kind, b"", b"", form + b"&password=guess")),
    ]


def ask(data: bytes) -> None:
    """Raises AssertionError for an answer that is a fault, or that lacks what protects it."""
    lines = data.split(b"\n", len(PARTS))
    body = lines[len(PARTS)] if len(lines) > len(PARTS) else b""
    environ: dict[str, Any] = {
        **{name: line.decode("latin-1") for name, line in zip(PARTS, lines, strict=False)},
        "REMOTE_ADDR": "192.168.8.20",
        LOCAL_ADDRESS: HOST.decode(),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    answered: list[tuple[str, list[tuple[str, str]]]] = []
    _app()(environ, lambda status, headers: answered.append((status, headers)))
    status, headers = answered[0]
    assert not status.startswith("500")
    assert set(safety.HEADERS) <= set(headers)
    assert not [value for _, value in headers if "\n" in value or "\r" in value]
