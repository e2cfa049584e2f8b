# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents of reports (core/report/usage_report.py has their shape) -> pages for a terminal. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from esimshaper.core.model.units import format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import N_, _, spoken
from esimshaper.views.fit import Column, Tone, cells_of
from esimshaper.views.history import label_of, later, periods_between, whose_of
from esimshaper.views.page import Cell, Line, Page, Picture, Table, bar
from esimshaper.views.plans import money
from esimshaper.views.services import title_of
from esimshaper.views.words import Document, share, who

BY_TIME = ("hour", "day", "month")
MOST_IN_OVERVIEW = 8
"""Rows of each table of an overview; one more says how much the others had."""

TITLES: Mapping[str, str] = {
    "client": N_("Devices"),
    "group": N_("Groups"),
    "service": N_("What for"),
    "category": N_("Kinds of services"),
    "uplink": N_("Ways to the Internet"),
    "plan": N_("Plans"),
    "trip": N_("Trips"),
    "hour": N_("Hour by hour"),
    "day": N_("Day by day"),
    "month": N_("Month by month"),
}
_NAMELESS = {
    "group": N_("(no group)"),
    "category": N_("(no kind)"),
    "uplink": N_("(not known)"),
    "plan": N_("(no plan)"),
}
_PARTS: Mapping[str, Column] = {
    "client": Column("CLIENT"),
    "group": Column("GROUP"),
    "service": Column("SERVICE"),
    "category": Column("CATEGORY"),
    "uplink": Column("UPLINK"),
    "plan": Column("PLAN"),
    "trip": Column("TRIP"),
    "hour": Column("HOUR", whole=True),
    "day": Column("DAY", whole=True),
    "month": Column("MONTH", whole=True),
}
_SIZES = ("down_bytes", "up_bytes", "total_bytes")
_COLUMNS = (
    Column("DOWN", right=True, tone=Tone.DOWN, rank=2),
    Column("UP", right=True, tone=Tone.UP, rank=2),
    Column("TOTAL", right=True),
    Column("SHARE", right=True, rank=3),
    Column(tone=Tone.DOWN, bar=True, rank=1),
)
_BUDGET = Column("LEFT OF BUDGET", right=True, rank=1)
_COST = Column("COST", right=True)
_BAR_WIDTH, _CHART_HEIGHT, _SCALE_WIDTH = 20, 6, 9
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def report_page(document: Document, language: str = "en") -> Page:
    """`esimshaper report --by ...`: a row for each part, most bytes first, or each period, oldest first."""
    rows = document["rows"]
    if not rows:
        return [Line(_nothing(document)), *_notes(document)]
    page: list[Line | Table | Picture] = [Line(_title(document), Tone.TITLE)]
    if document["by"] in BY_TIME:
        page.append(_chart(document))
    return [*page, _table(document, language, len(rows)), *_notes(document)]


def overview_page(documents: Mapping[str, Document], language: str = "en") -> Page:
    """`esimshaper report`: a chart over time, and the first rows of what else there is to tell."""
    first = next(iter(documents.values()))
    if not first["total"]["total_bytes"]:
        return [Line(_nothing(first)), *_notes(first)]
    page: list[Line | Table | Picture] = [Line(_title(first), Tone.TITLE)]
    for by, document in documents.items():
        if by in BY_TIME:
            page += [_chart(document)]
        elif document["rows"]:
            page += [Line(), Line(_(TITLES[by]), Tone.TITLE), _table(document, language, MOST_IN_OVERVIEW)]
    estimated = any(document["estimated"] for document in documents.values())
    return [*page, *_notes({**first, "estimated": estimated})]


def name_of(by: str, row: Document, language: str = "en") -> str:
    """How a person calls what a row is about."""
    if by in BY_TIME:
        return label_of(datetime.fromisoformat(row["start"]), by)
    if by == "client":
        return who(row)
    if by == "service":
        return title_of(row, language)
    return str(row[by]) if row[by] is not None else _(_NAMELESS[by])


def series(document: Document) -> list[tuple[datetime, int]]:
    """The bytes of each period of a document by time, with those in which nothing was used."""
    by = document["by"]
    found: list[tuple[datetime, int]] = []
    for row in document["rows"]:
        start = datetime.fromisoformat(row["start"])
        if found:
            missing = periods_between(found[-1][0], start, by)
            found += [(later(found[-1][0], 1, by), 0) for _step in range(missing)]
        found.append((start, row["total_bytes"]))
    return found


def _table(document: Document, language: str, most: int) -> Table:
    by, rows = document["by"], document["rows"]
    total, largest = document["total"]["total_bytes"], max(row["total_bytes"] for row in rows)
    budgets = any(row.get("budget_bytes") for row in rows)
    costs = any(plan["cost"] for row in rows for plan in row.get("plans", ()))
    cells: list[Sequence[str | Cell]] = []
    for row in rows[:most]:
        name = name_of(by, row, language) + (" *" if row.get("estimated") else "")
        cells.append([name, *_numbers(row, total), bar(row["total_bytes"], largest, _BAR_WIDTH), *_left(row, budgets)])
        cells[-1] = [*cells[-1], *([_spent(row)] if costs else [])]
        cells += _plans_of(row, total, largest, budgets, costs)
    more = [""] * (budgets + costs)
    if rows[most:]:
        sums = {key: sum(row[key] for row in rows[most:]) for key in _SIZES}
        cells.append([Cell(_("({n} others)", n=len(rows[most:])), Tone.QUIET), *_numbers(sums, total), "", *more])
    if len(rows) > 1 and by != "trip":
        texts = (_("all together"), *(format_size(document["total"][key]) for key in _SIZES), "", "", *more)
        cells.append([Cell(text, Tone.TITLE) for text in texts])
    return Table((_PARTS[by], *_COLUMNS, *([_BUDGET] if budgets else []), *([_COST] if costs else [])), cells)


def _plans_of(
    row: Document,
    total: int,
    largest: int,
    budgets: bool,  # noqa: FBT001
    costs: bool,  # noqa: FBT001
) -> Iterator[Sequence[str | Cell]]:
    for plan in row.get("plans", ()):
        name = Cell(f"  {name_of('plan', plan)}", Tone.QUIET)
        cost: list[str | Cell] = [Cell(cost_of_plan(plan), Tone.QUIET)] if costs else []
        more = [*([""] * budgets), *cost]
        yield [name, *_numbers(plan, total), bar(plan["total_bytes"], largest, _BAR_WIDTH), *more]


def cost_of_plan(plan: Document) -> str:
    """What a plan of a trip costs; since when, if it was not bought for the trip."""
    if plan["cost"] is None:
        return "-"
    cost = money(plan["cost"], plan["currency"])
    if plan["is_of_trip"]:
        return cost
    return _("{cost} since {day}", cost=cost, day=_moment(datetime.fromisoformat(plan["cost_since"])))


def _spent(row: Document) -> str:
    return spent_on(row) or "-"


def spent_on(trip: Document) -> str:
    """What the plans that were bought for a trip cost, by currency; empty where that is nothing."""
    return ", ".join(money(amount, currency) for currency, amount in trip["spent"].items())


def _left(row: Document, budgets: bool) -> list[str | Cell]:  # noqa: FBT001
    if not budgets:
        return []
    budget = row["budget_bytes"]
    if budget is None:
        return ["-"]
    left = budget - row["total_bytes"]
    if left < 0:
        return [Cell(_("{size} over {budget}", size=format_size(-left), budget=format_size(budget)), Tone.BAD)]
    return [_("{size} of {budget}", size=format_size(left), budget=format_size(budget))]


def _numbers(row: Document, total: int) -> list[str]:
    return [*(format_size(row[key]) for key in _SIZES), share(row["total_bytes"], total)]


def _title(document: Document) -> str:
    title = _("{whose} {span}: {sizes}", whose=whose_of(document), span=span_of(document), sizes=_all(document))
    return f"{title[:1].upper()}{title[1:]}"


def _nothing(document: Document) -> str:
    if document["by"] == "trip":
        return _("No trip of the configuration has a day {span}; they stand under `trips`.", span=span_of(document))
    return _("Nothing is on record of {whose} {span}.", whose=whose_of(document), span=span_of(document))


def _all(document: Document) -> str:
    down, up, total = (format_size(document["total"][key]) for key in _SIZES)
    return _("{total}, {down} down and {up} up", total=total, down=down, up=up)


def span_of(document: Document) -> str:
    """From when to when, in words."""
    since, until = (datetime.fromisoformat(document[name]) for name in ("since", "until"))
    return _("from {since} to {until}", since=_moment(since), until=_moment(until))


def _moment(moment: datetime) -> str:
    """A day, with its time where that is not midnight."""
    day = moments.date_of(moment, spoken())
    return day if moment == moment.replace(hour=0, minute=0, second=0) else f"{day} {moments.clock(moment, spoken())}"


def _notes(document: Document) -> Iterator[Line]:
    if document["estimated"]:
        yield Line(
            _("* estimated: the meter was not read for a while, power was cut, or only a total was imported"),
            Tone.QUIET,
        )
    for note in document["notes"]:
        yield Line(note, Tone.QUIET)


def _chart(document: Document) -> Picture:
    points = series(document)
    return Picture(lambda width: _drawn(points, document["by"], width))


def _drawn(points: Sequence[tuple[datetime, int]], by: str, width: int) -> Sequence[Line]:
    """Columns over time, as many periods in each as the width needs."""
    if len(points) < 2:
        return ()
    room = max(8, width - _SCALE_WIDTH)
    each = -(-len(points) // room)
    wide = max(1, min(4, room // -(-len(points) // each)))
    sums = [sum(size for _, size in points[at : at + each]) for at in range(0, len(points), each)]
    scale = f"{format_size(max(sums))} "
    rows = [_level(sums, height) for height in reversed(range(_CHART_HEIGHT))]
    margin = " " * len(scale)
    drawn = [
        Line("".join(mark * wide for mark in row).rstrip(), Tone.DOWN, Cell(scale if at == 0 else margin, Tone.QUIET))
        for at, row in enumerate(rows)
    ]
    first, last = label_of(points[0][0], by), label_of(points[-1][0], by)
    gap = max(2, len(sums) * wide - cells_of(first) - cells_of(last))
    columns = {
        "hour": _("; each column is {n} hours", n=each),
        "day": _("; each column is {n} days", n=each),
        "month": _("; each column is {n} months", n=each),
    }
    together = columns[by] if each > 1 else ""
    return [*drawn, Line(f"{margin}{first}{' ' * gap}{last}{together}", Tone.QUIET), Line()]


def _level(sums: Sequence[int], height: int) -> Iterator[str]:
    """The marks of one line of the chart, `height` lines above its ground; anything above zero is visible."""
    largest = max(sums) or 1
    for size in sums:
        eighths = max(1, size * _CHART_HEIGHT * 8 // largest) if size else 0
        yield _EIGHTHS[min(8, max(0, eighths - height * 8))]
