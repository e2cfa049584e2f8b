# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of `replay` -> lines, and the state at the end -> tables. Pure."""

from collections.abc import Iterable, Iterator

from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages.texts import _
from esimshaper.views.core_texts import said
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table
from esimshaper.views.words import LEVELS, TONES, Document, said_of, subject

_QUOTAS = (Column("QUOTA", whole=True), Column("WHO"), Column("USED", right=True), Column("LEFT", right=True))
_PLANS = (
    Column("PLAN", whole=True),
    Column("USED", right=True),
    Column("LEFT", right=True),
    Column("COST", right=True),
    Column("ENDS", rank=1),
)


def replay_page(events: Iterable[Document]) -> Page:
    """`esimshaper replay`: a line for each event, and what is used and left at the end."""
    page: list[Line | Table] = []
    for event in events:
        page += _end(event) if event["kind"] == "end" else [_line(event)]
    return page


def _line(event: Document) -> Line:
    lead = Cell(f"{_moment(event['time'])}  ", Tone.QUIET)
    if event["kind"] == "state":
        reason = f" ({said(event['reason'])})" if event["reason"] else ""
        text = said_of(event["client"], _(LEVELS[event["level"]]) + reason)
        return Line(text, TONES[event["level"]], lead)
    if event["kind"] == "step":
        return Line(said_of(f"{event['plan']}, {event['meter']}", _step(event)), Tone.WARNING, lead)
    return Line(said(event["text"]), Tone.PLAIN, lead)


def _step(event: Document) -> str:
    if "price" in event:
        return _("the price of this window is {money} now", money=f"{event['currency']} {event['price']}")
    words = {"full": _("full speed again"), "stop": _("nothing passes any more")}
    known = words.get(event["rate"])
    return known or _("{rate} from now on", rate=format_rate(event["rate"]))


def _end(event: Document) -> Iterator[Line | Table]:
    yield from (Line(), Line(_("At the end, {moment}", moment=_moment(event["time"])), Tone.TITLE))
    if event["quotas"]:
        yield Table(_QUOTAS, [_quota(quota) for quota in event["quotas"]])
    if event["plans"]:
        yield Table(_PLANS, [_plan(plan) for plan in event["plans"]])
    if int(event["refused_bytes"]):
        size = format_size(int(event["refused_bytes"]))
        yield Line(_("{size} of the record would have been blocked.", size=size))


def _quota(quota: Document) -> list[str]:
    return [quota["name"], subject(quota["subject"]), format_size(int(quota["used"])), format_size(int(quota["left"]))]


def _plan(plan: Document) -> list[str]:
    left = "-" if plan["left"] is None else format_size(int(plan["left"]))
    cost = f"{plan['currency'] or ''} {plan['cost']}".strip()
    return [plan["name"], format_size(int(plan["used"])), left, cost, _moment(plan["ends"]) if plan["ends"] else "-"]


def _moment(moment: str) -> str:
    return moment[:16].replace("T", " ")
