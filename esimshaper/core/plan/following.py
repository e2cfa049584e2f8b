# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas that follow a plan: the next step of the plan -> limit, usage and window of the quota. Pure.

    used ------------------------------ limit ------ step
                   room - before               before

The limit stays where it is while bytes are used, also those of lots; so the policy in the kernel stays, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from esimshaper.core.model.limits import Follow, Quota, StepKind, Window
from esimshaper.core.model.plan_state import Ahead, Followed, PlansSlice, PlanState, PlanTally
from esimshaper.core.model.state import Booked
from esimshaper.core.model.tick import Tick


def follow(before: PlansSlice, tick: Tick, booked: Booked) -> PlansSlice:
    """`before` with what quotas have from plans now."""
    quotas = [quota for quota in tick.rules.quotas if quota.follow]
    if not quotas and not before.followed:
        return before
    found = followed(quotas, before.kept, before.followed, waiting_uploads(booked))
    return before if found == before.followed else replace(before, followed=found)


def with_followed(tick: Tick, plans: PlansSlice) -> Tick:
    """The tick for limits: with quotas, windows and usage as plans have them."""
    quotas = plans.quotas(tick.rules.quotas)
    if quotas == tick.rules.quotas:
        return tick
    names = {quota.name for quota in quotas}
    windows = {name: window for name, window in tick.windows.items() if name in names}
    windows |= {name: each.window for name, each in plans.followed.items()}
    used = {name: each.used for name, each in plans.followed.items()}
    return replace(tick, rules=replace(tick.rules, quotas=quotas), windows=windows, followed=used)


def followed(
    quotas: Iterable[Quota], kept: PlanState, before: Mapping[str, Followed], waiting: int
) -> Mapping[str, Followed]:
    """What each quota that follows a plan has from it; nothing where no such step is ahead.

    waiting: uploads that were charged to budgets and are not billed yet. Of several plans the nearest step counts.
    """
    found: dict[str, Followed] = {}
    for quota in quotas:
        if quota.follow is None:
            continue
        steps = [(each, tally) for tally in _tallies(quota.follow, kept) for each in _steps(quota.follow, tally)]
        if steps:
            ahead, tally = min(steps, key=lambda pair: pair[0].room)
            found[quota.name] = _followed(quota.follow, tally, ahead, before.get(quota.name), waiting)
    return found


def waiting_uploads(booked: Booked) -> int:
    """Uploads that are in budgets and not on the bill, as they have not left yet."""
    ours = sum(max(0, each.unsent - each.dropped) for each in booked.drops.values())
    return ours + sum(booked.uplink.waiting.values())


def _tallies(follow: Follow, kept: PlanState) -> list[PlanTally]:
    """The plan that is named, or those in use; of an eSIM that is not known yet, all: the strictest meanwhile."""
    if follow.plan:
        return [kept.tallies[follow.plan]] if follow.plan in kept.tallies else []
    if any(uplink.unknown for uplink in kept.uplinks.values()):
        return list(kept.tallies.values())
    used = {uplink.plan for uplink in kept.uplinks.values()}
    return [tally for name, tally in kept.tallies.items() if name in used]


def _steps(follow: Follow, tally: PlanTally) -> list[Ahead]:
    price, rate = follow.step in (StepKind.ANY, StepKind.PRICE), follow.step in (StepKind.ANY, StepKind.RATE)
    return [each for each in tally.ahead if (price and (each.price is not None or each.per)) or (rate and each.slows)]


def _followed(follow: Follow, tally: PlanTally, ahead: Ahead, before: Followed | None, waiting: int) -> Followed:
    bought = sum(lot.size or 0 for lot in tally.course.lots)
    step = (tally.plan, ahead.label, ahead.start, ahead.above, bought)
    count = tally.count_of(ahead.label)
    used = count.used if count else 0
    same = before is not None and before.step == step
    limit = before.limit if before is not None and same else used + max(0, ahead.room - follow.before)
    return Followed(limit, limit + follow.before - ahead.room + waiting, Window(ahead.start, ahead.end), step)
