# SPDX-License-Identifier: GPL-2.0-or-later
"""Hours of the settings and a moment -> the window of these hours that holds it, and those to come. Pure.

    23:00-07:00        [ Mon 23:00, Tue 07:00 )  [ Tue 23:00, Wed 07:00 )  ...

On the day on which the clock is put forward or back, such a window is as long as it is between the two times. Where the
clock shows an end of it twice, the first counts; where the clock jumps over an end, the jump does.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

from esimshaper.core.model.limits import Window
from esimshaper.core.model.time_of_day import Hours, Span, moments_of

_DAYS_BEFORE, _DAYS_AHEAD = 2, 15
_LASTING = 8 * 86400
"""Seconds: a window that goes on for longer than a week has no end."""


def present(hours: Hours, now: float) -> Window | None:
    """The window of `hours` that holds `now`."""
    ahead = next(windows(hours, now), None)
    return ahead if ahead and ahead.start <= now else None


def end_of(window: Window, now: float) -> int | None:
    """The end of a window that holds `now`; None if there is none."""
    return window.end if window.end < now + _LASTING else None


def between(hours: Hours, start: int, end: float) -> Iterator[Window]:
    """The parts of `hours` from `start` to `end`, in their order."""
    at: float = start
    while (window := next(windows(hours, at), None)) and window.start < end:
        yield Window(max(window.start, start), min(window.end, int(end)))
        at = window.end


def windows(hours: Hours, now: float) -> Iterator[Window]:
    """The windows of `hours` that end after `now`, in their order, for a week at least."""
    day = datetime.fromtimestamp(now, hours.zone).date()
    return (window for window in _windows_around(hours, day) if window.end > now)


@lru_cache(maxsize=256)
def _windows_around(hours: Hours, day: date) -> tuple[Window, ...]:
    """All windows about `day`; those that touch each other are one."""
    # Each tick asks, and the answer is the same all day long.
    days = [day + timedelta(days=number) for number in range(-_DAYS_BEFORE, _DAYS_AHEAD)]
    found = (_window(span, each, hours) for each in days for span in hours.spans if each.weekday() in span.weekdays)
    joined: list[Window] = []
    for window in sorted((each for each in found if each.start < each.end), key=lambda each: each.start):
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return tuple(joined)


def _window(span: Span, day: date, hours: Hours) -> Window:
    last = day if span.end > span.begin else day + timedelta(days=1)
    return Window(moments_of(day, span.begin, hours.zone)[0], moments_of(last, span.end, hours.zone)[0])
