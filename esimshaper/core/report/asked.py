# SPDX-License-Identifier: GPL-2.0-or-later
"""A question about the past as a person asks it -> the parts of time that it is about. Pure.

A part is of one uplink or of all, and has edges: its beginning, its end, and between them the beginnings of rows.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from esimshaper.core.model.history import Grouping, Span
from esimshaper.core.model.plan_state import Interval
from esimshaper.core.model.requests import ReportQuery
from esimshaper.core.model.trips import Trip
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.report.history import begin_of
from esimshaper.core.report.since import parse_since

DEFAULT_DAYS = 30
"""With today, so many are in a report that nobody gave a beginning."""
MOST_PERIODS = 10_000
"""Rows of an answer by time: more than a year of hours."""

AT_MOST = {Span.FIVE_MINUTES: 300, Span.HOUR: 3600, Span.DAY: 26 * 3600, Span.WEEK: 170 * 3600, Span.MONTH: 32 * 86400}
"""Seconds after the beginning of a period that lie in the next one."""


@dataclass(frozen=True, slots=True)
class Part:
    """`label`: of the plan or trip; empty for all. `uplinks`: None for all. `trip`: that of which a plan is a part."""

    edges: tuple[int, ...]
    uplinks: tuple[str, ...] | None = None
    label: str = ""
    trip: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """`until` None: up to now. `parts` have what is to be added up; `whole` is all of it, without plans."""

    by: Grouping
    zone: tzinfo
    since: int
    until: int | None
    whole: Part
    parts: tuple[Part, ...]


def asked(query: ReportQuery, facts: DaemonFacts, zone: tzinfo, intervals: Sequence[Interval]) -> Asked:
    """What `query` is about, with moments in `zone`. Raises ValueError, with one sentence."""
    now = facts.now.astimezone(zone)
    span = query.by.span
    first = begin_of(Span.DAY, int((now - timedelta(days=DEFAULT_DAYS - 1)).timestamp()), zone)
    since = parse_since(query.since, now) if query.since else first
    until = parse_since(query.until, now) if query.until else None
    if until is not None and until <= since:
        raise ValueError(f"nothing is between `{query.since or f'{DEFAULT_DAYS} days ago'}` and `{query.until}`")
    edges = edges_of(span, since, until, now) if span else (since, end_of(until, now))
    uplinks = (query.uplink,) if query.uplink else None
    whole = Part(edges, uplinks)
    if query.plan and query.by is Grouping.TRIP:
        raise ValueError("a trip shows its plans by itself; leave the plan out")
    if query.plan:
        parts = parts_of_plan(known_plan(query.plan, intervals), intervals, whole)
    elif query.by is Grouping.TRIP:
        parts = tuple(part for trip in facts.trips for part in parts_of_trip(trip, intervals, whole, query.since))
    elif query.by is Grouping.PLAN:
        parts = tuple(part for plan in plans_of(intervals) for part in parts_of_plan(plan, intervals, whole))
    else:
        parts = (whole,)
    return Asked(query.by, zone, since, until, whole, parts)


def end_of(until: int | None, now: datetime) -> int:
    """The last edge; what ends now ends with the month: nothing comes after now, and whole rows are found faster."""
    return next_begin(Span.MONTH, int(now.timestamp()), now.tzinfo) if until is None else until


def edges_of(span: Span, since: int, until: int | None, now: datetime) -> tuple[int, ...]:
    """`since`, the beginnings of all periods after it, and the end. Raises ValueError for too many."""
    zone, end = now.tzinfo, int(now.timestamp()) + 1 if until is None else until
    edges = [since]
    while edges[-1] < end:
        edges.append(next_begin(span, edges[-1], zone))
        if len(edges) > MOST_PERIODS:
            raise ValueError(f"that is more than {MOST_PERIODS:,} rows; ask for less time, or for longer periods")
    return (*edges[:-1], end) if until is not None else tuple(edges)


def next_begin(span: Span, moment: int, zone: tzinfo | None) -> int:
    """The beginning of the period after that of `moment`."""
    return begin_of(span, begin_of(span, moment, zone) + AT_MOST[span], zone)


def known_plan(written: str, intervals: Iterable[Interval]) -> str:
    """The plan of that name. Raises ValueError."""
    plans = plans_of(intervals)
    if written not in plans:
        there = f"those on record are {', '.join(plans)}" if plans else "none is on record yet"
        raise ValueError(f"there is no plan `{written}`; {there}")
    return written


def plans_of(intervals: Iterable[Interval]) -> list[str]:
    """The names of all plans, in the order in which they began."""
    return list(dict.fromkeys(each.plan for each in intervals))


def parts_of_plan(plan: str, intervals: Iterable[Interval], whole: Part) -> tuple[Part, ...]:
    """The parts of `whole` in which an uplink of it had the plan."""
    parts = (
        _within(whole.edges, each)
        for each in intervals
        if each.plan == plan and (whole.uplinks is None or each.uplink in whole.uplinks)
    )
    return tuple(part for part in parts if part)


def parts_of_trip(trip: Trip, intervals: Iterable[Interval], whole: Part, since: str) -> tuple[Part, ...]:
    """All of the trip, labelled by it, then its parts by plan; a trip has its own time, as far as `since` is open."""
    begin = max(whole.edges[0], trip.began) if since else trip.began
    if begin >= (end := min(whole.edges[-1], trip.ended)):
        return ()
    of = Part((begin, end), whole.uplinks, trip.name)
    parts = (part for plan in plans_of(intervals) for part in parts_of_plan(plan, intervals, of))
    return (of, *(replace(part, trip=trip.name) for part in parts))


def _within(edges: Sequence[int], interval: Interval) -> Part | None:
    begin = max(edges[0], interval.began)
    end = edges[-1] if interval.ended is None else min(edges[-1], interval.ended)
    if begin >= end:
        return None
    inner = edges[bisect_left(edges, begin + 1) : bisect_left(edges, end)]
    return Part((begin, *inner, end), (interval.uplink,), interval.plan)
