# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes back to a browser. Values only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from esimshaper.web.render import Visit, render
from esimshaper.web.safety import Headers

HTML, JSON = "text/html; charset=utf-8", "application/json"

NO_STORE = "no-store"
"""Of whatever is about somebody, and of each page: a page that is shown again would send its forms again."""

_STATUS_OF = {
    "daemon": HTTPStatus.SERVICE_UNAVAILABLE,
    "clock": HTTPStatus.SERVICE_UNAVAILABLE,
    "missing": HTTPStatus.NOT_FOUND,
    "form": HTTPStatus.BAD_REQUEST,
    "denied": HTTPStatus.NOT_FOUND,
    "refused": HTTPStatus.BAD_REQUEST,
    "often": HTTPStatus.TOO_MANY_REQUESTS,
    "large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "host": HTTPStatus.MISDIRECTED_REQUEST,
    "broken": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""By the kinds of the error screen. What is forbidden looks as if it were not there."""

_AGAIN = ("daemon", "clock")
_SECONDS_TO_WAIT = "5"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body with its kind, and headers beside those that all answers have."""

    status: int
    kind: str
    body: bytes
    cache: str = NO_STORE
    more: Headers = ()

    @property
    def line(self) -> str:
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    @property
    def headers(self) -> Headers:
        kind = (("Content-Type", self.kind),) if self.kind else ()
        return (*kind, ("Cache-Control", self.cache), *self.more)

    def having(self, *more: tuple[str, str]) -> "Answer":
        return replace(self, more=(*self.more, *more))


def html(text: str, status: int = HTTPStatus.OK) -> Answer:
    """A screen."""
    return Answer(status, HTML, text.encode("utf-8", "replace"))


def json_text(text: str, status: int = HTTPStatus.OK, kind: str = JSON) -> Answer:
    """What a program has asked for."""
    return Answer(status, kind, text.encode("utf-8", "replace"))


def saved(text: str, name: str) -> Answer:
    """A file that the browser saves: it is no page of ours, and may have its own style."""
    kind = HTML if name.endswith(".html") else "text/csv; charset=utf-8"
    body = text.encode("utf-8", "replace")
    return Answer(HTTPStatus.OK, kind, body).having(("Content-Disposition", f'attachment; filename="{name}"'))


def redirect(path: str) -> Answer:
    """After a form: the browser asks for another page, so that loading that one anew repeats nothing."""
    return Answer(HTTPStatus.SEE_OTHER, "", b"").having(("Location", path))


def error_page(kind: str, visit: Visit, text: str = "", more: Mapping[str, Any] | None = None) -> Answer:
    """What people read in place of a screen: one of the kinds of the error screen, with a sentence of the daemon."""
    document = {"kind": kind, "text": text, **(more or {})}
    answer = html(render("error", {"error": document}, visit), _STATUS_OF[kind])
    return answer.having(("Retry-After", _SECONDS_TO_WAIT)) if kind in _AGAIN else answer


def error_json(kind: str) -> Answer:
    """The same for what refreshes itself."""
    return json_text(json.dumps({"error": kind}), _STATUS_OF[kind])
