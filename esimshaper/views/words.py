# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that several pages share: names of clients, rates, moments, states. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from esimshaper.core.model.units import format_client, format_names, format_rate
from esimshaper.languages import moments
from esimshaper.languages.choice import ENGLISH
from esimshaper.languages.texts import N_, _, ngettext, spoken
from esimshaper.views.core_texts import said
from esimshaper.views.fit import Tone
from esimshaper.views.page import Cell, Line

Document = Mapping[str, Any]

NAMED_TOGETHER = 4
"""At most so many clients are named in one line if the same reason holds for several."""

SHARED_FROM = 2
"""More clients than this that one quota holds share a line."""

HOW = {
    "sni": N_("TLS hello"),
    "quic": N_("QUIC hello"),
    "http": N_("HTTP request"),
    "dns": N_("DNS answer"),
    "address": N_("address, port"),
    "pattern": N_("how it looks"),
    "hidden": N_("hides itself"),
    "none": "-",
}
"""How a name or a service is known: model.services.How, in words."""

NAMELESS = {"unnamed": N_("unnamed"), "hidden": N_("hidden")}
"""Services of bytes of which nobody can say what they were for."""

LEVELS = {"open": N_("open"), "throttled": N_("throttled"), "blocked": N_("blocked")}
"""States of documents, as people read them."""

TONES = {"open": Tone.PLAIN, "throttled": Tone.WARNING, "blocked": Tone.BAD}


def who(entry: Document) -> str:
    """How a person would call the client of an entry."""
    return format_client(entry["client"], entry["key"], entry["hostname"])


def whose(row: Document) -> str:
    """How a person would call the subject of a quota's row."""
    return who(row) if row["key"] else subject(row["subject"])


def called(entry: Document) -> str:
    """How a person would call the subject of an entry that has `called` and `subject`."""
    return str(entry.get("called") or subject(entry["subject"].removeprefix("client/")))


def subject(label: str) -> str:
    """A subject as people read it: only everyone has a word in each language, other names are typed as they are."""
    return _("everyone") if label == "everyone" else label


def names_of(names: Sequence[str], most: int = NAMED_TOGETHER) -> str:
    """All names, or the first `most` and the number of the rest."""
    rest = len(names) - most
    if rest <= 1 or spoken() == ENGLISH:
        return format_names(names, most)
    return ngettext("{names} and {n} more", "{names} and {n} more", rest, names=", ".join(names[:most]))


def rate(bits: int) -> str:
    """A rate in a table; zero is a dash, so that the other rates catch the eye."""
    return format_rate(bits) if bits else "-"


def share(part: int, of: int) -> str:
    """`12%`; of less than ten also tenths, and anything above nothing is visible."""
    percent = 100 * part / of if of else 0.0
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.0f}%" if percent >= 10 or not percent else f"{percent:.1f}%"


def when(moment: str, now: str) -> str:
    """A moment of a document as seen from `now`, for a cell of a table; both in ISO 8601."""
    return moments.short(datetime.fromisoformat(moment), datetime.fromisoformat(now), spoken())


def lasted(seconds: float) -> str:
    """A length of time: `3h 12m`."""
    return moments.length(seconds, spoken())


def until(moment: str | None, now: str) -> str:
    """Behind a sentence: until when it holds, if it has an end."""
    return _(" until {moment}", moment=when(moment, now)) if moment else ""


def is_by_hand(state: Document) -> bool:
    """Whether an override, and neither a quota nor hours, is the reason of a state."""
    return bool(state["reason"] and not state["quota"] and not state["by_hours"])


def state_cell(state: Document) -> Cell:
    """The state of a client in one word."""
    if is_by_hand(state) and state["level"] == "open":
        return Cell(_("allowed"), Tone.GOOD)
    if state["level"] == "open" and state["services"]:
        return Cell(_("partly open"), Tone.WARNING)
    return Cell(_(LEVELS[state["level"]]), TONES[state["level"]])


def reason(state: Document) -> str:
    """Why a state is as it is."""
    return said(state["reason"])


def reason_lines(clients: Sequence[Document], now: str) -> list[Line]:
    """The reason for each state other than open, and for what is held of some services; clients with the same reason
    share a line, and so do many clients of one quota, which says then what it does and not how much each has used.
    """
    limited = [entry for entry in clients if entry["state"]["reason"]]
    of_quota = Counter(_rule(entry["state"], now) for entry in limited)
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in limited:
        state = entry["state"]
        rule = _rule(state, now)
        why = rule if state["quota"] and of_quota[rule] > SHARED_FROM else reason(state)
        groups.setdefault((state["level"], why), []).append(who(entry))
    for entry in clients:
        for held in entry["state"]["services"]:
            groups.setdefault((held["level"], reason(held)), []).append(who(entry))
    together = ((level, why, names_of(names)) for (level, why), names in groups.items())
    return [Line(said_of(names, why), TONES[level]) for level, why, names in together]


def said_of(name: str, what: str) -> str:
    """`tv: what is said of it`."""
    return _("{name}: {what}", name=name, what=what)


def _rule(state: Document, now: str) -> str:
    """What a quota does to whoever has used it up, and until when."""
    if state["level"] == "throttled" and state["rate_bits_per_second"]:
        used_up = _("used up, throttled to {rate}", rate=format_rate(state["rate_bits_per_second"]))
    else:
        used_up = _("used up, throttled") if state["level"] == "throttled" else _("used up, blocked")
    return said_of(state["quota"], used_up + until(state["until"], now))
