# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of events (core/report/events.py has its shape) -> a page. Pure."""

from collections.abc import Mapping
from datetime import date, datetime

from esimshaper.languages import moments
from esimshaper.languages.texts import _, ngettext, spoken
from esimshaper.views.core_texts import said
from esimshaper.views.fit import Tone
from esimshaper.views.page import Cell, Line, Page
from esimshaper.views.words import Document

_TONES: Mapping[str, Tone] = {
    **dict.fromkeys(("quota-reached", "blocked", "not-counting", "counters-lost", "history-failing"), Tone.BAD),
    **dict.fromkeys(("alarm", "alarm-more", "approval"), Tone.WARNING),
    **dict.fromkeys(("start-failed", "guard-failing", "config-refused", "clients-full", "client-imitated"), Tone.BAD),
    **dict.fromkeys(("list-refused", "lists-greedy"), Tone.BAD),
    **dict.fromkeys(("quota-warning", "throttled", "limits-failing", "program-restored"), Tone.WARNING),
    **dict.fromkeys(("classes-restored", "refusals-restored", "detour", "gap", "history-anew"), Tone.WARNING),
    **dict.fromkeys(("open", "quota-renewed", "granted"), Tone.GOOD),
}
"""Of other kinds the text is plain."""


def events_page(document: Document) -> Page:
    """`esimshaper events`: one line each, under the day that it was on."""
    events = document["events"]
    if not events:
        return [Line(_("Nothing is on record of that."))]
    now = datetime.fromisoformat(document["time"]).date()
    page: list[Line] = []
    day: date | None = None
    for event in events:
        at = datetime.fromisoformat(event["at"])
        if at.date() != day:
            day = at.date()
            page += [*([Line()] if page else []), Line(_called(day, now), Tone.TITLE)]
        lead = Cell(f"{moments.clock(at, spoken()):>5}  ", Tone.QUIET)
        page.append(Line(said(event["text"]), _TONES.get(event["kind"], Tone.PLAIN), lead))
    if document["count"] > len(events):
        more = ngettext(
            "the last {shown} of {n} event; --last and --since show more",
            "the last {shown} of {n} events; --last and --since show more",
            document["count"],
            shown=len(events),
        )
        page += [Line(), Line(more, Tone.QUIET)]
    return page


def _called(day: date, today: date) -> str:
    said = moments.long_day(day, spoken(), with_year=day.year != today.year)
    near = {0: _("Today, {day}", day=said), 1: _("Yesterday, {day}", day=said)}
    return near.get((today - day).days, said)
