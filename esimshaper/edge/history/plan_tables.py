# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of plans. Pure."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from esimshaper.core.model.limits import Window
from esimshaper.core.model.plan import Event
from esimshaper.core.model.plan_state import (
    Correction,
    Interval,
    KeptCount,
    KeptCourse,
    KeptLot,
    PlanActed,
    PlanState,
    PlanTally,
    RoundedPart,
    UplinkPlan,
    Waiting,
)
from esimshaper.edge.history.rows import Fetch, Keys, Rows, Tables, Values

KEYS: Keys = {
    "plans": ("plan",),
    "plan_moments": ("plan", "event"),
    "plan_meters": ("plan", "label"),
    "plan_carried": ("plan", "label", "number"),
    "plan_days": ("plan", "label", "day"),
    "plan_lots": ("plan", "number"),
    "plan_corrections": ("plan", "number"),
    "plan_uplinks": ("uplink",),
    "plan_intervals": ("plan", "uplink", "began"),
    "plan_acts": ("number",),
}

_FORECASTS = ""
"""In the column `label` of days: those of no meter."""


def tables(plans: PlanState) -> Tables:
    """All rows of the tables of KEYS."""
    tallies = plans.tallies
    meters = [(name, count) for name, tally in tallies.items() for count in tally.course.counts]
    return {
        "plans": {(name,): _tally_values(tally) for name, tally in tallies.items()},
        "plan_moments": {
            (name, event.value): (at,) for name, tally in tallies.items() for event, at in tally.course.moments.items()
        },
        "plan_meters": {(name, count.label): _count_values(count) for name, count in meters},
        "plan_carried": {
            (name, count.label, number): each for name, count in meters for number, each in enumerate(count.carried)
        },
        "plan_days": _days(plans),
        "plan_lots": {
            (name, number): (lot.left, lot.until, lot.size, str(lot.price), lot.at)
            for name, tally in tallies.items()
            for number, lot in enumerate(tally.course.lots)
        },
        "plan_corrections": {
            (name, number): _correction_values(each)
            for name, tally in tallies.items()
            for number, each in enumerate(tally.corrections)
        },
        "plan_uplinks": {(name,): _uplink_values(uplink) for name, uplink in plans.uplinks.items()},
        "plan_intervals": {(each.plan, each.uplink, each.began): (each.ended,) for each in plans.intervals},
        "plan_acts": {(number,): (_act_text(each),) for number, each in enumerate(plans.acted)},
    }


def plans_from(rows: Fetch) -> PlanState:
    """The PlanState in the tables. Raises ValueError."""
    parts = _Parts(rows)
    try:
        tallies = {name: parts.tally(name, values) for name, *values in rows("plans")}
    except InvalidOperation as error:  # a bad bit on the card
        raise ValueError(f"an amount of money cannot be read: {error}") from None
    uplinks = {name: _uplink(values) for name, *values in rows("plan_uplinks")}
    intervals = sorted((Interval(*row) for row in rows("plan_intervals")), key=lambda each: each.began)
    return PlanState(tallies, uplinks, tuple(intervals), _acts(rows("plan_acts")))


def _act_text(act: PlanActed) -> str:
    """An act as JSON: the plans and uplinks of before as the rows that they would be."""
    before = PlanState({name: tally for name, tally in act.before.items() if tally}, act.uplinks)
    rows = {name: [[*key, *values] for key, values in found.items()] for name, found in tables(before).items() if found}
    said = {"text": act.text, "to": act.to, "plans": list(act.before), "counted": act.counted, "rows": rows}
    return json.dumps(said, ensure_ascii=False)


def _acts(rows: Iterable[Values]) -> tuple[PlanActed, ...]:
    """None if one of them cannot be read: then they cannot be undone, and what was counted is kept."""
    try:
        return tuple(_act(json.loads(text)) for _, text in sorted(rows))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def _act(said: Mapping[str, Any]) -> PlanActed:
    before = plans_from(lambda table: map(tuple, said["rows"].get(table, ())))
    counted = {name: (total, abroad) for name, (total, abroad) in said["counted"].items()}
    tallies = {name: before.tallies.get(name) for name in said["plans"]}
    return PlanActed(said["text"], tallies, before.uplinks, counted, said["to"])


class _Parts:
    """What several rows say of one plan, by its name."""

    def __init__(self, rows: Fetch) -> None:
        self._moments: defaultdict[str, dict[Event, int]] = defaultdict(dict)
        self._carried: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        self._days: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        self._meters: defaultdict[str, list[KeptCount]] = defaultdict(list)
        self._lots: defaultdict[str, list[KeptLot]] = defaultdict(list)
        self._corrections: defaultdict[str, list[Correction]] = defaultdict(list)
        for plan, event, at in rows("plan_moments"):
            self._moments[plan][Event(event)] = at
        for plan, label, _, size, further in sorted(rows("plan_carried")):
            self._carried[plan, label].append((size, further))
        for plan, label, day, size in rows("plan_days"):
            self._days[plan, label][day] = size
        for plan, label, *values in rows("plan_meters"):
            self._meters[plan].append(self._count(plan, label, values))
        for plan, _, left, until, size, price, at in sorted(rows("plan_lots"), key=lambda row: row[:2]):
            self._lots[plan].append(KeptLot(left, until, size, Decimal(price), at))
        for plan, _, *values in sorted(rows("plan_corrections"), key=lambda row: row[:2]):
            self._corrections[plan].append(Correction(*values))

    def tally(self, name: str, values: Sequence[Any]) -> PlanTally:
        bought, start, end, paid, price, lifetime, is_over, lapsed, unit, last, used, *rest = values
        counted, roamed, free, refused, credit, seen, began, unsure, sessions, told = rest
        course = KeptCourse(
            bought,
            self._moments[name],
            _window(start, end),
            Decimal(paid),
            Decimal(price),
            lifetime,
            bool(is_over),
            bool(lapsed),
            RoundedPart(unit, last, used),
            tuple(self._meters[name]),
            tuple(self._lots[name]),
        )
        return PlanTally(
            name,
            course,
            counted,
            roamed,
            free,
            refused,
            credit,
            seen,
            began,
            bool(unsure),
            self._days[name, _FORECASTS],
            tuple(self._corrections[name]),
            tuple(filter(None, told.split("\n"))),
            sessions,
        )

    def _count(self, plan: str, label: str, values: Sequence[Any]) -> KeptCount:
        start, end, anchor, used, closed, is_over = values
        days = tuple(sorted(self._days[plan, label].items()))
        carried = tuple(self._carried[plan, label])
        return KeptCount(label, _window(start, end), anchor, used, carried, Decimal(closed), bool(is_over), days)


def _window(start: int | None, end: int | None) -> Window | None:
    return None if start is None or end is None else Window(start, end)


def _tally_values(tally: PlanTally) -> Values:
    course = tally.course
    life = (course.life.start, course.life.end) if course.life else (None, None)
    terms = (str(course.paid), str(course.price), course.lifetime, course.is_over, course.lapsed)
    counts = (tally.counted, tally.roamed, tally.free, tally.refused, tally.credit)
    known = (tally.seen, tally.began, tally.unsure, tally.sessions, "\n".join(tally.told))
    return course.bought, *life, *terms, *course.rounded, *counts, *known


def _count_values(count: KeptCount) -> Values:
    window = (count.window.start, count.window.end) if count.window else (None, None)
    return *window, count.anchor, count.used, str(count.closed), count.is_over


def _days(plans: PlanState) -> Rows:
    found: dict[Values, Values] = {}
    for name, tally in plans.tallies.items():
        found |= {(name, _FORECASTS, day): (size,) for day, size in tally.by_day.items()}
        found |= {(name, count.label, day): (size,) for count in tally.course.counts for day, size in count.days}
    return found


def _correction_values(each: Correction) -> Values:
    said = (each.at, each.figure, each.half, each.window)
    return *said, each.ours, each.counted, each.lowest, each.sessions, each.added


def _uplink_values(uplink: UplinkPlan) -> Values:
    waiting = uplink.waiting
    chosen = (uplink.plan, uplink.iccid, uplink.by_hand, uplink.waits, uplink.unknown)
    return *chosen, waiting.home, waiting.away, waiting.down, waiting.since, uplink.lost


def _uplink(values: Sequence[Any]) -> UplinkPlan:
    plan, iccid, by_hand, waits, unknown, home, away, down, since, lost = values
    return UplinkPlan(plan, iccid, bool(by_hand), bool(waits), unknown, Waiting(home, away, down, since), lost)
