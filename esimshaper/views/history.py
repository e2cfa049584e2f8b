# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of history (core/report/documents.py has its shape) -> a page. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from esimshaper.core.model.units import format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import _, ngettext, spoken
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar
from esimshaper.views.words import Document, who

BAR_WIDTH = 24
MOST_EMPTY = 24
"""At most so many periods without use have a row each; of more, one row says how many there were."""

LEAST_FOR_AVERAGE = 2
"""Of fewer periods there is no average."""

MOST_PARTS = 8
"""With a row for each client, or each service: so many a period, and one for the rest of them."""

_PARTS = {"clients": Column("CLIENT"), "services": Column("SERVICE")}
_PERIODS = {
    "5min": Column("5MIN", whole=True),
    "hour": Column("HOUR", whole=True),
    "day": Column("DAY", whole=True),
    "week": Column("WEEK", whole=True),
    "month": Column("MONTH", whole=True),
}
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
        return [Line(_("Nothing is on record yet of {whose}.", whose=whose))]
    each = next(([column] for key, column in _PARTS.items() if key in rows[0]), [])
    parts = [part for row in rows for part in _parts(row)]
    largest = max((part["total_bytes"] for part in parts), default=0)
    cells: list[Sequence[str | Cell]] = list(_period(rows[0], by, largest))
    for earlier, row in pairwise(rows):
        cells += _empty(earlier, row, by, [""] if each else [])
        cells += _period(row, by, largest)
    if len(rows) > 1:
        sums = [format_size(sum(row[key] for row in rows)) for key in ("down_bytes", "up_bytes", "total_bytes")]
        cells.append([Cell(text, Tone.TITLE) for text in (_("all together"), *([""] if each else []), *sums, "")])
    table = Table((_PERIODS[by], *each, *_COLUMNS), cells)
    page: list[Line | Table] = [Line(_("Usage of {whose}", whose=whose), Tone.TITLE), table, *_average(document)]
    if any(row["estimated"] for row in rows):
        page.append(
            Line(
                _("* estimated: the meter was not read for a while, power was cut, or only a total was imported"),
                Tone.QUIET,
            )
        )
    return page


def whose_of(document: Document) -> str:
    """Whose bytes a document is about: of a client or all, by an uplink, with a plan."""
    whose = str(document["client"] or _("all clients"))
    if document.get("uplink"):
        whose = _("{whose} by {uplink}", whose=whose, uplink=document["uplink"])
    return _("{whose} with plan {plan}", whose=whose, plan=document["plan"]) if document.get("plan") else whose


def _average(document: Document) -> Iterator[Line]:
    """What was used in a period, on average of all that are over, from the first one on."""
    by, now = document["by"], datetime.fromisoformat(document["time"])
    over = [row for row in document["rows"] if later(datetime.fromisoformat(row["start"]), 1, by) <= now]
    if by in _SECONDS or len(over) < LEAST_FOR_AVERAGE:
        return
    first, last = (datetime.fromisoformat(row["start"]) for row in (over[0], over[-1]))
    number = 2 + periods_between(first, last, by)
    mean = sum(row["total_bytes"] for row in over) // number
    size = format_size(mean)
    said = {
        "day": _("{size} a day on average, over {n} whole days", size=size, n=number),
        "week": _("{size} a week on average, over {n} whole weeks", size=size, n=number),
        "month": _("{size} a month on average, over {n} whole months", size=size, n=number),
    }
    yield Line(said[by], Tone.QUIET)


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
        yield _cells(["", _("({n} others)", n=len(rest))], sums, largest)


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
    if by == "month":
        return moments.month_of_year(start, spoken())
    return moments.full_day(start, spoken()) if by in ("day", "week") else moments.day_and_time(start, spoken())


def _empty(before: Document, after: Document, by: str, more: Sequence[str]) -> Iterator[Sequence[str | Cell]]:
    """Rows for the periods between two that have use: the chart of a day must not hide its quiet hours."""
    first, last = (datetime.fromisoformat(each["start"]) for each in (before, after))
    number = periods_between(first, last, by)
    if number > MOST_EMPTY:
        yield [Cell(_without_use(number, by), Tone.QUIET), *more, "", "", "", ""]
        return
    for step in range(1, number + 1):
        yield [Cell(label_of(later(first, step, by), by), Tone.QUIET), *more, "-", "-", "-", ""]


def _without_use(n: int, by: str) -> str:
    said = {
        "5min": _("({n} times five minutes without use)", n=n),
        "hour": ngettext("({n} hour without use)", "({n} hours without use)", n),
        "day": ngettext("({n} day without use)", "({n} days without use)", n),
        "week": ngettext("({n} week without use)", "({n} weeks without use)", n),
        "month": ngettext("({n} month without use)", "({n} months without use)", n),
    }
    return said[by]


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
