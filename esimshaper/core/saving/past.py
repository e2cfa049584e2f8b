# SPDX-License-Identifier: GPL-2.0-or-later
"""History -> what was used since a moment: for a quota that is new in the middle of its window, and for people. Pure.

    always       days from the one of the moment on   -  hours of that day before it  -  five minutes of that hour
    in hours     hours that have a part of them       -  five minutes of these hours that have none

What is no longer kept so finely is not taken off: a part of an hour may count too much. Too little counts only of what
is kept no more in any form: hours of a hundred days ago.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import NamedTuple

from esimshaper.core.model.counts import NOTHING, Counters, Usage
from esimshaper.core.model.history import HistoryRow, Resolution, RowRange, Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Window
from esimshaper.core.model.services import Volume, services_sum
from esimshaper.core.saving import ledger

MONTHS_FROM_SECONDS = 1800 * 86400
"""What is older than this is in months only: of days, five years of use are kept (edge/history/usage_tables.py)."""


class Past(NamedTuple):
    """What was used since `begin` (Unix seconds): rows of the first part, less those of the others."""

    begin: int
    parts: tuple[RowRange, ...]


def past_since(start: int, now: float, zone: tzinfo) -> Past:
    """The Past that comes nearest to `start`, and does not begin later."""
    month = ledger.month_start(start, zone)
    if start == month or now - start > MONTHS_FROM_SECONDS:
        return Past(month, (RowRange(Resolution.MONTH, month, int(now) + 1),))
    return Past(ledger.bucket_start(start), row_ranges(start, now, zone).all)


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
            services[bucket.client] = dict(services_sum(services.get(bucket.client, {}), entry.services))
    return Sums(
        {client: counters for client, counters in usage.items() if counters},
        {client: own for client, volumes in services.items() if (own := {n: v for n, v in volumes.items() if v})},
    )


class RowRanges(NamedTuple):
    """Rows that are to be added, and rows that are to be taken off again; no row is in two ranges."""

    added: tuple[RowRange, ...]
    taken_off: tuple[RowRange, ...]

    @property
    def all(self) -> tuple[RowRange, ...]:
        """Every row that is asked for."""
        return (*self.added, *self.taken_off)


def row_ranges(start: int, now: float, zone: tzinfo) -> RowRanges:
    """The rows that say what was used from `start` to `now`."""
    day, hour = ledger.day_start(start, zone), ledger.hour_start(start, zone)
    before = (RowRange(Resolution.HOUR, day, hour), RowRange(Resolution.FIVE_MINUTES, hour, ledger.bucket_start(start)))
    return RowRanges((RowRange(Resolution.DAY, day, int(now) + 1),), before)


def row_ranges_within(parts: Iterable[Window], zone: tzinfo) -> RowRanges:
    """The rows that say what was used in some parts of time; five minutes count that lie in one with any part."""
    step = ledger.BUCKET_SECONDS
    wanted = {at for part in parts for at in range(ledger.bucket_start(part.start), part.end, step)}
    hours = sorted({ledger.hour_start(at, zone) for at in wanted})
    of_hours = (at for hour in hours for at in range(hour, hour + ledger.HOUR_SECONDS, step))
    others = sorted({at for at in of_hours if at not in wanted})
    return RowRanges(
        tuple(RowRange(Resolution.HOUR, *ends) for ends in _joined(hours, ledger.HOUR_SECONDS)),
        tuple(RowRange(Resolution.FIVE_MINUTES, *ends) for ends in _joined(others, step)),
    )


def _joined(starts: Iterable[int], length: int) -> Iterator[tuple[int, int]]:
    """The ends of what each run of `starts` spans together; each start is followed by `length` seconds of its own."""
    known = list(starts)
    breaks = [at for at, (one, other) in enumerate(pairwise(known), start=1) if other != one + length]
    for first, last in pairwise([0, *breaks, len(known)] if known else []):
        yield known[first], known[last - 1] + length


def used_since(rows: Iterable[HistoryRow], of: RowRanges) -> Usage:
    """What each client used, out of rows of these ranges; others are left out."""
    sums: dict[ClientKey, Counters] = {}
    for row in rows:
        known = sums.get(row.client, Counters())
        if _is_in(row, of.added):
            sums[row.client] = known + row.counters
        elif _is_in(row, of.taken_off):
            sums[row.client] = known - row.counters
    return sums


def _is_in(row: HistoryRow, ranges: Iterable[RowRange]) -> bool:
    return any(row.resolution is part.resolution and part.since <= row.start < part.until for part in ranges)
