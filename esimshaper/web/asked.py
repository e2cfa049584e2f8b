# SPDX-License-Identifier: GPL-2.0-or-later
"""A request as a browser has sent it, with its limits: environment of WSGI -> Asked. Reads the body of a form only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from esimshaper.edge.http.inherited import LOCAL_ADDRESS, MAX_BODY
from esimshaper.web import safety

Fields = Mapping[str, str]

MAX_QUERY = 1000
MAX_FIELDS = 30
_FORM = "application/x-www-form-urlencoded"
_MAX_HEADER = 500  # characters of a header that are read


class Malformed(Exception):  # noqa: N818 - it is answered, not a fault
    """The request is no text, or too large. `kind` is one of those of the error screen."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `path` is decoded, `query` its parameters; `peer` and `local` are addresses, or empty."""

    method: str
    path: str
    query: Fields
    host_header: str
    origin: str
    https: bool
    peer: str
    local: str
    cookies: Mapping[str, str]
    languages: str
    agent: str
    known: str
    environ: Mapping[str, Any]

    @property
    def host(self) -> str:
        """The name or address that the browser has asked for."""
        return safety.host_of(self.host_header)

    def cookie(self, name: str) -> str:
        return self.cookies.get(name, "")

    def form(self) -> Fields:
        """The fields of the form in the body. Raises Malformed."""
        if self.environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != _FORM:
            raise Malformed("form")
        length = str(self.environ.get("CONTENT_LENGTH", ""))
        if not (length.isascii() and length.isdigit()) or self.environ.get("HTTP_TRANSFER_ENCODING"):
            raise Malformed("form")
        if len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY:
            raise Malformed("large")
        body = self.environ["wsgi.input"].read(int(length))
        return _fields(body.decode("ascii", "replace"))


def understand(environ: Mapping[str, Any]) -> Asked:
    """Raises Malformed."""
    https = environ.get("wsgi.url_scheme") == "https"
    query = environ.get("QUERY_STRING", "")
    if len(query) > MAX_QUERY:
        raise Malformed("large")
    return Asked(
        method=environ.get("REQUEST_METHOD", ""),
        path=_path(environ),
        query=_fields(query),
        host_header=_header(environ, "HOST"),
        origin=_header(environ, "ORIGIN"),
        https=https,
        peer=environ.get("REMOTE_ADDR", ""),
        local=environ.get(LOCAL_ADDRESS, ""),
        cookies=safety.cookies_of(environ.get("HTTP_COOKIE", ""), https=https),
        languages=_header(environ, "ACCEPT_LANGUAGE"),
        agent=_header(environ, "USER_AGENT"),
        known=_header(environ, "IF_NONE_MATCH"),
        environ=environ,
    )


def _path(environ: Mapping[str, Any]) -> str:
    """PEP 3333 hands over bytes as a text of Latin-1."""
    try:
        return str(environ.get("PATH_INFO", "")).encode("latin-1").decode()
    except UnicodeError:
        raise Malformed("missing") from None


def _fields(text: str) -> Fields:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:  # too many, or no UTF-8
        raise Malformed("form") from None
    return {name: value.replace("\r\n", "\n") for name, value in reversed(pairs)}


def _header(environ: Mapping[str, Any], name: str) -> str:
    return str(environ.get(f"HTTP_{name}", ""))[:_MAX_HEADER]
