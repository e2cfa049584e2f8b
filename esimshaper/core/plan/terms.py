# SPDX-License-Identifier: GPL-2.0-or-later
"""The terms of a plan as a document (JSON types): `plan check --json`, and what its words are made from. Pure.

Money is a decimal string, bytes and bit/s are whole numbers, moments are ISO 8601 in the plan's zone.
"""

from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from esimshaper.core.model.money import write_money
from esimshaper.core.model.plan import FULL, Cycle, CycleKind, Event, Free, Length, Meter, Plan, PlanStep, TopUp

Document = dict[str, Any]


def terms_of(plan: Plan) -> Document:
    """Everything that a plan says."""
    rounding = plan.rounding
    return {
        "name": plan.name,
        "currency": plan.currency or None,
        "price": _money(plan.price, plan) if plan.price else None,
        "zone": plan.zone_name,
        "binary": plan.binary,
        "lasts": _lasts(plan),
        "started": {event.value: moment_of(moment, plan.zone) for event, moment in plan.started.items()},
        "round": {"to_bytes": rounding.to, "per": rounding.per.value} if rounding else None,
        "free": [_free(free) for free in plan.free],
        "meters": [_meter(meter, plan) for meter in plan.meters],
        "top_up": _top_up(plan.top_up, plan) if plan.top_up else None,
        "belongs_to": {
            name: value
            for name, value in (
                ("uplink", plan.uplink),
                ("iccid_end", plan.iccid[-4:]),
                ("ssid", plan.ssid),
                ("interface", plan.interface),
            )
            if value
        },
        "seen": plan.seen or None,
        "note": plan.note or None,
    }


def moment_of(moment: int, zone: tzinfo) -> str:
    """A moment as documents have it."""
    return datetime.fromtimestamp(moment, zone).isoformat()


def _money(amount: Decimal | None, plan: Plan) -> str | None:
    return None if amount is None else write_money(amount, plan.currency)


def _free(free: Free) -> Document:
    return {"hours": free.hours.written if free.hours else None, "service": free.service or None}


def _start(start: Event | int, plan: Plan) -> str:
    return start.value if isinstance(start, Event) else moment_of(start, plan.zone)


def _length(length: Length | None) -> Document | None:
    if length is None:
        return None
    return {"unit": length.unit.value, "count": length.count, "to": length.ending.value}


def _lasts(plan: Plan) -> Document | None:
    lasts = plan.lifetime
    if lasts.length is None:
        return None
    return {
        "length": _length(lasts.length),
        "from": _start(lasts.start, plan),
        "by": {"days": lasts.by.days, "from": lasts.by.event.value} if lasts.by else None,
        "renews": lasts.renews,
    }


def _cycle(cycle: Cycle, plan: Plan) -> Document:
    is_block = cycle.kind is CycleKind.BLOCKS
    return {
        "kind": cycle.unit.value if cycle.kind is CycleKind.CALENDAR else cycle.kind.value,
        "length": _length(cycle.length) if is_block or cycle.kind is CycleKind.EACH_USE else None,
        "from": _start(cycle.start, plan) if is_block else None,
        "once": cycle.once,
        "days": cycle.days or None,
    }


def _meter(meter: Meter, plan: Plan) -> Document:
    return {
        "counts": meter.counts.value,
        "window": _cycle(meter.cycle, plan),
        "rollover": meter.rollover,
        "first": {"data_bytes": meter.first.data, "price": _money(meter.first.price, plan)} if meter.first else None,
        "at_most": _money(meter.at_most, plan),
        "then": None if meter.beyond is None else rate_of(meter.beyond),
        "steps": [_step(step, plan) for step in meter.steps],
    }


def rate_of(rate: int) -> str | int:
    """`full`, `stop`, or bit/s."""
    return "full" if rate >= FULL else rate or "stop"


def _step(step: PlanStep, plan: Plan) -> Document:
    return {
        "from_bytes": step.above,
        "price": _money(step.price, plan),
        "rate": None if step.rate is None else rate_of(step.rate),
        "per_bytes": step.per or None,
        "adds": _money(step.adds, plan) if step.per else None,
        "hours": step.hours.written if step.hours else None,
        "next_day": step.next_day,
        "note": step.note or None,
    }


def _top_up(top_up: TopUp, plan: Plan) -> Document:
    return {
        "lot_bytes": top_up.size,
        "price": _money(top_up.price, plan),
        "length": _length(top_up.length),
        "to_month_end": top_up.month_end,
        "extends": top_up.extends.value,
        "adds_days": top_up.adds_days or None,
        "auto": top_up.auto,
    }
