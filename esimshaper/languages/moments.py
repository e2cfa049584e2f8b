# SPDX-License-Identifier: GPL-2.0-or-later
"""Moments and lengths of time as people write them in each of choice.NAMES. Pure: values in, text out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_WEEK = 7  # days
_SAME_YEAR = 300  # days: further away a month without its year could be taken for another


@dataclass(frozen=True, slots=True)
class _Manner:
    """Forms have the places day, month, month_number, long_month, year, weekday, long_weekday and time."""

    weekdays: tuple[str, ...]  # from Monday
    long_weekdays: tuple[str, ...]
    months: tuple[str, ...]
    long_months: tuple[str, ...]
    time: str
    tonight: str
    tomorrow: str
    in_week: str
    in_year: str
    far: str
    full_week: str
    full: str
    day: str
    full_day: str
    long_day: str
    long_day_of_year: str
    day_and_time: str
    month_of_year: str
    short_month_of_year: str
    short_day: str
    date: str
    lengths: tuple[str, ...]  # days and hours, hours and minutes, minutes and seconds, seconds


_NUMBERED = tuple(f"{month}月" for month in range(1, 13))


def _chinese(week: str, lengths: tuple[str, ...]) -> _Manner:
    """Both scripts write moments alike, but for the word week."""
    return _Manner(
        weekdays=tuple(f"{week}{day}" for day in "一二三四五六日"),
        long_weekdays=tuple(f"{week}{day}" for day in "一二三四五六日"),
        months=_NUMBERED,
        long_months=_NUMBERED,
        time="{hour}:{minute:02}",
        tonight="今晚 {time}",
        tomorrow="明天 {time}",
        in_week="{weekday} {time}",
        in_year="{month}{day}日 {time}",
        far="{year}年{month}{day}日",
        full_week="{long_weekday} {time}",
        full="{year}年{month}{day}日（{long_weekday}）{time}",
        day="{month}{day}日（{weekday}）",
        full_day="{year}年{month}{day}日 {weekday}",
        long_day="{month}{day}日 {long_weekday}",
        long_day_of_year="{year}年{month}{day}日 {long_weekday}",
        day_and_time="{month}{day}日 {weekday} {time}",
        month_of_year="{year}年{month}",
        short_month_of_year="{year}年{month}",
        short_day="{month}{day}日",
        date="{year}年{month}{day}日",
        lengths=lengths,
    )


_MANNERS: Mapping[str, _Manner] = {
    "en": _Manner(
        weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        long_weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        long_months=(
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
        time="{hour:02}:{minute:02}",
        tonight="{weekday} {time}",
        tomorrow="{weekday} {time}",
        in_week="{weekday} {time}",
        in_year="{day:02} {month} {time}",
        far="{year}-{month_number:02}-{day:02}",
        full_week="{long_weekday} {time}",
        full="{long_weekday} {year}-{month_number:02}-{day:02} {time}",
        day="{weekday} {day} {month}",
        full_day="{weekday} {day:02} {month} {year}",
        long_day="{long_weekday} {day:02} {long_month}",
        long_day_of_year="{long_weekday} {day:02} {long_month} {year}",
        day_and_time="{weekday} {day:02} {month} {time}",
        month_of_year="{long_month} {year}",
        short_month_of_year="{month} {year}",
        short_day="{day:02} {month}",
        date="{day:02} {month} {year}",
        lengths=("{}d {}h", "{}h {}m", "{}m {}s", "{}s"),
    ),
    "zh_Hans": _chinese("周", ("{}天{}小时", "{}小时{}分钟", "{}分{}秒", "{}秒")),
    "zh_Hant": _chinese("週", ("{}天{}小時", "{}小時{}分鐘", "{}分{}秒", "{}秒")),
    "ja": _Manner(
        weekdays=tuple("月火水木金土日"),
        long_weekdays=tuple(f"{day}曜日" for day in "月火水木金土日"),
        months=_NUMBERED,
        long_months=_NUMBERED,
        time="{hour}:{minute:02}",
        tonight="今夜 {time}",
        tomorrow="明日 {time}",
        in_week="{month}{day}日({weekday}) {time}",
        in_year="{month}{day}日({weekday}) {time}",
        far="{year}年{month}{day}日",
        full_week="{long_weekday} {time}",
        full="{year}年{month}{day}日({weekday}) {time}",
        day="{month}{day}日({weekday})",
        full_day="{year}年{month}{day}日({weekday})",
        long_day="{month}{day}日 {long_weekday}",
        long_day_of_year="{year}年{month}{day}日 {long_weekday}",
        day_and_time="{month}{day}日({weekday}) {time}",
        month_of_year="{year}年{month}",
        short_month_of_year="{year}年{month}",
        short_day="{month}{day}日",
        date="{year}年{month}{day}日",
        lengths=("{}日{}時間", "{}時間{}分", "{}分{}秒", "{}秒"),
    ),
}


def short(there: datetime, here: datetime, language: str) -> str:
    """A moment as short as it is clear from `here`: `18:00`, `Tue 09:00`, `01 Dec 00:00`, `2028-01-01`."""
    manner = _MANNERS[language]
    days = (there.date() - here.date()).days
    if days == 0:
        return clock(there, language)
    if days == 1:
        return _filled(manner.tomorrow if there.hour or there.minute else manner.tonight, there, language)
    if 1 < days < _WEEK:
        return _filled(manner.in_week, there, language)
    return _filled(manner.in_year if abs(days) < _SAME_YEAR else manner.far, there, language)


def in_full(there: datetime, here: datetime, language: str) -> str:
    """A moment as it is said when somebody has set it: `Tuesday 07:00`, from a week on with its date."""
    near = abs((there.date() - here.date()).days) < _WEEK
    return _filled(_MANNERS[language].full_week if near else _MANNERS[language].full, there, language)


def date_and_time(there: datetime, language: str) -> str:
    """A moment of this year that is past: `24 Nov 18:00`, with two figures for the day."""
    return _filled(_MANNERS[language].in_year, there, language)


def day(there: datetime, language: str) -> str:
    """A day of this year: `Tue 1 Dec`."""
    return _filled(_MANNERS[language].day, there, language)


def weekday(there: date, language: str) -> str:
    """`Tue`."""
    return _MANNERS[language].weekdays[there.weekday()]


def long_weekday(there: date, language: str) -> str:
    """`Tuesday`."""
    return _MANNERS[language].long_weekdays[there.weekday()]


def month(there: date, language: str) -> str:
    """`Dec`."""
    return _MANNERS[language].months[there.month - 1]


def month_of_year(there: date, language: str) -> str:
    """`December 2026`."""
    return _filled(_MANNERS[language].month_of_year, there, language)


def short_month_of_year(there: date, language: str) -> str:
    """`Dec 2026`."""
    return _filled(_MANNERS[language].short_month_of_year, there, language)


def short_day(there: date, language: str) -> str:
    """`01 Dec`."""
    return _filled(_MANNERS[language].short_day, there, language)


def date_of(there: date, language: str) -> str:
    """`01 Dec 2026`."""
    return _filled(_MANNERS[language].date, there, language)


def weekday_and_time(there: datetime, language: str) -> str:
    """`Tue 18:00`."""
    return f"{weekday(there, language)} {clock(there, language)}"


def full_day(there: date, language: str) -> str:
    """`Tue 01 Dec 2026`."""
    return _filled(_MANNERS[language].full_day, there, language)


def long_day(there: date, language: str, *, with_year: bool) -> str:
    """`Tuesday 01 December`, or with the year behind."""
    manner = _MANNERS[language]
    return _filled(manner.long_day_of_year if with_year else manner.long_day, there, language)


def day_and_time(there: datetime, language: str) -> str:
    """`Tue 01 Dec 18:00`."""
    return _filled(_MANNERS[language].day_and_time, there, language)


def last_day(end: datetime, language: str) -> str:
    """The day that something holds through to its end, which at midnight is the day before."""
    return day(end - timedelta(microseconds=1), language)


def clock(there: datetime, language: str) -> str:
    """The time of the day: `18:00`."""
    return _MANNERS[language].time.format(hour=there.hour, minute=there.minute)


def length(seconds: float, language: str) -> str:
    """A length of time with its two largest units, rounded down, as units.format_duration: `3h 12m`."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    parts = ((days, hour), (hours, minute), (minutes, second), (second,))
    at = next((at for at, each in enumerate(parts) if each[0]), -1)
    return _MANNERS[language].lengths[at].format(*parts[at])


def _filled(form: str, there: date, language: str) -> str:
    """`there`: a datetime where the form has a time."""
    manner = _MANNERS[language]
    return form.format(
        year=there.year,
        month=manner.months[there.month - 1],
        month_number=there.month,
        day=there.day,
        weekday=manner.weekdays[there.weekday()],
        long_weekday=manner.long_weekdays[there.weekday()],
        long_month=manner.long_months[there.month - 1],
        time=clock(there, language) if isinstance(there, datetime) else "",
    )
