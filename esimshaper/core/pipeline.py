# SPDX-License-Identifier: GPL-2.0-or-later
"""The program on one screen: what a tick does with a reading, room by room. Pure.

                          .--> rates (for people), watch (abnormal use)
    reading --> meter ----+--> saving (history, of billed usage) ------> Booking --> disk, then notices
                |         `--> names (who is who)    ^
                |--> limits (by deltas of budgets) -----> policies, states ----> kernel, tc, nftables
                `--> rules (layers of decisions) -------> service policies ---> kernel

The daemon folds `advance` over what it observes, once a second. Each room writes its own slice of the State and nothing
else. Commands of people are in commands.py, the life of a Booking is in saving/.

Policies are not saved: after a crash the same ones follow from the State again.
"""

from collections.abc import Mapping
from dataclasses import replace

from esimshaper.core.approval import waiting
from esimshaper.core.limits import acts, hours, limiting, pools, recovery
from esimshaper.core.meter import clock, identities, metering, rates
from esimshaper.core.model.counts import NOTHING, Usage, sum_of
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import Override, Policy
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.outbox import NoticesSlice
from esimshaper.core.model.plan_state import PlansSlice
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import ServiceUsage, Volume, services_sum
from esimshaper.core.model.state import Booked, Booking, LimitsSlice, MeterSlice, Outcome, State
from esimshaper.core.model.tick import Step, Tick, subjects_of
from esimshaper.core.model.watch import WatchSlice
from esimshaper.core.notices import sources
from esimshaper.core.notices import stage as telling
from esimshaper.core.page import memory
from esimshaper.core.plan import ticking as planning
from esimshaper.core.plan.following import follow, with_followed
from esimshaper.core.plan.places import places_of
from esimshaper.core.rules import ruling, saver
from esimshaper.core.saver import measuring
from esimshaper.core.saver.measuring import Around
from esimshaper.core.saving import booking, ledger
from esimshaper.core.shaping import ceiling, pacing
from esimshaper.core.watch import newcomers, watching
from esimshaper.core.watch.allowance import next_allowance


def advance(state: State, rules: Rules, now: float, observed: Observation) -> tuple[State, Outcome]:
    """One tick: the State that follows from `state` and an observation, and the Outcome that is to be carried out.

    `now` is the wall clock, in Unix seconds.
    """
    tick = begin_tick(state, rules, now, observed)

    meter = metering.advance(tick)
    per_second = rates.advance(state.rates, tick, meter.usage, meter.services)
    names = identities.advance(state.names, tick, meter.booked.totals, state.page.kept.names)
    plans = planning.advance(state.plans, tick, planning.passing_of(tick, meter.by_uplink, meter.services))
    plans = follow(plans, tick, meter.booked)
    ceilings = ceiling.advance(state.ceilings, tick, meter.by_uplink, plans.kept, plans.rates, state.limits.states)
    # From this tick on: what was counted until now was counted as the kernel knew it then.
    places = places_of(rules.scopes, rules.uplinks, plans.kept)
    tick = replace(with_followed(tick, plans), places=places, probation=newcomers.probation(state.watch, tick))
    of_services = pools.moved(tick, meter.budgets, meter.usage, meter.services)
    limits = limiting.advance(state.limits, tick, meter.booked, meter.deltas, {**meter.in_scopes, **of_services})
    watch = watching.advance(state.watch, tick, _metered(meter.by_uplink, tick), _around(limits.state, plans, meter))
    served = _served(meter, tick)
    approval = waiting.advance(state.approval, tick, served, _day_bytes(watch, limits.state, plans, tick))
    watched = measuring.advance(state.measure, tick, Around(served, state.rules.decisions, state.pacing.held))
    paces = saver.layer(rules.paces, measuring.entries(watched.free, rules.paces))
    around = ruling.Around(limits.state.kept.tallies, plans.kept)
    ruled = ruling.advance(state.rules, tick, around, (approval.layer, paces))
    paced = pacing.advance(state.pacing, tick, ruled.decisions)
    ruled = ruling.merged(ruled, limits.outcome.pools, paced.held)
    lost, gone = sources.of_uplinks(state.notices.kept.lost, state.meter.attachments, tick)
    # After a crash, the statistics of classes that were made anew must not be compared with saved ones.
    unsaved = booking.collect(
        state.saving,
        tick,
        meter.by_uplink,
        (*plans.new, *ceilings.new, *limits.new, *watch.new, *approval.new, *gone),
        services=meter.services,
        urgent=meter.is_broken or bool(watch.cuts) or bool(approval.new),
        guessed=meter.guessed,
        dropped=meter.dropped,
    )

    sure, hardware = observed.clock_trusted, observed.hardware_clock
    time = clock.following(state.clock, tick.at, tick.reading.boottime, trusted=sure, hardware=hardware)
    page = memory.advance(state.page, tick.at.time)
    limited = _with_cuts(limits.state, watch.cuts)
    notices = _telling(state, tick, unsaved.notices, lost, limits.state, plans)
    ours = (time, meter.state, per_second, names, limited, unsaved, plans, ceilings, watch, page, notices, ruled, paced)
    following = State(*ours, approval, watched)
    following, due = booking.hand_out(following, tick)
    outcome, measured = limits.outcome, ceilings.measured
    if plans.rates or measured or places:
        outcome = replace(outcome, plan_rates=plans.rates, measured=measured, places=places)
    if ruled.policies is not None:
        outcome = replace(outcome, decisions=ruled.decisions, service_policies=ruled.policies, paced=paced.classes)
    return following, replace(outcome, booking=due) if due else outcome


def drain(state: State, rules: Rules, now: float, observed: Observation) -> tuple[State, Booking | None]:
    """Books the last reading of maps that nothing counts into any more, and hands out everything that is not saved."""
    for _ in range(2):  # bytes of tunnels, and of moves, wait for a second reading, so the same one is read twice
        state, _outcome = advance(state, rules, now, observed)
    last = booking.final(state, rules, clean=True)
    return replace(state, saving=replace(state.saving, booking=last)), last


def recover_from_kernel(
    state: State, rules: Rules, now: float, observed: Observation, installed: Mapping[Account, Policy]
) -> State:
    """`state`; or if no history is at hand, one that goes on from the policies that an earlier daemon `installed`."""
    # All counts of the maps are to be booked. How much of them belongs to the windows of now, only the policies say.
    if state.meter.booked is not None:
        return state
    own = replace(rules, quotas=tuple(quota for quota in rules.quotas if not quota.follow))
    found = recovery.recover(begin_tick(state, own, now, observed), installed)
    if found == LimitState():
        return state
    empty = MeterSlice(Booked(observed.reading.epoch, {}, {}))
    return replace(state, meter=empty, limits=LimitsSlice(found, recovered=found.overrides))


def begin_tick(state: State, rules: Rules, now: float, observed: Observation) -> Tick:
    """Finds out once what all rooms ask of a tick."""
    reading, last = observed.reading, state.meter.reading
    sure, hardware = observed.clock_trusted, observed.hardware_clock
    at = clock.moment(state.clock, reading.boottime, now, trusted=sure, hardware=hardware)
    same = last is not None and _who(last) == _who(reading)
    subjects = state.meter.subjects if same else subjects_of(reading)
    windows = acts.windows(rules.quotas, state.limits.kept.restarts, at.time)
    blocked, resting = hours.in_force(rules.curfews, at.time), hours.resting(rules.quotas, at.time)
    step = Step.between(state.meter.booked, last, reading)
    who, behind = state.names.identities, state.meter.behind
    places = places_of(rules.scopes, rules.uplinks, state.plans.kept)
    return Tick(rules, at, observed, step, subjects, windows, blocked, resting, who, behind, places=places)


def _metered(by_uplink: Mapping[str, Usage], tick: Tick) -> Usage:
    """What the metered uplinks billed, all together."""
    metered = [by_uplink[each.name] for each in tick.rules.uplinks if each.metered and each.name in by_uplink]
    if len(metered) == 1:
        return metered[0]
    return {key: sum_of(usage.get(key, NOTHING) for usage in metered) for key in {k for u in metered for k in u}}


def _served(meter: metering.Metered, tick: Tick) -> ServiceUsage:
    """What the metered uplinks billed, by service; nothing where nobody asks."""
    by_uplink = meter.by_uplink
    is_asked = tick.rules.approval is not None or tick.rules.measure
    if not is_asked or not meter.services:
        return {}
    free = [each.name for each in tick.rules.uplinks if not each.metered and each.name in by_uplink]
    if not free:
        return meter.services
    found: dict[ClientKey, Mapping[str, Volume]] = {}
    for name, services in ledger.share_services(meter.services, by_uplink).items():
        if name not in free:
            for client, volumes in services.items():
                found[client] = services_sum(found.get(client, {}), volumes)
    return found


def _day_bytes(watch: WatchSlice, limits: LimitsSlice, plans: PlansSlice, tick: Tick) -> int:
    """What a day has; only asked for where approval has a share of it."""
    if tick.rules.approval is None or not tick.rules.approval.percent:
        return 0
    return (watch.allowance or next_allowance(None, tick, limits.kept.tallies, plans.kept)).bytes


def _with_cuts(limits: LimitsSlice, cuts: tuple[Override, ...]) -> LimitsSlice:
    """`limits` with what alarms have set, to be worked out at the next tick."""
    if not cuts:
        return limits
    subjects = {each.subject for each in cuts}
    others = (each for each in limits.kept.overrides if each.subject not in subjects)
    return replace(limits, kept=replace(limits.kept, overrides=(*others, *cuts)), inputs=None)


def _telling(
    state: State,
    tick: Tick,
    new: tuple[Notice, ...],
    lost: sources.Lost,
    limits: LimitsSlice,
    plans: PlansSlice,
) -> NoticesSlice:
    """The outbox with the notices that the next Booking announces, so that both are saved in one transaction."""
    before, now = state.notices, int(tick.at.time)
    if lost != before.kept.lost:
        before = replace(before, kept=replace(before.kept, lost=lost))
    heard = (*new, *sources.of_told(tick.observed.told, now))
    around = sources.around_of(before.kept, heard, tick, limits.states, plans.rates)
    settings = before.kept.choices.over(tick.rules.notices, tick.rules.zone)
    return telling.advance(before, tick, settings, heard, around)


def _around(limits: LimitsSlice, plans: PlansSlice, meter: metering.Metered) -> watching.Around:
    return watching.Around(limits.kept.tallies, limits.kept.overrides, plans.kept, meter.services)


def _who(reading: Reading) -> tuple[object, ...]:
    return reading.owners, reading.groups, reading.everyone
