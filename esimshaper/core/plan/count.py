# SPDX-License-Identifier: GPL-2.0-or-later
"""One meter and the bytes that it counts, window by window -> what is left, the rate, the price. Pure."""

from bisect import bisect_right
from datetime import tzinfo
from decimal import Decimal
from functools import lru_cache

from esimshaper.core.model.days import day_of, midnight
from esimshaper.core.model.hours import windows
from esimshaper.core.model.limits import Window
from esimshaper.core.model.plan import FOREVER, FULL, Counts, CycleKind, Meter, PlanStep
from esimshaper.core.plan.spans import end_of, window_of

_MOST = 1 << 60
NO_WINDOW = Window(0, 0)


class Count:
    """The course of one meter. It counts nothing before `begin`.

    window: the present one; it is empty while there is none. used: what it counted. carried: data that was left in
    earlier windows, the oldest first, each with the number of windows after this one in which it can be used. closed:
    the price of the windows before. days: bytes by day, where a step asks for them. meter: what holds in the present
    window. first_at: a moment in the first one.
    """

    def __init__(self, meter: Meter, zone: tzinfo) -> None:
        self.meter, self._zone = meter, zone
        self._meters = meter, meter.in_first_window
        self.first_at: int | None = None
        self.window = NO_WINDOW
        self.anchor: int | None = None
        self.used = 0
        self.carried: list[list[int]] = []
        self.closed = Decimal(0)
        self.is_over = False
        self.days: dict[int, int] = {}

    # --- time

    @property
    def is_running(self) -> bool:
        return self.window is not NO_WINDOW

    def begin(self, at: int, life: Window) -> None:
        """The first window, or the first of another lifetime."""
        kind = self.meter.cycle.kind
        if self.is_over:
            return
        if kind is CycleKind.EACH_USE:
            self.window = Window(at, end_of(self.meter.cycle.length, at, self._zone))
            return
        self.window = window_of(self.meter.cycle, self._zone, at if self.anchor is None else self.anchor, life, at)
        self.choose()

    def choose(self) -> None:
        """Takes what holds in the window."""
        usual, first = self._meters
        is_first = self.first_at is not None and self.window.start <= self.first_at < self.window.end
        self.meter = first if is_first else usual

    @property
    def is_first(self) -> bool:
        """Whether the present window is the first one, and has terms of its own."""
        usual, first = self._meters
        return self.is_running and first is not usual and self.meter is first

    def roll(self, life: Window) -> None:
        """The present window is over: what is left of it is carried, and the next one begins."""
        self.close()
        kind, end = self.meter.cycle.kind, self.window.end
        if self.meter.cycle.once or kind is CycleKind.EACH_USE:
            self.is_over = self.meter.cycle.once
            self.window = NO_WINDOW
        else:
            self.begin(end, life)
        if kind is CycleKind.LAST:
            # Hours after midnight are of the day before, and may ask for the days before that one.
            first = day_of(end, self._zone) - self.meter.cycle.days - 1
            self.days = {day: size for day, size in self.days.items() if day >= first}

    def close(self) -> None:
        """Books the price of the window, and carries what is left of it."""
        if not self.is_running:
            return
        self.closed += self.meter.price(self.used)
        self.carried = [[left, further - 1] for left, further in self.carried if further > 0]
        allowance = self.meter.allowance
        if self.meter.rollover and allowance is not None and self.used < allowance:
            self.carried.append([allowance - self.used, self.meter.rollover - 1])
        self.used = 0
        if not self.is_last:
            self.days = {}

    def stop(self) -> None:
        """The plan is over: what the window of its lifetime counted stays, and others end."""
        if self.meter.cycle.kind is not CycleKind.LIFETIME:
            self.close()
            self.window = NO_WINDOW

    def stretch(self, life: Window) -> None:
        """The end of the plan has moved."""
        if self.meter.cycle.kind is CycleKind.LIFETIME:
            self.window = life

    def changes_at(self, at: int) -> int:
        """The next moment at which the rate may change though nothing is used."""
        ends = [self.window.end if self.is_running else FOREVER]
        if self.decides_by_day:
            ends.append(midnight(day_of(at, self._zone) + 1, self._zone))
        for step in self.meter.steps:
            if step.hours:
                ahead = next(windows(step.hours, at), None)
                ends += [] if ahead is None else [ahead.start if ahead.start > at else ahead.end]
        return min(ends)

    # --- bytes

    @property
    def is_lifted(self) -> bool:
        """Whether data that was bought on top lifts its limits. Rules on the last days hold for that, too."""
        return self.meter.cycle.kind is not CycleKind.LAST and self.meter.counts is not Counts.THROTTLED

    @property
    def left(self) -> int | None:
        """What can be used at no other rate and price; None for as much as you like."""
        allowance = self.meter.allowance
        if allowance is None:
            return None
        return sum(left for left, _ in self.carried) + max(0, allowance - self.used)

    @property
    def left_until(self) -> int:
        """When that which is used first is lost."""
        end = self.window.end
        for _ in range(self.carried[0][1] if self.carried else self.meter.rollover):
            if self.meter.cycle.kind is CycleKind.LIFETIME:
                return FOREVER  # the lifetimes to come are as long as top-ups will make them
            end = window_of(self.meter.cycle, self._zone, self.anchor or 0, self.window, end).end
        return end

    def room(self, at: int) -> int:
        """How many bytes can be added until a step is reached, or data of another window."""
        if self.carried:
            return self.carried[0][0]
        used = self.sum_of_days(at) if self.is_last else self.used
        ahead = [above for above in self.thresholds if above > used]
        return min(ahead, default=_MOST) - used

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The bytes of a window at which something changes at once."""
        cap = () if self.meter.at_most is None else (cap_of(self.meter),)
        return (*(step.above for step in self.meter.steps if not step.next_day), *cap)

    def add(self, at: int, size: int) -> None:
        """Counts bytes: at most `room` of them."""
        if self.is_last:
            day = day_of(at, self._zone)
            self.days[day] = self.days.get(day, 0) + size
        elif self.carried:
            self.carried[0][0] -= size
            self.carried = [each for each in self.carried if each[0]]
        else:
            self.used += size
            if self.decides_by_day:
                day = day_of(at, self._zone)
                self.days[day] = self.days.get(day, 0) + size

    @property
    def is_last(self) -> bool:
        """Whether it counts the last days."""
        return self.meter.cycle.kind is CycleKind.LAST

    @property
    def decides_by_day(self) -> bool:
        """Whether some step asks what was used on earlier days of the window."""
        return any(step.next_day for step in self.meter.steps)

    def sum_of_days(self, at: int, *, before: bool = False) -> int:
        """The bytes of the last days, or of the days of this window: with today, or with yesterday as the last one."""
        last = day_of(at, self._zone) - before
        if not self.is_last:
            return sum(size for day, size in self.days.items() if day <= last)
        return sum(size for day, size in self.days.items() if last - self.meter.cycle.days < day <= last)

    # --- what holds

    def price(self) -> Decimal:
        """What all windows cost until now."""
        return self.closed + (self.meter.price(self.used) if self.is_running else Decimal(0))

    def rate(self, at: int) -> int:
        """The rate of the next byte."""
        if self.is_over and self.meter.beyond is not None:
            return self.meter.beyond
        rates = [step.rate for step in self.meter.steps if step.rate is not None and self._holds(step, at)]
        if self.meter.at_most is not None and self.meter.beyond is not None and self.used >= cap_of(self.meter):
            rates.append(self.meter.beyond)
        return min(rates, default=FULL)

    def _holds(self, step: PlanStep, at: int) -> bool:
        begun = at
        if step.hours:
            span = next(windows(step.hours, at), None)
            if span is None or span.start > at:
                return False
            # Hours over midnight belong to the day on which they begin. What goes on for days belongs to each of them.
            yesterday = midnight(day_of(at, self._zone) - 1, self._zone)
            begun = span.start if span.start >= yesterday else at
        if step.next_day:
            return self.sum_of_days(begun, before=True) > step.above
        return (self.sum_of_days(at) if self.is_last else self.used) >= step.above


@lru_cache(maxsize=1024)
def cap_of(meter: Meter) -> int:
    """The last byte of a window that its highest price pays for."""
    uncapped = Meter(meter.counts, meter.cycle, meter.steps)
    most = Decimal(0) if meter.at_most is None else meter.at_most
    return bisect_right(range(_MOST), most, key=uncapped.price) - 1
