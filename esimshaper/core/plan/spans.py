# SPDX-License-Identifier: GPL-2.0-or-later
"""Lengths of a plan and a moment -> where they end; cycles -> the window that holds the moment. Pure.

Windows of the calendar and of blocks are those of model/period.py, the one engine of periods. What it does not have is
here: ends at midnight, and the last days.
"""

from datetime import tzinfo

from esimshaper.core.model.days import day_of, midnight
from esimshaper.core.model.limits import Period, PeriodUnit, Window
from esimshaper.core.model.period import window
from esimshaper.core.model.plan import Cycle, CycleKind, Ending, Length, LengthUnit

_UNITS = {
    LengthUnit.HOURS: PeriodUnit.HOUR,
    LengthUnit.DAYS: PeriodUnit.DAY,
    LengthUnit.MONTHS: PeriodUnit.MONTH,
}
_DAY = 86400


def end_of(length: Length, start: int, zone: tzinfo) -> int:
    """Where a length ends that begins at `start`."""
    if length.ending is not Ending.MIDNIGHT:
        end = window(_period(length, start), zone, start).end
        return end if length.ending is Ending.EXACT else midnight_from(end, zone)
    first = day_of(start, zone)
    if length.unit is LengthUnit.DAYS:
        return midnight(first + length.count, zone)
    begin = midnight(first, zone)
    return window(_period(length, begin), zone, begin).end


def midnight_from(moment: int, zone: tzinfo) -> int:
    """The first midnight that is not before a moment."""
    return midnight(day_of(moment - 1, zone) + 1, zone)


def month_end(moment: int, zone: tzinfo) -> int:
    """The end of the month that holds a moment."""
    return window(Period(PeriodUnit.MONTH), zone, moment).end


def window_of(cycle: Cycle, zone: tzinfo, anchor: int, life: Window, moment: int) -> Window:
    """The window of a CALENDAR, BLOCKS, LIFETIME or LAST cycle that holds `moment`; of LAST it is the present day.

    `anchor`: where the first block begins.
    """
    if cycle.kind is CycleKind.LIFETIME:
        return life
    if cycle.kind is CycleKind.CALENDAR:
        return window(Period(cycle.unit), zone, moment)
    if cycle.kind is CycleKind.LAST:
        day = day_of(moment, zone)
        return Window(midnight(day, zone), midnight(day + 1, zone))
    return _block(cycle.length, zone, anchor, moment)


def _block(length: Length, zone: tzinfo, anchor: int, moment: int) -> Window:
    if length.ending is Ending.EXACT:
        return window(_period(length, anchor), zone, moment)
    first = day_of(anchor, zone)
    if length.unit is LengthUnit.MONTHS:
        return window(_period(length, midnight(first, zone)), zone, moment)
    start = first + (day_of(moment, zone) - first) // length.count * length.count
    return Window(midnight(start, zone), midnight(start + length.count, zone))


def _period(length: Length, anchor: int) -> Period:
    return Period(_UNITS[length.unit], length.count, anchor)


def later(moment: int, days: int) -> int:
    """So many days of 24 hours after a moment."""
    return moment + days * _DAY
