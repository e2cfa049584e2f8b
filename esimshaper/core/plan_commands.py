# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands of people on plans: each function turns a State into another. Pure.

They stand among the other acts by hand, so `undo` takes them back in turn.
"""

from collections.abc import Mapping
from dataclasses import replace

from esimshaper.core.limits.acts import MAX_ACTS
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limit_state import Act, ActKind
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.plan_state import PlanActed, PlanState
from esimshaper.core.model.requests import PlanAddCommand, PlanCorrectCommand, PlanStartCommand, PlanSwitchCommand
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.core.model.units import format_moment, format_size
from esimshaper.core.plan import acting
from esimshaper.core.saving import booking


def plan_named(state: State, rules: Rules, name: str) -> Plan:
    """The plan that a person means. Raises Unusable."""
    return acting.plan_of(rules.plans, state.plans.kept, name)


def start(state: State, rules: Rules, command: PlanStartCommand, at: int, used: acting.Used) -> State:
    """A plan begins `at`; `used`: bytes since then, by their time. Raises Unusable."""
    kept, plan = state.plans.kept, plan_named(state, rules, command.plan)
    after = acting.started(kept, plan, at, command.event, used)
    names = [uplink.name for uplink in rules.uplinks]
    has_it = any(each.plan == plan.name for each in kept.uplinks.values())
    if not has_it and not plan.iccid and (plan.uplink in names or len(names) == 1):
        after = acting.switched(after, plan, "", names)
    event = f" ({command.event})" if command.event else ""
    when = format_moment(at, state.clock.time, plan.zone)
    return _done(state, after, f"plan {plan.name} begins anew, from {when} on{event}", plan)


def switch(state: State, rules: Rules, command: PlanSwitchCommand) -> State:
    """An uplink has another plan from now on. Raises Unusable."""
    kept, plan = state.plans.kept, plan_named(state, rules, command.plan)
    after = acting.switched(kept, plan, command.uplink, [uplink.name for uplink in rules.uplinks])
    at = next(name for name, each in after.uplinks.items() if kept.uplinks.get(name) != each or each.plan == plan.name)
    return _done(state, after, f"{at} has plan {plan.name} from now on", plan)


def add(state: State, rules: Rules, command: PlanAddCommand, until: int | None) -> State:
    """Data was bought on top of a plan. Raises Unusable."""
    kept, plan = state.plans.kept, plan_named(state, rules, command.plan)
    after = acting.added(kept, plan, command, until, int(state.clock.time))
    lot = after.tallies[plan.name].course.lots[-1]
    size = "unlimited data" if lot.size is None else format_size(lot.size)
    return _done(state, after, f"plan {plan.name} has {size} more", plan)


def reset(state: State, rules: Rules, name: str) -> State:
    """What makes a plan slow begins at nothing. Raises Unusable."""
    plan = plan_named(state, rules, name)
    after = acting.reset(state.plans.kept, plan)
    return _done(state, after, f"plan {plan.name} has used nothing of its fast data from now on", plan)


def correct(state: State, rules: Rules, command: PlanCorrectCommand, at: int, since: Mapping[str, int]) -> State:
    """The carrier's own figure, of `at`. `since`: as of acting.corrected. Raises Unusable."""
    kept, plan = state.plans.kept, plan_named(state, rules, command.plan)
    after = acting.corrected(kept, plan, command.figure, at, since, lower=command.lower)
    new = after.tallies[plan.name].corrections[-1]
    more = new.figure - new.ours
    if new.added > 0:
        text = f"plan {plan.name} counts {format_size(new.added)} more: the carrier says {format_size(new.figure)}"
    elif new.added < 0:
        text = f"plan {plan.name} counts {format_size(-new.added)} less: the carrier says {format_size(new.figure)}"
    elif -more > new.half:
        text = (
            f"the carrier says {format_size(-more)} less than plan {plan.name} counts, which is noted; a limit gets no "
            "looser by that alone: add --lower to count less"
        )
    else:
        text = f"the carrier's figure and the count of plan {plan.name} are the same, as far as it is rounded"
    return _done(state, after, text, plan)


def undo(state: State, rules: Rules) -> tuple[State, Act] | None:
    """The last act by hand taken back, if it is one on a plan; else None."""
    acts, acted = state.limits.kept.acts, state.plans.kept.acted
    if not acts or acts[-1].kind is not ActKind.PLAN or not acted:
        return None
    kept, back = _taken_back(state, rules, acted[-1])
    plans = replace(state.plans, kept=replace(kept, acted=acted[:-1]), undone=(*state.plans.undone, back))
    limits = replace(
        state.limits,
        kept=replace(state.limits.kept, acts=acts[:-1]),
        undone=(*state.limits.undone, acts[-1]),
        inputs=None,
    )
    return _told(replace(state, plans=plans, limits=limits), f"taken back: {back.text}"), acts[-1]


def redo(state: State, rules: Rules) -> tuple[State, Act] | None:
    """The act that was undone last done again, if it is one on a plan; else None."""
    acts, undone = state.limits.undone, state.plans.undone
    if not acts or acts[-1].kind is not ActKind.PLAN or not undone:
        return None
    kept, back = _taken_back(state, rules, undone[-1])
    plans = replace(state.plans, kept=replace(kept, acted=(*kept.acted, back)[-MAX_ACTS:]), undone=undone[:-1])
    done = replace(state.limits.kept, acts=(*state.limits.kept.acts, acts[-1])[-MAX_ACTS:])
    limits = replace(state.limits, kept=done, undone=acts[:-1], inputs=None)
    return _told(replace(state, plans=plans, limits=limits), f"done again: {back.text}"), acts[-1]


def _taken_back(state: State, rules: Rules, last: PlanActed) -> tuple[PlanState, PlanActed]:
    """The plans without an act, and what it takes to have it again."""
    kept = acting.undone(state.plans.kept, rules.plans, last, int(state.clock.time))
    return kept, acting.acted(last.text, state.plans.kept, kept)


def _done(state: State, after: PlanState, text: str, plan: Plan) -> State:
    """`state` with an act by hand, to be saved at the next tick."""
    if state.meter.booked is None:
        raise Unusable("nothing has been read yet", "Try again in a second.")
    act = Act(ActKind.PLAN, EVERYONE, int(state.clock.time), plan.name)
    acts = (*state.limits.kept.acts, act)[-MAX_ACTS:]
    acted = (*after.acted, acting.acted(text, state.plans.kept, after))[-MAX_ACTS:]
    plans = replace(state.plans, kept=replace(after, acted=acted), undone=())
    # Quotas that follow the plan hold to it at the next tick, also if nothing is used until then.
    limits = replace(state.limits, kept=replace(state.limits.kept, acts=acts), undone=(), inputs=None)
    return _told(replace(state, plans=plans, limits=limits), text)


def _told(state: State, text: str) -> State:
    notice = Notice(NoticeKind.PLAN_BY_HAND, text, EVERYONE, at=int(state.clock.time), data={"text": text})
    return replace(state, saving=replace(booking.with_notices(state.saving, (notice,)), urgent=True))
