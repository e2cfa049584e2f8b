# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of history (core/report/documents.py has its shape) -> a page. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from esimshaper.core.model.units import format_size
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar
from esimshaper.views.words import Document, count, who

BAR_WIDTH = 24
MOST_EMPTY = 24
"""At most so many periods without use have a row each; of more, one row says how many there were."""

LEAST_FOR_AVERAGE = 2
"""Of fewer periods there is no average."""

MOST_PARTS = 8
"""With a row for each client, or each service: so many a period, and one for the rest of them."""

_FORMATS = {
    **dict.fromkeys(("5min", "hour"), "%a %d %b %H:%M"),
    **dict.fromkeys(("day", "week"), "%a %d %b %Y"),
    "month": "%B %Y",
}
_PARTS = {"clients": "CLIENT", "services": "SERVICE"}
_NOUNS = {"5min": "five minutes", "hour": "hour", "day": "day", "week": "week", "month": "month"}
_SECONDS = {"5min": 300, "hour": 3600}
_COLUMNS = (
    Column("DOWN", right=True, tone=Tone.DOWN, rank=2),
    Column("UP", right=True, tone=Tone.UP, rank=2),
    Column("TOTAL", right=True),
    Column("USE", tone=Tone.DOWN, bar=True, rank=1),
)


def history_page(document: Document) -> Page:
    """`esimshaper history`: one row and one bar per period, oldest first, also for periods without use; with `--each`
    a row per client, with `--by-service` one per service.
    """
    rows, by = document["rows"], document["by"]
    whose = whose_of(document)
    if not rows:
        return [Line(f"Nothing is on record yet of {whose}.")]
    each = next((title for key, title in _PARTS.items() if key in rows[0]), "")
    parts = [part for row in rows for part in _parts(row)]
    largest = max((part["total_bytes"] for part in parts), default=0)
    cells: list[Sequence[str | Cell]] = list(_period(rows[0], by, largest))
    for earlier, row in pairwise(rows):
        cells += _empty(earlier, row, by, [""] if each else [])
        cells += _period(row, by, largest)
    if len(rows) > 1:
        sums = [format_size(sum(row[key] for row in rows)) for key in ("down_bytes", "up_bytes", "total_bytes")]
        cells.append([Cell(text, Tone.TITLE) for text in ("all together", *([""] if each else []), *sums, "")])
    table = Table((Column(by.upper(), whole=True), *([Column(each)] if each else []), *_COLUMNS), cells)
    page: list[Line | Table] = [Line(f"Usage of {whose}", Tone.TITLE), table, *_average(document)]
    if any(row["estimated"] for row in rows):
        page.append(Line("* estimated: the meter was not read for a while, or power was cut", Tone.QUIET))
    return page


def whose_of(document: Document) -> str:
    """Whose bytes a document is about: of a client or all, by an uplink, with a plan."""
    parts = [document["client"] or "all clients"]
    parts += [f"by {document['uplink']}"] if document.get("uplink") else []
    return " ".join([*parts, *([f"with plan {document['plan']}"] if document.get("plan") else [])])


def _average(document: Document) -> Iterator[Line]:
    """What was used in a period, on average of all that are over, from the first one on."""
    by, now = document["by"], datetime.fromisoformat(document["time"])
    over = [row for row in document["rows"] if later(datetime.fromisoformat(row["start"]), 1, by) <= now]
    if by in _SECONDS or len(over) < LEAST_FOR_AVERAGE:
        return
    first, last = (datetime.fromisoformat(row["start"]) for row in (over[0], over[-1]))
    number = 2 + periods_between(first, last, by)
    mean = sum(row["total_bytes"] for row in over) // number
    yield Line(f"{format_size(mean)} a {_NOUNS[by]} on average, over {number} whole {_NOUNS[by]}s", Tone.QUIET)


def _period(row: Document, by: str, largest: int) -> Iterator[Sequence[str | Cell]]:
    """The rows of one period: its sum, or what each of its clients used, or each service."""
    label = label_of(datetime.fromisoformat(row["start"]), by) + (" *" if row["estimated"] else "")
    parts = _parts(row)
    if parts == [row]:
        yield _cells([label], row, largest)
        return
    for number, part in enumerate(parts[:MOST_PARTS]):
        name = part["service"] if "service" in part else who(part)
        yield _cells([label if number == 0 else "", name], part, largest)
    rest = parts[MOST_PARTS:]
    if rest:
        sums = {key: sum(part[key] for part in rest) for key in ("down_bytes", "up_bytes", "total_bytes")}
        yield _cells(["", f"({len(rest)} others)"], sums, largest)


def _parts(row: Document) -> Sequence[Document]:
    """What a period has rows for: its clients, its services, or itself."""
    return next((row[key] for key in _PARTS if key in row), [row])


def _cells(first: Sequence[str | Cell], usage: Document, largest: int) -> Sequence[str | Cell]:
    return [
        *first,
        format_size(usage["down_bytes"]),
        format_size(usage["up_bytes"]),
        format_size(usage["total_bytes"]),
        bar(usage["total_bytes"], largest, BAR_WIDTH),
    ]


def label_of(start: datetime, by: str) -> str:
    """A period in words, by its beginning."""
    return start.strftime(_FORMATS[by])


def _empty(before: Document, after: Document, by: str, more: Sequence[str]) -> Iterator[Sequence[str | Cell]]:
    """Rows for the periods between two that have use: the chart of a day must not hide its quiet hours."""
    first, last = (datetime.fromisoformat(each["start"]) for each in (before, after))
    number = periods_between(first, last, by)
    if number > MOST_EMPTY:
        yield [Cell(f"({count(number, _NOUNS[by])} without use)", Tone.QUIET), *more, "", "", "", ""]
        return
    for step in range(1, number + 1):
        yield [Cell(label_of(later(first, step, by), by), Tone.QUIET), *more, "-", "-", "-", ""]


def periods_between(first: datetime, last: datetime, by: str) -> int:
    """How many periods lie between two; none if they follow each other."""
    if by in _SECONDS:
        return round((last - first).total_seconds()) // _SECONDS[by] - 1
    if by == "day":
        return (last.date() - first.date()).days - 1
    if by == "week":
        return (last.date() - first.date()).days // 7 - 1
    return (last.year - first.year) * 12 + last.month - first.month - 1


def later(first: datetime, step: int, by: str) -> datetime:
    """The beginning of the period so many steps later."""
    if by in _SECONDS:
        return first + timedelta(seconds=step * _SECONDS[by])
    if by in ("day", "week"):
        return first + timedelta(days=step if by == "day" else 7 * step)
    months = first.year * 12 + first.month - 1 + step
    return first.replace(year=months // 12, month=months % 12 + 1)
