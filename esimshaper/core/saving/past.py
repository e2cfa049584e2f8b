# SPDX-License-Identifier: GPL-2.0-or-later
"""History -> what was used since a moment: for a quota that is new in the middle of its window, and for people. Pure.

    days from the one of the moment on      -  hours of that day before it  -  five minutes of that hour before it

What is no longer kept so finely is not taken off: a part of an hour may count too much, and nothing too little.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import tzinfo
from typing import NamedTuple

from esimshaper.core.model.counts import NOTHING, Counters, Usage
from esimshaper.core.model.history import HistoryRow, Resolution, RowRange, Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import Volume
from esimshaper.core.saving import ledger

MONTHS_FROM_SECONDS = 390 * 86400
"""What is older than this is in months only: of days, 400 of use are kept (edge/history/database.py)."""


class Past(NamedTuple):
    """What was used since `begin` (Unix seconds): rows of the first part, less those of the others."""

    begin: int
    parts: tuple[RowRange, ...]


def past_since(start: int, now: float, zone: tzinfo) -> Past:
    """The Past that comes nearest to `start`, and does not begin later."""
    month = ledger.month_start(start, zone)
    if start == month or now - start > MONTHS_FROM_SECONDS:
        return Past(month, (RowRange(Resolution.MONTH, month, int(now) + 1),))
    return Past(ledger.bucket_start(start), row_ranges(start, now, zone))


def sums_since(
    past: Past, saved: Sequence[Sums], pending: ledger.Book, clients: Collection[ClientKey] | None = None
) -> Sums:
    """What some clients, or all (None), used. `saved` are their sums of each part; `pending` is not saved yet."""
    usage: dict[ClientKey, Counters] = {}
    services: dict[ClientKey, dict[str, Volume]] = {}
    for number, each in enumerate(saved):
        for client, counters in each.usage.items():
            known = usage.get(client, NOTHING)
            usage[client] = known - counters if number else known + counters
        for client, volumes in each.services.items():
            own = services.setdefault(client, {})
            for name, volume in volumes.items():
                before = own.get(name, Volume())
                own[name] = before - volume if number else before + volume
    for bucket, entry in pending.items():
        if bucket.start >= past.begin and (clients is None or bucket.client in clients):
            usage[bucket.client] = usage.get(bucket.client, NOTHING) + entry.counters
            services[bucket.client] = dict(ledger.services_sum(services.get(bucket.client, {}), entry.services))
    return Sums(
        {client: counters for client, counters in usage.items() if counters},
        {client: own for client, volumes in services.items() if (own := {n: v for n, v in volumes.items() if v})},
    )


def row_ranges(start: int, now: float, zone: tzinfo) -> tuple[RowRange, RowRange, RowRange]:
    """The rows that say what was used from `start` to `now`: those to be added, and twice some to be taken off."""
    day, hour = ledger.day_start(start, zone), ledger.hour_start(start, zone)
    return (
        RowRange(Resolution.DAY, day, int(now) + 1),
        RowRange(Resolution.HOUR, day, hour),
        RowRange(Resolution.FIVE_MINUTES, hour, ledger.bucket_start(start)),
    )


def used_since(rows: Iterable[HistoryRow], of: tuple[RowRange, RowRange, RowRange]) -> Usage:
    """What each client used, out of rows of these row_ranges; others are left out."""
    sums: dict[ClientKey, Counters] = {}
    for row in rows:
        within = [row.resolution is part.resolution and part.since <= row.start < part.until for part in of]
        known = sums.get(row.client, Counters())
        if within[0]:
            sums[row.client] = known + row.counters
        elif any(within):
            sums[row.client] = known - row.counters
    return sums
