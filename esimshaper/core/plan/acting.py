# SPDX-License-Identifier: GPL-2.0-or-later
"""What people do to plans by hand: begin one, tell of data that was bought, choose one, put its count right. Pure.

Each function turns a PlanState into another; all of them raise Unusable.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.plan import FULL, CycleKind, Event, Plan
from esimshaper.core.model.plan_state import (
    Correction,
    KeptCount,
    PlanActed,
    PlanState,
    PlanTally,
    UplinkPlan,
)
from esimshaper.core.model.requests import Figure, PlanAddCommand
from esimshaper.core.plan.counting import Bytes, begun, counted
from esimshaper.core.plan.kept import kept_of, resumed
from esimshaper.core.plan.lots import Lot

MAX_CORRECTIONS = 32
Used = Iterable[tuple[int, int]]
"""When, and how many bytes."""


def plan_of(plans: Iterable[Plan], kept: PlanState, name: str, uplink: str = "") -> Plan:
    """The plan of that name; without one that of the uplink, or the only one there is."""
    known = {plan.name: plan for plan in plans}
    if name and name not in known:
        listed = ", ".join(known) or "none"
        raise Unusable(f"no plan is called {name}", f"The configuration has these: {listed}.")
    if name:
        return known[name]
    used = {each.plan for at, each in kept.uplinks.items() if each.plan in known and uplink in ("", at)}
    of_one = list(used) or list(known)
    if len(of_one) != 1:
        what = "no plan is configured" if not known else "it is not clear which plan is meant"
        raise Unusable(what, f"Name one: {', '.join(known)}." if known else "Write `plans:` in the configuration.")
    return known[of_one[0]]


def started(kept: PlanState, plan: Plan, at: int, event: Event | None, used: Used) -> PlanState:
    """The plan begins anew, bought `at`; with an `event` that is when it was. `used`: bytes since then."""
    old = kept.tallies.get(plan.name)
    moments = {event: at} if event else {Event.PURCHASE: at, Event.INSTALL: at}
    bare = replace(plan, started={key: moment for key, moment in plan.started.items() if key not in moments})
    tally = begun(bare, at, moments)
    for moment, size in used:
        tally = counted(tally, plan, Bytes(size, at=moment), moment, roaming=False)
    if old:
        tally = replace(tally, corrections=old.corrections, sessions=old.sessions)
    return replace(kept, tallies={**kept.tallies, plan.name: tally})


def switched(kept: PlanState, plan: Plan, uplink: str, names: Iterable[str]) -> PlanState:
    """An uplink has the plan from now on, while its SIM stays. Without a name it is the plan's own, or the only one."""
    known = list(names)
    at = uplink or plan.uplink or (known[0] if len(known) == 1 else "")
    if at not in known:
        what = f"no uplink is called {at}" if at else "there are several uplinks"
        raise Unusable(what, f"Say which one: --uplink {' or '.join(known)}.")
    before = kept.uplinks.get(at, UplinkPlan())
    now = replace(before, plan=plan.name, by_hand=True, iccid=before.unknown or before.iccid, unknown="")
    return replace(kept, uplinks={**kept.uplinks, at: now})


def added(kept: PlanState, plan: Plan, said: PlanAddCommand, until: int | None, now: int) -> PlanState:
    """Data was bought on top: what the terms sell, or what the person says."""
    tally = _tally(kept, plan)
    course = resumed(plan, tally.course, max(now, tally.seen))
    top_up = plan.top_up
    plain = until is None and (said.price is None or (top_up and said.price == top_up.price))
    if top_up and plain and said.bytes in (None, top_up.size):
        course.buy(max(now, tally.seen))
    elif said.bytes is None:
        raise Unusable(f"the terms of {plan.name} sell no data on top", "Say how much: `esimshaper plan add 1GB`.")
    else:
        if until is not None and until <= now:
            raise Unusable("that data would have ended before it began", "Write a later --ends.")
        price = Decimal(0) if said.price is None else said.price
        course.add(max(now, tally.seen), Lot(said.bytes, until, said.bytes, price, now))
    told = tuple(key for key in tally.told if not key.startswith(("low:", "out:", "price:")))
    return _with(kept, replace(tally, course=kept_of(course), told=told, quiet=0, quick=None))


def reset(kept: PlanState, plan: Plan) -> PlanState:
    """What makes the plan slow is used anew from nothing; what it costs stays."""
    tally = _tally(kept, plan)
    slowed = {
        label
        for label, meter in zip(plan.labels, plan.meters, strict=True)
        if any(step.rate is not None and step.rate < FULL for step in meter.steps)
    }
    counts = tuple(
        replace(each, used=0, days=(), closed=each.closed + _price(plan, each)) if each.label in slowed else each
        for each in tally.course.counts
    )
    told = tuple(key for key in tally.told if not key.startswith(("low:", "out:")))
    course = replace(tally.course, counts=counts)
    return _with(kept, replace(tally, course=course, told=told, quiet=0, quick=None))


def _price(plan: Plan, count: KeptCount) -> Decimal:
    meters = dict(zip(plan.labels, plan.meters, strict=True))
    per = count.terms(meters[count.label])
    return per.price(count.used) - per.price(0)


def corrected(
    kept: PlanState, plan: Plan, figure: Figure, at: int, since: Mapping[str, int], *, lower: bool
) -> PlanState:
    """The carrier says that so much was used at `at`. More counts at once; less only if the person wants it (`lower`).

    since: our own bytes since then (`at`), and in the two hours before it (`before`). The history stays as it is.
    """
    tally = _tally(kept, plan)
    main = tally.main_count(plan)
    if main is None or main.window is None:
        raise Unusable(f"{plan.name} has no period yet that a figure could be of", "Tell it after the first byte.")
    if plan.meters[plan.main_meter or 0].cycle.kind is CycleKind.LAST or at < main.window.start:
        raise Unusable("that figure is of another period than the present one", "Tell the figure of now.")
    said, half = figure.bytes(binary=plan.binary), figure.unit_bytes(binary=plan.binary) // 2
    lots = sum((lot.size or 0) - (lot.left or 0) for lot in tally.course.lots if lot.at >= main.window.start)
    ours = main.used + lots - min(since["at"], main.used)
    more = said - ours
    if abs(more) <= half:
        more = 0
    applied = more if more > 0 or lower else 0
    then = tally.counted - min(since["at"], tally.counted)
    lowest = then - min(since["before"], then)
    new = Correction(at, said, half, main.window.start, ours, then, lowest, tally.sessions, applied)
    changed = replace(tally, corrections=(*tally.corrections, new)[-MAX_CORRECTIONS:])
    if applied > 0:
        course = resumed(plan, changed.course, changed.seen)
        course.use(changed.seen, applied)
        changed = replace(changed, course=kept_of(course))
    elif applied < 0:
        counts = tuple(
            replace(each, used=max(0, each.used + applied)) if each.label == main.label else each
            for each in changed.course.counts
        )
        changed = replace(changed, course=replace(changed.course, counts=counts))
    return _with(kept, replace(changed, quiet=0, quick=None))


def acted(text: str, before: PlanState, after: PlanState) -> PlanActed:
    """What it takes to undo an act that has made `after` of `before`."""
    changed = [name for name, tally in after.tallies.items() if before.tallies.get(name) is not tally]
    moved = [at for at, each in after.uplinks.items() if before.uplinks.get(at, UplinkPlan()).plan != each.plan]
    plans = [of.uplinks[at].plan for at in moved for of in (before, after) if at in of.uplinks]
    names = [name for name in dict.fromkeys((*plans, *changed)) if name]
    tallies = {name: after.tallies.get(name) for name in names}
    counts = {name: (tally.counted, tally.roamed) if tally else (0, 0) for name, tally in tallies.items()}
    earlier = {name: before.tallies.get(name) for name in names}
    return PlanActed(text, earlier, before.uplinks, counts, names[0] if names else "")


def undone(kept: PlanState, plans: Iterable[Plan], act: PlanActed, now: int) -> PlanState:
    """`kept` as if the act had not been done. What was used since counts on, for the plan of before."""
    known = {plan.name: plan for plan in plans}
    home = away = 0
    tallies = dict(kept.tallies)
    for name, tally in act.before.items():
        present = kept.tallies.get(name)
        if present:
            total, abroad = act.counted[name]
            away += present.roamed - abroad
            home += present.counted - total - (present.roamed - abroad)
        tallies.pop(name, None)
        if tally:
            tallies[name] = replace(tally, quiet=0, quick=None)
    if act.to in known and (home or away):
        tally = tallies.get(act.to) or begun(known[act.to], now)
        tallies[act.to] = counted(tally, known[act.to], Bytes(home, away), now, roaming=False)
    uplinks = {
        at: replace(each, plan=old.plan, by_hand=old.by_hand, iccid=old.iccid) if (old := act.uplinks.get(at)) else each
        for at, each in kept.uplinks.items()
    }
    return replace(kept, tallies=tallies, uplinks=uplinks)


def _tally(kept: PlanState, plan: Plan) -> PlanTally:
    tally = kept.tallies.get(plan.name)
    if tally is None:
        raise Unusable(f"{plan.name} has not begun yet", f"`esimshaper plan start {plan.name}` begins it.")
    return tally


def _with(kept: PlanState, tally: PlanTally) -> PlanState:
    return replace(kept, tallies={**kept.tallies, tally.plan: tally})
