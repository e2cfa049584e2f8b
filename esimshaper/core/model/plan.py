# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of plans: what a carrier sells, as values. Pure: values only.

plan      what was bought: its lifetime, price, meters and top-up
lifetime  from when to when it holds, and whether it renews itself
meter     what the carrier counts in windows, and the steps of price and rate that usage leads up to
cycle     how the windows of a meter follow each other
step      what holds beyond an amount: a price of the window, a rate, or a price for each part more
lot       data that was bought on top

All times are Unix seconds, all amounts bytes, all rates bit/s. Money is a Decimal of the plan's currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from decimal import Decimal
from enum import Enum, StrEnum
from typing import NamedTuple

from esimshaper.core.model.limits import PeriodUnit
from esimshaper.core.model.time_of_day import Hours

FULL = 1 << 62
"""The rate of a link that nothing holds back: more than any other."""
STOP = 0
"""The rate at which nothing passes."""
FOREVER = 1 << 62
"""The end of what has no end."""


class Event(StrEnum):
    """What may start a clock of a plan; the value is the word of the file."""

    INSTALL = "install"
    PURCHASE = "purchase"
    FIRST_USE = "first-use"


class LengthUnit(StrEnum):
    """The unit of a length; the value is the key of the file."""

    HOURS = "hours"
    DAYS = "days"
    MONTHS = "months"


class Ending(StrEnum):
    """Where a length ends: to the minute; at the end of its last day, where the day of its start is the first one; at
    the first midnight that is not before its end to the minute."""

    EXACT = "exact"
    MIDNIGHT = "midnight"
    MIDNIGHT_AFTER = "midnight-after"


@dataclass(frozen=True, slots=True)
class Length:
    """So many hours, days of 24 hours, or months."""

    unit: LengthUnit
    count: int
    ending: Ending = Ending.EXACT


ONE_DAY = Length(LengthUnit.DAYS, 1)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The first use counts as made so many days of 24 hours after `event`, where it was not made before."""

    days: int
    event: Event


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when to when a plan holds. length None: for ever. start: an event, or a moment."""

    length: Length | None = None
    start: Event | int = Event.PURCHASE
    by: Deadline | None = None
    renews: bool = False


class Counts(StrEnum):
    """The bytes that a meter counts; the value is the word of the file. All that pass a router are TETHER."""

    ALL = "all"
    ROAMING = "roaming"
    TETHER = "tether"
    THROTTLED = "throttled"


class CycleKind(Enum):
    """LIFETIME: one window for each lifetime. CALENDAR: each unit of the calendar. BLOCKS: lengths that follow each
    other. EACH_USE: a length from the first byte on, and the next from the first byte after that. LAST: the last days.
    """

    LIFETIME = "lifetime"
    CALENDAR = "calendar"
    BLOCKS = "blocks"
    EACH_USE = "each-use"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Cycle:
    """unit: of CALENDAR. length: of BLOCKS and EACH_USE. start: of BLOCKS. once: there is one block only. days: of
    LAST, today included."""

    kind: CycleKind
    unit: PeriodUnit = PeriodUnit.MONTH
    length: Length = ONE_DAY
    start: Event | int = Event.FIRST_USE
    once: bool = False
    days: int = 0


@dataclass(frozen=True, slots=True)
class PlanStep:
    """What holds as soon as more than `above` bytes of the window are used; from the beginning where that is 0.

    price: of the window, from here on. rate: FULL, STOP or bit/s. per, adds: each `per` bytes begun above add so much.
    hours: the rate holds in these only. next_day: it is decided at the end of a day, for the following one. None, or 0
    of `per`: as the step before has it. note: what else a person should know from here on.
    """

    above: int
    price: Decimal | None = None
    rate: int | None = None
    per: int = 0
    adds: Decimal = Decimal(0)
    hours: Hours | None = None
    next_day: bool = False
    note: str = ""

    @property
    def changes(self) -> bool:
        """Whether anything is other from here on, or there is only a note."""
        return self.price is not None or self.rate is not None or bool(self.per)

    @property
    def limits(self) -> bool:
        """Whether data is used up here: at all times it is slower from here on, stops, or costs by the byte."""
        slower = self.rate is not None and self.rate < FULL
        return bool(self.per) or (slower and not self.hours and not self.next_day)


class First(NamedTuple):
    """What is other in the first window, which is rarely a whole one: its data, and its price; None: as in others."""

    data: int | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """What the carrier counts. rollover: so many windows more in which data that was left over can be used.

    at_most: the highest price of a window. beyond: the rate beyond it, or after the only window of a cycle; None: as
    before. first: of the first window, None where that is like others.
    """

    counts: Counts
    cycle: Cycle
    steps: tuple[PlanStep, ...] = ()
    rollover: int = 0
    at_most: Decimal | None = None
    beyond: int | None = None
    first: First | None = None

    @property
    def in_first_window(self) -> "Meter":
        """What holds in the first window."""
        if self.first is None:
            return self
        data, price = self.first
        allowance = self.allowance if data is not None else None
        steps = (
            replace(
                step,
                above=data if data is not None and step.above == allowance else step.above,
                price=price if price is not None and step.above == 0 else step.price,
            )
            for step in self.steps
        )
        return replace(self, steps=tuple(steps), first=None)

    @property
    def allowance(self) -> int | None:
        """How much each window has until it gets slow, stops or costs by the byte; None where it never does.

        A rule on the last days gives no data that could be used up or left.
        """
        if self.cycle.kind is CycleKind.LAST:
            return None
        limits = (step.above for step in self.steps if step.limits)
        return min(limits, default=None)

    @property
    def label(self) -> str:
        """What it counts, and in which windows: `all/month`, `roaming/24 hours`, `all/last 3 days`."""
        cycle = self.cycle
        if cycle.kind is CycleKind.LAST:
            return f"{self.counts}/last {cycle.days} days"
        if cycle.kind in (CycleKind.BLOCKS, CycleKind.EACH_USE):
            return f"{self.counts}/{cycle.length.count} {cycle.length.unit}"
        return f"{self.counts}/{cycle.unit.value if cycle.kind is CycleKind.CALENDAR else cycle.kind.value}"

    def price(self, used: int) -> Decimal:
        """The price of a window in which so many bytes were used. It never falls as they rise."""
        base, added = Decimal(0), Decimal(0)
        per, adds, since = 0, Decimal(0), 0
        for step in self.steps:
            if used <= step.above and step.above:
                break
            added += _parts(step.above - since, per) * adds
            since = step.above
            if step.price is not None:
                base, added, per = step.price, Decimal(0), 0
            if step.per:
                per, adds = step.per, step.adds
        price = base + added + _parts(used - since, per) * adds
        return price if self.at_most is None else min(price, self.at_most)


def _parts(size: int, per: int) -> int:
    """How many parts of `per` bytes are begun."""
    return -(-size // per) if per else 0


class Extends(StrEnum):
    """What a top-up does to the end of the plan; the value is the word of the file. OWN: nothing, and the lot has an
    end of its own. SAME: nothing, and the lot ends with the plan. LONGEST: the later of the two ends. RESTART: the plan
    begins anew. ADDS_DAYS: days more in time, else the rest of the day.
    """

    OWN = "own"
    SAME = "same"
    LONGEST = "longest"
    RESTART = "restart"
    ADDS_DAYS = "adds-days"


@dataclass(frozen=True, slots=True)
class TopUp:
    """A lot that can be bought. size None: unlimited. length None: until the end of the month, or of the plan.

    auto: it is bought by itself as soon as nothing is left.
    """

    size: int | None
    price: Decimal
    length: Length | None = None
    month_end: bool = False
    extends: Extends = Extends.SAME
    adds_days: int = 0
    auto: bool = False


class RoundingUnit(StrEnum):
    """What is rounded up as a whole; the value is the word of the file."""

    SESSION = "session"
    DAY = "day"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Rounding:
    """The bytes of each session, of each day or of the whole lifetime are rounded up to a multiple of `to`."""

    to: int
    per: RoundingUnit


@dataclass(frozen=True, slots=True)
class Free:
    """Bytes that no meter counts: in some hours, or of a service."""

    hours: Hours | None = None
    service: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The terms of a plan. price: of each lifetime. started: moments that are known. binary: 1 GB is 1 GiB here.

    uplink, iccid, ssid, interface: which uplink it belongs to; empty where the file does not say. seen: the day on
    which somebody read these terms; note: what else a person should know.
    """

    name: str
    zone: tzinfo
    zone_name: str
    currency: str
    lifetime: Lifetime
    price: Decimal = Decimal(0)
    meters: tuple[Meter, ...] = ()
    free: tuple[Free, ...] = ()
    rounding: Rounding | None = None
    top_up: TopUp | None = None
    started: Mapping[Event, int] = field(default_factory=dict)
    binary: bool = False
    uplink: str = ""
    iccid: str = ""
    ssid: str = ""
    interface: str = ""
    seen: str = ""
    note: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the meters, in their order; a second one of the same label has a number behind it."""
        plain = [meter.label for meter in self.meters]
        earlier = [plain[:at].count(label) for at, label in enumerate(plain)]
        return tuple(f"{label} {number + 1}" if number else label for label, number in zip(plain, earlier, strict=True))

    @property
    def main_meter(self) -> int | None:
        """The number of the meter that stands for the plan: the first of all bytes, else the first one at all."""
        numbers = range(len(self.meters))
        whole = (at for at in numbers if self.meters[at].counts in (Counts.ALL, Counts.TETHER))
        lasting = [at for at in whole if self.meters[at].cycle.kind is not CycleKind.LAST]
        return next(iter(lasting), 0 if self.meters else None)
