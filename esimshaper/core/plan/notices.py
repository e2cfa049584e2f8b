# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans of the tick before and of now -> what people should hear about, once. Pure.

What was announced is noted in the tally and saved before the notice goes out, so neither a restart nor a second look
repeats it. The kinds are those of Google's Mobile Data Plan API, and the step of a price.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from esimshaper.core.model.limits import EVERYONE, Window
from esimshaper.core.model.money import format_money, write_money
from esimshaper.core.model.notices import Data, Notice, NoticeKind, moment_text
from esimshaper.core.model.plan import FOREVER, FULL, STOP, Plan
from esimshaper.core.model.plan_state import Ahead, PlanState, PlanTally, UplinkPlan
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.units import format_moment, format_rate, format_size

LOW_PERCENT = 10
"""Of what the window, or the plan, has: from here on little is left."""
NEAR_PRICE = 500_000_000
"""Bytes before a step of price at which people hear of it, or LOW_PERCENT of the step if that is less."""
EXPIRY_SECONDS = 24 * 3600
"""Before the end of a plan; of a short one a tenth of its lifetime, if that is less."""
_REMEMBERED = 24


def of_tick(
    before: PlanState, tallies: Mapping[str, PlanTally], uplinks: Mapping[str, UplinkPlan], tick: Tick
) -> tuple[dict[str, PlanTally], tuple[Notice, ...]]:
    """The tallies of now with a note of what is announced, and the notices."""
    said: list[Notice] = []
    noted = dict(tallies)
    for plan in tick.rules.plans:
        tally, earlier = tallies.get(plan.name), before.tallies.get(plan.name)
        if tally is None or tally is earlier:
            continue
        new = {key: notice for key, notice in _Said(plan, tally, tick).all(earlier) if key not in tally.told}
        if new:
            noted[plan.name] = replace(tally, told=(*tally.told, *new)[-_REMEMBERED:])
            said += new.values()
    for name, uplink in uplinks.items():
        said += _of_uplink(name, before.uplinks.get(name, UplinkPlan()), uplink, tick)
    return noted, tuple(said)


def money(amount: Decimal, plan: Plan) -> str:
    """An amount with its currency, for people: `1,100 JPY`."""
    return format_money(write_money(amount, plan.currency), plan.currency)


class _Said:
    """What is to be said of one plan."""

    def __init__(self, plan: Plan, tally: PlanTally, tick: Tick) -> None:
        self._plan, self._tally, self._now = plan, tally, tick.at.time

    def all(self, earlier: PlanTally | None) -> Iterator[tuple[str, Notice]]:
        """Each with the key by which it is known that it was said."""
        course, life = self._tally.course, self._tally.course.life
        if life is None:
            return
        if earlier is None or earlier.course.life is None:
            end = self._moment(life.end) if self._plan.lifetime.length else None
            values: Data = {"left": self._tally.left, "until": end}
            yield self._notice(NoticeKind.PLAN_BEGUN, f"begun:{life.start}", self._begun(life), values)
        if course.is_over:
            text = f"is over since {self._when(life.end)}; `esimshaper plan` shows what it gave and cost"
            yield self._notice(NoticeKind.PLAN_EXPIRED, f"over:{life.end}", text, {"end": self._moment(life.end)})
            return
        yield from self._renewed(earlier)
        yield from self._bought(earlier)
        yield from self._used_up()
        yield from self._dearer(earlier)
        for ahead in self._tally.ahead:
            yield from self._step(ahead)
        yield from self._ending(life)

    def _begun(self, life: Window) -> str:
        size = "" if self._tally.left is None else f" with {format_size(self._tally.left)}"
        return f"has begun{size}" + (f", until {self._when(life.end)}" if self._plan.lifetime.length else "")

    def _bought(self, earlier: PlanTally | None) -> Iterator[tuple[str, Notice]]:
        top_up, lots = self._plan.top_up, self._tally.course.lots
        if top_up and top_up.auto and earlier and len(lots) > len(earlier.course.lots):
            size = "unlimited data" if top_up.size is None else format_size(top_up.size)
            text = f"has bought {size} by itself for {money(top_up.price, self._plan)}"
            price = write_money(top_up.price, self._plan.currency)
            key = f"lot:{lots[-1].at}:{self._tally.counted}"
            values = {"size": top_up.size, "price": price, "currency": self._plan.currency}
            yield self._notice(NoticeKind.PLAN_TOPPED_UP, key, text, values)

    def _renewed(self, earlier: PlanTally | None) -> Iterator[tuple[str, Notice]]:
        """A window that begins after people were told that the one before has little, or nothing, left."""
        rows = zip(earlier.course.counts if earlier else (), self._tally.course.counts, strict=False)
        for before, count in rows:
            if not before.window or not count.window or count.window.start <= before.window.start:
                continue
            start = before.window.start
            kinds = (f"low:{count.label}:{start}:", f"pays:{count.label}:{start}")
            outs = (key for key in self._tally.told if key.startswith("out:") and str(start) in key)
            if not any(key.startswith(kinds) for key in self._tally.told) and not any(outs):
                continue
            end, left = count.window.end, self._tally.left
            size = "unlimited data" if left is None else format_size(left)
            until = f" until {self._when(end)}" if end < FOREVER else ""
            key = f"renewed:{count.label}:{count.window.start}"
            values: Data = {"left": left, "until": self._moment(end)}
            yield self._notice(NoticeKind.PLAN_RENEWED, key, f"has {size} again{until}", values)
            return

    def _used_up(self) -> Iterator[tuple[str, Notice]]:
        """Data that is used up: it is slow, stops, or costs by the byte."""
        rate = self._tally.rate
        windows = [count.window for count in self._tally.course.counts if count.window]
        end = min(each.end for each in windows) if windows and self._ends(windows) else None
        until = "" if end is None else f" until {self._when(end)}"
        then = self._moment(end)
        where = ",".join(str(each.start) for each in windows)
        if rate == STOP:
            text = f"has no data left{until}: nothing passes. `esimshaper plan` shows what can be bought"
            yield self._notice(NoticeKind.PLAN_OUT, f"out:{where}:{rate}", text, {"rate": rate, "until": then})
        elif rate < FULL:
            text = f"has used up its fast data: the carrier holds it to {format_rate(rate)}{until}"
            yield self._notice(NoticeKind.PLAN_OUT, f"out:{where}:{rate}", text, {"rate": rate, "until": then})
        for meter, count in zip(self._plan.meters, self._tally.course.counts, strict=True):
            paid = [step for step in count.terms(meter).steps if step.per and count.used > step.above]
            if paid and count.window:
                text = f"has used up its data: {self._each(paid[-1].adds, paid[-1].per)}{until}"
                key = f"pays:{count.label}:{count.window.start}"
                values = self._each_values(paid[-1].adds, paid[-1].per)
                yield self._notice(NoticeKind.PLAN_PAYS, key, text, {**values, "until": then})

    def _step(self, ahead: Ahead) -> Iterator[tuple[str, Notice]]:
        little, where = ahead.above * LOW_PERCENT // 100, f"{ahead.label}:{ahead.start}:{ahead.above}"
        until = f"(until {self._when(ahead.end)})" if self._ends([Window(ahead.start, ahead.end)]) else ""
        room = format_size(ahead.room)
        ends = self._moment(ahead.end) if until else None
        values: Data
        if ahead.rate is not None and ahead.rate < self._tally.rate and ahead.room <= little:
            then = "nothing passes" if ahead.rate == STOP else f"it is held to {format_rate(ahead.rate)}"
            text = f"has {room} left; then {then} {until}"
            values = {"left": ahead.room, "rate": ahead.rate, "until": ends}
            yield self._notice(NoticeKind.PLAN_LOW, f"low:{where}", text, values, ahead.room)
        near = ahead.room <= min(NEAR_PRICE, little)
        more = Decimal(0) if ahead.price is None else ahead.price - self._price(ahead.label)
        if near and more > 0 and ahead.price is not None:
            rises = f"from {money(ahead.price - more, self._plan)} to {money(ahead.price, self._plan)}"
            text = (
                f"has {room} left at this price: the byte after that costs {money(more, self._plan)}, {rises} {until}"
            )
            price, currency = write_money(ahead.price - more, self._plan.currency), self._plan.currency
            values = {"left": ahead.room, "price": price, "more": write_money(more, currency), "until": ends}
            values = {**values, "currency": currency}
            yield self._notice(NoticeKind.PLAN_PRICE, f"price:{where}", text, values, ahead.room)
        elif near and ahead.per:
            text = f"has {room} left; then {self._each(ahead.adds, ahead.per)} {until}"
            values = {"left": ahead.room, **self._each_values(ahead.adds, ahead.per), "until": ends}
            yield self._notice(NoticeKind.PLAN_PRICE, f"price:{where}", text, values, ahead.room)

    def _dearer(self, earlier: PlanTally | None) -> Iterator[tuple[str, Notice]]:
        """Steps of price that usage has passed before anybody was told that they come, as a fast download may."""
        if earlier is None:
            return
        rows = zip(self._plan.meters, earlier.course.counts, self._tally.course.counts, strict=True)
        for meter, before, count in rows:
            if not count.window or before.window != count.window:
                continue
            terms = count.terms(meter)
            passed = [step for step in terms.steps if step.price is not None and before.used <= step.above < count.used]
            said = f"price:{count.label}:{count.window.start}:{passed[-1].above}" if passed else ""
            price, more = terms.price(count.used), terms.price(count.used) - terms.price(before.used)
            if passed and more > 0 and said not in self._tally.told:
                text = f"costs {money(price, self._plan)} now, {money(more, self._plan)} more than a moment ago"
                text += f": beyond {format_size(passed[-1].above)} its price has a step"
                currency = self._plan.currency
                prices: Data = {"price": write_money(price, currency), "more": write_money(more, currency)}
                values: Data = {"used": count.used, **prices, "currency": currency}
                yield self._notice(NoticeKind.PLAN_PRICE, said, text, values, count.used)

    def _ending(self, life: Window) -> Iterator[tuple[str, Notice]]:
        if self._plan.lifetime.length is None or self._plan.lifetime.renews:
            return
        if life.end - self._now <= min(EXPIRY_SECONDS, (life.end - life.start) // 10):
            left = "" if self._tally.left is None else f" with {format_size(self._tally.left)} unused"
            values: Data = {"end": self._moment(life.end), "left": self._tally.left}
            text = f"ends {self._when(life.end)}{left}"
            yield self._notice(NoticeKind.PLAN_EXPIRES, f"ends:{life.end}", text, values)

    def _each(self, adds: Decimal, per: int) -> str:
        return f"each {format_size(per)} costs {money(adds, self._plan)}"

    def _price(self, label: str) -> Decimal:
        """What the present window of a meter costs now."""
        pairs = zip(self._plan.meters, self._tally.course.counts, strict=True)
        prices = (count.terms(meter).price(count.used) for meter, count in pairs if count.label == label)
        return sum(prices, Decimal(0))

    def _ends(self, windows: Iterable[Window]) -> bool:
        return all(each.end < FOREVER for each in windows)

    def _when(self, moment: int) -> str:
        return format_moment(moment, self._now, self._plan.zone)

    def _each_values(self, adds: Decimal, per: int) -> Data:
        price = write_money(adds, self._plan.currency)
        return {"each_price": price, "each_bytes": per, "currency": self._plan.currency}

    def _moment(self, moment: int | None) -> str | None:
        return None if moment is None or moment >= FOREVER else moment_text(moment, self._plan.zone)

    def _notice(self, kind: NoticeKind, key: str, text: str, values: Data, size: int = 0) -> tuple[str, Notice]:
        """`values`: of its data, beside the plan."""
        words, data = f"plan {self._plan.name} {text.strip()}", {"plan": self._plan.name, **values}
        return key, Notice(kind, words, EVERYONE, bytes=size, at=int(self._now), data=data)


def _of_uplink(name: str, before: UplinkPlan, now: UplinkPlan, tick: Tick) -> Iterator[Notice]:
    at = int(tick.at.time)
    if now.unknown and now.unknown != before.unknown:
        text = (
            f"the eSIM ...{now.unknown[-4:]} at {name} is of no plan: its bytes wait until "
            "`esimshaper plan switch NAME` says which it is, or a plan of the configuration has its iccid"
        )
        yield Notice(NoticeKind.SIM_UNKNOWN, text, at=at, data={"uplink": name, "sim": now.unknown[-4:]})
    if now.plan and before.plan and now.plan != before.plan:
        text = f"{name} has plan {now.plan} now, no longer {before.plan}"
        data = {"uplink": name, "plan": now.plan, "plan_before": before.plan}
        yield Notice(NoticeKind.PLAN_SWITCHED, text, at=at, data=data)
    if now.lost > before.lost:
        size = now.lost - before.lost
        text = (
            f"{format_size(size)} passed {name} while esimshaper did not run and its eSIM was changed: nobody knows of "
            "which plan they are; `esimshaper plan correct` takes the carrier's figure"
        )
        yield Notice(NoticeKind.PLAN_UNSURE, text, bytes=size, at=at, data={"uplink": name, "bytes": size})
