# SPDX-License-Identifier: GPL-2.0-or-later
"""The room of limits: deltas of budgets -> tallies -> notices, client states, policies. Pure.

    inputs changed (a window, a setting, a grant, who is here ...)  ->  all of it is worked out anew
    a client used something                                         ->  its own tallies, state and policy, and those of
                                                                        its group and of everyone
    neither                                                         ->  all is as before

The first case costs some 20 ms for 1,024 clients, so only rare changes may lead to it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from esimshaper.core.limits import acts, coming, hierarchy, notices, policy, pools, probation, reserve, tally
from esimshaper.core.limits.hold import outlook
from esimshaper.core.limits.states import states_of
from esimshaper.core.model.counts import UNUSED
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import (
    STRANGER,
    Apart,
    ClientState,
    Grant,
    Policy,
    Quota,
    QuotaUsage,
    Shaped,
    Subject,
    SubjectKind,
    Tally,
)
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.rules import Hierarchy
from esimshaper.core.model.state import Booked, LimitsSlice, Outcome
from esimshaper.core.model.tick import Tick

States = Mapping[Subject, ClientState]

OFFSET_SECONDS = 0.05
"""A clock that is slewed by so much has the moments in the kernel's policies written anew."""


@dataclass(frozen=True, slots=True)
class Limited:
    """outcome: what is to be done. new: notices that are to be saved and announced."""

    state: LimitsSlice
    outcome: Outcome
    new: tuple[Notice, ...] = ()


def advance(
    before: LimitsSlice,
    tick: Tick,
    booked: Booked,
    deltas: tally.Deltas,
    apart: Mapping[Apart, tally.Deltas] = MappingProxyType({}),
) -> Limited:
    """States, policies and notices of now. `deltas`: what was added to the budgets of each subject; apart: to those of
    quotas that name uplinks or services.
    """
    if not tick.rules.knows_quotas:
        return Limited(before, Outcome())
    offset = _offset(before, tick)
    before = before if offset == before.offset else replace(before, offset=offset)
    probations = probation.next_probations(before.probations, tick.probation, tick, before.kept.overrides)
    before = before if probations is before.probations else replace(before, probations=probations)
    inputs = _inputs(before, tick)
    turn = _turn(tick, booked, deltas, apart)
    if inputs != before.inputs:
        limited = _all_anew(before, tick, booked, turn)
        return replace(limited, state=_with_inputs(limited.state, before, _inputs(limited.state, tick)))
    touched = {*deltas, *(subject for each in apart.values() for subject in each), *_newly_announced(tick)}
    if not touched:
        return Limited(before, before.outcome)
    limited = _touched_anew(before, tick, booked, turn, touched)
    return replace(limited, state=_with_inputs(limited.state, before, inputs))


def _with_inputs(state: LimitsSlice, before: LimitsSlice, inputs: tuple[object, ...]) -> LimitsSlice:
    """`state` with `inputs`; without any where an override or a level has ended, so that the next tick starts anew."""
    # A client without an account has a state only because of these: it gets a last one, which is announced, and then
    # none, or it would be limited and announced with everyone for ever.
    gone = before.kept.levels.keys() - state.kept.levels.keys()
    ended = gone or state.kept.overrides != before.kept.overrides
    return replace(state, inputs=None if ended else inputs)


def _offset(before: LimitsSlice, tick: Tick) -> float:
    """Seconds by which the clock is ahead of CLOCK_BOOTTIME: as before, while that is nearly right."""
    offset = tick.at.time - tick.reading.boottime
    near = before.offset is not None and abs(offset - before.offset) <= OFFSET_SECONDS
    return before.offset if near and before.offset is not None else offset


def _inputs(state: LimitsSlice, tick: Tick) -> tuple[object, ...]:
    """Everything but usage that limits follow from. Texts say `tomorrow`, so the date is part of it."""
    reading, kept = tick.reading, state.kept
    ends = [*(each.until for each in kept.overrides), *(each.until for each in kept.grants)]
    ends += [each.at for each in kept.coming]
    ended = [until is not None and until <= tick.at.time for until in ends]
    date = datetime.fromtimestamp(tick.at.time, tick.rules.zone).date()
    here = (reading.epoch, reading.owners, reading.groups, reading.everyone, reading.free, reading.tunnels_account)
    services = (reading.pools, reading.service_names)
    return (
        tick.rules,
        *here,
        *services,
        tick.windows,
        tick.curfews,
        tick.resting,
        state.offset,
        ended,
        date,
        tick.places,
        state.probations,
    )


def _turn(tick: Tick, booked: Booked, deltas: tally.Deltas, moved: Mapping[Apart, tally.Deltas]) -> tally.Turn:
    def announced(offset: int = 0) -> tally.Announced:
        return tally.announced_by_subject(tick.reading.announced, tick.subjects, booked.budgets, offset)

    at, clients = tick.at, tick.reading.owners.values()
    apart = dict(pools.turn_of(tick, booked.budgets, moved))
    apart.update({scope: (moved.get(scope, {}), announced(offset)) for scope, offset in tick.trees})
    known = announced()
    return tally.Turn(at.time, tick.windows, deltas, clients, at.was_trusted, known, tick.resting, tick.followed, apart)


def _newly_announced(tick: Tick) -> Iterable[Subject]:
    """Subjects whose limit a packet went past, or tried to, since the last reading."""
    now, before = tick.reading.announced, tick.step.seen.announced if tick.step.seen else {}
    new = [account for account, count in now.items() if before.get(account) != count]
    offsets = (0, *(offset for _, offset in tick.trees))
    own = [Account(account - offset) for account in new for offset in offsets]
    own += [tick.reading.pools[account].holder for account in new if account in tick.reading.pools]
    return (tick.subjects[account] for account in own if account in tick.subjects)


def _all_anew(before: LimitsSlice, tick: Tick, booked: Booked, turn: tally.Turn) -> Limited:
    """The first case: tallies, states and policies of everybody."""
    rules, reading, kept, now = tick.rules, tick.reading, before.kept, tick.at.time
    wording = notices.wording_of(rules, tick.at.time, tick.identities)
    overrides = coming.overrides_in_force(kept, now)
    tallies, grants, granted = _granted(kept, rules.quotas, turn, wording)
    renewed = notices.renewals(tally.reached_in_ended_windows(kept.tallies, tallies), wording)
    tallies, crossed = _note_crossed(tally.usages_of(rules.quotas, tallies), turn, wording)

    hierarchies = _hierarchies(tick, tallies, kept)
    set_on = hierarchy.by_subject(each for each in overrides if each.subject in hierarchies)  # its group may be gone
    held = _held_by_subject(tick, tallies)
    states = states_of(hierarchies, held, set_on, now, rules.zone, tick.curfews, tick.places)
    levels, changed = notices.levels(kept.levels, states, wording)

    waiting = coming.split(kept.coming, now)[1]
    frames = outlook(replace(kept, overrides=overrides, coming=waiting), rules.curfews, now, before.offset or 0.0)
    place = policy.Place(
        rules, reading, booked.budgets, held, set_on, tick.curfews, frames, probations=before.probations
    )
    places = _in_scopes(place, tick)
    everybody = {**tick.subjects, **dict.fromkeys(reading.free, STRANGER)}
    policies = {
        account: each
        for one in places
        for account, each in {**policy.policies(one, tick.subjects), **policy.policies_for_strangers(one)}.items()
    }
    policies.update(pools.policies(place, everybody))
    absent = {ClientKey(each.id) for each in hierarchies if each.kind is SubjectKind.CLIENT} | rules.names.keys()
    outcome = Outcome(
        None,
        _same_where_equal(before.outcome.policies, policies),
        _in_order(policy.shaped_accounts(place, everybody)),
        *policy.new_and_idle(rules.quotas, reading.groups),
        policy.new_clients(places, absent.difference(reading.owners.values()), rules.names),
        **pools.pools_of(rules, reading)._asdict(),
    )
    spared, outcome = _with_reserve(kept.reserve, outcome, tick, booked, turn, tallies)
    restarts = acts.live_restarts(kept.restarts, rules.quotas)
    after = LimitState(tallies, grants, overrides, levels, spared, waiting, kept.acts, restarts)
    state = replace(
        before, kept=after, states=states, outcome=outcome, curfews=tick.curfews, resting=tick.resting, frames=frames
    )
    return Limited(state, outcome, (*renewed, *granted, *crossed, *changed))


def _in_scopes(place: policy.Place, tick: Tick) -> Sequence[policy.Place]:
    """`place`, and the same for the quotas of each scope."""
    return (place, *(replace(place, scope=scope, offset=offset) for scope, offset in tick.trees))


def _granted(
    kept: LimitState, quotas: Sequence[Quota], turn: tally.Turn, wording: notices.Wording
) -> tuple[tuple[Tally, ...], tuple[Grant, ...], tuple[Notice, ...]]:
    """The tallies and grants of now: grants that are over are taken off, those that begin are added and announced."""
    live, grants = tally.expire_grants(kept.tallies, kept.grants, turn.now)
    tallies = tally.next_tallies(live, quotas, turn)
    raised, more, said = coming.grant_begun(kept.coming, tallies, turn.now, wording)
    if said:
        tallies = tally.next_tallies(raised, quotas, replace(turn, deltas={}))
    return tallies, (*tally.live_grants(grants, tallies), *more), said


def _touched_anew(
    before: LimitsSlice, tick: Tick, booked: Booked, turn: tally.Turn, touched: Collection[Subject]
) -> Limited:
    """The second case: tallies and policies of `touched`, their states, and of all below them where that matters."""
    rules, kept = tick.rules, before.kept
    quotas = {quota.name: quota for quota in rules.quotas}
    own = [each for each in kept.tallies if each.subject in touched]
    following = [tally.next_tally(each, quotas[each.quota], each.subject, turn) for each in own]
    wording = notices.wording_of(rules, tick.at.time, tick.identities)
    noted, crossed = _note_crossed(tally.usages_of(rules.quotas, following), turn, wording)
    tallies = _with_tallies(kept.tallies, noted)

    held = _held_by(touched, tick, tallies, quotas)
    set_on = hierarchy.by_subject(kept.overrides)
    states = _states_anew(before, tick, tallies, held, touched)
    levels, changed = notices.levels(kept.levels, states, wording)

    accounts = {account: subject for account, subject in tick.subjects.items() if subject in touched}
    place = policy.Place(
        rules, tick.reading, booked.budgets, held, set_on, tick.curfews, before.frames, probations=before.probations
    )
    policies = {
        account: each for one in _in_scopes(place, tick) for account, each in policy.policies(one, accounts).items()
    }
    policies.update(pools.policies(place, accounts))
    outcome = _outcome_with(before.outcome, accounts, policies, policy.shaped_accounts(place, accounts))
    if states and outcome is before.outcome:
        outcome = replace(
            outcome, policies=dict(outcome.policies)
        )  # the enforcer looks at states only with another mapping
    spared, outcome = _with_reserve(kept.reserve, outcome, tick, booked, turn, tallies)
    state = replace(
        before,
        kept=replace(kept, tallies=tallies, levels=levels, reserve=spared),
        states={**before.states, **states} if states else before.states,
        outcome=outcome,
    )
    return Limited(state, outcome, (*crossed, *changed))


def _with_reserve(
    before: tuple[Tally, ...], outcome: Outcome, tick: Tick, booked: Booked, turn: tally.Turn, tallies: Iterable[Tally]
) -> tuple[tuple[Tally, ...], Outcome]:
    """The tallies of the reserve, and `outcome` with its ends."""
    account = tick.reading.reserve_account
    taken = booked.budgets.get(account, UNUSED).both
    known = tick.step.before.budgets.get(account, UNUSED).both if tick.step.before else 0
    spared, ends = reserve.next_reserve(before, tick.rules, turn, tallies, taken, taken - known)
    return spared, outcome if outcome.reserve == ends else replace(outcome, reserve=ends)


def _note_crossed(
    held: Iterable[QuotaUsage], turn: tally.Turn, wording: notices.Wording
) -> tuple[tuple[Tally, ...], tuple[Notice, ...]]:
    return notices.note_crossed(held, lambda each, quota: tally.is_used_up(each, quota, turn), wording)


def _with_tallies(tallies: Iterable[Tally], changed: Iterable[Tally]) -> tuple[Tally, ...]:
    found = {(each.quota, each.subject): each for each in tallies}
    found.update({(each.quota, each.subject): each for each in changed})
    return tuple(found.values())


def _held_by(
    touched: Collection[Subject], tick: Tick, tallies: Iterable[Tally], quotas: Mapping[str, Quota]
) -> Mapping[Subject, tuple[QuotaUsage, ...]]:
    """Quotas and tallies of `touched`, and of their ancestors."""
    asked = {each for subject in touched for each in tick.rules.hierarchy(subject)}
    held: dict[Subject, tuple[QuotaUsage, ...]] = {}
    for each in tallies:
        if each.subject in asked and each.quota not in tick.resting:
            held[each.subject] = (*held.get(each.subject, ()), QuotaUsage(quotas[each.quota], each))
    return held


def _states_anew(
    before: LimitsSlice,
    tick: Tick,
    tallies: Iterable[Tally],
    held: Mapping[Subject, tuple[QuotaUsage, ...]],
    touched: Collection[Subject],
) -> States:
    """The states that differ from those before."""
    rules, now, set_on = tick.rules, tick.at.time, hierarchy.by_subject(before.kept.overrides)
    hierarchies = {subject: rules.hierarchy(subject) for subject in touched if subject in before.states}
    states = _changed(before.states, states_of(hierarchies, held, set_on, now, rules.zone, tick.curfews, tick.places))
    if all(subject.kind is SubjectKind.CLIENT for subject in states):
        return states
    # The state of a group, or of everyone, has changed: so may the states of all below it.
    hierarchies = {subject: rules.hierarchy(subject) for subject in before.states}
    held = _held_by_subject(tick, tallies)
    return _changed(before.states, states_of(hierarchies, held, set_on, now, rules.zone, tick.curfews, tick.places))


def _held_by_subject(tick: Tick, tallies: Iterable[Tally]) -> Mapping[Subject, tuple[QuotaUsage, ...]]:
    """Quotas and tallies of each subject, without those that rest."""
    quotas = [quota for quota in tick.rules.quotas if quota.name not in tick.resting]
    return tally.by_subject(quotas, (each for each in tallies if each.quota not in tick.resting))


def _changed(before: States, now: States) -> States:
    return {subject: state for subject, state in now.items() if before.get(subject) != state}


def _outcome_with(
    before: Outcome,
    accounts: Collection[Account],
    policies: Mapping[Account, Policy],
    shaped: Mapping[Account, Shaped],
) -> Outcome:
    """`before` with the policies of `accounts` worked out anew; `before` itself if none of them differs."""
    changed = {account: each for account, each in policies.items() if before.policies.get(account) != each}
    others = {each.account: each for each in before.shaped if each.account not in accounts}
    rates = _in_order({**others, **shaped})
    if not changed and rates == before.shaped:
        return before
    return replace(before, policies={**before.policies, **changed}, shaped=rates)


def _same_where_equal(before: Mapping[Account, Policy], now: Mapping[Account, Policy]) -> Mapping[Account, Policy]:
    """`now`, where policies that did not change are the objects of before: to compare those later costs nothing."""
    return {account: before[account] if before.get(account) == each else each for account, each in now.items()}


def _in_order(shaped: Mapping[Account, Shaped]) -> tuple[Shaped, ...]:
    return tuple(shaped[account] for account in sorted(shaped))


def _hierarchies(tick: Tick, tallies: Iterable[Tally], before: LimitState) -> Mapping[Subject, Hierarchy]:
    """The chain of each client that is here, has a tally, an override or its hours, or was announced as not open."""
    subjects = [*(each.subject for each in tallies), *(each.subject for each in before.overrides), *tick.curfews]
    named = {ClientKey(subject.id) for subject in subjects if subject.kind is SubjectKind.CLIENT}
    clients, rules = {*tick.reading.owners.values(), *named, *before.levels}, tick.rules
    hierarchies = dict(
        hierarchy.hierarchies(clients, rules.names, rules.groups, (quota.subject for quota in rules.quotas))
    )
    del hierarchies[STRANGER]
    return hierarchies
