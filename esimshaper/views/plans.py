# SPDX-License-Identifier: GPL-2.0-or-later
"""How plans stand (core/report/plans.py has the shape) -> the screen of `esimshaper plan`, lines of others. Pure."""

from collections.abc import Iterator

from esimshaper.core.model.money import format_money
from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages.texts import _, ngettext
from esimshaper.views.core_texts import said, whole
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar
from esimshaper.views.words import Document, said_of, until, when

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
        sums = ", ".join(money(spent[each], each) for each in spent)
        page += [Line(), Line(_("Spent in all: {sums}", sums=sums), Tone.TITLE)]
    return page


def glance(plans: list[Document], now: str) -> list[Line]:
    """The plans in use, a line for each: for `status`."""
    return [
        Line(_("Plan {plan}: {standing}", plan=plan["name"], standing=_standing(plan, now)), _tone(plan))
        for plan in plans
    ]


def money(amount: str, currency: str | None) -> str:
    """`1,100 JPY`."""
    return format_money(amount, currency or "")


def _nothing(document: Document) -> list[Line]:
    if not document["configured"]:
        text = _(
            "No plan is configured: write `plans:` (man esimshaper.yaml; /usr/share/doc/esimshaper/plans has examples)"
        )
        return [Line(text)]
    text = ngettext(
        "{n} plan configured. No plan is in use yet: `esimshaper plan switch NAME` says which one an uplink has",
        "{n} plans configured. No plan is in use yet: `esimshaper plan switch NAME` says which one an uplink has",
        document["configured"],
    )
    return [Line(text)]


def _plan(plan: Document, now: str) -> Iterator[Line | Table]:
    at = _(" at {uplinks}", uplinks=", ".join(plan["uplinks"])) if plan["uplinks"] else ""
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
        size = format_size(plan["refused_bytes"])
        text = _("{size} passed though the terms let nothing pass: look at the terms", size=size)
        yield _indented(text, Tone.WARNING)
    if len(plan["meters"]) > 1:
        yield Table(_METERS, [_meter(each, plan, now) for each in plan["meters"]])
    if plan["lots"]:
        yield Table(_LOTS, [_lot(lot, plan, now) for lot in plan["lots"]])
    yield _indented(_("Count: {sentence}", sentence=said(plan["count"]["sentence"])), Tone.QUIET)


def _indented(text: str, tone: Tone = Tone.PLAIN) -> Line:
    return Line(text, tone, Cell("  ", Tone.PLAIN))


def _bought(plan: Document, now: str) -> str:
    bought = _("bought {moment}", moment=when(plan["bought"], now))
    if not plan["begun"]:
        return bought + _(", begins with the first byte")
    if not plan["ends"]:
        end = _(", without an end")
    elif plan["renews"]:
        end = _(", renews {moment}", moment=when(plan["ends"], now))
    elif plan["is_over"]:
        end = _(", ended {moment}", moment=when(plan["ends"], now))
    else:
        end = _(", ends {moment}", moment=when(plan["ends"], now))
    return bought + end + _("; {money} so far", money=money(plan["cost"], plan["currency"]))


def _standing(plan: Document, now: str) -> str:
    used = _("{size} used", size=format_size(plan["used_bytes"]))
    if plan["free_bytes"]:
        used += _(" (and {size} free)", size=format_size(plan["free_bytes"]))
    if plan["is_over"] and plan["ends"]:
        return _("over since {moment}; {used}", moment=when(plan["ends"], now), used=used)
    if plan["is_over"]:
        return _("over; {used}", used=used)
    unlimited = plan["left_bytes"] is None
    left = _("as much as you like") if unlimited else _("{size} left", size=format_size(plan["left_bytes"]))
    if plan["rate"] == "stop":
        held = _(", nothing passes")
    else:
        held = "" if plan["rate"] == "full" else _(", held to {rate} by the carrier", rate=format_rate(plan["rate"]))
    return _("{left}, {used}", left=left, used=used) + held


def _tone(plan: Document) -> Tone:
    if plan["rate"] == "stop" or plan["is_over"]:
        return Tone.BAD
    low = plan["left_bytes"] is not None and plan["left_bytes"] * 10 < plan["left_bytes"] + plan["used_bytes"]
    return Tone.WARNING if low or plan["rate"] != "full" else Tone.GOOD


def _next(each: Document, plan: Document, now: str) -> str:
    then = []
    if each["rate"] is not None and each["rate"] != plan["rate"]:
        words = {"stop": _("nothing passes"), "full": _("full speed")}
        then.append(words.get(each["rate"]) or format_rate(each["rate"]))
    if each["more"] is not None:
        more, cost = (money(each[name], plan["currency"]) for name in ("more", "cost"))
        then.append(_("{more} more ({cost} in all)", more=more, cost=cost))
    if each["per_bytes"]:
        adds, size = money(each["adds"], plan["currency"]), format_size(each["per_bytes"])
        then.append(_("{money} for each {size}", money=adds, size=size))
    after = _("After {size}", size=format_size(each["in_bytes"]))
    if each["expected"]:
        after += _(", at this pace {moment}", moment=when(each["expected"], now))
    return said_of(after, (", ".join(then) or _("another step")) + until(each["ends"], now))


def _ahead(plan: Document, now: str) -> Iterator[Line]:
    forecast, today = plan["forecast"], plan["today"]
    if forecast:
        text = _(
            "Forecast for {moment}: {size} (+-{error}), {money}",
            moment=when(forecast["until"], now),
            size=format_size(forecast["bytes"]),
            error=format_size(forecast["error_bytes"]),
            money=money(forecast["cost"], plan["currency"]),
        )
        yield Line(f"  {text}")
    if today:
        safe = _("Safe today: {size} more", size=format_size(today["safe_bytes"]))
        if today["clients"] > 1:
            size = format_size(today["each_bytes"])
            safe += ngettext(
                ", {size} for each of {n} device", ", {size} for each of {n} devices", today["clients"], size=size
            )
        yield Line(f"  {safe}" + _("; {size} used", size=format_size(today["used_bytes"])))


def _meter(meter: Document, plan: Document, now: str) -> list[str | Cell]:
    since, until = (when(meter[name], now) if meter[name] else "-" for name in ("began", "ends"))
    return [meter["meter"], format_size(meter["used_bytes"]), since, until, money(meter["cost"], plan["currency"])]


def _lot(lot: Document, plan: Document, now: str) -> list[str | Cell]:
    left = _("unlimited") if lot["left_bytes"] is None else format_size(lot["left_bytes"])
    size = "" if lot["size_bytes"] is None else format_size(lot["size_bytes"])
    lapses = when(lot["ends"], now) if lot["ends"] else _("never")
    return [when(lot["bought"], now), left, size, money(lot["price"], plan["currency"]), lapses]


def _uplinks(document: Document) -> Iterator[Line]:
    for each in document["slow"]:
        yield Line(whole(each["sentence"]), Tone.WARNING)
    for each in document["uplinks"]:
        if each["unknown_sim_end"]:
            text = _(
                "The eSIM ...{end} at {uplink} is of no plan: `esimshaper plan switch NAME` says which it is",
                end=each["unknown_sim_end"],
                uplink=each["uplink"],
            )
            yield Line(text, Tone.WARNING)
        if each["waiting_bytes"]:
            size = format_size(each["waiting_bytes"])
            text = _(
                "{size} at {uplink} wait until it is known of which plan they are", size=size, uplink=each["uplink"]
            )
            yield Line(text, Tone.WARNING)
        if each["lost_bytes"]:
            size = format_size(each["lost_bytes"])
            text = _(
                "{size} at {uplink} are of one of two eSIMs, nobody knows of which", size=size, uplink=each["uplink"]
            )
            yield Line(text, Tone.WARNING)


def acted_page(document: Document) -> Page:
    """The answer to `plan start`, `add`, `switch`, `reset` and `correct`."""
    return [
        Line(document["done"]),
        *plan_page(document),
        Line(_("`esimshaper {command}` takes it back", command="undo"), Tone.QUIET),
    ]
