# SPDX-License-Identifier: GPL-2.0-or-later
"""Moments in the past as people write them -> Unix seconds. Pure. In the zone of `now`, which is that of the plan."""

import re
from datetime import UTC, datetime, timedelta

from esimshaper.core.model.time_of_day import WEEKDAYS
from esimshaper.core.model.typed import typed_clock, typed_duration
from esimshaper.core.model.units import parse_duration

_HYPHEN = re.compile("^(last|this)-")
_EVENING = 18
"""The hour at which a night begins."""
_CLOCK = ("%H:%M", "%H:%M:%S")
_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m")


def parse_since(text: str, now: datetime) -> int:
    """The moment that a person means by `yesterday`, `monday`, `18:00`, `2h`, `2026-11-20` and the like.

    Raises ValueError, with one sentence, for anything else and for moments to come.
    """
    lower = typed_clock(text).lower()
    lower = _HYPHEN.sub(r"\1 ", lower)
    words = " ".join((lower.replace("t", " ") if lower[:4].isdecimal() else lower).split())
    found = (
        _day(words, now) or _day_and_clock(words, now) or _clock(words, now) or _date(words, now) or _ago(words, now)
    )
    if found is None:
        known = (
            "today, yesterday, monday, week, `last month`, 18:00, `yesterday 18:00`, 2h, 3d, 2026-11-20 or "
            "`2026-11-20 18:00`"
        )
        raise ValueError(f"`{text}` is no moment that is understood; write {known}")
    if found > now:
        raise ValueError(f"`{text}` is still to come")
    return int(found.astimezone(UTC).timestamp())


def _day(words: str, now: datetime) -> datetime | None:
    """The beginning of a day, or of the present or last week, month or year."""
    whole = [day for day in WEEKDAYS if len(words) >= 3 and day.startswith(words)]
    back = {
        "today": 0,
        "yesterday": 1,
        "week": now.weekday(),
        "month": now.day - 1,
        "year": now.timetuple().tm_yday - 1,
        **({words: (now.weekday() - WEEKDAYS.index(whole[0])) % 7} if len(whole) == 1 else {}),
    }
    before = {
        "last week": _midnight(now - timedelta(days=now.weekday() + 7)),
        "last month": _midnight((now.replace(day=1) - timedelta(days=1)).replace(day=1)),
        "last year": _midnight(now.replace(year=now.year - 1, month=1, day=1)),
        "last night": _midnight(now - timedelta(days=1)).replace(hour=_EVENING),
    }
    days = back.get(words.removeprefix("this "))
    return before.get(words) if days is None else _midnight(now - timedelta(days=days))


def _day_and_clock(words: str, now: datetime) -> datetime | None:
    """A time of day, of the day that stands before it: `yesterday 12:00`, `tue 07:00`."""
    day, _, clock = words.rpartition(" ")
    begin, there = _day(day.removesuffix(" at"), now), _read(clock, _CLOCK)
    return begin.replace(hour=there.hour, minute=there.minute, second=there.second) if begin and there else None


def _clock(words: str, now: datetime) -> datetime | None:
    """A time of day, of today or of yesterday."""
    there = _read(words, _CLOCK)
    if there is None:
        return None
    moment = now.replace(hour=there.hour, minute=there.minute, second=there.second, microsecond=0)
    return moment if moment <= now else moment - timedelta(days=1)


def _date(words: str, now: datetime) -> datetime | None:
    there = _read(words, _DATES)
    return None if there is None else there.replace(tzinfo=now.tzinfo)


def _ago(words: str, now: datetime) -> datetime | None:
    try:
        length = typed_duration(words.removesuffix("ago").removeprefix("the ").removeprefix("last ").strip())
        return now.astimezone(UTC) - timedelta(seconds=parse_duration(length))
    except (ValueError, OverflowError):
        return None


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _read(words: str, formats: tuple[str, ...]) -> datetime | None:
    for each in formats:
        try:
            return datetime.strptime(words, each)  # noqa: DTZ007 - its zone is that of the plan
        except ValueError:
            continue
    return None
