# SPDX-License-Identifier: GPL-2.0-or-later
"""The page as a WSGI application: requests of browsers -> screens, by documents of the daemon. Touches only these two.

What a browser sends is checked in this order: form of the request, host, method; and of forms: origin, token, session,
fields. Every answer has the headers of `safety`.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from esimshaper.web import answer as answers
from esimshaper.web import captive, safety
from esimshaper.web.acts import Acts
from esimshaper.web.answer import Answer, error_json, error_page, redirect
from esimshaper.web.asked import Asked, Malformed, understand
from esimshaper.web.assets import ASSETS
from esimshaper.web.daemon import Daemon, Denial, Document, Stopped
from esimshaper.web.render import SCREENS, Visit, needs_of, page_json, render, screen_at
from esimshaper.web.visits import DONE, JSON, Browser, Said, browser_of, visit_of

log = logging.getLogger(__name__)

_FOR_EVER = "public, max-age=31536000, immutable"  # a file whose path changes with what is in it
_ASK_AGAIN = "private, no-cache"
_READ = ("GET", "HEAD")
_MOVING = ("revision", "time")  # of a document: no reason to draw it anew
_HOUR = len("2026-12-01T09")
_UNAUTHORIZED, _NOT_FOUND, _FORBIDDEN, _TOO_MANY = 401, 404, 403, 429
_BAD = (400, 422)


class App:
    """Callable as PEP 3333 has it, from any thread. `used` is called with each request."""

    def __init__(self, daemon: Daemon, used: Callable[[], None] = lambda: None) -> None:
        self._daemon = daemon
        self._used = used
        self._said = Said()
        self._acts = Acts(daemon, self._said)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self._used()
        https = environ.get("wsgi.url_scheme") == "https"
        answer = self._whatever_happens(environ, https=https)
        own = safety.HTTPS_HEADERS if https else ()
        headers = [*answer.headers, *safety.HEADERS, *own, ("Content-Length", str(len(answer.body)))]
        start_response(answer.line, headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [answer.body]

    def _whatever_happens(self, environ: Mapping[str, Any], *, https: bool) -> Answer:
        """An answer: a fault of ours is told to people as well as to the journal."""
        try:
            asked = understand(environ)
        except Malformed as wrong:
            return error_page(wrong.kind, Visit("/", "en", "", is_owner=False, is_https=https))
        browser = browser_of(asked)
        visit = visit_of(asked, browser)
        try:
            answer = self._checked(asked, browser, visit)
        except Exception:
            log.exception("the page has made a mistake")
            answer = error_page("broken", visit)
        if browser.is_new and answer.kind == answers.HTML:
            return answer.having(browser.cookie(https=https))
        return answer

    def _checked(self, asked: Asked, browser: Browser, visit: Visit) -> Answer:
        if not self._is_ours(asked):
            return error_page("host", visit)
        if asked.path in ASSETS and asked.method in _READ:
            return _asset(asked)
        try:
            return self._routed(asked, browser, visit)
        except Malformed as wrong:
            return error_page(wrong.kind, visit)
        except Stopped:
            return error_json("daemon") if JSON in asked.query else error_page("daemon", visit)
        except Denial as denial:
            return _refused(denial, asked, visit)

    def _routed(self, asked: Asked, browser: Browser, visit: Visit) -> Answer:
        if asked.method == "POST":
            return self._acts.answer(asked, browser, visit)
        if asked.method not in _READ:
            return replace(error_page("missing", visit), status=405).having(("Allow", "GET, HEAD, POST"))
        if asked.path == captive.PATH and asked.https:
            return captive.answer(self._daemon.get(_about("/v1/me", asked)), asked.host_header)
        return self._shown(asked, browser, visit)

    def _is_ours(self, asked: Asked) -> bool:
        """Without the daemon only addresses are known to be ours, which nobody's DNS can make theirs."""
        if safety.is_ours(asked.host, asked.local, ()):
            return True
        try:
            names = self._daemon.get("/v1/page").get("hosts", ())
        except (Stopped, Denial):
            return False
        return bool(asked.host) and safety.is_ours(asked.host, asked.local, names)

    def _shown(self, asked: Asked, browser: Browser, visit: Visit) -> Answer:
        name, parts = screen_at(asked.path) or ("", {})
        if not name:
            return error_page("missing", visit)
        if SCREENS[name].owner and not browser.owner:
            return _to_login(asked, visit)
        token = browser.owner if SCREENS[name].owner else ""
        needs = needs_of(name, parts)
        documents = {need: self._daemon.get(_about(path, asked), token) for need, path in needs.items()}
        if JSON in asked.query:
            return _refreshed(asked, name, documents, visit)
        said = self._said.sentence(asked.query.get(DONE, ""))
        text = render(name, documents, replace(visit, said=said))
        return answers.saved(text, SCREENS[name].file) if SCREENS[name].file else answers.html(text)


def _about(target: str, asked: Asked) -> str:
    """A path of web.sock that says who asks; what is about the page itself is for nobody in particular."""
    if target == "/v1/page":
        return target
    return f"{target}{'&' if '?' in target else '?'}address={quote(asked.peer, safe='')}"


def _asset(asked: Asked) -> Answer:
    asset = ASSETS[asked.path]
    return Answer(200, asset.kind, asset.body, _FOR_EVER)


def _refreshed(asked: Asked, name: str, documents: Mapping[str, Document], visit: Visit) -> Answer:
    """What a screen shows now, or that it still shows it: then nothing is drawn."""
    steady = {need: {k: v for k, v in each.items() if k not in _MOVING} for need, each in documents.items()}
    hours = [str(each.get("time", ""))[:_HOUR] for each in documents.values()]  # words such as `tonight` grow old
    known = json.dumps([name, visit.language, visit.is_owner, steady, hours])
    etag = f'"{sha256(known.encode()).hexdigest()[:24]}"'
    if asked.known == etag:
        return Answer(304, "", b"", _ASK_AGAIN, (("ETag", etag),))
    answer = answers.json_text(page_json(name, documents, visit))
    return replace(answer, cache=_ASK_AGAIN, more=(("ETag", etag),))


def _to_login(asked: Asked, visit: Visit) -> Answer:
    """Where an owner has to say who they are; a screen that refreshes itself hears it by the status."""
    if JSON in asked.query:
        return replace(error_json("denied"), status=_UNAUTHORIZED)
    return redirect(f"/login?back={quote(visit.path, safe='')}")


def _refused(denial: Denial, asked: Asked, visit: Visit) -> Answer:
    """The daemon's no, in words; a session that has ended is forgotten."""
    if denial.status == _UNAUTHORIZED:
        return _to_login(asked, visit).having(safety.set_cookie(safety.OWNER, "", https=asked.https, seconds=0))
    kind = "often" if denial.status == _TOO_MANY else "daemon" if denial.status >= 500 else "refused"
    if asked.method in _READ and denial.status in (*_BAD, _FORBIDDEN, _NOT_FOUND):
        kind = "missing"
    return error_json(kind) if JSON in asked.query else error_page(kind, visit, denial.sentence)
