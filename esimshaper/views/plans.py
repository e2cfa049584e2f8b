# SPDX-License-Identifier: GPL-2.0-or-later
"""How plans stand (core/report/plans.py has the shape) -> the screen of `esimshaper plan`, lines of others. Pure."""

from collections.abc import Iterator

from esimshaper.core.model.money import format_money
from esimshaper.core.model.units import format_rate, format_size
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar
from esimshaper.views.words import Document, count, when

_LOTS = (
    Column("BOUGHT"),
    Column("LEFT", right=True),
    Column("OF", right=True),
    Column("PRICE", right=True, rank=2),
    Column("LAPSES"),
)
_METERS = (
    Column("METER"),
    Column("USED", right=True),
    Column("SINCE", rank=2),
    Column("UNTIL"),
    Column("COST", right=True),
)
_BAR = 20


def plan_page(document: Document) -> Page:
    """`esimshaper plan`."""
    now = document["time"]
    page: list[Line | Table] = []
    for plan in document["plans"]:
        page += [*([Line()] if page else []), *_plan(plan, now)]
    if not document["plans"]:
        page += _nothing(document)
    page += _uplinks(document)
    spent = document["spent"]
    if len(document["plans"]) > 1 and spent:
        page += [Line(), Line(f"Spent in all: {', '.join(money(spent[each], each) for each in spent)}", Tone.TITLE)]
    return page


def glance(plans: list[Document], now: str) -> list[Line]:
    """The plans in use, a line for each: for `status`."""
    return [Line(f"Plan {plan['name']}: {_standing(plan, now)}", _tone(plan)) for plan in plans]


def money(amount: str, currency: str | None) -> str:
    """`1,100 JPY`."""
    return format_money(amount, currency or "")


def _nothing(document: Document) -> list[Line]:
    if not document["configured"]:
        text = (
            "No plan is configured: write `plans:` (man esimshaper.yaml; /usr/share/doc/esimshaper/plans has examples)"
        )
        return [Line(text)]
    text = "No plan is in use yet: `esimshaper plan switch NAME` says which one an uplink has"
    return [Line(f"{count(document['configured'], 'plan')} configured. {text}")]


def _plan(plan: Document, now: str) -> Iterator[Line | Table]:
    at = f" at {', '.join(plan['uplinks'])}" if plan["uplinks"] else ""
    yield Line(f"{plan['name']}{at}", Tone.TITLE)
    yield _indented(_bought(plan, now))
    yield _indented(_standing(plan, now), _tone(plan))
    if plan["left_bytes"] is not None and not plan["is_over"]:
        whole = plan["left_bytes"] + plan["used_bytes"]
        yield _indented(bar(plan["left_bytes"], whole, _BAR), _tone(plan))
    for each in plan["next"]:
        yield _indented(_next(each, plan, now))
    yield from _ahead(plan, now)
    if plan["refused_bytes"]:
        text = f"{format_size(plan['refused_bytes'])} passed though the terms let nothing pass: look at the terms"
        yield _indented(text, Tone.WARNING)
    if len(plan["meters"]) > 1:
        yield Table(_METERS, [_meter(each, plan, now) for each in plan["meters"]])
    if plan["lots"]:
        yield Table(_LOTS, [_lot(lot, plan, now) for lot in plan["lots"]])
    yield _indented(f"Count: {plan['count']['sentence']}", Tone.QUIET)


def _indented(text: str, tone: Tone = Tone.PLAIN) -> Line:
    return Line(text, tone, Cell("  ", Tone.PLAIN))


def _bought(plan: Document, now: str) -> str:
    if not plan["begun"]:
        return f"bought {when(plan['bought'], now)}, begins with the first byte"
    ends = "renews" if plan["renews"] else "ended" if plan["is_over"] else "ends"
    end = f", {ends} {when(plan['ends'], now)}" if plan["ends"] else ", without an end"
    return f"bought {when(plan['bought'], now)}{end}; {money(plan['cost'], plan['currency'])} so far"


def _standing(plan: Document, now: str) -> str:
    used = f"{format_size(plan['used_bytes'])} used"
    free = f" (and {format_size(plan['free_bytes'])} free)" if plan["free_bytes"] else ""
    if plan["is_over"]:
        return f"over since {when(plan['ends'], now)}; {used}{free}" if plan["ends"] else f"over; {used}{free}"
    left = "as much as you like" if plan["left_bytes"] is None else f"{format_size(plan['left_bytes'])} left"
    held = {"full": "", "stop": ", nothing passes"}.get(plan["rate"])
    held = f", held to {format_rate(plan['rate'])} by the carrier" if held is None else held
    return f"{left}, {used}{free}{held}"


def _tone(plan: Document) -> Tone:
    if plan["rate"] == "stop" or plan["is_over"]:
        return Tone.BAD
    low = plan["left_bytes"] is not None and plan["left_bytes"] * 10 < plan["left_bytes"] + plan["used_bytes"]
    return Tone.WARNING if low or plan["rate"] != "full" else Tone.GOOD


def _next(each: Document, plan: Document, now: str) -> str:
    then = []
    if each["rate"] is not None and each["rate"] != plan["rate"]:
        then.append(
            "nothing passes"
            if each["rate"] == "stop"
            else f"{format_rate(each['rate'])}"
            if each["rate"] != "full"
            else "full speed"
        )
    if each["more"] is not None:
        rises = f"({money(each['cost'], plan['currency'])} in all)"
        then.append(f"{money(each['more'], plan['currency'])} more {rises}")
    if each["per_bytes"]:
        then.append(f"{money(each['adds'], plan['currency'])} for each {format_size(each['per_bytes'])}")
    expected = f", at this pace {when(each['expected'], now)}" if each["expected"] else ""
    until = f" until {when(each['ends'], now)}" if each["ends"] else ""
    return f"After {format_size(each['in_bytes'])}{expected}: {', '.join(then) or 'another step'}{until}"


def _ahead(plan: Document, now: str) -> Iterator[Line]:
    forecast, today = plan["forecast"], plan["today"]
    if forecast:
        size = f"{format_size(forecast['bytes'])} (+-{format_size(forecast['error_bytes'])})"
        yield Line(
            f"  Forecast for {when(forecast['until'], now)}: {size}, {money(forecast['cost'], plan['currency'])}"
        )
    if today:
        each = f", {format_size(today['each_bytes'])} for each of {count(today['clients'], 'device')}"
        each = each if today["clients"] > 1 else ""
        yield Line(
            f"  Safe today: {format_size(today['safe_bytes'])} more{each}; {format_size(today['used_bytes'])} used"
        )


def _meter(meter: Document, plan: Document, now: str) -> list[str | Cell]:
    since, until = (when(meter[name], now) if meter[name] else "-" for name in ("began", "ends"))
    return [meter["meter"], format_size(meter["used_bytes"]), since, until, money(meter["cost"], plan["currency"])]


def _lot(lot: Document, plan: Document, now: str) -> list[str | Cell]:
    left = "unlimited" if lot["left_bytes"] is None else format_size(lot["left_bytes"])
    size = "" if lot["size_bytes"] is None else format_size(lot["size_bytes"])
    lapses = when(lot["ends"], now) if lot["ends"] else "never"
    return [when(lot["bought"], now), left, size, money(lot["price"], plan["currency"]), lapses]


def _uplinks(document: Document) -> Iterator[Line]:
    for each in document["slow"]:
        yield Line(f"{each['sentence'][:1].upper()}{each['sentence'][1:]}.", Tone.WARNING)
    for each in document["uplinks"]:
        if each["unknown_sim_end"]:
            text = f"The eSIM ...{each['unknown_sim_end']} at {each['uplink']} is of no plan: "
            yield Line(f"{text}`esimshaper plan switch NAME` says which it is", Tone.WARNING)
        if each["waiting_bytes"]:
            size = format_size(each["waiting_bytes"])
            yield Line(f"{size} at {each['uplink']} wait until it is known of which plan they are", Tone.WARNING)
        if each["lost_bytes"]:
            size = format_size(each["lost_bytes"])
            text = f"{size} at {each['uplink']} are of one of two eSIMs, nobody knows of which"
            yield Line(text, Tone.WARNING)


def acted_page(document: Document) -> Page:
    """The answer to `plan start`, `add`, `switch`, `reset` and `correct`."""
    return [Line(document["done"]), *plan_page(document), Line("`esimshaper undo` takes it back", Tone.QUIET)]
