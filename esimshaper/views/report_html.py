# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents of reports -> one HTML file, with nothing in it from anywhere else: it is shown, printed and sent. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape

from esimshaper.core.model.units import format_size
from esimshaper.languages import moments
from esimshaper.languages.choice import tag
from esimshaper.languages.texts import N_, _, spoken
from esimshaper.views import svg
from esimshaper.views.history import label_of, whose_of
from esimshaper.views.page import printable
from esimshaper.views.report import BY_TIME, TITLES, cost_of_plan, name_of, series, span_of, spent_on
from esimshaper.views.words import Document, share

MOST_DAYS_OF_HOURS = 35
_HEADS = {
    "client": N_("Client"),
    "group": N_("Group"),
    "service": N_("Service"),
    "category": N_("Category"),
    "uplink": N_("Uplink"),
    "plan": N_("Plan"),
    "trip": N_("Trip"),
}
_STYLE = """
:root { color-scheme: light dark;
  --text: #1b1f23; --quiet: #57606a; --line: #d0d7de; --paper: #ffffff; --bar: #1f6f54; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9da7b1; --line: #3d444d; --paper: #0d1117; --bar: #5cc49a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 60rem; color: var(--text); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; }
.total { font-size: 2.4rem; font-weight: 700; line-height: 1.2; margin: 1rem 0 0; }
.quiet { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
th.number, td.number { text-align: right; white-space: nowrap; }
tbody th { font-weight: 400; overflow-wrap: anywhere; }
tbody tr.part th { padding-left: 1.2rem; color: var(--quiet); }
tfoot th, tfoot td { font-weight: 700; border-bottom: 0; }
svg { display: block; }
svg.picture { max-width: 100%; height: auto; }
svg.inline { width: 120px; }
footer { margin-top: 2rem; }
svg text { font: 12px system-ui, sans-serif; fill: var(--quiet); }
svg text.end { text-anchor: end; }
.bar { fill: var(--bar); }
.grid { stroke: var(--line); }
.none { fill: var(--line); }
@media (max-width: 40rem) { .more { display: none; } }
@media print {
  :root { --text: #000; --quiet: #333; --line: #bbb; --paper: #fff; --bar: #444; }
  @page { margin: 15mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  section, tr, svg { break-inside: avoid; }
  thead { display: table-header-group; }
  .bar, .none { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def html_page(documents: Mapping[str, Document], language: str = "en") -> str:
    """The page of some reports, by what each is added up by; the one over time is the first."""
    first = next(iter(documents.values()))
    title = _("Internet use of {whose}", whose=whose_of(first))
    span = _("{span}, time zone {zone}", span=span_of(first), zone=first["zone"])
    body = "\n".join(
        [
            f"<header><h1>{_text(title)}</h1>",
            f'<p class="quiet">{_text(span)}</p>',
            _total(first),
            "</header>\n<main>",
            *(part for by, document in documents.items() for part in _section(by, document, language)),
            "</main>",
            _footer(documents),
        ]
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{tag(spoken())}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="esimshaper">\n'
        f"<title>{_text(title)}, {_text(span_of(first))}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _total(document: Document) -> str:
    down, up, total = (format_size(document["total"][key]) for key in ("down_bytes", "up_bytes", "total_bytes"))
    sides = _text(_("{down} down, {up} up", down=down, up=up))
    return f'<p class="total">{total}</p>\n<p>{sides}</p>'


def _section(by: str, document: Document, language: str) -> Iterator[str]:
    if not document["rows"]:
        return
    if by not in BY_TIME:
        yield f"<section><h2>{_text(_(TITLES[by]))}</h2>{_table(document, language)}</section>"
        return
    points = series(document)
    labels = [_label(start, by) for start, _size in points]
    days = {start.date() for start, _size in points}
    if by != "hour" or len(days) <= 3:
        picture = svg.columns(points, labels, _described(points, by))
        yield f"<section><h2>{_text(_(TITLES[by]))}</h2>{_wide(picture)}</section>"
    if by == "hour" and len(days) <= MOST_DAYS_OF_HOURS:
        title, words = _text(_("At which hour")), _text(_("The larger a square, the more was used in that hour."))
        picture = svg.hours_of_days(points, _described(points, by))
        yield f'<section><h2>{title}</h2><p class="quiet">{words}</p>{_wide(picture)}</section>'


def _label(start: datetime, by: str) -> str:
    if by == "month":
        return moments.short_month_of_year(start, spoken())
    return moments.short_day(start, spoken()) if by == "day" else moments.weekday_and_time(start, spoken())


def _described(points: Sequence[tuple[datetime, int]], by: str) -> str:
    """A picture in a sentence, for those who do not see it."""
    start, size = max(points, key=lambda point: point[1])
    places = {"start": label_of(start, by), "size": format_size(size), "n": len(points)}
    said = {
        "hour": _("Bytes by hour: most on {start}, {size}; {n} hours in all", **places),
        "day": _("Bytes by day: most on {start}, {size}; {n} days in all", **places),
        "month": _("Bytes by month: most on {start}, {size}; {n} months in all", **places),
    }
    return said[by]


def _table(document: Document, language: str) -> str:
    by, rows, total = document["by"], document["rows"], document["total"]
    largest = max(row["total_bytes"] for row in rows)
    budgets = any(row.get("budget_bytes") is not None for row in rows)
    costs = any(plan["cost"] for row in rows for plan in row.get("plans", ()))
    # The xgettext of Debian 12 does not look into an f-string.
    left, spent, sums = _text(_("Budget left")), _text(_("Cost")), _("All together")
    head = "".join(
        [
            f'<th scope="col">{_text(_(_HEADS[by]))}</th>',
            *(f'<th scope="col" class="number more">{_text(word)}</th>' for word in (_("Down"), _("Up"))),
            *(f'<th scope="col" class="number">{_text(word)}</th>' for word in (_("Total"), _("Share"))),
            *([f'<th scope="col" class="number">{left}</th>'] if budgets else []),
            *([f'<th scope="col" class="number">{spent}</th>'] if costs else []),
            '<td class="more"></td>',
        ]
    )
    body = []
    for row in rows:
        cost = spent_on(row) if costs else None
        body.append(_row(name_of(by, row, language), row, total, largest, budgets, cost=cost))
        for plan in row.get("plans", ()):
            cost = cost_of_plan(plan) if costs else None
            body.append(_row(name_of("plan", plan), plan, total, largest, budgets, cost=cost, part=True))
    foot = "" if by == "trip" or len(rows) < 2 else f"<tfoot>{_row(sums, total, total, 0, budgets)}</tfoot>"
    return _wide(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>{foot}</table>")


def _wide(content: str) -> str:
    """What may be wider than the screen, to be moved by fingers and by keys."""
    return f'<div class="wide" tabindex="0">{content}</div>'


def _row(
    name: str,
    row: Document,
    total: Document,
    largest: int,
    budgets: bool,  # noqa: FBT001
    *,
    cost: str | None = None,
    part: bool = False,
) -> str:
    down, up, both = (format_size(row[key]) for key in ("down_bytes", "up_bytes", "total_bytes"))
    left = row.get("left_bytes")
    budget = "" if left is None else format_size(left) if left >= 0 else _("{size} over", size=format_size(-left))
    return "".join(
        [
            '<tr class="part">' if part else "<tr>",
            f'<th scope="row">{_text(name)}</th>',
            f'<td class="number more">{down}</td><td class="number more">{up}</td>',
            f'<td class="number">{both}</td>',
            f'<td class="number">{_text(share(row["total_bytes"], total["total_bytes"]))}</td>',
            f'<td class="number">{_text(budget)}</td>' if budgets else "",
            f'<td class="number">{_text(cost)}</td>' if cost is not None else "",
            f'<td class="more">{svg.bar(row["total_bytes"], largest)}</td></tr>',
        ]
    )


def _footer(documents: Mapping[str, Document]) -> str:
    notes = list(dict.fromkeys(note for document in documents.values() for note in document["notes"]))
    if any(document["estimated"] for document in documents.values()):
        cause = _("the meter was not read for a while, power was cut, or only a total was imported")
        notes.append(_("Some of it is estimated: {cause}.", cause=cause))
    made = datetime.fromisoformat(next(iter(documents.values()))["time"])
    moment = f"{moments.date_of(made, spoken())} {moments.clock(made, spoken())}"
    text = _("Made by esimshaper on {moment}. Bytes are those of IP packets: what carriers bill.", moment=moment)
    notes.append(text)
    return '<footer class="quiet">' + "".join(f"<p>{_text(note)}</p>" for note in notes) + "</footer>"


def _text(text: str) -> str:
    """Host names come from strangers."""
    return escape(printable(text))
