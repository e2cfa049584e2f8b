# SPDX-License-Identifier: GPL-2.0-or-later
"""The room of plans in a tick: billed bytes of each uplink -> the plans that they are of, and what these give. Pure.

    bytes of an uplink --> whose? --> known      the plan's course goes on by them
                              `-----> not yet    they wait, and are booked once the SIM is read

Writes the slice `plans`. Meters of a plan count what everyone uses, as the carrier does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from esimshaper.core.model.counts import Usage
from esimshaper.core.model.modems import Modem, Registration
from esimshaper.core.model.plan import FULL, STOP, Plan
from esimshaper.core.model.plan_state import (
    NOTHING_WAITS,
    Interval,
    PlansSlice,
    PlanState,
    PlanTally,
    UplinkPlan,
    Waiting,
)
from esimshaper.core.model.services import NO_VOLUME, ServiceUsage
from esimshaper.core.model.tick import Tick
from esimshaper.core.plan import notices
from esimshaper.core.plan.choosing import Choice, Way, choose, is_same_sim, modem_of
from esimshaper.core.plan.counting import Bytes, begun, counted, placed

MAX_INTERVALS = 512


@dataclass(frozen=True, slots=True)
class Passing:
    """Billed bytes of one uplink in a tick; services: what of them was for each service that some plan has free."""

    way: Way
    size: int = 0
    services: Mapping[str, int] = field(default_factory=dict)


def advance(before: PlansSlice, tick: Tick, passing: Sequence[Passing]) -> PlansSlice:
    """The plans of now."""
    kept, plans = before.kept, {plan.name: plan for plan in tick.rules.plans}
    if not plans and not kept.uplinks:
        return before
    tallies = {name: tally for name, tally in _placed(kept.tallies, plans, tick).items() if name in plans}
    turn = _Turn(tick, plans, tallies, {}, {}, before.rates)
    for each in passing:
        turn.book(each, kept.uplinks.get(each.way.name, UplinkPlan()))
    turn.reach()
    told, new = notices.of_tick(kept, turn.tallies, turn.uplinks, tick)
    uplinks = {**kept.uplinks, **turn.uplinks}
    state = PlanState(told, uplinks, _intervals(kept.intervals, uplinks, int(tick.at.time)), kept.acted)
    return replace(before, kept=kept if state == kept else state, rates=turn.rates, new=new)


def passing_of(tick: Tick, by_uplink: Mapping[str, Usage], services: ServiceUsage) -> tuple[Passing, ...]:
    """What passed each uplink. `services`: of all uplinks together."""
    uplinks, plans = tick.rules.uplinks, tick.rules.plans
    sizes = {name: sum(each.total_bytes for each in usage.values()) for name, usage in by_uplink.items()}
    free = {each.service for plan in plans for each in plan.free if each.service}
    named = {name: sum(each.get(name, NO_VOLUME).total_bytes for each in services.values()) for name in free}
    found = []
    for uplink in uplinks:
        size = sizes.get(uplink.name, 0)
        # Which uplink the bytes of a service took is not counted: as many are free as can have taken no other one.
        others = sum(sizes.values()) - size
        own = {name: max(0, total - others) if others else total for name, total in named.items()}
        way = Way(uplink.name, uplink.interfaces or (tick.rules.wan,), len(uplinks) == 1)
        found.append(Passing(way, size, own))
    return tuple(found)


def _intervals(before: tuple[Interval, ...], uplinks: Mapping[str, UplinkPlan], now: int) -> tuple[Interval, ...]:
    """Which uplink had which plan when; the last MAX_INTERVALS of it."""
    open_ones = {each.uplink: each for each in before if each.ended is None}
    changed = {
        name: uplink.plan
        for name, uplink in uplinks.items()
        if not uplink.waits and uplink.plan != (open_ones[name].plan if name in open_ones else "")
    }
    if not changed:
        return before
    ended = (each._replace(ended=now) if each.ended is None and each.uplink in changed else each for each in before)
    begun = (Interval(plan, name, now) for name, plan in changed.items() if plan)
    return (*ended, *begun)[-MAX_INTERVALS:]


def _placed(tallies: Mapping[str, PlanTally], plans: Mapping[str, Plan], tick: Tick) -> dict[str, PlanTally]:
    """The tallies, where what was counted by a wrong clock has moved to the right time."""
    if not tick.at.trusted:
        return dict(tallies)
    return {
        name: placed(tally, plans[name], _moment(tick, tally.began)) if tally.unsure and name in plans else tally
        for name, tally in tallies.items()
    }


def _moment(tick: Tick, boottime: float) -> int:
    """When it was that the boot time was so much; where that was another boot, the beginning of this one."""
    since = boottime if boottime <= tick.reading.boottime else 0.0
    return int(tick.at.time - (tick.reading.boottime - since))


@dataclass
class _Turn:
    """What a tick makes of the plans, uplink by uplink."""

    tick: Tick
    plans: Mapping[str, Plan]
    known: Mapping[str, PlanTally]
    uplinks: dict[str, UplinkPlan]
    rates: dict[str, int]
    rates_before: Mapping[str, int]

    def __post_init__(self) -> None:
        self.tallies = dict(self.known)
        self.now = int(self.tick.at.time)

    def book(self, passing: Passing, before: UplinkPlan) -> None:
        """The bytes of one uplink."""
        modem = modem_of(passing.way, self.tick.observed.modems)
        over = {name for name, tally in self.tallies.items() if tally.course.is_over}
        choice = choose(passing.way, list(self.plans.values()), modem, before, over)
        away = modem is None or modem.registration is not Registration.HOME
        connects = modem.connects if modem else 0
        uplink = replace(
            before,
            iccid=choice.sim if choice.plan and choice.sim and not choice.waits else before.iccid,
            waits=choice.waits,
            unknown=choice.sim if choice.unknown else "",
            connects=connects,
        )
        if choice.waits and before.plan in self.plans and self._was_there(before, modem):
            # It went in the middle of this second: what passed was its own.
            self._count(before.plan, passing, away=away)
            self.uplinks[passing.way.name] = uplink
        elif choice.waits:
            self.uplinks[passing.way.name] = replace(uplink, waiting=self._waiting(before.waiting, passing, away=away))
        elif choice.plan:
            self.uplinks[passing.way.name] = self._flush(passing, before, uplink, choice, away=away)
            self._add_sessions(choice.plan, max(0, connects - before.connects))
        else:
            self.uplinks[passing.way.name] = replace(uplink, plan="", by_hand=False)
        self._rate(passing.way, self.uplinks[passing.way.name])

    def _was_there(self, before: UplinkPlan, modem: Modem | None) -> bool:
        return not before.waits and self.tick.step.seen is not None and not (modem and modem.sim)

    def _waiting(self, before: Waiting, passing: Passing, *, away: bool) -> Waiting:
        """The bytes that wait, with those of this tick."""
        boottime = self.tick.reading.boottime
        since = before.since if before.size and before.since <= boottime else boottime
        if not passing.size:
            return before
        if self._is_unseen:
            return before._replace(down=before.down + passing.size, since=since)
        home, abroad = (0, passing.size) if away else (passing.size, 0)
        return before._replace(home=before.home + home, away=before.away + abroad, since=since)

    @property
    def _is_unseen(self) -> bool:
        """Whether the bytes of this tick passed while no daemon looked, by programs that stayed in the kernel."""
        return self.tick.step.seen is None and self.tick.step.before is not None

    def _flush(
        self, passing: Passing, before: UplinkPlan, uplink: UplinkPlan, choice: Choice, *, away: bool
    ) -> UplinkPlan:
        """Books what has waited, and what passed now. What nobody saw pass while the SIM was changed is lost."""
        swapped = bool(before.iccid and choice.sim) and not is_same_sim(before.iccid, choice.sim)
        waiting, lost = before.waiting, 0
        if self._is_unseen:
            waiting, passing = self._waiting(waiting, passing, away=away), replace(passing, size=0)
        if swapped:
            waiting, lost = waiting._replace(down=0), waiting.down
        self._count(choice.plan, passing, away=away, waiting=waiting)
        by_hand = before.by_hand and before.plan == choice.plan
        return replace(uplink, plan=choice.plan, by_hand=by_hand, waiting=NOTHING_WAITS, lost=uplink.lost + lost)

    def _count(self, name: str, passing: Passing, *, away: bool, waiting: Waiting = NOTHING_WAITS) -> None:
        plan = self.plans[name]
        first = _moment(self.tick, waiting.since) if waiting.size else self.now
        tally = self.tallies.get(name) or begun(plan, first)
        home, roamed = (0, passing.size) if away else (passing.size, 0)
        free = {each.service: passing.services.get(each.service, 0) for each in plan.free if each.service}
        used = Bytes(home + waiting.home, roamed + waiting.away + waiting.down, free, first)
        if used and not tally.counted and not self.tick.at.trusted:
            tally = replace(tally, unsure=True, began=waiting.since if waiting.size else self.tick.reading.boottime)
        self.tallies[name] = counted(tally, plan, used, self.now, roaming=away)

    def _add_sessions(self, name: str, more: int) -> None:
        if more:
            self.tallies[name] = replace(self.tallies[name], sessions=self.tallies[name].sessions + more)

    def _rate(self, way: Way, uplink: UplinkPlan) -> None:
        """What the terms give now: those of the plan; of an unknown SIM the strictest that let anything pass."""
        if uplink.unknown:
            rates = [tally.rate for tally in self.tallies.values() if tally.rate > STOP]
            rate = min(rates, default=FULL)
        elif uplink.waits:
            rate = self.rates_before.get(way.name, FULL)
        else:
            rate = self.tallies[uplink.plan].rate if uplink.plan in self.tallies else FULL
        if rate < FULL:
            self.rates[way.name] = rate

    def reach(self) -> None:
        """Time passes for plans that no uplink has now, too: they end, and renew themselves."""
        used = {uplink.plan for uplink in self.uplinks.values() if not uplink.waits}
        for name, tally in self.tallies.items():
            if name not in used and self.now >= tally.quiet:
                self.tallies[name] = counted(tally, self.plans[name], Bytes(), self.now, roaming=False)
