# SPDX-License-Identifier: GPL-2.0-or-later
"""The answer to `esimshaper web` (core/report/page.py has its shape) -> a page. Pure."""

from esimshaper.core.model.units import write_duration
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.words import Document, when

_OFF = "the page is off"


def web_page(document: Document) -> Page:
    """Where the page is, whether the owner can log in, who is logged in, and what waits for an answer."""
    if not document["on"]:
        hint = "write `web: {}` into /etc/esimshaper/esimshaper.yaml, then: sudo esimshaper reload"
        return [Line(_OFF), Line(hint, Tone.QUIET)]
    lines = [Line("the page is at"), *(Line(f"  {url}", command=True) for url in document["urls"])]
    if not document["urls"]:
        lines = [Line("the page is on, but no interface of the LAN has an address yet", Tone.WARNING)]
    return [*lines, *_password(document), *_sessions(document), *_asks(document)]


def _password(document: Document) -> Page:
    if not document["password_set"]:
        return [
            Line("no password is set, so nobody can log in as the owner", Tone.WARNING),
            Line("sudo esimshaper web password", Tone.QUIET, command=True),
        ]
    if document["wait_seconds"]:
        wait = write_duration(document["wait_seconds"])
        return [Line(f"too many passwords were wrong: nobody can log in for {wait}", Tone.WARNING)]
    return [Line("the owner's password is set")]


def _sessions(document: Document) -> Page:
    now = document["time"]
    if not document["sessions"]:
        return [Line("nobody is logged in")] if document["password_set"] else []
    return [Line(f"{each['name']} is logged in until {when(each['until'], now)}") for each in document["sessions"]]


def _asks(document: Document) -> Page:
    number = document["asks_open"]
    waits = f"{number} device{' asks' if number == 1 else 's ask'} for more; the page has the question"
    return [Line(waits)] if number else []
