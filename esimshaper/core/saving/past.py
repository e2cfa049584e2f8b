# SPDX-License-Identifier: GPL-2.0-or-later
"""History -> what was used since a moment, for a quota that is new in the middle of its window. Pure.

    days from the one of the moment on      -  hours of that day before it  -  five minutes of that hour before it

What is no longer kept so finely is not taken off: a part of an hour may count too much, and nothing too little.
"""

from collections.abc import Iterable
from datetime import tzinfo

from esimshaper.core.model.counts import Counters, Usage
from esimshaper.core.model.history import HistoryRow, Resolution, RowRange
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.saving import ledger


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
