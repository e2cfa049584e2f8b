# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of history by day -> a calendar: a column for each week, a square for each day. Pure.

     Sep       Oct         Nov
Mon  · ░ ░ ▒ █ ░ ░ ▒ ...
Tue  ...
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from esimshaper.core.model.units import format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import _, ngettext, spoken
from esimshaper.views.fit import Tone, cells_of
from esimshaper.views.page import Cell, Line, Page, Picture
from esimshaper.views.words import Document

WEEKS = 53
SHADES = "░▒▓█"
"""A quarter of the days with use each, from the quietest on: one day of a film must not make all others look alike."""
_NOTHING = "·"
_MARGIN = 5  # the names of the days


def calendar_page(document: Document) -> Page:
    """`esimshaper history --calendar`: as many weeks as the terminal is wide, up to a year."""
    used = {datetime.fromisoformat(row["start"]).date(): row["total_bytes"] for row in document["rows"]}
    whose = document["client"] or _("all clients")
    if not any(used.values()):
        return [Line(_("Nothing is on record yet of {whose}.", whose=whose))]
    today = datetime.fromisoformat(document["time"]).date()
    return [
        Line(_("Usage of {whose}, day by day", whose=whose), Tone.TITLE),
        Picture(lambda width: _picture(used, today, width)),
    ]


def _picture(used: Mapping[date, int], today: date, width: int) -> Sequence[Line]:
    """The calendar itself, what its shades mean, and its sums, for the weeks that fit."""
    step = 2 if width >= _MARGIN + 2 * WEEKS else 1
    weeks = max(1, min(WEEKS, (width - _MARGIN) // step))
    monday = today - timedelta(days=today.weekday())
    mondays = [monday - timedelta(weeks=back) for back in reversed(range(weeks))]
    seen = {day: size for day, size in used.items() if size and mondays[0] <= day <= today}
    ends = _ends(seen.values())
    return [
        Line(" " * _MARGIN + _months(mondays, step).rstrip(), Tone.TITLE),
        *(_row(mondays, seen, ends, weekday, today, step) for weekday in range(7)),
        Line(),
        *_legend(ends, width),
        *_sums(seen, mondays[0], today),
    ]


def _ends(sizes: Iterable[int]) -> list[int]:
    """The largest amount of each shade, rising."""
    ranked = sorted(sizes)
    ends = (-(-len(ranked) * part // len(SHADES)) for part in range(1, len(SHADES) + 1))
    return [ranked[max(1, end) - 1] for end in ends] if ranked else []


def _months(mondays: Sequence[date], step: int) -> str:
    """The name of each month above the week with its first day, where there is room."""
    text = ""
    for at, monday in enumerate(mondays):
        sunday = monday + timedelta(days=6)
        if sunday.day <= 7 and (not text or cells_of(text) < at * step):
            text += " " * (at * step - cells_of(text)) + moments.month(sunday, spoken())
    return text


def _row(
    mondays: Sequence[date], used: Mapping[date, int], ends: Sequence[int], weekday: int, today: date, step: int
) -> Line:
    days = [monday + timedelta(days=weekday) for monday in mondays]
    shades = (_shade(used.get(day, 0), ends) if day <= today else " " for day in days)
    name = moments.weekday(days[0], spoken())
    lead = Cell(name + " " * (_MARGIN - cells_of(name)), Tone.QUIET)
    return Line((" " * (step - 1)).join(shades).rstrip(), Tone.DOWN, lead)


def _shade(size: int, ends: Sequence[int]) -> str:
    if not size:
        return _NOTHING
    return next((shade for shade, end in zip(SHADES, ends, strict=True) if size <= end), SHADES[-1])


def _legend(ends: Sequence[int], width: int) -> list[Line]:
    """The meaning of the shades, in one line or, where that is too narrow, one each."""
    words = [_("{shade} none", shade=_NOTHING)]
    low = 0
    for shade, end in zip(SHADES, ends, strict=False):
        if end > low:
            words.append(_("{shade} up to {size}", shade=shade, size=format_size(end)))
        low = end
    line = "   ".join(words)
    return [Line(text, Tone.QUIET) for text in ([line] if cells_of(line) <= width else words)]


def _sums(used: Mapping[date, int], first: date, today: date) -> list[Line]:
    days = (today - max(first, min(used, default=today))).days + 1
    if not used:
        return [Line(_("Nothing was used in these weeks."), Tone.QUIET)]
    most = max(used, key=lambda day: used[day])
    total, idle = format_size(sum(used.values())), days - len(used)
    text = ngettext(
        "{total} in {n} day; most on {day}: {size}",
        "{total} in {n} days; most on {day}: {size}",
        days,
        total=total,
        day=moments.full_day(most, spoken()),
        size=format_size(used[most]),
    )
    rest = ngettext("{n} day without use", "{n} days without use", idle)
    return [Line(text), *([Line(rest, Tone.QUIET)] if idle else [])]
