# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents of limits (core/report/quotas.py has their shapes) -> pages. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime

from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import N_, _, ngettext, spoken
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar
from esimshaper.views.words import (
    Document,
    called,
    is_by_hand,
    names_of,
    said_of,
    state_cell,
    until,
    when,
    whose,
)

BAR_WIDTH = 6
_DAY = 86400  # seconds

_COLUMNS = (
    Column("QUOTA"),
    Column("WHO"),
    Column("LEFT", right=True),
    Column("USED", right=True, rank=2),
    Column("LIMIT", right=True, rank=3),
    Column("USED OF LIMIT", tone=Tone.DOWN, rank=5, bar=True),
    Column("PERIOD", rank=6),
    Column("RENEWS", rank=1, whole=True),
    Column("THEN", rank=4),
    Column("STATE", whole=True),
)
_AT_THE_LIMIT = {
    "block": (N_("blocked"), Tone.BAD),
    "throttle": (N_("throttled"), Tone.WARNING),
    "notify": (N_("reached"), Tone.WARNING),
}
_THEN = {"block": N_("block"), "throttle": N_("throttle"), "notify": N_("notify")}
_UNITS = {"hour": N_("hour"), "day": N_("day"), "week": N_("week"), "month": N_("month"), "year": N_("year")}
_SIDES = {"both": "", "download": N_(" download"), "upload": N_(" upload")}


def quotas_page(document: Document) -> Page:
    """`esimshaper quotas`: one row for each quota and each subject that it is for."""
    rows = document["quotas"]
    page: list[Line | Table] = []
    if rows:
        page.append(quotas_table(rows, document["time"]))
    else:
        page.append(Line(_("There are no quotas; the configuration has room for some, under `quotas`.")))
    told = (*_granted_lines(document), *by_hand_lines(document), *coming_lines(document), *_curfew_lines(document))
    return [
        *page,
        *_pace_lines(rows, document["time"]),
        *_resting_lines(rows),
        *_scope_lines(rows),
        *told,
        *_reserve_lines(document),
    ]


def quotas_table(rows: Sequence[Document], now: str) -> Table:
    """One row for each quota and subject, as seen at `now` (ISO 8601)."""
    return Table(_COLUMNS, [_row(row, now) for row in rows])


def glance(status: Document) -> list[Line | Table]:
    """The rows of the quotas that `esimshaper status` shows."""
    quotas = status["quotas"]
    page: list[Line | Table] = []
    if quotas["count"]:
        far = ngettext(
            "{n} quota of clients, none of them near its limit",
            "{n} quotas of clients, none of them near its limit",
            quotas["count"],
        )
        title = _("Quotas") if quotas["top"] else far
        page += [Line(), Line(title, Tone.TITLE if quotas["top"] else Tone.PLAIN)]
    if quotas["top"]:
        page.append(quotas_table(quotas["top"], status["time"]))
    if quotas["top"] and quotas["count"] > len(quotas["top"]):
        rest = _("{n} of {all}; `esimshaper quotas` shows them all", n=len(quotas["top"]), all=quotas["count"])
        page.append(Line(rest, Tone.QUIET))
    told = (*by_hand_lines(status), *coming_lines(status), *_curfew_lines(status), *_reserve_lines(status))
    top = quotas["top"]
    return [*page, *_pace_lines(top, status["time"]), *_resting_lines(top), *_scope_lines(top), *told]


def plan_lines(rows: Sequence[Document], now: str) -> list[Line]:
    """What is left of each quota that is for everyone; of a long period, what that comes to for each day of it."""
    return [_plan_line(row, now) for row in rows if row["subject"] == "everyone"]


def _pace_lines(rows: Sequence[Document], now: str) -> list[Line]:
    """As `plan_lines`, below a table: only what it does not say already."""
    return [_plan_line(row, now) for row in rows if row["subject"] == "everyone" and _pace(row, now)]


def _plan_line(row: Document, now: str) -> Line:
    left, tone = format_size(row["left_bytes"]), _state_of(row).tone
    said = _("{left} left until {moment}", left=left, moment=when(row["renews"], now))
    return Line(said_of(row["quota"], _pace(row, now) or said), tone)


def _pace(row: Document, now: str) -> str:
    """`3.87 GB for 8 days, 484 MB a day`; empty where nothing is left, or not more than a day to go."""
    seconds = (datetime.fromisoformat(row["renews"]) - datetime.fromisoformat(now)).total_seconds()
    days = math.ceil(seconds / _DAY)
    if not row["left_bytes"] or days <= 1:
        return ""
    left, each = format_size(row["left_bytes"]), format_size(row["left_bytes"] // days)
    return _("{left} for {days} days, {each} a day", left=left, days=days, each=each)


def _reserve_lines(document: Document) -> list[Line]:
    """What is left for the router itself while it is blocked."""
    reserve = document["reserve"]
    if not reserve:
        return []
    left, limit = format_size(reserve["left_bytes"]), format_size(reserve["limit_bytes"])
    text = _(
        "The router is blocked; its clock and its DNS have {left} left of a reserve of {limit} (router.reserve)",
        left=left,
        limit=limit,
    )
    return [Line(text, Tone.QUIET if reserve["left_bytes"] else Tone.BAD)]


def by_hand_lines(document: Document) -> list[Line]:
    """One for each decision of a person; subjects that were blocked or allowed alike share it."""
    alike: dict[tuple[str, str], list[str]] = {}
    for each in document["by_hand"]:
        alike.setdefault((each["setting"], set_by_hand(each, document["time"])), []).append(called(each))
    return [
        Line(said_of(names_of(subjects), said), Tone.BAD if setting == "block" else Tone.GOOD)
        for (setting, said), subjects in alike.items()
    ]


def coming_lines(document: Document) -> list[Line]:
    """One for each block, allow or grant that was set for later."""
    return [Line(coming(each, document["time"]), Tone.QUIET) for each in document["coming"]]


def _curfew_lines(document: Document) -> list[Line]:
    """One for each block by hours, and until when it holds now."""
    lines = []
    for each in document["curfews"]:
        said = _("blocked {hours} (hours)", hours=each["hours"])
        now = _(", now") + until(each["until"], document["time"]) if each["blocked"] else ""
        lines.append(Line(said_of(called(each), said + now), Tone.QUIET))
    return lines


def _resting_lines(rows: Sequence[Document]) -> list[Line]:
    """The hours of each quota that has some."""
    hours = {row["quota"]: row for row in rows if row["hours"]}
    return [
        Line(
            said_of(name, _("counts {hours}", hours=row["hours"]) + (_(", not now") if row["resting"] else "")),
            Tone.QUIET,
        )
        for name, row in hours.items()
    ]


def _scope_lines(rows: Sequence[Document]) -> list[Line]:
    """What each quota looks at that is not for all uplinks that are metered."""
    known = {row["quota"]: row for row in rows if row["uplinks"] or row["plan"] or row["services"]}
    return [Line(said_of(name, _looks_at(row)), Tone.QUIET) for name, row in known.items()]


def _looks_at(row: Document) -> str:
    if row["services"]:
        return _("counts and holds {services} only", services=names_of(row["services"]))
    if row["plan"]:
        return _("counts and holds what is of the plan {plan}", plan=row["plan"])
    return _("counts and holds what passes {uplinks}", uplinks=names_of(row["uplinks"]))


def coming(each: Document, now: str) -> str:
    """What will be, from when and until when, in full."""
    name, begin = called(each), _in_full(each["at"], now)
    if each["setting"] == "block":
        said = _("{name} will be blocked by hand from {begin}", name=name, begin=begin)
    elif each["setting"] == "allow" and each.get("over_plan"):
        said = _("{name} will be allowed by hand over the plan from {begin}", name=name, begin=begin)
    elif each["setting"] == "allow":
        said = _("{name} will be allowed by hand from {begin}", name=name, begin=begin)
    else:
        size = format_size(each["bytes"])
        said = _("{name} will get {size} more by hand from {begin}", name=name, size=size, begin=begin)
    return said + until_in_full(each["until"], now)


def until_in_full(moment: str | None, now: str) -> str:
    """As `words.until`, of a moment that somebody has just set."""
    return _(" until {moment}", moment=_in_full(moment, now)) if moment else ""


def _in_full(moment: str, now: str) -> str:
    return moments.in_full(datetime.fromisoformat(moment), datetime.fromisoformat(now), spoken())


def set_by_hand(each: Document, now: str) -> str:
    """What a person has set for a subject, and until when."""
    return by_hand(each) + until(each["until"], now)


def by_hand(each: Document) -> str:
    """What a person has set for a subject."""
    if each["setting"] == "throttle":
        return _("throttled to {rate} by an alarm", rate=format_rate(each["rate_bits_per_second"]))
    if each["setting"] == "block":
        return _("blocked by an alarm") if each.get("by_alarm") else _("blocked by hand")
    return _("allowed by hand over the plan") if each["over_plan"] else _("allowed by hand")


def _granted_lines(document: Document) -> list[Line]:
    """Grants within the limits of now, and those of them that end before the period does; those alike together."""
    alike: dict[str, list[str]] = {}
    for row in document["quotas"]:
        if not row["granted_bytes"]:
            continue
        mine = [g for g in document["grants"] if (g["quota"], g["subject"]) == (row["quota"], row["subject"])]
        size = format_size(row["granted_bytes"])
        granted = _("{size} of the limit of {quota} is granted", size=size, quota=row["quota"])
        early = (
            _(", {size} of it until {moment}", size=format_size(g["bytes"]), moment=when(g["until"], document["time"]))
            for g in mine
        )
        alike.setdefault(granted + "".join(early), []).append(whose(row))
    return [Line(said_of(names_of(subjects), said), Tone.QUIET) for said, subjects in alike.items()]


def _row(row: Document, now: str) -> list[str | Cell]:
    used, limit = row["used_bytes"], row["limit_bytes"]
    percent = f"{used * 100 // limit}%" if limit else "-"
    return [
        row["quota"],
        whose(row),
        format_size(row["left_bytes"]),
        format_size(used),
        format_size(limit),
        f"{bar(used, limit, BAR_WIDTH):{BAR_WIDTH}} {percent:>4}",
        _period(row["period"]) + _(_SIDES[row["direction"]]),
        when(row["renews"], now),
        format_rate(row["rate_bits_per_second"]) if row["rate_bits_per_second"] else _(_THEN[row["action"]]),
        _state_of(row),
    ]


def _period(period: str) -> str:
    """`month`, `30 days`: units of the documents in the language that is spoken."""
    number, blank, unit = period.partition(" ")
    if not blank:
        return _(_UNITS.get(period, period))
    n = int(number)
    forms = {
        "hour": ngettext("{n} hour", "{n} hours", n),
        "day": ngettext("{n} day", "{n} days", n),
        "week": ngettext("{n} week", "{n} weeks", n),
        "month": ngettext("{n} month", "{n} months", n),
        "year": ngettext("{n} year", "{n} years", n),
    }
    return forms.get(unit.removesuffix("s"), period)


def _state_of(row: Document) -> Cell:
    """The state of the subject under this quota; an override counts more than the quota."""
    if is_by_hand(row["state"]) or row["state"]["by_hours"]:
        return state_cell(row["state"])
    if row["resting"]:
        return Cell(_("resting"), Tone.QUIET)
    if row["reached"]:
        word, tone = _AT_THE_LIMIT[row["action"]]
        return Cell(_(word), tone)
    return Cell(_("warned"), Tone.WARNING) if row["warned"] else Cell(_("open"), Tone.PLAIN)
