# SPDX-License-Identifier: GPL-2.0-or-later
"""`plans` of a file: a tree of plain values goes in, Plans and all Problems with them come out. Pure."""

from collections.abc import Collection, Mapping
from datetime import tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from esimshaper.core.model.plan import (
    Deadline,
    Event,
    Extends,
    Free,
    Length,
    Lifetime,
    Meter,
    Plan,
    Rounding,
    RoundingUnit,
    TopUp,
)
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.hours import hours_from
from esimshaper.core.settings.periods import Zones, zone_from
from esimshaper.core.settings.plan_meters import meters_from
from esimshaper.core.settings.plan_values import PlanBlock, currency_from, iccid_from
from esimshaper.core.settings.problem import Problem

LOCAL = "local"
MONTH_END = "month-end"
_LENGTHS = ("hours", "days", "months")


class ParsedPlans(NamedTuple):
    """The plans that have no problem, and all problems."""

    plans: tuple[Plan, ...]
    problems: tuple[Problem, ...]


def parse_plans(tree: Mapping[str, Any], here: tuple[str, tzinfo], zones: Zones) -> ParsedPlans:
    """The plans of a tree that the schema has seen; of a plan with a problem nothing is kept.

    `here`: the name and the rules of the router's own time zone, which `local` means.
    """
    problems: list[Problem] = []
    found: dict[str, Plan] = {}
    for block in Block(tree, problems).blocks("plans"):
        before = len(problems)
        plan = _plan(block, here, zones)
        if plan and plan.name in found:
            block.refuse("name", f"the name `{plan.name}` is used twice", "Give each plan a name of its own.")
        elif plan and len(problems) == before:
            found[plan.name] = plan
    return ParsedPlans(tuple(found.values()), tuple(problems))


def unknown_plans(tree: Mapping[str, Any], plans: Collection[Plan]) -> list[Problem]:
    """The quotas that follow a plan which is not there."""
    problems: list[Problem] = []
    written = [plan.get("name") for plan in tree.get("plans", ()) if plan]
    known = {*written, *(plan.name for plan in plans)}
    for quota in Block(tree, problems).blocks("quotas"):
        if quota.has("plan") and quota.get("plan") not in known:
            hint = f"These are there: {', '.join(map(str, written))}." if written else "Write it under `plans`."
            quota.refuse("plan", f"no plan is called `{quota.get('plan')}`", hint)
        elif quota.has("follow") and not known:
            quota.refuse("follow", "there is no plan to follow", "Write `plans:`, or a `limit` and a `period`.")
    return problems


def _plan(block: Block, here: tuple[str, tzinfo], zones: Zones) -> Plan | None:
    name, (zone_name, zone) = block.name(), here
    if block.get("zone", LOCAL) != LOCAL:
        named = zone_from(block, "zone", zones)
        if named is None:
            return None
        zone_name, zone = block.get("zone"), named
    if name is None:
        return None
    plan = PlanBlock(block, zone, currency_from(block), block.get("units") == "binary")
    meters = meters_from(plan)
    return Plan(
        name,
        zone,
        zone_name,
        plan.currency,
        _lifetime(plan),
        plan.money("price") or Decimal(0),
        meters,
        _free(plan),
        _rounding(plan),
        _top_up(plan, meters) if block.has("top_up") else None,
        _started(plan),
        plan.binary,
        block.get("uplink", ""),
        iccid_from(block),
        block.get("ssid", ""),
        block.get("interface", ""),
        block.get("seen", ""),
        block.get("note", ""),
    )


def _lifetime(plan: PlanBlock) -> Lifetime:
    written = plan.block.get("lasts")
    if not isinstance(written, dict):
        return Lifetime()
    lasts = plan.inner(plan.block.block("lasts"))
    block = lasts.block
    length, start = lasts.length(), lasts.start("from")
    if length is None and not any(block.has(key) for key in _LENGTHS):
        block.refuse((), "the lifetime has no length", "Write {days: 30, from: first-use}; `forever` for no end.")
    if start is None and not block.has("from"):
        block.refuse((), "the lifetime has no beginning", "Write `from:` and first-use, purchase, install or a date.")
    by = None
    if block.has("by"):
        by = _deadline(block)
        if start is not Event.FIRST_USE:
            block.refuse("by", "only a first use can be made by a day", "Write `from: first-use`, or remove `by`.")
    return Lifetime(length, Event.PURCHASE if start is None else start, by, bool(block.get("renews", False)))


def _deadline(block: Block) -> Deadline | None:
    by = block.block("by")
    return Deadline(int(by.get("days")), Event(by.get("from"))) if by.has("days") and by.has("from") else None


def _started(plan: PlanBlock) -> dict[Event, int]:
    started = plan.inner(plan.block.block("started"))
    known = {event: started.moment(event.value) for event in (Event.PURCHASE, Event.INSTALL, Event.FIRST_USE)}
    found = {event: moment for event, moment in known.items() if moment is not None}
    for first, second in pairwise(found):
        if found[second] < found[first]:
            message = f"`{second.value}` is before `{first.value}`"
            started.block.refuse(second.value, message, "Check both dates: one buys, installs and then uses a plan.")
    return found


def _rounding(plan: PlanBlock) -> Rounding | None:
    if not plan.block.has("round"):
        return None
    rounding = plan.inner(plan.block.block("round"))
    to = rounding.size("to")
    return None if to is None else Rounding(to, RoundingUnit(rounding.block.get("per", RoundingUnit.TOTAL)))


def _free(plan: PlanBlock) -> tuple[Free, ...]:
    found = []
    for block in plan.block.blocks("free"):
        if block.has("hours") == block.has("service") and block.values:
            block.refuse((), "what is free is either of some hours or of a service", "Write a line for each of them.")
        found.append(Free(hours_from(block, plan.zone), block.get("service", "")))
    return tuple(each for each in found if each.hours or each.service)


def _top_up(plan: PlanBlock, meters: tuple[Meter, ...]) -> TopUp | None:
    top_up = plan.inner(plan.block.block("top_up"))
    block = top_up.block
    unlimited = block.get("lot") == "unlimited"
    size = None if unlimited else top_up.size("lot")
    month_end = block.get("to") == MONTH_END
    length, price = top_up.length(), top_up.money("price")
    if block.has("to") and length is None and not month_end:
        block.refuse("to", "`to` needs a length", "Write `days: 31` too, or `to: month-end`.")
    if month_end and any(block.has(key) for key in _LENGTHS):
        block.refuse("to", "the end of the month needs no length", "Keep one of the two.")
    if unlimited and length is None and not month_end:
        block.refuse("lot", "unlimited data has to end some time", "Write `hours: 1`, or days.")
    if not unlimited and all(meter.allowance is None for meter in meters):
        block.refuse((), "no meter has data that could be used up", "Write the steps of the meter that it adds to.")
    extends, days = _extends(block, length, month_end=month_end)
    if price is None or (size is None and not unlimited):
        return None
    return TopUp(size, price, length, month_end, extends, days, bool(block.get("auto", False)))


def _extends(block: Block, length: Length | None, *, month_end: bool) -> tuple[Extends, int]:
    written = block.get("extends")
    ends = length is not None or month_end
    if isinstance(written, dict):
        return Extends.ADDS_DAYS, int(written.get("adds_days", 1))
    extends = Extends(written) if written else Extends.OWN if ends else Extends.SAME
    if extends in (Extends.OWN, Extends.LONGEST) and not ends:
        block.refuse("extends", f"`{extends.value}` needs an end of the lot", "Write its days, or `to: month-end`.")
    if extends is Extends.SAME and ends:
        block.refuse("extends", "the lot ends with the plan, so it has no length of its own", "Remove its length.")
    return extends, 0
