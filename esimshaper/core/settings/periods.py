# SPDX-License-Identifier: GPL-2.0-or-later
"""The names of time zones -> their rules, and `period` of a quota -> its Period. Pure."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone, tzinfo

from esimshaper.core.model.limits import Period, PeriodUnit
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.old_zones import NAMES_TODAY

Zones = Callable[[str], tzinfo | None]
"""The rules of a time zone by its name; None for a name that this box does not know."""

YEARS = range(2000, 2101)
"""A date outside of these years is surely mistyped."""

_DAYS_BACK = {"today": 0, "yesterday": 1}
_DAY_OF_MONTH = re.compile("(?:the )?([0-9]{1,2})(?:st|nd|rd|th)?")
_UNITS = {f"{unit.value}s": unit for unit in (PeriodUnit.HOUR, PeriodUnit.DAY, PeriodUnit.MONTH)}


def zone_from(block: Block, key: str, zones: Zones) -> tzinfo | None:
    """The rules of the time zone whose name is at `key`."""

    def known(name: str) -> tzinfo:
        if (zone := zones(name)) is None:
            raise ValueError(f"`{name}` is not a time zone that this box knows")
        return zone

    today = NAMES_TODAY.get(block.get(key, ""))
    hint = "Write it as in Asia/Tokyo; `timedatectl list-timezones` lists the names."
    return block.parse(key, known, f"Its name today is {today}." if today else hint)


def period_from(quota: Block, zone: tzinfo | None) -> Period | None:
    """The period of `quota`. None where it is missing or wrong, and for a local time where `zone` is not known."""
    written = quota.get("period")
    if isinstance(written, str):
        return Period(PeriodUnit(written))
    if zone is None:
        return None
    period = quota.block("period")
    hint = "Write a date and time as 2026-11-01T09:00:00, with +09:00 behind it if it is of another time zone."
    anchor = period.parse("from", lambda text: parse_moment(text, zone), hint)
    word = next((word for word in _UNITS if period.has(word)), None)
    return None if anchor is None or word is None else Period(_UNITS[word], int(period.get(word)), anchor)


def parse_moment(text: str, zone: tzinfo) -> int:
    """Unix seconds of an ISO 8601 date or date and time; without a zone of its own it is a local time in `zone`.

    Raises ValueError for a text that is no date, for a year outside of YEARS, and for a local time that `zone` skips or
    has twice. Its message says what to write instead.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text}` is not in the calendar") from None
    if moment.year not in YEARS:
        raise ValueError(f"`{text}` is not in the years {YEARS[0]} to {YEARS[-1]}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
        # In a gap or an overlap of local time the two values of `fold` give different offsets (PEP 495).
        first, second = (_with_offset(moment.replace(fold=fold)) for fold in (0, 1))
        if first > second:
            later = first.astimezone(zone).replace(tzinfo=None)
            raise ValueError(f"the clock in {zone} jumps over `{text}`; {later.isoformat()} is the same moment")
        if first < second:
            meant = f"{first.isoformat()} or {second.isoformat()}"
            raise ValueError(f"the clock in {zone} shows `{text}` twice; it is {meant}")
    return int(moment.timestamp())


def parse_began(text: str, zone: tzinfo, now: float) -> int:
    """Unix seconds of a moment at which something began, as people say it: `now`, `yesterday`, `15th`, or a date.

    A day of the month is the last such day up to `now`. Raises ValueError as parse_moment does.
    """
    here = datetime.fromtimestamp(now, zone)
    words = " ".join(text.lower().split())
    if words == "now":
        return int(now) // 60 * 60
    if words in _DAYS_BACK:
        return _midnight(here.date() - timedelta(days=_DAYS_BACK[words]), zone)
    if day := _DAY_OF_MONTH.fullmatch(words):
        days = (here.date() - timedelta(days=back) for back in range(62))  # two months have each day but a 32nd
        found = next((each for each in days if each.day == int(day[1])), None)
        if found is None:
            raise ValueError(f"`{text}` is no day of a month")
        return _midnight(found, zone)
    return parse_moment(text, zone)


def _midnight(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _with_offset(moment: datetime) -> datetime:
    """`moment` with its offset as a zone of its own. Python compares times of one zone without their offsets."""
    return moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta()))
