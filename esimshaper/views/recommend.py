# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of `recommend` -> a page. Pure."""

from decimal import Decimal

from esimshaper.core.model.units import format_size
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table
from esimshaper.views.words import Document, count

_COLUMNS = (
    Column("PLAN", whole=True),
    Column("COST", right=True),
    Column("HOURS SLOW", right=True, rank=2),
    Column("HOURS WITHOUT", right=True, rank=1),
    Column("FITS"),
    Column("HOW SURELY", rank=3),
)


def recommend_page(document: Document) -> Page:
    """`esimshaper recommend`: what to buy, then all plans, the best first, and what was assumed."""
    use, plans = document["use"], document["plans"]
    page: list[Line | Table] = [
        Line(f"{format_size(use['bytes'])} in {_days(use['hours'])}, {use['from']}", Tone.TITLE)
    ]
    page += [Line(_advice(document), Tone.GOOD if plans[0]["fits"] else Tone.WARNING), *_pair(document), Line()]
    page.append(Table(_COLUMNS, [_row(plan) for plan in plans]))
    if document["free"]:
        page += [Line(), Line("Without a price, where it is to be had", Tone.TITLE)]
        page += [Line(f"- {_free(each)}") for each in document["free"]]
    page += [Line(), Line("What is assumed", Tone.TITLE), *(Line(f"- {each}") for each in document["assumes"])]
    return page


def _days(hours: int) -> str:
    return count(hours // 24, "day") if hours % 24 == 0 else count(hours, "hour")


def _advice(document: Document) -> str:
    best = document["plans"][0]
    if best["fits"]:
        return f"Buy {best['name']}: {_cost(best)}. It is the cheapest that fits."
    slow, cut = (count(best[key], "hour") for key in ("slow_hours", "cut_hours"))
    return f"No plan fits. {best['name']} comes nearest: {_cost(best)}, {slow} slow, {cut} without."


def _pair(document: Document) -> list[Line]:
    pair, best = document["pair"], document["plans"][0]
    if pair is None:
        return [] if best["fits"] else [Line("No two plans, one after the other, fit either.")]
    if best["fits"] and Decimal(pair["cost"]) >= Decimal(best["cost"]):
        return []
    text = f"{pair['first']}, then from {pair['at'][:16].replace('T', ' ')} {pair['second']}: {_cost(pair)} together"
    return [Line(f"Of two plans, one after the other, the cheapest that fit: {text}.")]


def _free(plan: Document) -> str:
    if plan["fits"]:
        return f"{plan['name']}: it would have been enough"
    slow, cut = (count(plan[key], "hour") for key in ("slow_hours", "cut_hours"))
    return f"{plan['name']}: {slow} slow, {cut} without"


def _cost(priced: Document) -> str:
    whole, point, decimals = priced["cost"].partition(".")
    return f"{priced['currency'] or ''} {int(whole):,}{point}{decimals}".strip()


def _row(plan: Document) -> list[str | Cell]:
    sure = plan["confidence"]
    return [
        plan["name"],
        _cost(plan),
        str(plan["slow_hours"] or "-"),
        str(plan["cut_hours"] or "-"),
        Cell("yes", Tone.GOOD) if plan["fits"] else Cell("no", Tone.WARNING),
        f"{sure['fit']} of {sure['tried']} trials" if sure else "-",
    ]
