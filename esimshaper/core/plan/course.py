# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan and its usage, in the order of time -> what passed and how fast, what it costs, what is left and when it ends.

    course = Course(plan, bought)
    course.use(at, 5_000_000)    bytes that move at a moment
    course.buy(at)               a top-up
    course.reach(at)             time passes; then price, rate, left, end

Bytes at a threshold are split exactly: `from` is the last byte of the step before. Pure: time is handed in.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from esimshaper.core.model.hours import present, windows
from esimshaper.core.model.limits import Window
from esimshaper.core.model.plan import FOREVER, FULL, STOP, Counts, CycleKind, Event, Length, LengthUnit, Plan, TopUp
from esimshaper.core.plan.count import Count
from esimshaper.core.plan.lots import Lot, end_with, lot_of, next_lot
from esimshaper.core.plan.rounding import Rounder
from esimshaper.core.plan.spans import end_of, later


class Passed(NamedTuple):
    """What became of bytes: at full speed, slower, not at all. As billed: rounded up, and without what is free."""

    full: int = 0
    slow: int = 0
    refused: int = 0


class _Terms(NamedTuple):
    """What the next byte meets: a rate, the lot that pays for it, and the meters that count it."""

    rate: int
    lot: Lot | None
    counted: list[Count]


class Foreseen(NamedTuple):
    """Before `until`, and for less than `room` bytes more, the rate and the meters that count are these."""

    until: int
    room: int
    rate: int
    counted: list[Count]


class Course:
    """A plan from its purchase on. `moments`: events that are known; `bought` stands for others, but the first use.

    life: the present lifetime; None before the first use. is_over: it has ended for good. lapsed: so the plan's own
    data is lost, too.
    """

    def __init__(self, plan: Plan, bought: int, moments: Mapping[Event, int] | None = None) -> None:
        self.plan, self.bought = plan, bought
        self.moments = {Event.PURCHASE: bought, Event.INSTALL: bought, **plan.started, **(moments or {})}
        self.counts = [Count(meter, plan.zone) for meter in plan.meters]
        self.lots: list[Lot] = []
        self.life: Window | None = None
        self.paid = plan.price
        self.is_over = False
        self.lapsed = False
        self.rounder = Rounder(plan.rounding, plan.zone)
        # The short way: before `_quiet`, and until `_room` bytes of one kind have passed, only `_pending` changes.
        self._quiet = self._room = self._pending = self._pending_at = 0
        self._kind = (False, "")
        self._terms = _Terms(FULL, None, [])
        start = plan.lifetime.start
        first = self.moments.get(start) if isinstance(start, Event) else start
        if first is not None:
            self._live(self._present_start(first))

    # --- what holds

    @property
    def price(self) -> Decimal:
        """What has been paid, and is owed, until now."""
        self.settle()
        return self.paid + sum((count.price() for count in self.counts), Decimal(0))

    @property
    def end(self) -> int | None:
        """When the plan ends, or renews itself; None if it does not, or has not begun."""
        return self.life.end if self.life and self.life.end < FOREVER else None

    @property
    def left(self) -> int | None:
        """What can be used before it gets slower, dearer by the byte, or stops; None for as much as you like."""
        self.settle()
        if any(lot.left is None for lot in self.lots):
            return None
        own = [count.left for count in self.counting(roaming=False) if count.left is not None]
        lots = sum(lot.left or 0 for lot in self.lots)
        if self.is_over or self.lapsed:
            return lots
        return min(own) + lots if own else None

    def rate(self, at: int, *, roaming: bool = False, service: str = "") -> int:
        """The rate of the next byte."""
        self.reach(at)
        self.settle()
        if self.is_over or (self.life and at < self.life.start):
            return STOP
        if self.is_free(at, service):
            return FULL
        terms = self._terms_of(at, roaming=roaming)
        if terms.rate < FULL and terms.lot is None and self._buys_itself(roaming=roaming):  # with the next byte
            return min((count.rate(at) for count in terms.counted if not count.is_lifted), default=FULL)
        return terms.rate

    def free_changes_at(self, at: int) -> int:
        """When free hours begin or end next."""
        ahead = [next(windows(free.hours, at), None) for free in self.plan.free if free.hours]
        return min((each.start if each.start > at else each.end for each in ahead if each), default=FOREVER)

    @property
    def deadline(self) -> int:
        """When the plan begins though nobody has used it."""
        by = self.plan.lifetime.by
        return later(self.moments[by.event], by.days) if by and self.life is None else FOREVER

    # --- what happens

    def reach(self, at: int) -> None:
        """Time passes until `at`: windows and lifetimes end and begin."""
        if at < self._quiet:
            return
        self.settle()
        self._quiet = 0
        self._begin_by_deadline(at)
        while self.life and not self.is_over:
            end = min([self.life.end, *(count.window.end for count in self.counts if count.is_running)])
            if end > at:
                break
            if end == self.life.end:
                self._renew(end)
            for count in self.counts:
                if count.is_running and count.window.end == end and count.meter.cycle.kind is not CycleKind.LIFETIME:
                    count.roll(self.life)
        if self.life:
            life = self.life
            self.lots = [lot for lot in self.lots if lot.left != 0 and lot.ends(life) > at]

    def use(self, at: int, size: int, *, roaming: bool = False, service: str = "") -> Passed:
        """Bytes move at `at`, which is not before anything else that happened."""
        if at < self._quiet and size < self._room and self._kind == (roaming, service):
            self._pending += size
            self._room -= size
            return _passed(self._terms.rate, size)
        self.reach(at)
        if not size:  # nothing begins without a byte
            return Passed()
        self.settle()
        self._quiet = 0
        if self.life is None:
            self.moments[Event.FIRST_USE] = at
            self._live(at)
        if self.is_over or self.life is None or at < self.life.start:
            return Passed(refused=size)
        if self.is_free(at, service):
            return Passed()
        left = self.rounder.billed(at, size, self.life.start)
        self._open_windows(at, self.life, roaming=roaming)
        full = slow = refused = 0
        while left:
            part, rate = self._pass(at, left, roaming=roaming)
            left -= part
            full, slow, refused = (sum(pair) for pair in zip((full, slow, refused), _passed(rate, part), strict=True))
        self._foresee(at, roaming=roaming, service=service)
        return Passed(full, slow, refused)

    def buy(self, at: int) -> None:
        """Somebody buys the plan's top-up."""
        self.reach(at)
        self.settle()
        self._quiet = 0
        top_up = self.plan.top_up
        if top_up is None:
            return
        self.paid += top_up.price
        self.lots.append(lot_of(top_up, at, self.plan.zone))
        self._move_end(top_up, at)

    def add(self, at: int, lot: Lot) -> None:
        """Somebody has bought data that the terms do not name; the end of the plan stays where it is."""
        self.reach(at)
        self.settle()
        self._quiet = 0
        self.paid += lot.price
        self.lots.append(lot)

    def _move_end(self, top_up: TopUp, at: int) -> None:
        if self.life and self.life.end < FOREVER:
            end = end_with(top_up, self.plan.lifetime, self.life.end, at, self.plan.zone)
            self.is_over = end <= at
            self.life = Window(self.life.start, end)
            for count in self.counts:
                count.stretch(self.life)

    # --- lifetimes

    def _present_start(self, first: int) -> int:
        """The start of the lifetime that holds the purchase: those before it were paid long ago."""
        lasts = self.plan.lifetime
        while lasts.renews and lasts.length and (end := self.end_from(lasts.length, first)) <= self.bought:
            first = end
        return first

    def end_from(self, length: Length, start: int) -> int:
        """The end of a lifetime that begins at `start`."""
        first = self.plan.lifetime.start
        if length.unit is LengthUnit.MONTHS and not isinstance(first, Event):
            return _month_after(length, first, self.plan, start)
        return end_of(length, start, self.plan.zone)

    def _live(self, start: int) -> None:
        length = self.plan.lifetime.length
        self.life = Window(start, FOREVER if length is None else self.end_from(length, start))
        for count in self.counts:
            self.begin_count(count, max(start, self.bought), self.life)

    def begin_count(self, count: Count, at: int, life: Window) -> None:
        """A meter begins to count at `at`, unless it waits for a byte."""
        cycle = count.meter.cycle
        if cycle.kind is CycleKind.BLOCKS:
            count.anchor = self.moments.get(cycle.start) if isinstance(cycle.start, Event) else cycle.start
            if cycle.start is Event.FIRST_USE and count.meter.counts not in (Counts.ALL, Counts.TETHER):
                count.anchor = None  # the first use is that of the bytes which it counts
            if count.anchor is None:
                return
        if cycle.kind is not CycleKind.EACH_USE:
            count.first_at = self.first_of(count)
            count.begin(at, life)

    def first_of(self, count: Count) -> int | None:
        """A moment in the first window of a meter; None before there is one."""
        start = self.plan.lifetime.start
        begun = self.moments.get(start) if isinstance(start, Event) else start
        return None if begun is None else max(begun, count.anchor or begun)

    def _begin_by_deadline(self, at: int) -> None:
        if self.deadline <= at:
            self.moments[Event.FIRST_USE] = self.deadline
            self._live(self.moments[Event.FIRST_USE])

    def _renew(self, end: int) -> None:
        lasts = self.plan.lifetime
        if not lasts.renews or lasts.length is None:
            self.is_over = self.lapsed = True
            for count in self.counts:
                count.stop()
            return
        self.paid += self.plan.price
        self.life = Window(end, self.end_from(lasts.length, end))
        for count in self.counts:
            if count.meter.cycle.kind is CycleKind.LIFETIME:
                count.close()
                count.begin(end, self.life)

    # --- bytes

    def is_free(self, at: int, service: str = "") -> bool:
        """Whether no meter counts bytes of a service now."""
        return any(
            (free.hours and present(free.hours, at)) or (free.service and free.service == service)
            for free in self.plan.free
        )

    def counting(self, *, roaming: bool) -> list[Count]:
        wanted = (Counts.ALL, Counts.TETHER, Counts.ROAMING) if roaming else (Counts.ALL, Counts.TETHER)
        return [count for count in self.counts if count.meter.counts in wanted]

    def _throttled(self) -> list[Count]:
        return [count for count in self.counts if count.meter.counts is Counts.THROTTLED]

    def _open_windows(self, at: int, life: Window, *, roaming: bool) -> None:
        """Begins the windows that wait for a byte."""
        for count in (*self.counting(roaming=roaming), *self._throttled()):
            if not count.is_running and not count.is_over:
                count.anchor = at if count.anchor is None else count.anchor
                count.first_at = self.first_of(count)
                count.begin(at, life)

    def _terms_of(self, at: int, *, roaming: bool) -> _Terms:
        counted = self.counting(roaming=roaming)
        life = self.life or Window(at, FOREVER)
        limited = [count for count in counted if count.left is not None and count.is_lifted]
        lot = next_lot(self.lots, at, life, limited, lapsed=self.lapsed) if self.lots else None
        if lot:
            counted = [count for count in counted if not count.is_lifted]
        elif self.lapsed:
            return _Terms(STOP, None, [])
        rate = min((count.rate(at) for count in counted), default=FULL)
        if STOP < rate < FULL:
            slowed = self._throttled()
            counted = [*counted, *slowed]
            rate = min([rate, *(count.rate(at) for count in slowed)])
        return _Terms(rate, lot, counted)

    def _pass(self, at: int, size: int, *, roaming: bool) -> tuple[int, int]:
        """The next bytes, as many as meet the same terms. Returns how many, and their rate."""
        rate, lot, counted = self._terms_of(at, roaming=roaming)
        if rate < FULL and lot is None and self._buys_itself(roaming=roaming):
            self.buy(at)
            rate, lot, counted = self._terms_of(at, roaming=roaming)
        if rate == STOP:
            return size, STOP
        part = min([size, *(count.room(at) for count in counted)])
        if lot and lot.left is not None:
            part = min(part, lot.left)
            lot.left -= part
        for count in counted:
            count.add(at, part)
        return part, rate

    def _buys_itself(self, *, roaming: bool) -> bool:
        top_up = self.plan.top_up
        used_up = any(count.left == 0 and count.is_lifted for count in self.counting(roaming=roaming))
        return bool(top_up and top_up.auto and used_up)

    # --- the short way

    def settle(self) -> None:
        """Hands the bytes of the short way to the meters that count them."""
        if self._pending and self._terms.rate != STOP:
            for count in self._terms.counted:
                count.add(self._pending_at, self._pending)
        self._pending = 0

    def _foresee(self, at: int, *, roaming: bool, service: str) -> None:
        """The next bytes need not be looked at, if it is known until when nothing changes."""
        found = self.foresee(at, roaming=roaming)
        if found:
            self._quiet, self._terms, self._room = found.until, _Terms(found.rate, None, found.counted), found.room
            self._kind, self._pending_at = (roaming, service), at

    def foresee(self, at: int, *, roaming: bool) -> Foreseen | None:
        """Until when, and for how many bytes, nothing changes but what meters count; None where that is not known."""
        plain = not (self.plan.rounding or self.plan.free or self.lots)
        if self.life is None or self.is_over or at < self.life.start or not plain:
            return None
        waiting = (each for each in (*self.counting(roaming=roaming), *self._throttled()) if not each.is_running)
        terms = self._terms_of(at, roaming=roaming)
        buys = terms.rate < FULL and self._buys_itself(roaming=roaming)
        if buys or not all(each.is_over for each in waiting):
            return None
        room = FULL if terms.rate == STOP else min((count.room(at) for count in terms.counted), default=FULL)
        until = min([self.life.end, *(count.changes_at(at) for count in self.counts)])
        return Foreseen(until, room, terms.rate, terms.counted)


def _passed(rate: int, size: int) -> Passed:
    if rate == STOP:
        return Passed(refused=size)
    return Passed(full=size) if rate >= FULL else Passed(slow=size)


def _month_after(length: Length, start: int, plan: Plan, moment: int) -> int:
    """The end of the months from `start` on that hold `moment`: the 31st comes back after February."""
    count = length.count
    while (end := end_of(Length(length.unit, count, length.ending), start, plan.zone)) <= moment:
        count += length.count
    return end
