# SPDX-License-Identifier: GPL-2.0-or-later
"""What several screens show: amounts over time, services, limits. Documents -> contexts of templates. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from esimshaper.languages import moments
from esimshaper.web import plots
from esimshaper.web.screen import Context
from esimshaper.web.states import Now, fraction, left_of, limit_name, used_of
from esimshaper.web.words import Document, Words

AMOUNTS = (100_000_000, 300_000_000, 1_000_000_000)
"""What one tap asks for, and what one tap gives."""

_LABELS = 4
_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


class Point(NamedTuple):
    """What was used in one hour, day or month."""

    start: datetime
    size: int


def amounts(words: Words) -> list[tuple[int, str]]:
    return [(size, words.size(size)) for size in AMOUNTS]


def points_of(rows: Sequence[Document], by: str, now: str) -> list[Point]:
    """The rows of a history as points up to now, with those in between of which nothing is on record."""
    if not rows:
        return []
    used = {datetime.fromisoformat(row["start"]): row["total_bytes"] for row in rows}
    return [Point(start, used.get(start, 0)) for start in _starts(min(used), datetime.fromisoformat(now), by)]


def _starts(start: datetime, end: datetime, by: str) -> Iterator[datetime]:
    while start <= end:
        yield start
        if by == "month":
            start = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        else:
            start += _STEPS[by]


def over_time(words: Words, points: Sequence[Point], by: str) -> Callable[[], Mapping[str, Any]]:
    """A plot, the same in a sentence, and some labels to stand below it: drawn when it is called, as a look that only
    refreshes numbers needs none.
    """
    return partial(_over_time, words, points, by)


def _over_time(words: Words, points: Sequence[Point], by: str) -> Mapping[str, Any]:
    names = [called(words, point.start, by) for point in points]
    bars = [
        plots.Bar(point.size, f"{name}: {words.size(point.size)}") for name, point in zip(names, points, strict=True)
    ]
    total = sum(point.size for point in points)
    described = _described(words, points, names, by)
    every = max(1, -(-len(points) // _LABELS))
    return {
        "plot": plots.columns(bars, described) if total else "",
        "described": described,
        "labels": [_short(words, point.start, by) for point in points[::every]],
    }


def called(words: Words, start: datetime, by: str) -> str:
    """An hour, a day or a month as people call it."""
    if by == "hour":
        return moments.clock(start, words.language)
    if by == "day":
        return moments.day(start, words.language)
    return moments.month_of_year(start, words.language)


def _short(words: Words, start: datetime, by: str) -> str:
    """For below a plot, where there is little room."""
    if by == "hour":
        return moments.clock(start, words.language)
    return moments.short_day(start, words.language) if by == "day" else moments.month(start, words.language)


def _described(words: Words, points: Sequence[Point], names: Sequence[str], by: str) -> str:
    total = sum(point.size for point in points)
    if not total:
        return words.gettext("Nothing was used in this time.")
    most = max(range(len(points)), key=lambda at: points[at].size)
    places = {"sum": words.size(total), "when": names[most], "size": words.size(points[most].size)}
    if by == "hour":
        return words.gettext("%(sum)s in all; most in the hour from %(when)s: %(size)s.", **places)
    if by == "day":
        return words.gettext("%(sum)s in all; most on %(when)s: %(size)s.", **places)
    return words.gettext("%(sum)s in all; most in %(when)s: %(size)s.", **places)


def services(words: Words, entries: Sequence[Document], most: int) -> list[Context]:
    """The services that used most."""
    used = [each for each in entries if each["total_bytes"]][:most]
    largest = max((each["total_bytes"] for each in used), default=0)
    return [
        {
            "name": words.service(each),
            "size": words.size(each["total_bytes"]),
            "part": fraction(each["total_bytes"], largest),
        }
        for each in used
    ]


def limit(words: Words, quota: Document, now: Now) -> Context:
    """How a limit stands, of a row of /v1/me, or of one of /v1/quotas by `as_of_me`."""
    left = max(0, quota["left_bytes"])
    return {
        "quota": quota["name"],
        "name": limit_name(words, quota),
        "left": words.size(left),
        "caption": left_of(words, quota, now),
        "used": used_of(words, quota, now),
        "part": fraction(left, quota["limit_bytes"]),
        "low": left * 10 < quota["limit_bytes"],
    }


def as_of_me(quota: Document) -> Document:
    """A row of /v1/quotas with the names of those of /v1/me."""
    return {**quota, "name": quota["quota"], "shared": not quota["key"]}


def tightest(quotas: Sequence[Document]) -> Document | None:
    """The limit of which the least is left, of those that slow or stop all that a device moves; rows of /v1/me."""
    of_all = [each for each in quotas if not each["services"]]
    limits = [each for each in of_all if each["action"] != "notify" and not each.get("resting")]
    return min(limits, key=lambda each: int(each["left_bytes"])) if limits else None


def limits_live(limits: Sequence[Context]) -> dict[str, str]:
    """The texts of limits that page.js refreshes."""
    left = {f"limit-left-{at}": each["left"] for at, each in enumerate(limits)}
    return left | {f"limit-{at}": each["used"] for at, each in enumerate(limits)}


def limits_meters(limits: Sequence[Context]) -> dict[str, int]:
    """Their meters."""
    return {f"limit-{at}": each["part"] for at, each in enumerate(limits)}
