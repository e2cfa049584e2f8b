# SPDX-License-Identifier: GPL-2.0-or-later
"""The terms of a plan (core/plan/terms.py has their shape) -> sentences for people, in each language. Pure."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from esimshaper.core.model.units import format_rate
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.plan_phrases import joined, phrase
from esimshaper.views.words import Document

_UNITS = ("B", "KB", "MB", "GB", "TB")
_ENDLESS = None


def plans_page(document: Document) -> Page:
    """`esimshaper plan check`: the words of each plan below its name."""
    page: list[Line] = []
    for plan in document["plans"]:
        page += [Line()] if page else []
        page += [Line(plan["name"], Tone.TITLE), *(Line(text) for text in plan["words"])]
    return page


def words_of(plan: Document, language: str) -> list[str]:
    """What a plan says, sentence by sentence; lines of meters and steps are indented."""
    return list(_Words(plan, language).sentences())


def exact_size(size: int, *, binary: bool = False) -> str:
    """An amount of data without any rounding, as its seller writes it: `3 GB`, `1.5 GB`, `366 MB`, `128 B`."""
    base = 1024 if binary else 1000
    for power in range(len(_UNITS) - 1, -1, -1):
        for decimals in range(4):
            number, rest = divmod(size * 10**decimals, base**power)
            if size >= base**power and not rest:
                whole, part = divmod(number, 10**decimals)
                return f"{whole}.{part:0{decimals}d} {_UNITS[power]}" if decimals else f"{whole} {_UNITS[power]}"
    return f"{size} B"


class _Words:
    """The words of one plan in one language."""

    def __init__(self, plan: Document, language: str) -> None:
        self.plan, self.language = plan, language

    def say(self, name: str, number: int = 2, /, **places: object) -> str:
        return phrase(name, self.language, number, **places)

    def join(self, parts: Sequence[str]) -> str:
        return joined(parts, self.language)

    def sentences(self) -> Iterator[str]:
        plan = self.plan
        yield from (self.say(kind, name=name) for kind, name in plan["belongs_to"].items())
        yield from self._price_and_life(plan["lasts"])
        for event, moment in plan["started"].items():
            yield self.say("started", event=self.say(event), moment=_moment(moment))
        yield self.say("zone", zone=plan["zone"])
        if plan["binary"]:
            yield self.say("binary")
        if plan["round"]:
            yield self.say(f"round-{plan['round']['per']}", size=self.size(plan["round"]["to_bytes"]))
        for free in plan["free"]:
            if free["hours"]:
                yield self.say("free-hours", hours=free["hours"])
            else:
                yield self.say("free-service", service=free["service"])
        if not plan["meters"]:
            yield self.say("nothing")
        for meter in plan["meters"]:
            yield from self._meter(meter)
        if plan["top_up"]:
            yield from self._top_up(plan["top_up"])
        if plan["note"]:
            yield self.say("note", text=plan["note"])
        if plan["seen"]:
            yield self.say("seen", day=plan["seen"])

    # --- values

    def size(self, size: int) -> str:
        return exact_size(size, binary=self.plan["binary"])

    def money(self, amount: str) -> str:
        whole, point, decimals = amount.partition(".")
        return f"{self.plan['currency']} {int(whole):,}{point}{decimals}"

    def rate(self, rate: str | int) -> str:
        return self.say(rate) if isinstance(rate, str) else self.say("rate", rate=format_rate(rate))

    def length(self, length: Document) -> str:
        number = self.say(length["unit"], length["count"])
        return self.say(length["to"], length=number)

    def start(self, start: str) -> str:
        return self.say(start) if start in ("first-use", "purchase", "install") else _moment(start)

    # --- sentences

    def _price_and_life(self, lasts: Document | None) -> Iterator[str]:
        renews = lasts is not None and lasts["renews"]
        if self.plan["price"]:
            yield self.say("price-each" if renews else "price", money=self.money(self.plan["price"]))
        if lasts is None:
            yield self.say("forever")
            return
        yield self.say("lasts", start=self.start(lasts["from"]), length=self.length(lasts["length"]))
        if lasts["by"]:
            length = self.say("days", lasts["by"]["days"])
            yield self.say("by", length=length, event=self.say(lasts["by"]["from"]))
        if renews:
            yield self.say("renews")

    def _meter(self, meter: Document) -> Iterator[str]:
        window = meter["window"]
        yield self.say("meter", counts=self.say(meter["counts"]), window=self._window(window))
        always = [step for step in meter["steps"] if not step["hours"] and not step["next_day"]]
        if meter["steps"]:
            yield from (f"  {line}" for line in self._ranges(always))
        for step in meter["steps"]:
            if step not in always:
                yield f"  {self._line(step['from_bytes'], _ENDLESS, self._conditional(step))}"
        then = None if meter["then"] is None else self.rate(meter["then"])
        if meter["at_most"]:
            yield f"  {self.say('at-most', money=self.money(meter['at_most']))}"
            if then:
                yield f"  {self.say('beyond', what=then)}"
        if window["once"] and then:
            yield f"  {self.say('after', what=then)}"
        if meter["first"]:
            yield f"  {self.say('first', what=self._first(meter['first']))}"
        if meter["rollover"]:
            yield f"  {self.say('rollover', meter['rollover'])}"

    def _window(self, window: Document) -> str:
        kind = window["kind"]
        if kind == "last":
            return self.say("window-last", length=self.say("days", window["days"]))
        if kind == "blocks":
            name = "window-once" if window["once"] else "window-blocks"
            return self.say(name, start=self.start(window["from"]), length=self.length(window["length"]))
        if kind == "each-use":
            return self.say("window-each-use", length=self.length(window["length"]))
        return self.say(f"window-{kind}")

    def _ranges(self, steps: Sequence[Document]) -> Iterator[str]:
        """A line for each range between two steps, with all that holds in it."""
        begins = [step["from_bytes"] for step in steps]
        bounds = [*([] if 0 in begins else [0]), *begins, _ENDLESS]
        holds: dict[str, Any] = {"price": None, "per_bytes": None, "adds": None, "rate": "full", "note": None}
        for start, end in pairwise(bounds):
            step = next((each for each in steps if each["from_bytes"] == start), {})
            if step.get("price") is not None:
                holds["per_bytes"] = None
            holds.update({key: step[key] for key in holds if step.get(key) is not None})
            yield self._line(start, end, self._holds(holds))

    def _first(self, first: Document) -> str:
        data, price = first["data_bytes"], first["price"]
        parts = [self.say("up-to", end=self.size(data))] if data is not None else []
        return self.join([*parts, *([self.money(price)] if price is not None else [])])

    def _line(self, start: int, end: int | None, what: str) -> str:
        return self.say("line", range=self._range(start, end), what=what)

    def _range(self, start: int, end: int | None) -> str:
        if end is None:
            return self.say("above", start=self.size(start)) if start else self.say("any")
        return self.say("between" if start else "up-to", start=self.size(start), end=self.size(end))

    def _holds(self, holds: Document) -> str:
        parts = []
        if holds["price"] is not None:
            parts.append(self.say("window-price", money=self.money(holds["price"])))
        if holds["per_bytes"]:
            parts.append(self.say("adds", money=self.money(holds["adds"]), size=self.size(holds["per_bytes"])))
        return self.join([*parts, self.rate(holds["rate"]), *([holds["note"]] if holds["note"] else [])])

    def _conditional(self, step: Document) -> str:
        what = self.rate(step["rate"])
        if step["hours"]:
            what = self.say("in-hours", what=what, hours=step["hours"])
        return self.say("next-day", what=what) if step["next_day"] else what

    def _top_up(self, top_up: Document) -> Iterator[str]:
        lot = self.say("unlimited") if top_up["lot_bytes"] is None else self.size(top_up["lot_bytes"])
        if top_up["length"]:
            until = self.say("until-length", length=self.length(top_up["length"]))
        else:
            until = self.say("until-month-end" if top_up["to_month_end"] else "until-plan")
        yield self.say("top-up", lot=lot, money=self.money(top_up["price"]), until=until)
        if top_up["extends"] in ("longest", "restart", "adds-days"):
            yield self.say(top_up["extends"], top_up["adds_days"] or 2)
        if top_up["auto"]:
            yield self.say("auto")


def _moment(moment: str) -> str:
    """A moment of a document, to the minute."""
    return moment[:16].replace("T", " ")
