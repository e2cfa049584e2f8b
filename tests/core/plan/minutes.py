# SPDX-License-Identifier: GPL-2.0-or-later
"""What a clock on the wall shows in each minute, for the simulation."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = 60


@lru_cache(maxsize=32)
def clock(zone, start, minutes):
    """For each minute what the clock shows, and the number of its day, month and hour.

    A clock that is put back stands still in day and month. An hour ends at a full one, or where the clock moves.
    """
    table, day, month, hour, before = [], 0, 0, 0, None
    for number in range(minutes):
        local = datetime.fromtimestamp(start + number * MINUTE, ZoneInfo(zone))
        day, month = max(day, local.toordinal()), max(month, local.year * 12 + local.month)
        part = local.utcoffset() % timedelta(hours=1)
        hour, before = hour + (local.minute == 0 or before not in (None, part)), part
        table.append((local.replace(tzinfo=None, fold=0), day, month, hour))
    return table
