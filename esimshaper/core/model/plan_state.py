# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what is remembered of plans from tick to tick, and over restarts. Pure: values only.

PlanState    one PlanTally for each plan that is counted, one UplinkPlan for each uplink
PlanTally    the course of one plan as values, and what people have heard of it
UplinkPlan   which plan the bytes of an uplink are of, and bytes that are not known to be of any yet

All times are Unix seconds, all amounts bytes; money is a Decimal of the plan's currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from esimshaper.core.model.limits import Quota, Window
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.plan import FULL, Event, Meter, Plan

NO_MONEY = Decimal(0)


@dataclass(frozen=True, slots=True)
class KeptCount:
    """One meter of a course. label: that of the meter, by which it is found again when the plan was edited.

    carried: what earlier windows left, with the windows in which it can still be used. closed: what these cost. days:
    bytes by day, where a step asks for them. is_first: the window is the first one, which has terms of its own; found
    out anew at a start.
    """

    label: str
    window: Window | None = None
    anchor: int | None = None
    used: int = 0
    carried: tuple[tuple[int, int], ...] = ()
    closed: Decimal = NO_MONEY
    is_over: bool = False
    days: tuple[tuple[int, int], ...] = ()
    is_first: bool = False

    def terms(self, meter: Meter) -> Meter:
        """What holds of its meter in the present window."""
        return meter.in_first_window if self.is_first else meter


@dataclass(frozen=True, slots=True)
class KeptLot:
    """Data that was bought on top. left, size: None for unlimited. until: None as long as the plan. at: when bought."""

    left: int | None
    until: int | None
    size: int | None = None
    price: Decimal = NO_MONEY
    at: int = 0


class Ahead(NamedTuple):
    """The next change of a meter: so many bytes until it, at `above` of `used`; what the window costs beyond, or what
    each `per` bytes more do; the rate beyond (None: as before), which is lower if it `slows`. With room 0 the next byte
    is the first one beyond. label: of the meter; start, end: of its window."""

    label: str
    room: int
    above: int
    start: int
    end: int
    rate: int | None = None
    price: Decimal | None = None
    per: int = 0
    adds: Decimal = NO_MONEY
    slows: bool = False


class RoundedPart(NamedTuple):
    """The session, the day or the lifetime that is rounded as one: its beginning, its last byte, its bytes."""

    unit: int = 0
    last: int = 0
    used: int = 0


NOT_ROUNDED = RoundedPart()


@dataclass(frozen=True, slots=True)
class KeptCourse:
    """A Course between two ticks. price, lifetime: of the terms as they were, to notice that somebody edited them."""

    bought: int
    moments: Mapping[Event, int] = field(default_factory=dict)
    life: Window | None = None
    paid: Decimal = NO_MONEY
    price: Decimal = NO_MONEY
    lifetime: str = ""
    is_over: bool = False
    lapsed: bool = False
    rounded: RoundedPart = NOT_ROUNDED
    counts: tuple[KeptCount, ...] = ()
    lots: tuple[KeptLot, ...] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """The carrier's own `figure` of the present window, said `at` a moment, and our count of the time it speaks of.

    half: by how much the figure may be off as it was rounded. window: the beginning of the window it is about. ours:
    what counted as used there. counted, lowest: all that was counted of the plan until then, and two hours before.
    sessions: those of the modem until then. added: what it changed in the count.
    """

    at: int
    figure: int
    half: int
    window: int
    ours: int
    counted: int
    lowest: int
    sessions: int = 0
    added: int = 0


class Quick(NamedTuple):
    """Less than `room` bytes more, all abroad or (away False) none, change nothing but what meters counted.

    day: the present one. used: the numbers of meters that count the bytes of their window; days: of those that count
    bytes by day.
    """

    room: int
    away: bool
    day: int
    used: frozenset[int]
    days: frozenset[int]


@dataclass(frozen=True, slots=True)
class PlanTally:
    """What is known of one plan.

    counted: bytes since the course began, as billed to the uplink; roamed, free, refused: those of them abroad, those
    that no meter counts, those that passed though the terms let nothing pass. credit: bytes that were counted and
    should not have been: the next ones are not counted in their place. seen: the latest moment of the course, which
    never goes back. began: CLOCK_BOOTTIME of the first byte, while `unsure`: no clock was ever right until now.
    by_day: bytes of the last days in the plan's zone, for forecasts. told: keys of notices that were announced.
    sessions: how often the modem connected. Not saved: rate, of the next byte; left, what can be used at this rate and
    price (None: as much as you like); ahead, what comes next; quiet, until when nothing changes without a byte; quick,
    how many bytes need not be looked at until then.
    """

    plan: str
    course: KeptCourse
    counted: int = 0
    roamed: int = 0
    free: int = 0
    refused: int = 0
    credit: int = 0
    seen: int = 0
    began: float = 0.0
    unsure: bool = False
    by_day: Mapping[int, int] = field(default_factory=dict)
    corrections: tuple[Correction, ...] = ()
    told: tuple[str, ...] = ()
    sessions: int = 0
    rate: int = FULL
    left: int | None = None
    ahead: tuple[Ahead, ...] = ()
    quiet: int = 0
    quick: Quick | None = None

    def count_of(self, label: str) -> KeptCount | None:
        """The meter of that label."""
        return next((count for count in self.course.counts if count.label == label), None)

    def main_count(self, plan: Plan) -> KeptCount | None:
        """The meter that stands for the plan."""
        return None if plan.main_meter is None else self.count_of(plan.labels[plan.main_meter])


class Waiting(NamedTuple):
    """Bytes that passed an uplink before it was known which plan they are of; away: those perhaps abroad.

    down: further ones, which passed while no daemon looked: the eSIM may have been changed in the middle of them.
    since: CLOCK_BOOTTIME of the first of all.
    """

    home: int = 0
    away: int = 0
    down: int = 0
    since: float = 0.0

    @property
    def size(self) -> int:
        return self.home + self.away + self.down


NOTHING_WAITS = Waiting()


@dataclass(frozen=True, slots=True)
class UplinkPlan:
    """The plan of an uplink (empty: none), and the eSIM that was seen last. by_hand: a person chose the plan.

    waits: it was not known at the last tick whose the bytes are. unknown: the eSIM that no plan names, of which people
    have heard. lost: bytes that are of one of two eSIMs, nobody knows of which. connects: as the modem said last.
    """

    plan: str = ""
    iccid: str = ""
    by_hand: bool = False
    waits: bool = False
    unknown: str = ""
    waiting: Waiting = NOTHING_WAITS
    lost: int = 0
    connects: int = 0


@dataclass(frozen=True, slots=True)
class PlanActed:
    """What a person did by hand to plans, to undo it.

    before: the tallies that were changed, as they were (None: there was none). uplinks: as they were. counted: what
    each of them had counted right after the act, in all and abroad. to: the plan that gets the bytes since, if it is
    undone.
    """

    text: str
    before: Mapping[str, PlanTally | None]
    uplinks: Mapping[str, UplinkPlan]
    counted: Mapping[str, tuple[int, int]]
    to: str


class Interval(NamedTuple):
    """An uplink had a plan from a moment to another one; ended None: it has it now."""

    plan: str
    uplink: str
    began: int
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class PlanState:
    """All that is remembered of plans, by the name of the plan and of the uplink. intervals: for reports.

    acted: what was done by hand, the last one last, each beside its Act of the limits.
    """

    tallies: Mapping[str, PlanTally] = field(default_factory=dict)
    uplinks: Mapping[str, UplinkPlan] = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    acted: tuple[PlanActed, ...] = ()


class Followed(NamedTuple):
    """What a quota has from the plan that it follows: the limit and the usage of a window.

    step: the one it leads up to, and all that was bought on top; while that is the same, the limit stays.
    """

    limit: int
    used: int
    window: Window
    step: tuple[str, str, int, int, int]


@dataclass(frozen=True, slots=True)
class PlansSlice:
    """kept: what is saved. rates: what the terms give each uplink now. new: notices of this tick.

    undone: what can be done again. followed: what quotas have from plans, by name of the quota.
    """

    kept: PlanState = field(default_factory=PlanState)
    rates: Mapping[str, int] = field(default_factory=dict)
    new: tuple[Notice, ...] = ()
    undone: tuple[PlanActed, ...] = ()
    followed: Mapping[str, Followed] = field(default_factory=dict)

    def quotas(self, written: tuple[Quota, ...]) -> tuple[Quota, ...]:
        """The quotas of the settings as they are now: those that follow a plan have its limit, or are left out."""
        if not any(quota.follow for quota in written):
            return written
        return tuple(
            replace(quota, limit=self.followed[quota.name].limit) if quota.follow else quota
            for quota in written
            if not quota.follow or quota.name in self.followed
        )
