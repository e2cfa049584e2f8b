# SPDX-License-Identifier: GPL-2.0-or-later
"""Amounts and times as people type them -> the one way in which files and documents write them. Pure.

    300M, 300 mb, 0,3 GB  ->  300MB, 300MB, 0.3GB        90min, 2 hours  ->  90m, 2h        7am, noon  ->  07:00, 12:00

A text of another kind comes back as it is: whoever reads it then says what is wrong with it. Files are read without
this, so that there is one spelling of each value in them.
"""

import re

_SIZE = re.compile(
    r"(?P<whole>[0-9]+)(?:[.](?P<point>[0-9]+)|,(?P<comma>[0-9]{1,2}))? ?"
    r"(?:(?P<power>[kmgt])(?:ilo|ega|iga|era)?(?P<binary>i?)b?|b)(?:yte|ig)?s?",
    re.IGNORECASE,
)
# Without kbps, which is kilobytes to some (tc) and kilobits to others.
_RATE = re.compile(r"(?P<number>[0-9]+(?:[.][0-9]+)?) ?(?P<power>[kmg])(?:bits?(?:/s)?)?", re.IGNORECASE)
_DURATION_UNITS = {
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
}
_PART = re.compile(r"(an? |one |[0-9]+ ?)([a-z]+)[ ,]*(?:and )?")
_HALF_DAY = re.compile(r"\b([0-9]{1,2})(?::([0-9]{2}))? ?([ap])\.?m\b\.?", re.IGNORECASE)
_NAMED = re.compile(r"\b(noon|midday|midnight)\b", re.IGNORECASE)
_CLOCKS = {"noon": "12:00", "midday": "12:00", "midnight": "00:00"}


def typed_size(text: str) -> str:
    """An amount of data with its unit, as parse_size reads it."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return text
    decimals = found["point"] or found["comma"]
    unit = f"{(found['power'] or '').upper()}{(found['binary'] or '').lower()}B"
    return found["whole"] + (f".{decimals}" if decimals else "") + unit


def typed_rate(text: str) -> str:
    """A rate with its unit, as parse_rate reads it."""
    found = _RATE.fullmatch(text.strip())
    return f"{found['number']}{found['power'].lower()}bit" if found else text


def typed_duration(text: str) -> str:
    """A length of time, as parse_duration reads it."""
    words = text.strip().lower()
    parts = _PART.findall(words)
    if not parts or _PART.sub("", words) or any(unit not in _DURATION_UNITS for _, unit in parts):
        return text
    numbers = (number.strip() if number[0].isdigit() else "1" for number, _ in parts)
    return "".join(number + _DURATION_UNITS[unit] for number, (_, unit) in zip(numbers, parts, strict=True))


def typed_clock(text: str) -> str:
    """A text with times of day in it, each of them of 24 hours: `tue 07:30` from `tue 7:30 am`."""
    return _HALF_DAY.sub(_of_24_hours, _NAMED.sub(lambda found: _CLOCKS[found[1].lower()], text))


def _of_24_hours(found: re.Match[str]) -> str:
    hour, minute, afternoon = int(found[1]), found[2] or "00", found[3].lower() == "p"
    if not 1 <= hour <= 12:
        return found[0]
    return f"{hour % 12 + 12 * afternoon:02d}:{minute}"
