# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of days by their number, counted from 1 January of the year 1, in a time zone. Pure: values only."""

from datetime import date, datetime, tzinfo
from functools import lru_cache

from esimshaper.core.model.time_of_day import moments_of


@lru_cache(maxsize=4096)
def midnight(day: int, zone: tzinfo) -> int:
    """When a day begins."""
    return moments_of(date.fromordinal(day), 0, zone)[0]


def day_of(moment: int, zone: tzinfo) -> int:
    """The day that holds a moment. It is the one whose midnight is passed, also where a clock went back over one."""
    day = datetime.fromtimestamp(moment, zone).toordinal()
    while midnight(day, zone) > moment:
        day -= 1
    while midnight(day + 1, zone) <= moment:
        day += 1
    return day
