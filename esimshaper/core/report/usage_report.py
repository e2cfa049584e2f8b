# SPDX-License-Identifier: GPL-2.0-or-later
"""What was used in some time -> the document of `esimshaper report`. Pure. The frame is as in documents.py.

report   {"by": see Grouping, "zone": its name, "since", "since_unix", "until", "until_unix": of what was added up,
          "client", "uplink", "plan": as written, null for all, "total": usage, "estimated": bool,
          "notes": [sentence], "rows": [usage and, by what it was added up:]}
client   the names of a client, and "group": name or null          group     {"group": name or null}
service  {"service", "category", "titles"}, without packets        category  {"category": name or null}, the same
uplink   {"uplink": name, or null where it is not known}           plan      {"plan": name, or null without one}
trip     {"trip", "from", "from_unix", "to", "to_unix", "budget_bytes", "left_bytes",
          "plans": [a row as of plan, and its cost as in trip_costs.py],
          "spent": {currency: amount} of the plans that were bought for the trip}
hour, day, month   {"start", "start_unix", "estimated"}, oldest first; all others have most bytes first
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from esimshaper.core.model.counts import NOTHING, Counters, Usage, sum_of
from esimshaper.core.model.history import Grouping, Sums
from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.limits import UNKNOWN_GROUP
from esimshaper.core.model.requests import ReportQuery
from esimshaper.core.model.services import NO_VOLUME, Service, Volume
from esimshaper.core.model.state import State
from esimshaper.core.model.trips import Trip
from esimshaper.core.report import trip_costs
from esimshaper.core.report.asked import Asked
from esimshaper.core.report.found import Found, counters_sum, together
from esimshaper.core.report.frame import DaemonFacts, Document, identity, moment, names, new_document, usage_entry
from esimshaper.core.report.services import category_of, services_by_client, volume_entry


def report_document(
    state: State, facts: DaemonFacts, query: ReportQuery, asked: Asked, found: Sequence[Found]
) -> Document:
    """See the module's docstring. `found` is of each part of `asked`; by plan, the last one is of the whole."""
    rows = _rows(state, facts, asked, found)
    parts = found[-1:] if asked.by is Grouping.PLAN else _wholes(asked, found)
    total = sum_of(_total(part) for part in parts)
    now = facts.now.astimezone(asked.zone)
    until = int(now.timestamp()) if asked.until is None else asked.until
    begin = min((part.begin for part in found), default=asked.since)
    return new_document(now) | {
        "by": asked.by.value,
        "zone": str(asked.zone),
        **moment("since", begin, asked.zone),
        **moment("until", until, asked.zone),
        "client": query.client or None,
        "uplink": query.uplink or None,
        "plan": query.plan or None,
        "total": usage_entry(total),
        "estimated": any(period.estimated for part in found for period in part.periods),
        "notes": list(_notes(facts, asked, begin)),
        "rows": rows,
    }


def _wholes(asked: Asked, found: Sequence[Found]) -> list[Found]:
    """Without the parts of trips by plan, whose bytes are those of the trips."""
    return [each for part, each in zip(asked.parts, found, strict=False) if not part.trip]


def _rows(state: State, facts: DaemonFacts, asked: Asked, found: Sequence[Found]) -> list[Document]:
    match asked.by:
        case Grouping.CLIENT | Grouping.GROUP:
            usage = together(part.sums for part in found).usage
            return _by_client(state, facts, usage) if asked.by is Grouping.CLIENT else _by_group(facts, usage)
        case Grouping.SERVICE | Grouping.CATEGORY:
            services = _services(together(part.sums for part in found))
            return _by_service(facts, services) if asked.by is Grouping.SERVICE else _by_category(facts, services)
        case Grouping.UPLINK:
            uplinks = counters_sum(part.by_uplink for part in found)
            return _ranked({"uplink": name or None, **usage_entry(used)} for name, used in uplinks.items())
        case Grouping.PLAN:
            return plan_rows([part.label for part in asked.parts], found)
        case Grouping.TRIP:
            there = {part.label for part in asked.parts if not part.trip}
            return [_trip_row(state, facts, trip, asked, found) for trip in facts.trips if trip.name in there]
        case _:
            return _by_time(asked, found)


def plan_rows(labels: Sequence[str], found: Sequence[Found]) -> list[Document]:
    """A row for each plan, and one for what had none: what the plans leave of the last, which is of the whole."""
    used: defaultdict[str | None, Counters] = defaultdict(Counters)
    for label, part in zip(labels, found, strict=False):
        used[label] += _total(part)
    rest = _total(found[-1]) - sum_of(used.values())
    if rest.total_bytes > 0:
        used[None] = rest
    return _ranked({"plan": plan, **usage_entry(each)} for plan, each in used.items())


def _trip_row(state: State, facts: DaemonFacts, trip: Trip, asked: Asked, found: Sequence[Found]) -> Document:
    both = list(zip(asked.parts, found, strict=True))
    whole = next(each for part, each in both if part.label == trip.name and not part.trip)
    plans = [(part.label, each) for part, each in both if part.trip == trip.name]
    used = _total(whole)
    rows = plan_rows([label for label, _ in plans], [*(each for _, each in plans), whole]) if plans else []
    priced = [{**row, **trip_costs.plan_cost(state, facts, row["plan"], trip, asked.zone)} for row in rows]
    return {
        "trip": trip.name,
        **moment("from", trip.began, asked.zone),
        **moment("to", trip.ended, asked.zone),
        "budget_bytes": trip.budget,
        "left_bytes": None if trip.budget is None else trip.budget - used.total_bytes,
        "plans": priced,
        "spent": trip_costs.spent(priced),
        **usage_entry(used),
    }


def _by_client(state: State, facts: DaemonFacts, usage: Usage) -> list[Document]:
    return _ranked(
        {**names(identity(state, key, facts)), "group": _group_of(key, facts), **usage_entry(used)}
        for key, used in usage.items()
    )


def _by_group(facts: DaemonFacts, usage: Usage) -> list[Document]:
    groups: defaultdict[str | None, Counters] = defaultdict(Counters)
    for key, used in usage.items():
        groups[_group_of(key, facts)] += used
    return _ranked({"group": group, **usage_entry(used)} for group, used in groups.items())


def _group_of(key: ClientKey, facts: DaemonFacts) -> str | None:
    listed = key in facts.names or key in PSEUDO_KEYS
    return facts.groups.get(key) or (None if listed else UNKNOWN_GROUP)


def _by_service(facts: DaemonFacts, services: Mapping[str, Volume]) -> list[Document]:
    return _ranked(
        {
            "service": name,
            "category": category_of(name, facts.catalogue),
            "titles": dict(facts.catalogue.get(name, Service(name)).titles),
            **volume_entry(volume),
        }
        for name, volume in services.items()
    )


def _by_category(facts: DaemonFacts, services: Mapping[str, Volume]) -> list[Document]:
    sums: defaultdict[str | None, Volume] = defaultdict(Volume)
    for name, volume in services.items():
        sums[category_of(name, facts.catalogue)] += volume
    return _ranked({"category": category, **volume_entry(volume)} for category, volume in sums.items())


def _by_time(asked: Asked, found: Iterable[Found]) -> list[Document]:
    used: dict[int, tuple[Counters, bool]] = {}
    for period in (each for part in found for each in part.periods):
        counters, doubt = used.get(period.start, (NOTHING, False))
        used[period.start] = (counters + period.counters, doubt or period.estimated)
    return [
        {**moment("start", start, asked.zone), **usage_entry(counters), "estimated": doubt}
        for start, (counters, doubt) in sorted(used.items())
    ]


def _ranked(rows: Iterable[Document]) -> list[Document]:
    """Those that used something, most bytes first; by name where that is the same."""
    used = [row for row in rows if row["total_bytes"]]
    return sorted(used, key=lambda row: (-row["total_bytes"], str(next(iter(row.values())))))


def _services(used: Sums) -> Mapping[str, Volume]:
    """All clients together, with `unnamed`."""
    sums: dict[str, Volume] = {}
    for volumes in services_by_client(used).values():
        for name, volume in volumes.items():
            sums[name] = sums.get(name, NO_VOLUME) + volume
    return sums


def _total(part: Found) -> Counters:
    """Of a part, whatever it was added up by."""
    parts: Iterable[Any] = (*part.sums.usage.values(), *part.by_uplink.values(), *(p.counters for p in part.periods))
    return sum_of(parts)


def _notes(facts: DaemonFacts, asked: Asked, begin: int) -> Iterable[str]:
    """What the rows cannot tell."""
    if begin < asked.since and not asked.by.span and asked.by is not Grouping.TRIP:
        yield (
            f"What was used before {_said(asked.since, asked.zone)} is no more kept so finely: it is counted from "
            f"{_said(begin, asked.zone)} on."
        )
    if asked.zone != facts.now.tzinfo and asked.by is not Grouping.HOUR:
        yield (
            f"Where hours are kept no more, days and months are those of {facts.now.tzinfo}: "
            "of before the last 100 days."
        )


def _said(unix: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(unix, zone).strftime("%Y-%m-%d %H:%M")
