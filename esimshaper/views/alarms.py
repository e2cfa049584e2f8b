# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of alarms (core/report/alarms.py has its shape) -> a page. Pure."""

from collections.abc import Sequence

from esimshaper.core.model.units import format_size
from esimshaper.languages.texts import N_, _, ngettext
from esimshaper.views.core_texts import said
from esimshaper.views.fit import Column, Tone
from esimshaper.views.notice_texts import KINDS, NO_DEVICES
from esimshaper.views.page import Line, Page, Table
from esimshaper.views.words import Document, when

_COLUMNS = (
    Column("NO", right=True),
    Column("SINCE", rank=2),
    Column("CLIENT"),
    Column("KIND"),
    Column("MOVED", right=True),
    Column("ANSWER", rank=1),
)
_ANSWERS = {"fine": N_("fine"), "cut": N_("cut"), "": ""}


def alarms_page(document: Document) -> Page:
    """`esimshaper alarms`: what goes on, what was, what is muted, and what it is held against."""
    if document["level"] == "off":
        return [Line(_("Nobody looks for abnormal use: `watch: off` stands in the configuration."), Tone.WARNING)]
    page: list[Line | Table] = []
    for each in document["open"]:
        told = Tone.BAD if each["told"] else Tone.PLAIN
        page.append(Line(_said(each, document["time"]), told))
        if each["told"] and not each["answer"]:
            hint = _("it is fine: `esimshaper alarms fine {number}`", number=each["number"])
            page.append(Line(hint, Tone.QUIET))
            if each["key"] not in NO_DEVICES:
                slow = _("slow it: `esimshaper alarms slow {number}`", number=each["number"])
                page.append(Line(slow, Tone.QUIET))
    if not document["open"]:
        page.append(Line(_("Nothing abnormal goes on."), Tone.GOOD))
    if document["past"]:
        page += [Line(), _table(document["past"], document["time"])]
        page += _legend(document["past"])
        page.append(Line(_("In brackets: noted down, and told to nobody, as it is usual for the device."), Tone.QUIET))
    for mute in document["muted"]:
        page.append(Line(_muted(mute, document["time"])))
    return [*page, *_about(document)]


def _legend(alarms: Sequence[Document]) -> list[Line]:
    """What the kinds in the table are."""
    seen = {kind for each in alarms for kind in each["kinds"]}
    return [Line(f"{kind}: {_(text)}", Tone.QUIET) for kind, text in KINDS.items() if kind in seen]


def _said(alarm: Document, now: str) -> str:
    return _(
        "{number}: {client} {text}; {size} since {moment}",
        number=alarm["number"],
        client=alarm["called"],
        text=said(alarm["text"]),
        size=format_size(alarm["bytes"]),
        moment=when(alarm["since"], now),
    )


def _table(alarms: Sequence[Document], now: str) -> Table:
    return Table(
        _COLUMNS,
        [
            (
                str(alarm["number"]),
                when(alarm["since"], now),
                alarm["called"],
                _kinds(alarm),
                format_size(alarm["bytes"]),
                _(_ANSWERS[alarm["answer"]]) if alarm["answer"] else "",
            )
            for alarm in alarms
        ],
    )


def _kinds(alarm: Document) -> str:
    kinds = ", ".join(alarm["kinds"])
    return kinds if alarm["told"] else f"({kinds})"


def _muted(mute: Document, now: str) -> str:
    what, who = mute["kind"] or _("everything"), mute["client"] or _("everybody")
    return _("{what} of {who} is muted until {moment}", what=what, who=who, moment=when(mute["until"], now))


def _about(document: Document) -> list[Line]:
    """The allowance, and who is not known yet."""
    lines = [Line()]
    if allowance := document["allowance"]:
        size = format_size(allowance["bytes"])
        if allowance["of"]:
            text = _("A day has {size}, by {quota}.", size=size, quota=allowance["of"])
        else:
            text = _("A day is taken to have {size}, as no quota for everyone and no plan says it.", size=size)
        lines.append(Line(text, Tone.QUIET))
    if names := document["learning"]:
        learning = ngettext(
            "What is usual is not known yet of {n} device: {names}",
            "What is usual is not known yet of {n} devices: {names}",
            len(names),
            names=", ".join(names),
        )
        lines.append(Line(learning, Tone.QUIET))
    return lines
