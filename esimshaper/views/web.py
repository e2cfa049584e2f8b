# SPDX-License-Identifier: GPL-2.0-or-later
"""The answer to `esimshaper web` (core/report/page.py has its shape) -> a page. Pure."""

from esimshaper.languages.texts import _, ngettext
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.words import Document, lasted, when


def web_page(document: Document) -> Page:
    """Where the page is, whether the owner can log in, who is logged in, and what waits for an answer."""
    if not document["on"]:
        hint = _("write `web: {}` into /etc/esimshaper/esimshaper.yaml, then: sudo esimshaper reload")
        return [Line(_("the page is off")), Line(hint, Tone.QUIET)]
    lines = [Line(_("the page is at")), *(Line(f"  {url}", command=True) for url in document["urls"])]
    if not document["urls"]:
        lines = [Line(_("the page is on, but no interface of the LAN has an address yet"), Tone.WARNING)]
    return [*lines, *_password(document), *_sessions(document), *_asks(document)]


def _password(document: Document) -> Page:
    if not document["password_set"]:
        return [
            Line(_("no password is set, so nobody can log in as the owner"), Tone.WARNING),
            Line("sudo esimshaper web password", Tone.QUIET, command=True),
        ]
    if document["wait_seconds"]:
        wait = lasted(document["wait_seconds"])
        return [
            Line(
                _(
                    "too many passwords were wrong: for {time} only devices that have logged in before can log in",
                    time=wait,
                ),
                Tone.WARNING,
            )
        ]
    return [Line(_("the owner's password is set"))]


def _sessions(document: Document) -> Page:
    now = document["time"]
    if not document["sessions"]:
        return [Line(_("nobody is logged in"))] if document["password_set"] else []
    return [
        Line(_("{name} is logged in until {moment}", name=each["name"], moment=when(each["until"], now)))
        for each in document["sessions"]
    ]


def _asks(document: Document) -> Page:
    number = document["asks_open"]
    waits = ngettext(
        "{n} device asks for more; the page has the question",
        "{n} devices ask for more; the page has the question",
        number,
    )
    return [Line(waits)] if number else []
