# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the clock on the wall: times as people write them, and the moments at which it shows them. Pure.

    07:00    tomorrow 07:00    tue 07:00    2026-12-01 07:00

A day may have 23 or 25 hours. Where the clock jumps over a time, the moment of the jump stands for it; where it shows
one twice, each of the two is such a moment.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

MINUTES_OF_DAY = 24 * 60
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY = frozenset(range(7))
_YEARS = range(2000, 2101)
_TOMORROW = "tomorrow"
_EXAMPLES = "write 07:00, tomorrow 07:00, tue 07:00 or 2026-12-01 07:00"
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_T_OF_ISO = re.compile("(?<=[0-9])t(?=[0-9])")


@dataclass(frozen=True, slots=True)
class WallTime:
    """A time of day as a person writes it: the next one, or that of a `day`, of the next `weekday` or of tomorrow.

    minute: of the day, up to MINUTES_OF_DAY, which is its end. weekday: 0 is Monday.
    """

    minute: int
    day: date | None = None
    weekday: int | None = None
    tomorrow: bool = False


class Span(NamedTuple):
    """A part of certain days, from one minute of the day to another: of the next day, where that is not later.

    weekdays: those on which it begins.
    """

    begin: int
    end: int
    weekdays: frozenset[int]


@dataclass(frozen=True, slots=True)
class Hours:
    """Parts of a week, in a time zone; `written` is how the person wrote them."""

    spans: tuple[Span, ...]
    zone: tzinfo
    written: str


def parse_wall_time(text: str) -> WallTime:
    """The WallTime that `text` means. Raises ValueError with the part that makes no sense, and what to write."""
    *day, time = _T_OF_ISO.sub(" ", text.lower()).split() or [""]
    if len(day) > 1:
        raise ValueError(f"`{text}` is no time: {_EXAMPLES}")
    if not day and (_DATE.fullmatch(time) or weekday_of(time) is not None or time == _TOMORROW):
        raise ValueError(f'`{text}` has no time of day; write it behind, in quotes: "{text} 07:00"')
    minute = _parse_minute(time, text, f": {_EXAMPLES}")
    if not day:
        return WallTime(minute)
    if day[0] == _TOMORROW:
        return WallTime(minute, tomorrow=True)
    if (weekday := weekday_of(day[0])) is not None:
        return WallTime(minute, weekday=weekday)
    return WallTime(minute, day=_parse_date(day[0], text))


def _parse_minute(time: str, text: str, advice: str = "") -> int:
    """The minute of the day that `time`, a part of `text`, means: `07:00`, `7:00` or `24:00`. Raises ValueError."""
    written = _TIME.fullmatch(time)
    if written is None:
        part = "" if time == text else f" (at `{time}`)"
        raise ValueError(f"`{text}` is no time{part}{advice}")
    hour, minute = map(int, written.groups())
    if minute > 59:
        raise ValueError(f"`{text}`: there is no minute {written[2]} (at `{time}`)")
    if hour * 60 + minute > MINUTES_OF_DAY:
        raise ValueError(f"`{text}`: the clock goes up to 23:59, and 24:00 is the end of a day (at `{time}`)")
    return hour * 60 + minute


def parse_span(text: str) -> Span:
    """The Span that `text` means: `23:00-07:00`, `mon-fri 22:00-06:30`, `sat,sun 23:30-24:00`. Raises ValueError."""
    *days, times = text.lower().split() or [""]
    begin, dash, end = times.partition("-")
    if not dash or len(days) > 1:
        raise ValueError(f"`{text}` is not a part of the day")
    span = Span(_parse_minute(begin, text), _parse_minute(end, text), _parse_days(days[0], text) if days else EVERY_DAY)
    if span.begin == MINUTES_OF_DAY:
        raise ValueError(f"`{text}`: 24:00 is the end of a day; its beginning is 00:00")
    if span.begin == span.end:
        raise ValueError(f"`{text}` ends where it begins; the whole day is 00:00-24:00")
    return span


def _parse_days(days: str, text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in days.split(","):
        first, dash, last = part.partition("-")
        begin, end = _weekday(first, text), _weekday(last if dash else first, text)
        found.update((begin + step) % len(WEEKDAYS) for step in range((end - begin) % len(WEEKDAYS) + 1))
    return frozenset(found)


def _weekday(word: str, text: str) -> int:
    number = weekday_of(word)
    if number is None:
        raise ValueError(f"`{text}`: there is no day `{word}`; the days are mon, tue, wed, thu, fri, sat and sun")
    return number


def weekday_of(word: str) -> int | None:
    """0 for `monday` or `mon`, up to 6; None for another word."""
    known = (number for number, name in enumerate(WEEKDAYS) if word in (name, name[:3]))
    return next(known, None)


def next_moment(wanted: WallTime, zone: tzinfo, after: float) -> int:
    """The first moment after `after`, in Unix seconds, at which the clock of `zone` shows what is `wanted`.

    Raises ValueError where that is a day that is over.
    """
    today = datetime.fromtimestamp(after, zone).date()
    for day in _days(wanted, today):
        found = [each for each in moments_of(day, wanted.minute, zone) if each > after]
        if found:
            return found[0]
    raise ValueError(f"{wanted.day} {format_minute(wanted.minute)} is over already")


def _days(wanted: WallTime, today: date) -> Iterator[date]:
    if wanted.day is not None:
        yield wanted.day
    elif wanted.tomorrow:
        yield today + timedelta(days=1)
    else:
        # From yesterday on: its 24:00 is to come where the clock is put back over midnight. A whole day may be missing.
        days = (today + timedelta(days=number) for number in range(-1, 16))
        yield from (day for day in days if wanted.weekday in (None, day.weekday()))


def moments_of(day: date, minute: int, zone: tzinfo) -> tuple[int, ...]:
    """The moments at which the clock of `zone` shows this minute of `day`: one, or two where it is put back."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    wall = midnight + timedelta(minutes=minute)  # Python adds on the wall clock
    return tuple(sorted({first_moment(wall.replace(fold=fold)) for fold in (0, 1)}))


def first_moment(wall: datetime) -> int:
    """When the clock of its zone shows `wall`, or first shows more than that; `wall.fold` chooses between two."""
    wanted, zone = wall.replace(tzinfo=None), wall.tzinfo
    moment = int(wall.timestamp())
    if _naive(moment, zone) == wanted:
        return moment
    # The clock skips `wall`: by the offset after the jump it lies before the jump, and the other way round (PEP 495).
    before, after = (int(wall.replace(fold=fold).timestamp()) for fold in (1, 0))
    return earliest(before, after, lambda each: _naive(each, zone) >= wanted)


def earliest(first: int, last: int, there: Callable[[int], bool]) -> int:
    """The first moment that is `there`, where all after it are too; `last` if none before it is."""
    return first + bisect_left(range(first, last), 1, key=lambda each: int(there(each)))


def format_minute(minute: int) -> str:
    """`07:00`; `24:00` for the end of a day."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _parse_date(day: str, text: str) -> date:
    written = _DATE.fullmatch(day)
    if written is None:
        raise ValueError(f"`{text}` is no time (at `{day}`): {_EXAMPLES}")
    try:
        found = date(*map(int, written.groups()))
    except ValueError:
        raise ValueError(f"`{text}`: this day is not in the calendar (at `{day}`)") from None
    if found.year not in _YEARS:
        raise ValueError(f"`{text}` is not in the years {_YEARS[0]} to {_YEARS[-1]} (at `{day}`)")
    return found


def _naive(moment: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None)
