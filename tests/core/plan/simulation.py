# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan as somebody would live it who looks at a clock on the wall each minute and counts byte by byte.

It shares the words with the program and none of its arithmetic: no windows, no periods, no thresholds that are computed
ahead. It is slow, and right as far as one can see by reading it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from esimshaper.core.model.plan import FULL, STOP, Counts, CycleKind, Ending, Event, Extends, LengthUnit, RoundingUnit
from tests.core.plan.minutes import clock


class Meter:
    """What one meter has counted."""

    def __init__(self, terms):
        self.usual, self.terms = terms, in_part(terms) if terms.first else terms
        self.window = self.anchor = None
        self.used, self.carried, self.paid, self.over = 0, [], Decimal(0), False
        self.days = {}

    @property
    def allowance(self):
        if self.terms.cycle.kind is CycleKind.LAST:
            return None
        found = [
            step.above
            for step in self.terms.steps
            if step.per or (step.rate is not None and step.rate < FULL and not step.hours and not step.next_day)
        ]
        return min(found, default=None)

    @property
    def left(self):
        return sum(size for size, _ in self.carried) + max(0, self.allowance - self.used)

    def price(self):
        """Byte by byte."""
        price = base = added = Decimal(0)
        for step in self.terms.steps:
            if step.above == 0:
                base = step.price or base
        price = base
        since, step = 0, None
        for byte in range(1, self.used + 1):
            held = [each for each in self.terms.steps if byte > each.above]
            now = held[-1] if held else None
            if now is not step:
                if now.price is not None:
                    base, added = now.price, Decimal(0)
                step, since = now, now.above
            tariff = None
            for each in held:
                tariff = each if each.per else None if each.price is not None else tariff
            begin = max(since, tariff.above if tariff else 0)
            if tariff and (byte - begin - 1) % tariff.per == 0:
                added += tariff.adds
            price = base + added
        return price if self.terms.at_most is None else min(price, self.terms.at_most)


def in_part(terms):
    """The terms of a first window that is not a whole one."""
    (data, price), steps = terms.first, list(terms.steps)
    slow = Meter(replace(terms, first=None)).allowance
    for at, step in enumerate(terms.steps):
        if data is not None and step.above == slow:
            steps[at] = replace(step, above=data)
        if price is not None and step.above == 0:
            steps[at] = replace(steps[at], price=price)
    return replace(terms, steps=tuple(steps), first=None)


class Life:
    """The plan from `start` on, minute by minute."""

    def __init__(self, plan, zone, start, minutes):
        self.plan, self.start, self.table = plan, start, clock(zone, start, minutes)
        self.meters = [Meter(each) for each in plan.meters]
        self.begun = self.ends = None
        self.over = False
        self.paid = plan.price
        self.lots, self.bought = [], 0  # of lots: what is left, whether it is over at a minute, its number
        self.round = {}
        self.full = self.slow = self.refused = 0
        self.number = -1
        self.ends_found = {}
        if plan.lifetime.start is not Event.FIRST_USE:
            self.begin(0)

    # time

    def length_over(self, length, begin, number):
        """Whether a length that began at minute `begin` is over at minute `number`."""
        wall, day, _, _ = self.table[begin]
        now, today, _, _ = self.table[number]
        if length.ending is Ending.MIDNIGHT:
            if length.unit is LengthUnit.DAYS:
                return today >= day + length.count
            midnight = datetime.fromordinal(day)
            return datetime.fromordinal(today) >= months_later(midnight, length.count)
        if length.unit is LengthUnit.MONTHS:
            exact = self.first_minute(begin, months_later(wall, length.count))
            exact = exact if exact <= number else None
        else:
            minutes = length.count * 60 * (24 if length.unit is LengthUnit.DAYS else 1)
            exact = begin + minutes if begin + minutes <= number else None
        if exact is None:
            return False
        if length.ending is Ending.EXACT:
            return True
        before = self.table[exact - 1][1] if exact else 0
        return today > before

    def first_minute(self, begin, wall):
        """The first minute from `begin` on at which the clock shows `wall` or more."""
        if (begin, wall) not in self.ends_found:
            found = (each for each in range(begin, len(self.table)) if self.table[each][0] >= wall)
            self.ends_found[begin, wall] = next(found, len(self.table))
        return self.ends_found[begin, wall]

    def begin(self, number):
        self.begun = number
        for meter in self.meters:
            cycle = meter.terms.cycle
            waits = cycle.kind is CycleKind.EACH_USE or (
                cycle.kind is CycleKind.BLOCKS
                and cycle.start is Event.FIRST_USE
                and (
                    meter.terms.counts in (Counts.ROAMING, Counts.THROTTLED)
                    or self.plan.lifetime.start is not Event.FIRST_USE
                )
            )
            if not waits:
                meter.anchor = 0 if cycle.start is Event.PURCHASE else number
                meter.window = self.window(meter, number)

    def window(self, meter, number):
        """The name of the window that holds a minute: another name, another window."""
        cycle = meter.terms.cycle
        wall, day, month, hour = self.table[number]
        if cycle.kind is CycleKind.LIFETIME:
            return self.begun
        if cycle.kind is CycleKind.CALENDAR:
            return {
                "hour": hour,
                "day": day,
                "week": (day - 1) // 7,
                "month": month,
            }[cycle.unit.value]
        if cycle.kind is CycleKind.LAST:
            return "days"
        if cycle.kind is CycleKind.EACH_USE:
            return None if self.length_over(cycle.length, meter.anchor, number) else meter.anchor
        if cycle.length.ending is Ending.MIDNIGHT and cycle.length.unit is LengthUnit.DAYS:
            return (day - self.table[meter.anchor][1]) // cycle.length.count
        if cycle.length.unit is LengthUnit.MONTHS:
            first = self.table[meter.anchor][0]
            if cycle.length.ending is Ending.MIDNIGHT:
                first = datetime.fromordinal(first.toordinal())
            name = meter.window or 0
            while number >= self.first_minute(meter.anchor, months_later(first, (name + 1) * cycle.length.count)):
                name += 1
            return name
        minutes = cycle.length.count * 60 * (24 if cycle.length.unit is LengthUnit.DAYS else 1)
        return (number - meter.anchor) // minutes

    def tick(self, number):
        """One minute later."""
        self.number = number
        lasts = self.plan.lifetime
        if self.begun is None or self.over:
            return
        if lasts.length and self.length_over(lasts.length, self.begun, number):
            if lasts.renews:
                self.begun = number
                self.paid += self.plan.price
            else:
                self.over = True
        for meter in self.meters:
            if meter.window is None or meter.over:
                continue
            after = "over" if self.over else self.window(meter, number)
            if after != meter.window:
                self.close(meter)
                meter.window = None if self.over or after is None else after
                if meter.terms.cycle.once:
                    meter.over, meter.window = True, None
        if self.over:
            self.lots = []
        self.lots = [lot for lot in self.lots if lot[0] != 0 and not lot[1](number)]

    def close(self, meter):
        meter.paid += meter.price()
        meter.carried = [(size, more - 1) for size, more in meter.carried if more > 0]
        if meter.terms.rollover and meter.allowance is not None and meter.used < meter.allowance:
            meter.carried.append((meter.allowance - meter.used, meter.terms.rollover - 1))
        meter.used, meter.terms = 0, meter.usual
        if meter.terms.cycle.kind is not CycleKind.LAST:
            meter.days = {}

    # bytes

    def use(self, size, roaming):
        number = self.number
        if self.begun is None:
            self.begin(number)
        if self.over:
            self.refused += size
            return
        if any(free.hours and self.in_hours(free.hours, number) is not None for free in self.plan.free):
            return
        for meter in self.meters:
            if meter.window is None and not meter.over and (roaming or meter.terms.counts is not Counts.ROAMING):
                meter.anchor = (
                    number if meter.anchor is None or meter.terms.cycle.kind is CycleKind.EACH_USE else meter.anchor
                )
                meter.window = self.window(meter, number)
        for _ in range(self.billed(size)):
            self.byte(number, roaming)

    def billed(self, size):
        rounding = self.plan.rounding
        if not rounding:
            return size
        key = self.table[self.number][1] if rounding.per is RoundingUnit.DAY else self.begun
        before = self.round.get(key, 0)
        self.round[key] = before + size
        return up(before + size, rounding.to) - up(before, rounding.to)

    def in_hours(self, hours, number):
        """The day on which the hours began that hold this minute; None outside of them."""
        wall, day, _, _ = self.table[number]
        minute = wall.hour * 60 + wall.minute
        for span in hours.spans:
            if span.begin < span.end and span.begin <= minute < span.end:
                return day
            if span.begin >= span.end and minute >= span.begin:
                return day
            if span.begin >= span.end and minute < span.end:
                return day - 1
        return None

    def rate_of(self, meter, number):
        if meter.over and meter.terms.beyond is not None:
            return meter.terms.beyond
        rate, today = FULL, self.table[number][1]
        for step in meter.terms.steps:
            begun = today
            if step.rate is None:
                continue
            if step.hours:
                begun = self.in_hours(step.hours, number)
                if begun is None:
                    continue
            last = meter.terms.cycle.days
            if step.next_day:
                days = range(begun - last, begun) if last else [day for day in meter.days if day < begun]
                holds = sum(meter.days.get(day, 0) for day in days) > step.above
            elif meter.terms.cycle.kind is CycleKind.LAST:
                holds = sum(meter.days.get(today - back, 0) for back in range(last)) + 1 > step.above
            else:
                holds = meter.used + 1 > step.above
            rate = min(rate, step.rate) if holds else rate
        if meter.terms.beyond is not None and meter.terms.at_most is not None:
            more = Meter(meter.terms.__class__(meter.terms.counts, meter.terms.cycle, meter.terms.steps))
            more.used = meter.used + 1
            if more.price() > meter.terms.at_most:
                rate = min(rate, meter.terms.beyond)
        return rate

    def end_of_own(self, meter, number):
        """The minute at which the data of this meter is lost that is used first: looked for minute by minute."""
        left = meter.carried[0][1] if meter.carried else meter.terms.rollover
        key = (self.meters.index(meter), meter.window, left, self.begun)
        if key not in self.ends_found:
            self.ends_found[key] = self.look_for_end(meter, left, number)
        return self.ends_found[key]

    def look_for_end(self, meter, left, number):
        if meter.terms.cycle.kind is CycleKind.LIFETIME and left:
            return len(self.table)
        before = meter.window
        for later in range(number + 1, len(self.table)):
            if meter.terms.cycle.kind is CycleKind.LIFETIME:
                gone = self.plan.lifetime.length and self.length_over(self.plan.lifetime.length, self.begun, later)
                after = "over" if gone else before
            else:
                after = self.window(meter, later)
            if after != before:
                if not left:
                    return later
                left, before = left - 1, after
        return len(self.table)

    def end_of_lot(self, lot, number):
        key = (lot[2], self.begun)
        if key not in self.ends_found:
            self.ends_found[key] = self.look_for_end_of_lot(lot, number)
        return self.ends_found[key]

    def look_for_end_of_lot(self, lot, number):
        return next((later for later in range(number + 1, len(self.table)) if lot[1](later)), len(self.table))

    def pick(self, counting, number):
        limited = [
            each for each in counting if each.allowance is not None and each.terms.counts is not Counts.THROTTLED
        ]
        if not self.lots or not limited:
            return None
        ends = [(self.end_of_lot(lot, number), at) for at, lot in enumerate(self.lots)]
        end, at = min(ends)
        if any(each.left == 0 for each in limited):
            return self.lots[at]
        return self.lots[at] if end < min(self.end_of_own(each, number) for each in limited) else None

    def byte(self, number, roaming):
        counting = [
            each
            for each in self.meters
            if each.terms.counts in (Counts.ALL, Counts.TETHER) or (roaming and each.terms.counts is Counts.ROAMING)
        ]
        lot = self.pick(counting, number)
        used_up = any(each.allowance is not None and each.left == 0 for each in counting)
        own = [each for each in counting if not lot or each.terms.cycle.kind is CycleKind.LAST]
        rate = min((self.rate_of(each, number) for each in own), default=FULL)
        top_up = self.plan.top_up
        if rate < FULL and not lot and top_up and top_up.auto and used_up:
            self.buy(number)
            self.byte(number, roaming)
            return
        if STOP < rate < FULL:
            slow = [each for each in self.meters if each.terms.counts is Counts.THROTTLED]
            rate = min([rate, *(self.rate_of(each, number) for each in slow)])
            own = [*own, *slow]
        if rate == STOP:
            self.refused += 1
            return
        self.full, self.slow = self.full + (rate >= FULL), self.slow + (rate < FULL)
        if lot:
            lot[0] -= 1
        self.lots = [each for each in self.lots if each[0] != 0]
        for each in own:
            if each.terms.cycle.kind is CycleKind.LAST:
                today = self.table[number][1]
                each.days[today] = each.days.get(today, 0) + 1
            elif each.carried:
                (size, more), *rest = each.carried
                each.carried = [*([(size - 1, more)] if size > 1 else []), *rest]
            else:
                each.used += 1
                today = self.table[number][1]
                each.days[today] = each.days.get(today, 0) + 1

    def buy(self, number):
        top_up, life = self.plan.top_up, self.plan.lifetime.length
        self.paid += top_up.price
        if top_up.extends is Extends.SAME:
            over = lambda later: bool(life) and self.length_over(life, self.begun, later)  # noqa: E731
        elif top_up.month_end:
            over = lambda later: self.table[later][2] > self.table[number][2]  # noqa: E731
        else:
            over = lambda later: self.length_over(top_up.length, number, later)  # noqa: E731
        self.bought += 1
        self.lots.append([top_up.size, over, self.bought])

    @property
    def price(self):
        running = (each.price() for each in self.meters if each.window is not None)
        return self.paid + sum((each.paid for each in self.meters), Decimal(0)) + sum(running, Decimal(0))


def up(size, to):
    while size % to:
        size += 1
    return size


def months_later(wall, count):
    month = wall.year * 12 + wall.month - 1 + count
    year, month = month // 12, month % 12 + 1
    last = (datetime(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day  # noqa: DTZ001 - a time on a wall
    return wall.replace(year=year, month=month, day=min(wall.day, last))
