# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that several pages share: names of clients, rates, moments, states. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from esimshaper.core.model.units import format_client, format_moment_short, format_names, format_rate
from esimshaper.views.fit import Tone
from esimshaper.views.page import Cell, Line

Document = Mapping[str, Any]

NAMED_TOGETHER = 4
"""At most so many clients are named in one line if the same reason holds for several."""

SHARED_FROM = 2
"""More clients than this that one quota holds share a line."""

HOW = {
    "sni": "TLS hello",
    "quic": "QUIC hello",
    "http": "HTTP request",
    "dns": "DNS answer",
    "address": "address, port",
    "pattern": "how it looks",
    "hidden": "hides itself",
    "none": "-",
}
"""How a name or a service is known: model.services.How, in words."""

TONES = {"open": Tone.PLAIN, "throttled": Tone.WARNING, "blocked": Tone.BAD}


def who(entry: Document) -> str:
    """How a person would call the client of an entry."""
    return format_client(entry["client"], entry["key"], entry["hostname"])


def whose(row: Document) -> str:
    """How a person would call the subject of a quota's row."""
    return who(row) if row["key"] else str(row["subject"])


def called(entry: Document) -> str:
    """How a person would call the subject of an entry that has `called` and `subject`."""
    return str(entry.get("called") or entry["subject"].removeprefix("client/"))


def rate(bits: int) -> str:
    """A rate in a table; zero is a dash, so that the other rates catch the eye."""
    return format_rate(bits) if bits else "-"


def share(part: int, of: int) -> str:
    """`12%`; of less than ten also tenths, and anything above nothing is visible."""
    percent = 100 * part / of if of else 0.0
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.0f}%" if percent >= 10 or not percent else f"{percent:.1f}%"


def count(number: int, noun: str) -> str:
    """`1 client`, `2 clients`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def when(moment: str, now: str) -> str:
    """A moment of a document as seen from `now`, for a cell of a table; both in ISO 8601."""
    return format_moment_short(datetime.fromisoformat(moment), datetime.fromisoformat(now))


def is_by_hand(state: Document) -> bool:
    """Whether an override, and neither a quota nor hours, is the reason of a state."""
    return bool(state["reason"] and not state["quota"] and not state["by_hours"])


def state_cell(state: Document) -> Cell:
    """The state of a client in one word."""
    if is_by_hand(state) and state["level"] == "open":
        return Cell("allowed", Tone.GOOD)
    return Cell(state["level"], TONES[state["level"]])


def reason_lines(clients: Iterable[Document], now: str) -> list[Line]:
    """The reason for each state other than open; clients with the same reason share a line, and so do many clients of
    one quota, which says then what it does and not how much each has used.
    """
    limited = [entry for entry in clients if entry["state"]["reason"]]
    of_quota = Counter(_rule(entry["state"], now) for entry in limited)
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in limited:
        state = entry["state"]
        rule = _rule(state, now)
        reason = rule if state["quota"] and of_quota[rule] > SHARED_FROM else state["reason"]
        groups.setdefault((state["level"], reason), []).append(who(entry))
    together = ((level, reason, format_names(names, NAMED_TOGETHER)) for (level, reason), names in groups.items())
    return [Line(f"{names}: {reason}", TONES[level]) for level, reason, names in together]


def _rule(state: Document, now: str) -> str:
    """What a quota does to whoever has used it up, and until when."""
    to = f" to {format_rate(state['rate_bits_per_second'])}" if state["rate_bits_per_second"] else ""
    until = f" until {when(state['until'], now)}" if state["until"] else ""
    return f"{state['quota']}: used up, {state['level']}{to}{until}"
