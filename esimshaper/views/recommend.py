# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of `recommend` -> a page. Pure."""

from decimal import Decimal

from esimshaper.core.model.units import format_size
from esimshaper.languages.texts import _, ngettext
from esimshaper.views.core_texts import said
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table
from esimshaper.views.words import Document

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
        Line(
            _(
                "{size} in {time}, {source}",
                size=format_size(use["bytes"]),
                time=_days(use["hours"]),
                source=said(use["from"]),
            ),
            Tone.TITLE,
        )
    ]
    page += [Line(_advice(document), Tone.GOOD if plans[0]["fits"] else Tone.WARNING), *_pair(document), Line()]
    page.append(Table(_COLUMNS, [_row(plan) for plan in plans]))
    if document["free"]:
        page += [Line(), Line(_("Without a price, where it is to be had"), Tone.TITLE)]
        page += [Line(f"- {_free(each)}") for each in document["free"]]
    page += [Line(), Line(_("What is assumed"), Tone.TITLE), *(Line(f"- {said(each)}") for each in document["assumes"])]
    return page


def _days(hours: int) -> str:
    return ngettext("{n} day", "{n} days", hours // 24) if hours % 24 == 0 else _hours(hours)


def _hours(hours: int) -> str:
    return ngettext("{n} hour", "{n} hours", hours)


def _advice(document: Document) -> str:
    best = document["plans"][0]
    if best["fits"]:
        return _("Buy {plan}: {cost}. It is the cheapest that fits.", plan=best["name"], cost=_cost(best))
    slow, cut = (_hours(best[key]) for key in ("slow_hours", "cut_hours"))
    return _(
        "No plan fits. {plan} comes nearest: {cost}, {slow} slow, {cut} without.",
        plan=best["name"],
        cost=_cost(best),
        slow=slow,
        cut=cut,
    )


def _pair(document: Document) -> list[Line]:
    pair, best = document["pair"], document["plans"][0]
    if pair is None:
        return [] if best["fits"] else [Line(_("No two plans, one after the other, fit either."))]
    if best["fits"] and Decimal(pair["cost"]) >= Decimal(best["cost"]):
        return []
    text = _(
        "Of two plans, one after the other, the cheapest that fit: {one}, then from {moment} {other}: {cost} together.",
        one=pair["first"],
        moment=pair["at"][:16].replace("T", " "),
        other=pair["second"],
        cost=_cost(pair),
    )
    return [Line(text)]


def _free(plan: Document) -> str:
    if plan["fits"]:
        return _("{plan}: it would have been enough", plan=plan["name"])
    slow, cut = (_hours(plan[key]) for key in ("slow_hours", "cut_hours"))
    return _("{plan}: {slow} slow, {cut} without", plan=plan["name"], slow=slow, cut=cut)


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
        Cell(_("yes"), Tone.GOOD) if plan["fits"] else Cell(_("no"), Tone.WARNING),
        _("{n} of {all} trials", n=sure["fit"], all=sure["tried"]) if sure else "-",
    ]
