# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of history (core/report/documents.py has its shape) -> a page. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from esimshaper.core.model.units import format_size
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar
from esimshaper.views.words import Document, count

BAR_WIDTH = 24
MOST_EMPTY = 24
"""At most so many periods without use have a row each; of more, one row says how many there were."""

_FORMATS = {"5min": "%a %d %b %H:%M", "hour": "%a %d %b %H:%M", "day": "%a %d %b %Y", "month": "%B %Y"}
_NOUNS = {"5min": "five minutes", "hour": "hour", "day": "day", "month": "month"}
_SECONDS = {"5min": 300, "hour": 3600}
_COLUMNS = (
    Column("DOWN", right=True, tone=Tone.DOWN, rank=2),
    Column("UP", right=True, tone=Tone.UP, rank=2),
    Column("TOTAL", right=True),
    Column("", tone=Tone.DOWN, bar=True, rank=1),
)


def history_page(document: Document) -> Page:
    """`esimshaper history`: one row and one bar per period, oldest first, also for periods without use."""
    rows, by = document["rows"], document["by"]
    whose = document["client"] or "all clients"
    if not rows:
        return [Line(f"Nothing is on record yet of {whose}.")]
    largest = max(row["total_bytes"] for row in rows)
    cells: list[Sequence[str | Cell]] = [_row(rows[0], by, largest)]
    for earlier, row in pairwise(rows):
        cells += _empty(earlier, row, by)
        cells.append(_row(row, by, largest))
    if len(rows) > 1:
        sums = (format_size(sum(row[key] for row in rows)) for key in ("down_bytes", "up_bytes", "total_bytes"))
        cells.append([Cell(text, Tone.TITLE) for text in ("all together", *sums, "")])
    table = Table((Column(by.upper(), whole=True), *_COLUMNS), cells)
    page: list[Line | Table] = [Line(f"Usage of {whose}", Tone.TITLE), table]
    if any(row["estimated"] for row in rows):
        page.append(Line("* estimated: the meter was not read for a while, or power was cut", Tone.QUIET))
    return page


def _row(row: Document, by: str, largest: int) -> Sequence[str | Cell]:
    return [
        _label(datetime.fromisoformat(row["start"]), by) + (" *" if row["estimated"] else ""),
        format_size(row["down_bytes"]),
        format_size(row["up_bytes"]),
        format_size(row["total_bytes"]),
        bar(row["total_bytes"], largest, BAR_WIDTH),
    ]


def _label(start: datetime, by: str) -> str:
    return start.strftime(_FORMATS[by])


def _empty(earlier: Document, later: Document, by: str) -> Iterator[Sequence[str | Cell]]:
    """Rows for the periods between two that have use: the chart of a day must not hide its quiet hours."""
    first, last = (datetime.fromisoformat(each["start"]) for each in (earlier, later))
    number = _periods_between(first, last, by)
    if number > MOST_EMPTY:
        yield [Cell(f"({count(number, _NOUNS[by])} without use)", Tone.QUIET), "", "", "", ""]
        return
    for step in range(1, number + 1):
        yield [Cell(_label(_later(first, step, by), by), Tone.QUIET), "-", "-", "-", ""]


def _periods_between(first: datetime, last: datetime, by: str) -> int:
    if by in _SECONDS:
        return round((last - first).total_seconds()) // _SECONDS[by] - 1
    if by == "day":
        return (last.date() - first.date()).days - 1
    return (last.year - first.year) * 12 + last.month - first.month - 1


def _later(first: datetime, step: int, by: str) -> datetime:
    if by in _SECONDS:
        return first + timedelta(seconds=step * _SECONDS[by])
    if by == "day":
        return first + timedelta(days=step)
    months = first.year * 12 + first.month - 1 + step
    return first.replace(year=months // 12, month=months % 12 + 1)
