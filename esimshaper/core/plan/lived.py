# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan and recorded use -> the steps of price and rate that it takes, with their times, and the end. Pure."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from esimshaper.core.model.money import write_money
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.recorded import Recorded
from esimshaper.core.plan.course import Course
from esimshaper.core.plan.terms import moment_of, rate_of

Document = dict[str, Any]


def written(at: float, zone: tzinfo) -> str:
    """A moment as documents of a replay have it, to the second."""
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")


class _Held(NamedTuple):
    rate: int
    price: Decimal


class LivedPlan:
    """A plan, and what each of its meters said last."""

    def __init__(self, plan: Plan, start: int) -> None:
        self._plan, self._course = plan, Course(plan, start)
        self._used = self._refused = 0
        self._held = [self._holds(number, start) for number in range(len(plan.meters))]

    def reach(self, at: float) -> Iterator[Document]:
        self._course.reach(int(at))
        yield from self._steps(at)

    def use(self, record: Recorded, size: int, *, roaming: bool) -> Iterator[Document]:
        """Bytes of a record, if they are of the plan's uplink; of a record without an uplink they are."""
        if record.uplink and self._plan.uplink and record.uplink != self._plan.uplink:
            return
        passed = self._course.use(int(record.at), size, roaming=roaming, service=record.service)
        self._used, self._refused = self._used + passed.full + passed.slow, self._refused + passed.refused
        yield from self._steps(record.at)

    def changes_at(self, now: float) -> float:
        """The next moment at which a step may be taken though nothing is used."""
        ends = [count.changes_at(int(now)) for count in self._course.counts]
        return min([*ends, self._course.end or float("inf")], default=float("inf"))

    def document(self, now: float) -> Document:
        self._course.reach(int(now))
        left, end = self._course.left, self._course.end
        return {
            "name": self._plan.name,
            "used": str(self._used),
            "left": None if left is None else str(left),
            "cost": write_money(self._course.price, self._plan.currency),
            "currency": self._plan.currency or None,
            "refused": str(self._refused),
            "ends": moment_of(end, self._plan.zone) if end else None,
        }

    def _holds(self, number: int, at: int) -> _Held:
        self._course.settle()
        count = self._course.counts[number]
        price = count.meter.price(count.used) if count.is_running else Decimal(0)
        return _Held(count.rate(at), price)

    def _steps(self, at: float) -> Iterator[Document]:
        for number, before in enumerate(self._held):
            held = self._holds(number, int(at))
            step: Document = {
                "time": written(at, self._plan.zone),
                "kind": "step",
                "plan": self._plan.name,
                "meter": self._plan.meters[number].label,
            }
            if held.rate != before.rate:
                yield step | {"rate": rate_of(held.rate)}
            if held.price != before.price:
                yield step | {"price": write_money(held.price, self._plan.currency), "currency": self._plan.currency}
            self._held[number] = held
