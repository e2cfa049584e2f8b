# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon's web.sock, which writes down what it is asked, and a browser: what tests of the page put on both sides."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from esimshaper.edge.http.inherited import LOCAL_ADDRESS
from esimshaper.edge.http.server import Application, plain
from tests.web import documents as docs

HOST, PHONE, LAPTOP = "192.168.8.1", "192.168.8.20", "192.168.8.30"
PASSWORD = "correct horse"  # noqa: S105 - of the stand-in
TOKEN = "0123456789abcdef" * 2


@dataclass
class StandIn:
    """A daemon that knows one password, whose only session is bound to PHONE; `me` is what it says of every device."""

    me: Mapping[str, Any] = field(default_factory=docs.me)
    page: Mapping[str, Any] = field(default_factory=lambda: docs.page(hosts=[HOST, "data.internal"]))
    owner: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    refuses: tuple[int, str] | None = None
    asked: list[str] = field(default_factory=list)
    done: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        query = parse_qs(environ["QUERY_STRING"])
        path = environ["PATH_INFO"]
        self.asked.append(f"{environ['REQUEST_METHOD']} {path}")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length)) if length else {}
        status, document = self.refuses or self.answer(path, query, body, environ.get("HTTP_AUTHORIZATION", ""))
        if isinstance(document, str):
            document = {"version": 1, "error": document}
        return plain(start_response, f"{status} X", "application/json", json.dumps(document).encode())

    def answer(self, path: str, query: Mapping[str, list[str]], body: Mapping[str, Any], token: str) -> tuple[int, Any]:
        if path == "/v1/page":
            return 200, self.page
        if path == "/v1/me":
            return 200, self.me
        if path == "/v1/owner/login":
            right = body["password"] == PASSWORD
            return (200, {"token": TOKEN, "until": docs.MIDNIGHT}) if right else (401, "that is not the password")
        if path != "/v1/me/ask" and (token != f"Bearer {TOKEN}" or query.get("address") != [PHONE]):
            return 401, "no session"
        if "request" in body:
            self.done.setdefault(body["request"], (path, body))
        return 200, self.owner.get(path, {"version": 1})


class _Fields(HTMLParser):
    """The hidden fields of the form that acts on a path."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self._action, self._inside = action, False
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("action") == self._action
        if self._inside and tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given["value"]


@dataclass(frozen=True)
class Seen:
    """An answer; `headers` by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def form(self, action: str) -> dict[str, str]:
        """The hidden fields of a form of this page."""
        parser = _Fields(action)
        parser.feed(self.text)
        return parser.fields


@dataclass
class Browser:
    """Keeps cookies, and sends what browsers send; `environ` changes any of it."""

    app: Application
    address: str = PHONE
    host: str = HOST
    https: bool = False
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str = "/", **environ: Any) -> Seen:
        return self.send("GET", path, **environ)

    def post(self, path: str, fields: Mapping[str, str], **environ: Any) -> Seen:
        body = urlencode(fields).encode()
        sent = {
            "HTTP_ORIGIN": f"{'https' if self.https else 'http'}://{self.host}",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        return self.send("POST", path, **{**sent, **environ})

    def send(self, method: str, path: str, **environ: Any) -> Seen:
        path, _, query = path.partition("?")
        sent = {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "HTTP_HOST": self.host,
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "REMOTE_ADDR": self.address,
            LOCAL_ADDRESS: HOST,
            "wsgi.url_scheme": "https" if self.https else "http",
            "wsgi.input": io.BytesIO(),
            **environ,
        }
        answered: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(self.app(sent, lambda status, headers: answered.append((status, headers))))
        status, headers = answered[0]
        self._remember(headers)
        return Seen(int(status[:3]), {name.lower(): value for name, value in headers}, body)

    def _remember(self, headers: list[tuple[str, str]]) -> None:
        for name, value in headers:
            if name == "Set-Cookie":
                key, _, content = value.partition(";")[0].partition("=")
                self.cookies[key] = content
                if "Max-Age=0" in value:
                    del self.cookies[key]

    def submit(self, page: Seen, action: str, fields: Mapping[str, str], **environ: Any) -> Seen:
        """Sends a form of a page, with its hidden fields."""
        return self.post(action, {**page.form(action), **fields}, **environ)

    def log_in(self, password: str = PASSWORD) -> Seen:
        return self.submit(self.get("/login"), "/login", {"password": password})

    def follow(self, redirect: Seen) -> Seen:
        return self.get(quote(redirect.headers["location"], safe="/?&=%"))
