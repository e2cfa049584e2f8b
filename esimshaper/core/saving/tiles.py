# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of time -> the rows of history that say what was used in them, each byte once. Pure.

    asked    |<------------------------------------------ part ------------------------------------------->|
    rows      5min  hour hour  day day day   month   month   month   day day  hour hour hour 5min 5min 5min

Coarse rows go first, since there are fewer of them, and since what was imported may have nothing finer. An edge in a
time of which no row is fine enough any more moves back to where a kept one begins.
"""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from itertools import pairwise

from esimshaper.core.model.history import Resolution, RowRange, Tiles
from esimshaper.core.saving import ledger

STEP = ledger.BUCKET_SECONDS
_DAY_AND_MORE = 25 * 3600 + 1800
"""From the beginning of a day, always in the next one; it may have 23 or 25 hours."""
_MONTH_AND_MORE = 32 * 86400

Oldest = Mapping[Resolution, int]
"""When the oldest row of each resolution begins, in Unix seconds; none of a resolution without rows."""


def tiles(edges: Sequence[int], zone: tzinfo, oldest: Oldest) -> Tiles:
    """The rows of the parts between `edges`, which rise; `zone` is the one of the days and months of the rows."""
    there = {kept_edge(edge, zone, oldest): edge for edge in edges}
    ranges: list[RowRange] = []
    for begin, end in pairwise(there):
        at = begin
        while at < end:
            resolution, following = _largest(at, end, zone)
            last = ranges[-1] if ranges else None
            if last and (last.resolution, last.until) == (resolution, at):
                ranges[-1] = last._replace(until=following)
            else:
                ranges.append(RowRange(resolution, at, following))
            at = following
    return Tiles(tuple(there), tuple(there.values()), tuple(ranges))


def kept_edge(moment: int, zone: tzinfo, oldest: Oldest) -> int:
    """The last beginning of a kept row that is not after `moment`."""
    begins = ledger.starts(moment, zone)
    for resolution in (Resolution.FIVE_MINUTES, Resolution.HOUR, Resolution.DAY):
        if resolution in oldest and oldest[resolution] <= moment:
            return begins[resolution]
    return begins[Resolution.MONTH]


def _largest(at: int, end: int, zone: tzinfo) -> tuple[Resolution, int]:
    """The longest row that begins at `at` and ends by `end`, and where it ends."""
    if ledger.hour_start(at, zone) == at:
        if ledger.day_start(at, zone) == at:
            if ledger.month_start(at, zone) == at:
                month = ledger.month_start(at + _MONTH_AND_MORE, zone)
                if month <= end:
                    return Resolution.MONTH, month
            day = ledger.day_start(at + _DAY_AND_MORE, zone)
            if day <= end:
                return Resolution.DAY, day
        hour = _next_hour(at, zone)
        if hour <= end:
            return Resolution.HOUR, hour
    return Resolution.FIVE_MINUTES, at + STEP


def _next_hour(at: int, zone: tzinfo) -> int:
    """Where the hour after that of `at` begins: where clocks change by half an hour, some have 30 or 90 minutes."""
    return next(later for later in range(at + STEP, at + 7200 + STEP, STEP) if ledger.hour_start(later, zone) == later)
