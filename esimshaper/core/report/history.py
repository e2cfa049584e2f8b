# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of history -> the document of `esimshaper history`. Pure. The frame is as in documents.py.

history   {"by": "5min" | "hour" | "day" | "week" | "month", "client": label or null for everyone,
           "rows": [usage + {"start", "start_unix", "estimated": bool}]}, oldest first
          with `each`, a row has "clients": [usage + the names of a client], most bytes first
          with `by_service`, "services": [volume + {"service": name}], most bytes first, volume as in services.py
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo

from esimshaper.core.model.counts import Counters, sum_of
from esimshaper.core.model.history import HistoryPeriod, HistoryRow, Span
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import NO_VOLUME, Volume
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import Document, identity, iso, names, new_document, usage_entry
from esimshaper.core.report.services import named, service_entries

Services = Mapping[int, Mapping[str, Volume]]
"""By start of a bucket, and name of a service."""


def begin_of(span: Span, moment: int, zone: tzinfo | None) -> int:
    """The beginning of the period that `moment` lies in; both in Unix seconds."""
    if span is Span.FIVE_MINUTES:
        return moment // 300 * 300
    here = datetime.fromtimestamp(moment, zone)
    if span is Span.HOUR:
        return moment - here.minute * 60 - here.second
    back = {Span.DAY: 0, Span.WEEK: here.weekday(), Span.MONTH: here.day - 1}[span]
    day = here.date() - timedelta(days=back)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def history_document(
    now: datetime,
    span: Span,
    rows: Iterable[HistoryRow | HistoryPeriod],
    *,
    limit: int,
    client: str | None = None,
    since: int = 0,
) -> Document:
    """The last `limit` periods that have usage, from `since` on, summed over clients. `client`: whose rows these are
    (None: all).
    """
    periods: dict[int, tuple[Counters, bool]] = {}
    for row in rows:
        start = _start(span, row.start, now.tzinfo)
        counters, estimated = periods.get(start, (Counters(), False))
        periods[start] = (counters + row.counters, estimated or row.estimated)
    return new_document(now) | {
        "by": span.value,
        "client": client,
        "rows": [
            {
                "start": iso(start, now.tzinfo),
                "start_unix": start,
                **usage_entry(counters),
                "estimated": estimated,
            }
            for start, (counters, estimated) in sorted(periods.items())[-limit:]
            if start >= since
        ],
    }


def with_clients(document: Document, state: State, now: datetime, span: Span, rows: Iterable[HistoryRow]) -> Document:
    """The document, with what each client used in each of its rows."""
    used: dict[int, dict[ClientKey, list[Counters]]] = {row["start_unix"]: {} for row in document["rows"]}
    for row in rows:
        start = _start(span, row.start, now.tzinfo)
        if start in used:
            used[start].setdefault(row.client, []).append(row.counters)
    return document | {
        "rows": [{**row, "clients": _client_entries(state, used[row["start_unix"]])} for row in document["rows"]]
    }


def with_services(
    document: Document, span: Span, zone: tzinfo | None, saved: Services, unsaved: Iterable[HistoryRow]
) -> Document:
    """The document, with what the bytes of each of its rows were for; the buckets of `saved` have no `unnamed`."""
    used: dict[int, dict[str, Volume]] = {row["start_unix"]: {} for row in document["rows"]}
    for bucket, volumes in (*saved.items(), *((row.start, row.services) for row in unsaved)):
        start = _start(span, bucket, zone)
        for name, volume in volumes.items() if start in used else ():
            used[start][name] = used[start].get(name, NO_VOLUME) + volume
    return document | {
        "rows": [
            {**row, "services": service_entries(named(_counters(row), used[row["start_unix"]]))}
            for row in document["rows"]
        ]
    }


def _counters(row: Document) -> Counters:
    return Counters(row["down_bytes"], row["up_bytes"])


def _client_entries(state: State, used: dict[ClientKey, list[Counters]]) -> list[Document]:
    sums = {key: sum_of(parts) for key, parts in used.items()}
    ranked = sorted(sums, key=lambda key: (-sums[key].total_bytes, key))
    return [{**names(identity(state, key)), **usage_entry(sums[key])} for key in ranked if sums[key]]


def _start(span: Span, bucket: int, zone: tzinfo | None) -> int:
    """Of the period of a bucket. Buckets keep the beginning that they were saved with, in the zone of then."""
    return begin_of(span, bucket, zone) if span is Span.WEEK else bucket
