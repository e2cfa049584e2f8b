# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of amounts: bytes, rates and times as people write them. Pure; whole numbers in, text out, and back.

Units are powers of 1000, because carriers sell data in these: 1 GB is 1,000,000,000 bytes (SI; IEC 80000-13 has KiB,
MiB ... for powers of 1024). No number becomes a float: a text is the exact number, rounded once.
"""

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

MAX_BYTES = 1000 * 1000**4
"""The largest limit, grant, and sum of grants on a limit: 1000 TB. Sums of them fit into 64 bits."""

MAX_SECONDS = 366 * 86400
"""The longest time for which a person may set something."""

ALLOW_SECONDS = 2 * 3600
"""How long an allow lasts where nobody says how long: one that is forgotten must not use up a plan."""

MIN_PASSWORD, MAX_PASSWORD = 8, 256
"""Characters of the owner's password of the page."""

MAX_ROWS = 100_000
"""The most rows of a table for which a person may ask."""

_SIZES = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_RATES = ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s")

# The texts that are accepted; esimshaper.schema.json has the same patterns.
_NUMBER = r"([0-9]{1,16})(?:\.([0-9]{1,12}))?"
_WRITTEN_SIZE = re.compile(_NUMBER + " ?([kKMGT]?B|[KMGT]iB)")
_WRITTEN_RATE = re.compile(_NUMBER + " ?([kKmMgG]?bit)(?:/s)?")
_WRITTEN_DURATION = re.compile("(?=[0-9])" + " ?".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in "dhms"))
_POWERS = ("", "k", "m", "g", "t")
_WEEK = 7  # days


def format_size(size: int) -> str:
    """Bytes with three figures that count: `0 B`, `999 B`, `1.23 GB`, `-12.5 KB`."""
    return _scaled(size, _SIZES)


def format_rate(rate: int) -> str:
    """Bits per second with three figures that count: `800 bit/s`, `12.5 Mbit/s`. Counters are in bytes: times 8."""
    return _scaled(rate, _RATES)


def format_duration(seconds: float) -> str:
    """A length of time with its two largest units, rounded down: `0s`, `42s`, `3m 20s`, `3h 12m`, `5d 4h`.

    Times below zero (two clocks that do not agree) are shown as `0s`.
    """
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour}h"
    if hours:
        return f"{hours}h {minute}m"
    if minutes:
        return f"{minutes}m {second}s"
    return f"{second}s"


def parse_size(text: str) -> int:
    """Bytes, from a number and B, KB (kB), MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of 1024): `1.5GB`.

    Raises ValueError for anything else: a number without a unit, parts of a byte.
    """
    written = _WRITTEN_SIZE.fullmatch(text)
    if written is None:
        raise ValueError(f"`{text}` is not an amount of data with its unit, such as 500MB")
    whole, decimals, unit = written.groups(default="")
    base = 1024 if "i" in unit else 1000
    return _exact(text, whole, decimals, base ** _POWERS.index(unit.rstrip("iB").lower()), "bytes")


def parse_rate(text: str) -> int:
    """Bits per second, from a number and bit, kbit, mbit or gbit (powers of 1000, `Mbit/s` too): `1.5mbit`.

    Raises ValueError for anything else, such as kbps, which is kilobytes to some (tc) and kilobits to others.
    """
    written = _WRITTEN_RATE.fullmatch(text)
    if written is None:
        raise ValueError(f"`{text}` is not a rate with its unit, such as 256kbit or 5mbit")
    whole, decimals, unit = written.groups(default="")
    return _exact(text, whole, decimals, 1000 ** _POWERS.index(unit.removesuffix("bit").lower()), "bits per second")


def parse_duration(text: str) -> int:
    """Seconds, from whole numbers of days, hours, minutes and seconds in this order: `30m`, `2h`, `1d12h`.

    Raises ValueError for anything else, and for no time at all.
    """
    written = _WRITTEN_DURATION.fullmatch(text.strip())
    days, hours, minutes, seconds = (int(number) for number in written.groups(default="0")) if written else (0, 0, 0, 0)
    length = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if not length:
        raise ValueError(f"`{text}` is not a length of time such as 30m, 2h or 1d12h")
    return length


def write_size(size: int) -> str:
    """Bytes as parse_size reads them, exactly: `1500MB`, `7B`."""
    power = next(power for power in (4, 3, 2, 1, 0) if size % 1000**power == 0 and (size or not power))
    return f"{size // 1000**power}{_SIZES[power]}"


def write_duration(seconds: int) -> str:
    """Seconds as parse_duration reads them, exactly: `1d12h`, `90s` is `1m30s`."""
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"


def format_endpoint(address: str, port: int) -> str:
    """`192.0.2.1:443`, `[2001:db8::1]:443`, or the address alone where there is no port."""
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def format_client(label: str, key: str, hostname: str) -> str:
    """How people call a client: without a configured name by its host name, with the end of its key, as two hosts may
    be called `iPhone`. Without characters that would write to a terminal.
    """
    host = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in hostname)
    return label if label != key or not host else f"{host} ({key[-5:]})"


def format_names(names: Sequence[str], most: int) -> str:
    """All names, or the first `most` and the number of the rest. A rest of one name is written out: it is as short."""
    rest = len(names) - most
    return ", ".join(names) if rest <= 1 else f"{', '.join(names[:most])} and {rest} more"


def _exact(text: str, whole: str, decimals: str, unit: int, name: str) -> int:
    divisor: int = 10 ** len(decimals)
    number, rest = divmod(int(whole + decimals) * unit, divisor)
    if rest:
        raise ValueError(f"`{text}` is not a whole number of {name}")
    return number


def format_moment(moment: int, now: float, zone: tzinfo) -> str:
    """A time of day with its date as seen from `now`: `18:00`, `tomorrow 00:00`, `2026-12-01 00:00`; Unix seconds."""
    there, here = datetime.fromtimestamp(moment, zone), datetime.fromtimestamp(now, zone)
    days = (there.date() - here.date()).days
    day = {0: "", 1: "tomorrow "}.get(days, f"{there:%Y-%m-%d} ")
    return f"{day}{there:%H:%M}"


def format_moment_short(there: datetime, here: datetime) -> str:
    """A moment to come, as short as it is clear from `here`: `18:00`, `Tue 09:00`, `01 Dec 00:00`, `2028-01-01`."""
    days = (there.date() - here.date()).days
    if days == 0:
        return f"{there:%H:%M}"
    return f"{there:%a %H:%M}" if 0 < days < 7 else f"{there:%d %b %H:%M}" if abs(days) < 300 else f"{there:%Y-%m-%d}"


def format_in_full(there: datetime, here: datetime) -> str:
    """A moment as it is said when somebody has set it: `Tuesday 07:00`, from a week on with its date."""
    date_too = "" if abs((there.date() - here.date()).days) < _WEEK else f" {there:%Y-%m-%d}"
    return f"{there:%A}{date_too} {there:%H:%M}"


def _scaled(number: int, units: Sequence[str]) -> str:
    """`number` in the largest unit that leaves at least 1 before the point; halves are rounded away from zero."""
    sign, rest = ("-" if number < 0 else ""), abs(number)
    if rest < 1000:
        return f"{sign}{rest} {units[0]}"
    for power, unit in enumerate(units[1:], start=1):
        for decimals in (2, 1, 0):
            # In steps of 10**-decimals of the unit; one rounding of the exact number, so 999,999 becomes 1.00 MB.
            step = 1000**power // 10**decimals
            steps = (2 * rest + step) // (2 * step)
            if steps < 1000:
                before, after = divmod(steps, 10**decimals)
                return f"{sign}{before}.{after:0{decimals}d} {unit}" if decimals else f"{sign}{before} {unit}"
    return f"{sign}{rest // 1000 ** (len(units) - 1)} {units[-1]}"
