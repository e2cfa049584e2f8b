# SPDX-License-Identifier: GPL-2.0-or-later
"""A period, a time zone and a moment -> the window of the calendar that holds the moment. Pure.

The windows of one period and zone follow each other without a gap or an overlap, backwards as well: there are windows
before the anchor too, so that a plan that begins tomorrow is already held today. Where the clock jumps over the moment
at which a window should begin, it begins at the jump; where the clock shows that moment twice, at the first.
"""

import math
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo

from esimshaper.core.model.limits import Period, PeriodUnit, Window
from esimshaper.core.model.time_of_day import earliest, first_moment

_HOUR = 3600
_SECONDS = {PeriodUnit.HOUR: _HOUR, PeriodUnit.DAY: 24 * _HOUR, PeriodUnit.WEEK: 7 * 24 * _HOUR}


def window(period: Period, zone: tzinfo, now: float) -> Window:
    """The window of `period` that holds `now` (Unix seconds): start <= now < end.

    Hours of the clock take 3,600 s, the doubled ones in autumn too; only where the clock moves by a part of an hour
    (Lord Howe Island) is one cut short there. Days, weeks and months are as long as they are in `zone`: 23 or 25 hours
    too. Raises OverflowError or ValueError only near the years 1 and 9999.
    """
    moment = math.floor(now)
    if period.anchor is not None:
        return _anchored(period, period.anchor, zone, moment)
    if period.unit is PeriodUnit.HOUR:
        return _clock_hour(zone, moment)
    return _calendar(period.unit, zone, moment)


def _anchored(period: Period, anchor: int, zone: tzinfo, moment: int) -> Window:
    if period.unit is PeriodUnit.MONTH:
        return _months(period.count, anchor, zone, moment)
    length = _SECONDS[period.unit] * period.count
    start = moment - (moment - anchor) % length
    return Window(start, start + length)


def _months(count: int, anchor: int, zone: tzinfo, moment: int) -> Window:
    """Each start is computed from the anchor, never from the start before: the 31st comes back after February."""
    first = datetime.fromtimestamp(anchor, zone)

    def start(number: int) -> int:
        year, month = divmod(_month_number(first) + number * count, 12)
        day = min(first.day, _days_of_month(year, month + 1))
        return first_moment(first.replace(year=year, month=month + 1, day=day))

    guess = (_month_number(datetime.fromtimestamp(moment, zone)) - _month_number(first)) // count
    return _around(moment, start, guess)


def _calendar(unit: PeriodUnit, zone: tzinfo, moment: int) -> Window:
    local = datetime.fromtimestamp(moment, zone)
    midnight = local.replace(hour=0, minute=0, second=0, fold=0)
    if unit is PeriodUnit.MONTH:

        def month(number: int) -> int:
            return first_moment(midnight.replace(year=number // 12, month=number % 12 + 1, day=1))

        return _around(moment, month, _month_number(local))
    days = 7 if unit is PeriodUnit.WEEK else 1

    def first_day(number: int) -> int:
        day = date.fromordinal(number * days + 1)  # day 1 of the calendar was a Monday
        return first_moment(midnight.replace(year=day.year, month=day.month, day=day.day))

    return _around(moment, first_day, (local.toordinal() - 1) // days)


def _around(moment: int, start: Callable[[int], int], guess: int) -> Window:
    """The window that holds `moment`, out of those that begin at `start(number)`, looked for from `guess` on.

    The local date is only a guess: it goes back where a clock is turned back over midnight (St. John's until 2011). A
    day that the clock leaves out (Samoa, 30 December 2011) has no length and is passed over.
    """
    while start(guess) > moment:
        guess -= 1
    while start(guess + 1) <= moment:
        guess += 1
    return Window(start(guess), start(guess + 1))


def _clock_hour(zone: tzinfo, moment: int) -> Window:
    def phase(each: int) -> int:
        """Seconds by which the clock is ahead of UTC beyond whole hours, which leave full hours where they are."""
        return _offset(each, zone) % _HOUR

    here = phase(moment)
    start = moment - (moment + here) % _HOUR
    end = start + _HOUR
    return Window(
        earliest(start, moment, lambda each: phase(each) == here),
        earliest(moment, end, lambda each: phase(each) != here),
    )


def _days_of_month(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def _month_number(local: datetime) -> int:
    return local.year * 12 + local.month - 1


def _offset(moment: int, zone: tzinfo) -> int:
    """Seconds by which the clock is ahead of UTC."""
    local = datetime.fromtimestamp(moment, zone)
    offset = local.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
