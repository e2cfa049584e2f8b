# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms that people have sent: checked, handed to the daemon, and answered with the page that they came from.

Each form has an id that the daemon knows again: sent twice, it is done once. So a form whose answer was lost is sent
again from here, until PATIENCE is over; then people are told, and may send it again.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from esimshaper.edge.host import clock
from esimshaper.languages.catalogs import translations
from esimshaper.languages.choice import NAMES
from esimshaper.web import safety
from esimshaper.web.answer import Answer, error_page, html, redirect
from esimshaper.web.asked import Asked, Fields
from esimshaper.web.daemon import Daemon, Denial, Document, Stopped
from esimshaper.web.forms import FORMS, BadField, Form
from esimshaper.web.render import Visit, render, screen_at
from esimshaper.web.visits import DONE, Browser, Said
from esimshaper.web.words import Words

PATIENCE = 5.0  # seconds: a daemon that is started anew answers within two or three
PAUSE = 0.25  # seconds between two tries

_REQUEST = re.compile(r"[A-Za-z0-9_-]{8,64}")
_YEAR = 365 * 86400
_UNAVAILABLE = 503
_WRONG, _NO_PASSWORD, _TOO_MANY = 401, 403, 429


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


class Acts:
    """What POST does. May be called from any thread. Raises Malformed, Stopped and Denial."""

    def __init__(
        self,
        daemon: Daemon,
        said: Said,
        now: Callable[[], float] = clock.monotonic,
        wait: Callable[[float], None] = _wait,
    ) -> None:
        self._daemon = daemon
        self._said = said
        self._now = now
        self._wait = wait

    def answer(self, asked: Asked, browser: Browser, visit: Visit) -> Answer:
        """A redirect to the page that the form was on, or what went wrong; then nothing was done, or it says so."""
        if not safety.is_own_origin(asked.origin, asked.host_header, https=asked.https):
            return error_page("form", visit)
        fields = asked.form()
        if browser.is_new or not safety.is_form_token(fields.get("csrf", ""), browser.visitor, browser.owner):
            return error_page("form", visit)
        own = {"/login": self._login, "/logout": self._logout, "/language": _choose_language}.get(asked.path)
        if own:
            return own(asked, browser, visit, fields)
        form = FORMS.get(asked.path)
        if form is None:
            return error_page("missing", visit)
        if form.owner and not browser.owner:
            return error_page("denied", visit)
        return self._carry_out(form, asked, browser, visit, fields)

    def _carry_out(self, form: Form, asked: Asked, browser: Browser, visit: Visit, fields: Fields) -> Answer:
        request = fields.get("request", "")
        if not _REQUEST.fullmatch(request):
            return error_page("form", visit)
        words = Words(visit.language, translations(visit.language))
        try:
            body = {**form.body(fields), "request": request}
        except BadField:
            return error_page("refused", visit, words.gettext("Something is missing in the form, or is no number."))
        target = form.target.format(id=quote(fields.get("id", ""), safe=""))
        if form.owner:
            target += f"?address={quote(asked.peer, safe='')}"
        else:
            body["address"] = asked.peer
        document = self._persist(target, body, browser.owner if form.owner else "")
        self._said.keep(request, form.said(words, body, document))
        return _back(fields, request)

    def _persist(self, target: str, body: Mapping[str, Any], token: str) -> Document:
        """Once, however often it has to be said to a daemon that stops or starts."""
        until = self._now() + PATIENCE
        while True:
            try:
                return self._daemon.post(target, body, token)
            except Stopped:
                if self._now() + PAUSE >= until:
                    raise
            except Denial as denial:
                if denial.status != _UNAVAILABLE or self._now() + PAUSE >= until:
                    raise
            self._wait(PAUSE)

    def _login(self, asked: Asked, browser: Browser, visit: Visit, fields: Fields) -> Answer:  # noqa: ARG002
        password = fields.get("password", "")
        try:
            session = self._daemon.post("/v1/owner/login", {"password": password, "address": asked.peer})
        except Denial as denial:
            return self._not_in(denial, replace(visit, path=fields.get("back", "/login")))
        cookie = safety.set_cookie(safety.OWNER, str(session["token"]), https=asked.https)
        return _back({"back": _asked_for(fields)}, "").having(cookie)

    def _not_in(self, denial: Denial, visit: Visit) -> Answer:
        words = Words(visit.language, translations(visit.language))
        sentences = {
            _WRONG: words.gettext("That is not the password."),
            _NO_PASSWORD: words.gettext("There is no password yet, so nobody can log in."),
            _TOO_MANY: words.gettext("There were too many wrong passwords. Wait a while, then try again."),
        }
        if denial.status not in sentences:
            raise denial
        return self._login_again(visit, sentences[denial.status], denial.status)

    def _login_again(self, visit: Visit, sentence: str, status: int) -> Answer:
        page = self._daemon.get("/v1/page")
        return html(render("login", {"/v1/page": page}, replace(visit, said=sentence)), status)

    def _logout(self, asked: Asked, browser: Browser, visit: Visit, fields: Fields) -> Answer:  # noqa: ARG002
        """The cookie goes in any case; with `all` every session of every browser ends."""
        target = "/v1/owner/logout-all" if fields.get("all") else "/v1/owner/logout"
        if browser.owner:
            try:
                self._daemon.post(f"{target}?address={quote(asked.peer, safe='')}", {}, browser.owner)
            except Denial as denial:
                if denial.status != _WRONG:
                    raise
        return redirect("/").having(safety.set_cookie(safety.OWNER, "", https=asked.https, seconds=0))


def _choose_language(asked: Asked, browser: Browser, visit: Visit, fields: Fields) -> Answer:  # noqa: ARG001
    language = fields.get("language", "")
    if language not in NAMES:
        return error_page("form", visit)
    return _back(fields, "").having(safety.set_cookie(safety.LANGUAGE, language, https=asked.https, seconds=_YEAR))


def _asked_for(fields: Fields) -> str:
    """The page of the owner that somebody without a session has asked for: the login was told it."""
    query = dict(parse_qsl(fields.get("back", "").partition("?")[2]))
    return query.get("back") or "/home"


def _back(fields: Fields, request: str) -> Answer:
    """To the page that the form was on, if it is one of ours; with the id of what was done."""
    path = safety.own_path(fields.get("back", ""))
    if screen_at(unquote(path.partition("?")[0])) is None:
        path = "/"
    done = f"{'&' if '?' in path else '?'}{DONE}={request}" if request else ""
    return redirect(f"{path}{done}")
