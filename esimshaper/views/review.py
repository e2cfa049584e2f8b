# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of approval (core/report/review.py has its shape) -> a page, and a question. Pure."""

from collections.abc import Sequence

from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages.texts import _, spoken
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Line, Page, Table
from esimshaper.views.services import title_of
from esimshaper.views.words import Document, lasted, names_of, subject, when

_WAITING = (
    Column("NO", right=True),
    Column("CLIENT"),
    Column("SERVICE"),
    Column("TODAY", right=True),
    Column("SENT", right=True, rank=2),
    Column("SINCE", rank=1),
    Column("HOURS", rank=3),
    Column("TO", rank=4),
)
_ANSWERS = (
    Column("NO", right=True),
    Column("FOR"),
    Column("SERVICE"),
    Column("ANSWER"),
    Column("UNTIL"),
    Column("MOVED", right=True, rank=1),
    Column("LAST USED", rank=2),
)


def review_page(document: Document) -> Page:
    """`esimshaper review`: what waits, what was answered, what to look at again."""
    if not document["on"]:
        example = "approval: {above: 100MB, for: each-client, expires: 30d}"
        off = _("No service waits for your word: the configuration has no `approval`. For example:")
        return [Line(off, Tone.WARNING), Line(f"  {example}", Tone.QUIET)]
    page: list[Line | Table] = [*_waiting(document)]
    if document["again"]:
        page += [Line(), Line(_("To be looked at again:"), Tone.TITLE)]
        page += [Line(_again(each, document["time"])) for each in document["again"]]
    if document["answers"]:
        page += [Line(), Table(_ANSWERS, [_answer_row(each, document["time"]) for each in document["answers"]])]
        page.append(Line(_("To ask again: `esimshaper review forget NO`"), Tone.QUIET))
    return [*page, Line(), Line(_about(document), Tone.QUIET)]


def question(use: Document) -> str:
    """What a person answers with yes or no."""
    return _(
        "{number}: may {client} go on with {service}? It moved {size} today",
        number=use["number"],
        client=use["called"],
        service=title_of(use, spoken()),
        size=format_size(use["today"]["total_bytes"]),
    )


def _waiting(document: Document) -> list[Line | Table]:
    if not document["waiting"]:
        return [Line(_("No service waits for your word."), Tone.GOOD)]
    rate = format_rate(document["rate_bits_per_second"])
    first = document["waiting"][0]["number"]
    return [
        Line(_("These wait for your word, held to {rate}:", rate=rate), Tone.WARNING),
        Table(_WAITING, [_waiting_row(each, document["time"]) for each in document["waiting"]]),
        Line(_("To let one pass: `esimshaper review approve {number}`", number=first), Tone.QUIET),
        Line(_("To block it: `esimshaper review refuse {number}`", number=first), Tone.QUIET),
    ]


def _waiting_row(use: Document, now: str) -> Sequence[str]:
    return (
        str(use["number"]),
        use["called"],
        title_of(use, spoken()),
        format_size(use["today"]["total_bytes"]),
        format_size(use["today"]["up_bytes"]),
        when(use["since"], now),
        _hours(use["hours"]),
        names_of(use["ends"], 2),
    )


def _answer_row(answer: Document, now: str) -> Sequence[str]:
    return (
        str(answer["number"]),
        subject(answer["called"]),
        title_of(answer, spoken()),
        _("approved") if answer["approved"] else _("refused"),
        when(answer["until"], now) if answer["until"] else _("always"),
        format_size(answer["ever"]["total_bytes"]),
        when(answer["seen"], now) if answer["seen"] else "-",
    )


def _again(entry: Document, now: str) -> str:
    """One line of the list: who, what, how much, and why."""
    about = entry["answer"] or entry["use"]
    places = {"who": subject(about["called"]), "service": title_of(about, spoken())}
    size = format_size(about["ever"]["total_bytes"])
    if entry["answer"]:
        places |= {"number": about["number"], "moment": when(about["until"], now)}
        return _("{number}: {who}, {service}, {size}: approved until {moment}", size=size, **places)
    return _("{who}, {service}, {size}: much, and never asked about", size=size, **places)


def _hours(hours: Sequence[int]) -> str:
    """Hours of the clock, those that follow each other as one: `9-11, 20`."""
    parts: list[list[int]] = []
    for hour in hours:
        if parts and parts[-1][1] == hour - 1:
            parts[-1][1] = hour
        else:
            parts.append([hour, hour])
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in parts)


def _about(document: Document) -> str:
    return _(
        "What a device has not used before waits once it moves {size} in a day; an answer holds for {time}.",
        size=format_size(document["threshold_bytes"]),
        time=lasted(document["expires_seconds"]),
    )
