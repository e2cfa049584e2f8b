# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents of limits (core/report/quotas.py has their shapes) -> pages. Pure."""

import math
import shlex
from collections.abc import Sequence
from datetime import datetime

from esimshaper.core.model.units import format_in_full, format_names, format_rate, format_size
from esimshaper.languages.texts import _, ngettext
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar
from esimshaper.views.words import NAMED_TOGETHER, TONES, Document, called, is_by_hand, state_cell, when, whose

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
    "block": Cell("blocked", Tone.BAD),
    "throttle": Cell("throttled", Tone.WARNING),
    "notify": Cell("reached", Tone.WARNING),
}


def quotas_page(document: Document) -> Page:
    """`esimshaper quotas`: one row for each quota and each subject that it is for."""
    rows = document["quotas"]
    page: list[Line | Table] = []
    if rows:
        page.append(quotas_table(rows, document["time"]))
    else:
        page.append(Line("There are no quotas; the configuration has room for some, under `quotas`."))
    told = (*_granted_lines(document), *by_hand_lines(document), *coming_lines(document), *_curfew_lines(document))
    return [*page, *_pace_lines(rows, document["time"]), *_resting_lines(rows), *told, *_reserve_lines(document)]


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
        rest = f"{len(quotas['top'])} of {quotas['count']}; `esimshaper quotas` shows them all"
        page.append(Line(rest, Tone.QUIET))
    told = (*by_hand_lines(status), *coming_lines(status), *_curfew_lines(status), *_reserve_lines(status))
    return [*page, *_pace_lines(quotas["top"], status["time"]), *_resting_lines(quotas["top"]), *told]


def plan_lines(rows: Sequence[Document], now: str) -> list[Line]:
    """What is left of each quota that is for everyone; of a long period, what that comes to for each day of it."""
    return [_plan_line(row, now) for row in rows if row["subject"] == "everyone"]


def _pace_lines(rows: Sequence[Document], now: str) -> list[Line]:
    """As `plan_lines`, below a table: only what it does not say already."""
    return [_plan_line(row, now) for row in rows if row["subject"] == "everyone" and _pace(row, now)]


def _plan_line(row: Document, now: str) -> Line:
    left, tone = format_size(row["left_bytes"]), _state_of(row).tone
    until = f"left until {when(row['renews'], now)}"
    return Line(f"{row['quota']}: {left} {_pace(row, now) or until}", tone)


def _pace(row: Document, now: str) -> str:
    """`for 8 days, 484 MB a day`; empty where nothing is left, or not more than a day to go."""
    seconds = (datetime.fromisoformat(row["renews"]) - datetime.fromisoformat(now)).total_seconds()
    days = math.ceil(seconds / _DAY)
    return f"for {days} days, {format_size(row['left_bytes'] // days)} a day" if row["left_bytes"] and days > 1 else ""


def _reserve_lines(document: Document) -> list[Line]:
    """What is left for the router itself while it is blocked."""
    reserve = document["reserve"]
    if not reserve:
        return []
    left, limit = format_size(reserve["left_bytes"]), format_size(reserve["limit_bytes"])
    text = f"The router is blocked; its clock and its DNS have {left} left of a reserve of {limit} (router.reserve)"
    return [Line(text, Tone.QUIET if reserve["left_bytes"] else Tone.BAD)]


def by_hand_lines(document: Document) -> list[Line]:
    """One for each decision of a person; subjects that were blocked or allowed alike share it."""
    alike: dict[tuple[str, str], list[str]] = {}
    for each in document["by_hand"]:
        alike.setdefault((each["setting"], _set(each, document["time"])), []).append(called(each))
    return [
        Line(f"{format_names(subjects, NAMED_TOGETHER)}: {said}", Tone.BAD if setting == "block" else Tone.GOOD)
        for (setting, said), subjects in alike.items()
    ]


def coming_lines(document: Document) -> list[Line]:
    """One for each block, allow or grant that was set for later."""
    return [Line(_coming(each, document["time"]), Tone.QUIET) for each in document["coming"]]


def _curfew_lines(document: Document) -> list[Line]:
    """One for each block by hours, and until when it holds now."""
    lines = []
    for each in document["curfews"]:
        end = f" until {when(each['until'], document['time'])}" if each["until"] else ""
        now = f", now{end}" if each["blocked"] else ""
        lines.append(Line(f"{called(each)}: blocked {each['hours']} (hours){now}", Tone.QUIET))
    return lines


def _resting_lines(rows: Sequence[Document]) -> list[Line]:
    """The hours of each quota that has some."""
    hours = {row["quota"]: row for row in rows if row["hours"]}
    return [
        Line(f"{name}: counts {row['hours']}" + (", not now" if row["resting"] else ""), Tone.QUIET)
        for name, row in hours.items()
    ]


def _coming(each: Document, now: str) -> str:
    """What will be, from when and until when, in full."""
    what = {"block": "will be blocked", "allow": "will be allowed"}.get(each["setting"] or "")
    does = what or f"will get {format_size(each['bytes'])} more"
    until = f" until {_in_full(each['until'], now)}" if each["until"] else ""
    over = " over the plan" if each.get("over_plan") else ""
    return f"{called(each)} {does} by hand{over} from {_in_full(each['at'], now)}{until}"


def _in_full(moment: str, now: str) -> str:
    return format_in_full(datetime.fromisoformat(moment), datetime.fromisoformat(now))


def grant_page(document: Document) -> Page:
    """The answer to `esimshaper grant`."""
    size = format_size(document["bytes"])
    undo = _undo(f"grant --clear {_typed(document)}")
    if document["at"]:
        return [Line(_coming({**document, "setting": "grant"}, document["time"])), undo]
    end = f" until {_in_full(document['until'], document['time'])}" if document["until"] else ""
    lines = _with_what_is_left(f"{called(document)} got {size} more{end}", document)
    if any(document["bytes"] > row["limit_bytes"] - row["granted_bytes"] for row in document["quotas"]):
        lines.append(Line("That is more than the whole limit.", Tone.WARNING))
    return [*lines, *still_held(document), undo]


def revoke_page(document: Document) -> Page:
    """The answer to `esimshaper grant --clear`, or to a negative grant."""
    what = f"{format_size(document['bytes'])} of what" if document["bytes"] else "all that"
    lines = _with_what_is_left(f"{what} was granted to {called(document)} is taken back", document)
    return [*lines, *still_held(document)]


def _with_what_is_left(done: str, document: Document) -> list[Line]:
    """What was done, for each quota of a subject, and what is left of it now."""
    return [
        Line(
            f"{done}: {format_size(row['left_bytes'])} of {format_size(row['limit_bytes'])} left "
            f"({row['quota']}, renews {when(row['renews'], document['time'])})"
        )
        for row in document["quotas"]
    ]


def still_held(document: Document) -> list[Line]:
    """What goes on to hold the subject of a grant, and how that is lifted."""
    state, holder = document["state"], document["held_by"]
    if state["level"] == "open":
        return []
    lines = [Line(f"{called(document)} stays {state['level']}: {state['reason']}", TONES[state["level"]])]
    if is_by_hand(state):
        lines.append(_end_of_order(document))
    elif holder:
        lines.append(Line(f"  `esimshaper grant {_bare(holder)} SIZE` gives more there", Tone.QUIET))
    elif state["by_hours"]:
        lines.append(Line(f"  `esimshaper allow {_typed(document)}` lifts that", Tone.QUIET))
    return lines


def _end_of_order(document: Document) -> Line:
    """What ends the block or allow that holds for a subject: it may be set on its group, or on everyone."""
    whom = _bare(document["held_by"]) if document["held_by"] else _typed(document)
    return Line(f"  `esimshaper unblock {whom}` ends that", Tone.QUIET)


def now_lines(document: Document, lead: str = "") -> list[Line]:
    """How a subject stands, behind what is said of it, and what ends an order for its group or everyone."""
    state = document["state"]
    if state["level"] == "open" and not state["reason"]:
        return [Line(f"{lead}nothing holds {'it' if lead else called(document)} back now")]
    how = state["reason"] if state["level"] == "open" else f"{state['level']}: {state['reason']}"
    lines = [Line(f"{lead}{'' if lead else called(document) + ' '}is {how}")]
    return [*lines, _end_of_order(document)] if document["held_by"] and is_by_hand(state) else lines


def _undo(command: str) -> Line:
    return Line(f"`esimshaper {command}` takes it back", Tone.QUIET)


def _bare(subject: str) -> str:
    """The subject as a person would type it."""
    return shlex.quote(subject.removeprefix("client/"))


def _typed(document: Document) -> str:
    """The subject of an answer as a person would type it."""
    return shlex.quote(document["typed"])


def by_hand_page(document: Document) -> Page:
    """The answer to `esimshaper block`, `allow`, or one of them with --clear."""
    state, now = document["state"], document["time"]
    who_is = called(document)
    if document["at"]:
        return [Line(_coming(document, now)), _undo(f"unblock {_typed(document)}")]
    if not document["setting"]:
        return now_lines(document, f"{who_is} is no longer blocked or allowed by hand, and ")
    allowed = document["setting"] == "allow"
    end = f" until {_in_full(document['until'], now)}" if document["until"] else ""
    lines = [Line(f"{who_is} is {_by_hand(document)}{end}{_lifted(document) if allowed else ''}")]
    but = (f"But {called(each)} is {_set(each, now)}, which counts more" for each in document["but"])
    lines += [Line(text, Tone.WARNING) for text in but]
    if allowed and state["quota"]:
        lines.append(Line(f"{who_is} stays {state['level']}: {state['reason']}", TONES[state["level"]]))
        over = f"`esimshaper allow {_typed(document)} --over-plan` lifts that too"
        lines.append(Line(f"  {over}; `grant everyone SIZE` gives more"))
    return [*lines, _undo(f"unblock {_typed(document)}")]


def _lifted(document: Document) -> str:
    """What an allow leaves in force."""
    if document["over_plan"] or not document["plans"]:
        return "; no limit holds there any more" + (", that of the plan neither" if document["plans"] else "")
    plans = format_names(document["plans"], NAMED_TOGETHER)
    return f"; of all limits only what is for everyone still holds ({plans})"


def _set(each: Document, now: str) -> str:
    return _by_hand(each) + (f" until {when(each['until'], now)}" if each["until"] else "")


def _by_hand(each: Document) -> str:
    word = {"block": "blocked by hand", "allow": "allowed by hand"}[each["setting"]]
    return f"{word} over the plan" if each["over_plan"] else word


def _granted_lines(document: Document) -> list[Line]:
    """Grants within the limits of now, and those of them that end before the period does; those alike together."""
    alike: dict[str, list[str]] = {}
    for row in document["quotas"]:
        if not row["granted_bytes"]:
            continue
        mine = [g for g in document["grants"] if (g["quota"], g["subject"]) == (row["quota"], row["subject"])]
        early = [f", {format_size(g['bytes'])} of it until {when(g['until'], document['time'])}" for g in mine]
        granted = f"{format_size(row['granted_bytes'])} of the limit of {row['quota']} is granted{''.join(early)}"
        alike.setdefault(granted, []).append(whose(row))
    return [Line(f"{format_names(subjects, NAMED_TOGETHER)}: {said}", Tone.QUIET) for said, subjects in alike.items()]


def _row(row: Document, now: str) -> list[str | Cell]:
    used, limit = row["used_bytes"], row["limit_bytes"]
    percent = f"{used * 100 // limit}%" if limit else "-"
    direction = "" if row["direction"] == "both" else f" {row['direction']}"
    return [
        row["quota"],
        whose(row),
        format_size(row["left_bytes"]),
        format_size(used),
        format_size(limit),
        f"{bar(used, limit, BAR_WIDTH):{BAR_WIDTH}} {percent:>4}",
        f"{row['period']}{direction}",
        when(row["renews"], now),
        format_rate(row["rate_bits_per_second"]) if row["rate_bits_per_second"] else row["action"],
        _state_of(row),
    ]


def _state_of(row: Document) -> Cell:
    """The state of the subject under this quota; an override counts more than the quota."""
    if is_by_hand(row["state"]) or row["state"]["by_hours"]:
        return state_cell(row["state"])
    if row["resting"]:
        return Cell("resting", Tone.QUIET)
    if row["reached"]:
        return _AT_THE_LIMIT[row["action"]]
    return Cell("warned", Tone.WARNING) if row["warned"] else Cell("open", Tone.PLAIN)
