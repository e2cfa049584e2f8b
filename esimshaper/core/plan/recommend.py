# SPDX-License-Identifier: GPL-2.0-or-later
"""A list of prices and the use of a trip, hour by hour -> what each plan would cost, and where it does not fit. Pure.

A plan fits if no hour is slow and in none something does not pass. Of two plans, the second is bought at the beginning
of the first hour in which the first one does not fit any more.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from esimshaper.core.model.plan import Counts, CycleKind, Event, Plan
from esimshaper.core.model.recorded import Use
from esimshaper.core.plan.course import Course
from esimshaper.core.plan.spans import end_of

HOUR = 3600
VARIANTS = 10
"""So often a plan that fits is tried anew, with another start and with more or less use."""
MOST_TRIED = 10
"""For so many plans, the cheapest ones that fit."""
_SHIFT = 29 * HOUR
"""Between the starts of two trials: they differ in the hour, in the day of the week, and in the day of the month."""
_MORE = (100, 110, 90, 120)
"""Percent of the use, in turn."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan over a whole trip. bad: the number of the first hour that is slow or in which something does not pass."""

    plan: Plan
    cost: Decimal
    slow_hours: int
    cut_hours: int
    bad: int | None

    @property
    def fits(self) -> bool:
        return self.bad is None

    @property
    def rank(self) -> tuple[bool, int, int, Decimal, str]:
        """The best plan has the lowest: it fits; else few hours are cut, then few are slow; then it is cheap."""
        return (not self.fits, self.cut_hours, self.slow_hours, self.cost, self.plan.name)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two plans that fit one after the other. at: when the second one is bought."""

    first: Plan
    second: Plan
    at: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Advice:
    """outcomes: the best first. pair: the cheapest two that fit. trials: how many of VARIANTS fit, by name.

    free: what has no price, such as hotel Wi-Fi.
    """

    outcomes: tuple[Outcome, ...]
    pair: Pair | None
    trials: Mapping[str, int]
    free: tuple[Outcome, ...] = ()


def advise(plans: Iterable[Plan], use: Sequence[Use], *, roaming: bool = False, free: Iterable[Plan] = ()) -> Advice:
    """What to buy for the hours of `use`, which are in the order of time and not empty."""
    # What costs nothing is not for sale, and is there in some places only: it must not be the best of a price list.
    trip = [hour for hour in use if hour.size]
    beside = sorted((live(plan, trip, roaming=roaming) for plan in free), key=lambda each: each.rank)
    outcomes = sorted((live(plan, trip, roaming=roaming) for plan in plans), key=lambda each: each.rank)
    sure = [each.plan for each in outcomes if each.fits][:MOST_TRIED]
    trials = {plan.name: _trials(plan, trip, roaming=roaming) for plan in sure}
    return Advice(tuple(outcomes), _best_pair(outcomes, trip, roaming=roaming), trials, tuple(beside))


def live(plan: Plan, trip: Sequence[Use], *, roaming: bool = False) -> Outcome:
    """A plan that is bought at the first hour of a trip, and used to its last."""
    course = Course(plan, trip[0].at)
    slow = cut = 0
    bad = None
    for number, (at, size) in enumerate(trip):
        _, slowed, refused = course.use(at, size, roaming=roaming)
        if slowed or refused:
            slow, cut = slow + bool(slowed), cut + bool(refused)
            bad = number if bad is None else bad
    return Outcome(plan, course.price, slow, cut, bad)


def _price_until(plan: Plan, trip: Sequence[Use], end: int | None, *, roaming: bool) -> Decimal:
    course = Course(plan, trip[0].at)
    for at, size in trip[:end]:
        course.use(at, size, roaming=roaming)
    return course.price


def _fits(plan: Plan, trip: Sequence[Use], *, roaming: bool) -> Decimal | None:
    """The cost of a plan that fits; None for one that does not."""
    course = Course(plan, trip[0].at)
    for at, size in trip:
        _, slowed, refused = course.use(at, size, roaming=roaming)
        if slowed or refused:
            return None
    return course.price


def _trials(plan: Plan, trip: Sequence[Use], *, roaming: bool) -> int:
    fitting = 0
    for number in range(1, VARIANTS + 1):
        percent = _MORE[number % len(_MORE)]
        moved = [Use(at + number * _SHIFT, size * percent // 100) for at, size in trip]
        fitting += _fits(plan, [hour for hour in moved if hour.size] or moved, roaming=roaming) is not None
    return fitting


def _best_pair(outcomes: Sequence[Outcome], trip: Sequence[Use], *, roaming: bool) -> Pair | None:
    """Looks at pairs in the order of the least that they can cost, until that is more than the best one costs."""
    sums = [*accumulate((hour.size for hour in trip), initial=0)]
    broken = [each for each in outcomes if each.bad]
    firsts = {each.plan.name: (each, _price_until(each.plan, trip, each.bad, roaming=roaming)) for each in broken}
    least = {each.plan.name: _least_price(each.plan, trip[0].at) for each in outcomes}
    pairs = sorted(
        (paid + least[second.plan.name], first.plan.name, second.plan.name)
        for first, paid in firsts.values()
        for second in outcomes
    )
    by_name = {each.plan.name: each.plan for each in outcomes}
    known: dict[tuple[str, int], Decimal | None] = {}
    best: Pair | None = None
    for bound, first, second in pairs:
        if best and bound >= best.cost:
            break
        outcome, paid = firsts[first]
        begin = outcome.bad or 0
        key = (second, begin)
        if key not in known:
            rest = trip[begin:]
            plain = _cannot_fit(by_name[second], rest, sums[-1] - sums[begin])
            known[key] = None if plain else _fits(by_name[second], rest, roaming=roaming)
        cost = known[key]
        if cost is not None and (best is None or paid + cost < best.cost):
            best = Pair(by_name[first], by_name[second], trip[begin].at, paid + cost)
    return best


def _least_price(plan: Plan, at: int) -> Decimal:
    """What a plan costs before its first byte, at whatever hour it is bought."""
    return Course(plan, at).price if isinstance(plan.lifetime.start, Event) else plan.price


def _cannot_fit(plan: Plan, trip: Sequence[Use], size: int) -> bool:
    """Whether it can be said without a trial: too little data for the lifetime, or too short a one."""
    lasts = plan.lifetime
    sold_whole = lasts.length and not lasts.renews and isinstance(lasts.start, Event) and not plan.started
    if lasts.length and sold_whole and not (plan.top_up and plan.top_up.auto):
        if end_of(lasts.length, trip[0].at, plan.zone) <= trip[-1].at:
            return True
        for meter in plan.meters:
            whole = meter.cycle.kind is CycleKind.LIFETIME and meter.counts in (Counts.ALL, Counts.TETHER)
            limit = min((step.above for step in meter.steps if step.limits and not step.per), default=None)
            if whole and not plan.free and limit is not None and size > limit:
                return True
    return False


def hourly(records: Iterable[tuple[float, int]]) -> list[Use]:
    """Bytes at moments, in the order of time, by the hours in which they moved."""
    hours: dict[int, int] = {}
    for at, size in records:
        hour = int(at) // HOUR * HOUR
        hours[hour] = hours.get(hour, 0) + size
    return [Use(*each) for each in sorted(hours.items())]


def spread(size: int, each: int, start: int, hours: int) -> list[Use]:
    """`size` bytes in each `each` hours, evenly, for so many hours from `start` on; no byte is lost by rounding."""
    return [Use(start + number * HOUR, (number + 1) * size // each - number * size // each) for number in range(hours)]


def as_trip(use: Sequence[Use], hours: int) -> list[Use]:
    """The use of so many hours: the last ones on record; of a shorter record, that again and again, by whole days."""
    first, last = use[0].at, use[-1].at + HOUR
    begin = last - hours * HOUR
    if first <= begin:
        return list(use[bisect_left(use, Use(begin, 0)) :])
    length = -(-(last - first) // (24 * HOUR)) * 24 * HOUR
    again = ((at + turn * length, size) for turn in range(hours * HOUR // length + 1) for at, size in use)
    return [Use(at, size) for at, size in again if at < first + hours * HOUR]
