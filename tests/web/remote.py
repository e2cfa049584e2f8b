# SPDX-License-Identifier: GPL-2.0-or-later
"""A page that is somewhere else, called as if it were an application here: so a Browser of stand_in can look at it."""

import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from tests.web.stand_in import Browser

_SENT = {"HTTP_HOST": "Host", "HTTP_COOKIE": "Cookie", "HTTP_ORIGIN": "Origin", "CONTENT_TYPE": "Content-Type"}
_OF_CONNECTION = ("date", "server", "connection", "content-length")


def browser_at(url: str) -> Browser:
    """A browser that looks at that address."""
    place = urlsplit(url).netloc

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        connection = http.client.HTTPConnection(place, timeout=60)
        try:
            target = quote(environ["PATH_INFO"], safe="/%") + (
                f"?{query}" if (query := environ["QUERY_STRING"]) else ""
            )
            headers = {name: environ[key] for key, name in _SENT.items() if environ.get(key)}
            body = environ["wsgi.input"].read() if environ["REQUEST_METHOD"] == "POST" else None
            connection.request(environ["REQUEST_METHOD"], target, body, headers)
            answer = connection.getresponse()
            given = [each for each in answer.getheaders() if each[0].lower() not in _OF_CONNECTION]
            start_response(f"{answer.status} X", given)
            return [answer.read()]
        finally:
            connection.close()

    return Browser(app, host=place)
