# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents of rules by service (core/report/rules.py has their shapes) -> pages. Pure."""

import re

from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages.texts import N_, _, ngettext
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table
from esimshaper.views.words import Document, when

_HELD = (
    Column("CLIENT"),
    Column("SERVICES"),
    Column("DECISION"),
    Column("BY", rank=2),
    Column("WHY", rank=1),
    Column("UNTIL", rank=1),
)
_BACK = (
    Column("CLIENT"),
    Column("SERVICE"),
    Column("CATEGORY", rank=1),
    Column("SINCE", rank=1),
    Column("TRIES", right=True, rank=1),
    Column("WOULD HAVE BEEN", right=True),
)
MOST_NAMES = 4
"""So many clients, or services, are named in a cell."""

_LAYERS = {
    "hand": N_("by hand"),
    "low-data": N_("low-data mode"),
    "rules": N_("rules"),
    "approval": N_("approval"),
    "saver": N_("saver"),
}
_BY_SHARE = re.compile(r"([0-9]+) % of (quota|plan) (.+) are used")
_BY_PACE = re.compile(r"(quota|plan) (.+) is used faster than its time passes")


def rules_page(document: Document) -> Page:
    """`esimshaper rules`: who is held by what, and why."""
    if not document["counted"]:
        text = _("Services are not counted: `services: {{names: off}}` stands in the configuration.")
        return [Line(text, Tone.WARNING)]
    page: list[Line | Table] = []
    if document["held"]:
        rows = [_held(each, document["time"]) for each in document["held"]]
        page.append(Table(_HELD, rows))
        if any(each["metered_only"] for each in document["held"]):
            page.append(Line(_("* at metered uplinks only"), Tone.QUIET))
    else:
        page.append(Line(_("No service is held: each passes for everybody."), Tone.GOOD))
    return [*page, Line(), *_mode(document["low_data"], document["time"])]


def low_data_page(document: Document) -> Page:
    """`esimshaper low-data`: whom it holds, and what it holds back."""
    page: list[Line | Table] = list(_mode(document, document["time"]))
    if document["held_back"]:
        rows = [
            (
                each["client"],
                each["service"],
                each["category"] or "",
                when(each["since"], document["time"]) if each["since"] else "",
                f"{each['refused_packets']:,}",
                _("about {size}", size=format_size(each["estimate_bytes"])) if each["estimate_bytes"] else "",
            )
            for each in document["held_back"]
        ]
        page += [Line(), Table(_BACK, rows)]
        days = max(1, round(document["estimate_seconds"] / 86400))
        text = ngettext(
            "Estimated by what each client used of it in {n} day before.",
            "Estimated by what each client used of it in {n} days before.",
            days,
        )
        page.append(Line(text, Tone.QUIET))
    if document["security"]:
        text = _("Updates wait, also those for security: they run at an uplink that is not metered, or now: {command}")
        command = "`esimshaper allow updates --client everyone --for 1h`"
        page.append(Line(text.format(command=command), Tone.WARNING))
    return page


def decided_page(document: Document) -> Page:
    """The answer to `esimshaper block SERVICE --client C`, and to `allow` and `unblock`."""
    what, who, now = document["service"], document["subject"], document["time"]
    if document["decision"] is None:
        return [Line(_("{service} of {who} is held by the rules only again", service=what, who=who))]
    text = {
        "block": N_("{service} of {who} is blocked"),
        "allow": N_("{service} of {who} passes, whatever the rules say of it"),
    }[document["decision"]]
    line = _(text, service=what, who=who)
    if document["until"]:
        line += _(" until {moment}", moment=when(document["until"], now))
    command = f"unblock {what} --client {who}"
    return [Line(line), Line(_("`esimshaper {command}` takes it back", command=command), Tone.QUIET)]


def _held(each: Document, now: str) -> tuple[str | Cell, ...]:
    names = [who["client"] for who in each["clients"]]
    decision = {
        "block": _("block"),
        "allow": _("allow"),
        "pace": _("pace {rate}", rate=format_rate(each["rate_bits_per_second"] or 0)),
    }[each["decision"]]
    tone = {"block": Tone.BAD, "pace": Tone.WARNING}.get(each["decision"], Tone.GOOD)
    return (
        _some(names),
        _some(_services(each)),
        Cell(f"{decision}*" if each["metered_only"] else decision, tone),
        _(_LAYERS[each["layer"]]),
        _reason(each["why"]),
        when(each["until"], now) if each["until"] else "",
    )


def _services(each: Document) -> list[str]:
    """Categories of which all is held, and what else is."""
    whole = list(each["categories"])
    return whole or list(each["services"])


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES])
    return ngettext("{names} and {n} more", "{names} and {n} more", more, names=shown) if more > 0 else shown


def _mode(low: Document, now: str) -> list[Line]:
    """For whom low-data mode is in force."""
    lines = []
    for each in low["on"]:
        text = _("Low-data mode is on for {who}: {why}", who=each["subject"], why=_reason(each["why"]))
        text += _(", since {moment}", moment=when(each["since"], now)) if each["since"] else ""
        lines.append(Line(text, Tone.WARNING))
    if not low["on"]:
        text = _("Low-data mode is off.")
        if low["mode"] == "auto":
            share = f"{low['from_percent']} %"
            text = _("Low-data mode is off; it begins by itself at {share} of a quota or the plan.", share=share)
        lines.append(Line(text, Tone.GOOD))
    for each in low["by_hand"]:
        text = _("set by hand for {who}: {mode}", who=each["subject"], mode=each["mode"])
        lines.append(Line(text, Tone.QUIET))
    return lines


def _reason(why: str) -> str:
    """What the daemon says of a decision, in the language of the person."""
    if found := _BY_SHARE.fullmatch(why):
        kind = _("quota {name}", name=found[3]) if found[2] == "quota" else _("plan {name}", name=found[3])
        return _("{share} of {limit} are used", share=f"{found[1]} %", limit=kind)
    if found := _BY_PACE.fullmatch(why):
        kind = _("quota {name}", name=found[2]) if found[1] == "quota" else _("plan {name}", name=found[2])
        return _("{limit} is used faster than its time passes", limit=kind)
    known = {
        "set by hand": _("set by hand"),
        "switched on by hand": _("switched on by hand"),
        "on in the settings": _("on in the configuration"),
    }
    return known.get(why, why)
