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
from esimshaper.core.model.notices import Notice, NoticeKind
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
            yield self._notice(NoticeKind.PLAN_BEGUN, f"begun:{life.start}", self._begun(life))
        if course.is_over:
            text = f"is over since {self._when(life.end)}; `esimshaper plan` shows what it gave and cost"
            yield self._notice(NoticeKind.PLAN_EXPIRED, f"over:{life.end}", text)
            return
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
            yield self._notice(NoticeKind.PLAN_TOPPED_UP, f"lot:{lots[-1].at}:{self._tally.counted}", text)

    def _used_up(self) -> Iterator[tuple[str, Notice]]:
        """Data that is used up: it is slow, stops, or costs by the byte."""
        rate = self._tally.rate
        windows = [count.window for count in self._tally.course.counts if count.window]
        until = f" until {self._when(min(each.end for each in windows))}" if windows and self._ends(windows) else ""
        where = ",".join(str(each.start) for each in windows)
        if rate == STOP:
            text = f"has no data left{until}: nothing passes. `esimshaper plan` shows what can be bought"
            yield self._notice(NoticeKind.PLAN_OUT, f"out:{where}:{rate}", text)
        elif rate < FULL:
            text = f"has used up its fast data: the carrier holds it to {format_rate(rate)}{until}"
            yield self._notice(NoticeKind.PLAN_OUT, f"out:{where}:{rate}", text)
        for meter, count in zip(self._plan.meters, self._tally.course.counts, strict=True):
            paid = [step for step in count.terms(meter).steps if step.per and count.used > step.above]
            if paid and count.window:
                text = f"has used up its data: {self._each(paid[-1].adds, paid[-1].per)}{until}"
                yield self._notice(NoticeKind.PLAN_PAYS, f"pays:{count.label}:{count.window.start}", text)

    def _step(self, ahead: Ahead) -> Iterator[tuple[str, Notice]]:
        little, where = ahead.above * LOW_PERCENT // 100, f"{ahead.label}:{ahead.start}:{ahead.above}"
        until = f"(until {self._when(ahead.end)})" if self._ends([Window(ahead.start, ahead.end)]) else ""
        room = format_size(ahead.room)
        if ahead.rate is not None and ahead.rate < self._tally.rate and ahead.room <= little:
            then = "nothing passes" if ahead.rate == STOP else f"it is held to {format_rate(ahead.rate)}"
            text = f"has {room} left; then {then} {until}"
            yield self._notice(NoticeKind.PLAN_LOW, f"low:{where}", text, ahead.room)
        near = ahead.room <= min(NEAR_PRICE, little)
        more = Decimal(0) if ahead.price is None else ahead.price - self._price(ahead.label)
        if near and more > 0 and ahead.price is not None:
            rises = f"from {money(ahead.price - more, self._plan)} to {money(ahead.price, self._plan)}"
            text = (
                f"has {room} left at this price: the byte after that costs {money(more, self._plan)}, {rises} {until}"
            )
            yield self._notice(NoticeKind.PLAN_PRICE, f"price:{where}", text, ahead.room)
        elif near and ahead.per:
            text = f"has {room} left; then {self._each(ahead.adds, ahead.per)} {until}"
            yield self._notice(NoticeKind.PLAN_PRICE, f"price:{where}", text, ahead.room)

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
                yield self._notice(NoticeKind.PLAN_PRICE, said, text, count.used)

    def _ending(self, life: Window) -> Iterator[tuple[str, Notice]]:
        if self._plan.lifetime.length is None or self._plan.lifetime.renews:
            return
        if life.end - self._now <= min(EXPIRY_SECONDS, (life.end - life.start) // 10):
            left = "" if self._tally.left is None else f" with {format_size(self._tally.left)} unused"
            yield self._notice(NoticeKind.PLAN_EXPIRES, f"ends:{life.end}", f"ends {self._when(life.end)}{left}")

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

    def _notice(self, kind: NoticeKind, key: str, text: str, size: int = 0) -> tuple[str, Notice]:
        return key, Notice(kind, f"plan {self._plan.name} {text.strip()}", EVERYONE, bytes=size, at=int(self._now))


def _of_uplink(name: str, before: UplinkPlan, now: UplinkPlan, tick: Tick) -> Iterator[Notice]:
    at = int(tick.at.time)
    if now.unknown and now.unknown != before.unknown:
        text = (
            f"the eSIM ...{now.unknown[-4:]} at {name} is of no plan: its bytes wait until "
            "`esimshaper plan switch NAME` says which it is, or a plan of the configuration has its iccid"
        )
        yield Notice(NoticeKind.SIM_UNKNOWN, text, EVERYONE, at=at)
    if now.plan and before.plan and now.plan != before.plan:
        yield Notice(
            NoticeKind.PLAN_SWITCHED, f"{name} has plan {now.plan} now, no longer {before.plan}", EVERYONE, at=at
        )
    if now.lost > before.lost:
        size = now.lost - before.lost
        text = (
            f"{format_size(size)} passed {name} while esimshaper did not run and its eSIM was changed: nobody knows of "
            "which plan they are; `esimshaper plan correct` takes the carrier's figure"
        )
        yield Notice(NoticeKind.PLAN_UNSURE, text, EVERYONE, bytes=size, at=at)
