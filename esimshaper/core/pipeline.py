# SPDX-License-Identifier: GPL-2.0-or-later
"""The line that every byte takes, stage by stage; the only module that knows all stages. Pure.

    clock -> the time that counts
    reading -> usage (tunnels shared out, less what did not leave) -> rates, ledger -> (saved in history)
    reading -> (tunnels shared out, less what our queues dropped) -> tallies in windows -> notices, verdicts, policies
        -> (kernel)

The daemon folds `advance` over what it observes, once a second. Saving comes before acting: a Booking that advance
hands out is to be saved, and `saved` or `not_saved` told of it; then its notices are announced. Until then advance
hands out no other. A crash at any point repeats what was not saved, from the kernel's counters, and nothing else.

Policies need no saving: they follow from what is known, and the same ones follow again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from esimshaper.core.limits import hierarchy, notices, policy, tally
from esimshaper.core.limits.period import window
from esimshaper.core.limits.states import verdicts
from esimshaper.core.meter import clock, ledger, queue_drops, rates, tunnels
from esimshaper.core.meter.identities import identities
from esimshaper.core.meter.usage import baseline_after, budgets_between, losers, unread_seconds, usage_between
from esimshaper.core.model.counts import Budget
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import Account, ClientKey, Identity
from esimshaper.core.model.limits import (
    STRANGER,
    LimitState,
    NoticeKind,
    Override,
    OverrideKind,
    Quota,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.state import Baseline, Booking, Outcome, State, comparable
from esimshaper.core.shaping import tree

SAVE_SECONDS = 60
SAVE_BYTES = 5_000_000
"""A power cut forgets at most this much (DESIGN.md 5)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the settings matters here. `zone`: when days and months of history begin, and how late it is for people.

    `names` are those of all clients that are listed, `groups` the group of each of them that has one.
    `knows_quotas`: False if the settings cannot be read; then everybody's standing stays as it is, for better times.
    """

    wan: str
    zone: tzinfo
    names: Mapping[ClientKey, str] = field(default_factory=dict)
    groups: Mapping[ClientKey, str] = field(default_factory=dict)
    quotas: tuple[Quota, ...] = ()
    knows_quotas: bool = True


def advance(state: State, rules: Rules, now: float, seen: Observation) -> tuple[State, Outcome]:
    """One tick: from what was known and what is seen to what is known now. `now` is the wall clock, in Unix seconds."""
    reading = seen.reading
    at = clock.moment(state.baseline, reading.boottime, now, trusted=seen.clock_trusted)
    new_maps = comparable(state.baseline, reading) is None
    budgets = budgets_between(state.baseline, reading)
    shares = tunnels.shares(state.baseline, state.reading, reading)
    following, outcome = _counted(state, rules, at, seen, shares), Outcome()
    if rules.knows_quotas:
        moved = _moved(state, following, rules, budgets, shares.corrections)
        following = _held(state, following, rules, at, moved)
        outcome = following.outcome
    if not _is_due(following, new_maps=new_maps):
        return following, outcome
    following, booking = _hand_out(following, rules)
    return following, replace(outcome, booking=booking)


def resume(saved_baseline: Baseline | None, known: Iterable[Identity] = (), state: State | None = None) -> State:
    """The State to go on from: `saved_baseline` and `known` are what history holds.

    At start there is no `state`. If history could be opened only later, `state` is what was counted until then. It is
    given up for what was saved: the kernel still has all of it, and part of it may have been saved before.
    """
    if saved_baseline is None and state is not None:
        return replace(state, saving=None)
    baseline = _with_by_hand(saved_baseline, state) if saved_baseline and state else saved_baseline
    grants = (notice for notice in state.notices if notice.kind is NoticeKind.GRANTED) if state else ()
    return State(baseline=baseline, identities={identity.key: identity for identity in known}, notices=tuple(grants))


def inherited(state: State, rules: Rules, now: float, seen: Observation, told: policy.Policies) -> State:
    """`state`, or if no history is at hand one that goes on from what an earlier daemon `told` the kernel of limits.

    All that the maps have counted is to be booked; but what of it counts for the windows of now, only their limits say.
    """
    if state.baseline is not None:
        return state
    reading, accounts = seen.reading, tally.accounts_of(seen.reading)
    at = clock.moment(None, reading.boottime, now, trusted=seen.clock_trusted)
    windows = _windows(rules, at)
    chains = hierarchy.chains(reading.owners.values(), rules.names, rules.groups, accounts.values())
    place = policy.Place(accounts, reading.free, {}, chains, {}, {})
    standing = policy.inherited(place, rules.quotas, windows, told)
    if standing == LimitState():
        return state
    return replace(state, baseline=Baseline(reading.epoch, {}, {}, limits=standing), inherited=standing.overrides)


def saved(state: State, booking: Booking) -> State:
    """`booking` is safe; what came in since it was handed out stays pending. Its notices may go out."""
    following = replace(state, saving=None, save_failed=False, notices=state.notices[len(booking.notices) :])
    return _with_pending(following, ledger.take_off(state.pending, booking.rows))


def not_saved(state: State, rules: Rules) -> State:
    """The booking handed out could not be saved: all of it stays pending, and is tried again in SAVE_SECONDS.

    Its notices go out all the same: better told again after a restart than never.
    """
    told = len(state.saving.notices) if state.saving else 0
    following = replace(state, saving=None, save_failed=True, notices=state.notices[told:])
    return _with_pending(following, ledger.thinned(state.pending, rules.zone))


def grant(state: State, rules: Rules, subject: Subject, size: int, until: int | None = None) -> State:
    """`size` bytes more for `subject` on each of its quotas, to the end of their windows, or to `until` if sooner.

    `until` counts like `state.baseline.time`, in Unix seconds. It holds from the next tick on. Raises Unusable.
    """
    baseline = _read(state)
    standing = baseline.limits
    mine = [each for each in standing.tallies if each.subject == subject]
    teller = notices.Wording(rules.names, baseline.time, rules.zone)
    if not mine:
        raise Unusable(f"there is no quota for {teller.who(subject)}", "`esimshaper quotas` shows those there are.")
    tallies, more = tally.granted(standing.tallies, subject, size, until)
    standing = replace(standing, tallies=tuple(tallies), grants=(*standing.grants, *more))
    told = notices.grants(mine, size, until, teller)
    return replace(_standing(state, baseline, standing), notices=(*state.notices, *told))


def override(state: State, subject: Subject, manual: OverrideKind | None, until: int | None = None) -> State:
    """Block or allow `subject` over all quotas, until it is taken back (None), or to `until` (see `grant`).

    It holds from the next tick on. Raises Unusable.
    """
    baseline = _read(state)
    others = (each for each in baseline.limits.overrides if each.subject != subject)
    new = (Override(subject, manual, until),) if manual else ()
    return _standing(state, baseline, replace(baseline.limits, overrides=(*others, *new)))


def last(state: State, rules: Rules, now: float, seen: Observation) -> tuple[State, Booking | None]:
    """All of a reading after which no other can come, handed out: nothing waits any longer (see stage tunnels)."""
    for _ in range(2):
        state, _outcome = advance(state, rules, now, seen)
    booking = final(state, rules, clean=True)
    return replace(state, saving=booking), booking


def final(state: State, rules: Rules, *, clean: bool = False) -> Booking | None:
    """Everything not yet saved, to be saved at an orderly stop, once no other save is under way.

    `clean`: the counters of `state` were read after the kernel part had been detached, so none can come after them.
    """
    if state.baseline is None:
        return None
    return replace(_booking(state, rules), baseline=replace(state.baseline, clean=clean))


def _counted(state: State, rules: Rules, at: clock.Moment, seen: Observation, shares: tunnels.Shares) -> State:
    """What was billed is booked; how everybody stands is still that of the last tick."""
    reading, before = seen.reading, state.baseline
    passed = queue_drops.compared(before, state.reading, reading, seen.sent)
    broken = queue_drops.is_broken(_unsent(state), passed)
    usage = tunnels.added(usage_between(before, reading), shares.given, reading.owners)
    usage, passed = queue_drops.without_unsent(
        usage, before, passed, _payers(rules, state, reading, passed, shares.given)
    )
    unread = unread_seconds(before, reading)
    late = unread is None or unread > ledger.BUCKET_SECONDS
    pending = ledger.book(state.pending, usage, at.time, estimated=late)
    pending = ledger.doubt(pending, losers(before, reading), at.time)
    baseline = replace(
        baseline_after(before, reading, usage, rules.wan),
        time=at.time,
        clock_sure=at.sure,
        limits=before.limits if before else LimitState(),
        unsent=passed,
        tunnels=shares.booked,
    )
    names = ({*reading.owners.values(), *baseline.totals}, rules.names, seen.leases, seen.neighbours)
    return replace(
        rates.rated(state, usage, reading.boottime, new_maps=comparable(before, reading) is None),
        baseline=baseline,
        identities=state.identities if names == state.named_from else identities(*names, known=state.identities),
        named_from=names,
        pending=pending,
        reading=reading,
        attachments=seen.attachments,
        unsaved_bytes=state.unsaved_bytes + ledger.sum_bytes(usage.values()),
        urgent=state.urgent or broken,
    )


def _unsent(state: State) -> queue_drops.Entries:
    return state.baseline.unsent if state.baseline else {}


def _payers(
    rules: Rules, before: State, reading: Reading, passed: queue_drops.Entries, given: Collection[Account]
) -> queue_drops.Payers:
    """`given`: who has sent by a tunnel, whose packets have no queue of their own."""
    if not reading.queued:
        return queue_drops.Payers(reading.owners)
    groups = {account: each for account, each in tally.accounts_of(reading).items() if account not in reading.owners}
    entries = [passed[account] for account in groups if account in passed]
    if all(entry.dropped == entry.unsent for entry in entries):
        return queue_drops.Payers(reading.owners, dict.fromkeys(groups, ()))
    chains = hierarchy.chains(reading.owners.values(), rules.names, rules.groups)
    own: Mapping[Account, frozenset[Account]] = {}
    if before.reading:
        last, told = before.reading, before.outcome
        demand = tree.demand_of(last.everyone, told.shaped, last.clients, told.policies, shares=False)
        own = {group: members.difference(given) for group, members in tree.members(demand).items()}
    return queue_drops.payers_of(reading.owners, groups, chains, own)


def _held(state: State, counted: State, rules: Rules, at: clock.Moment, moved: Mapping[Subject, Budget]) -> State:
    """How everybody stands now. If nothing moved and nothing else is new, that is as before, and costs nothing."""
    windows = _windows(rules, at)
    cause = _cause(counted, rules, at, windows)
    if not moved and _unsent(state) == _unsent(counted) and cause == state.held_from:
        return counted
    following, outcome = _limited(counted, rules, at, windows, moved)
    return replace(following, held_from=_cause(following, rules, at, windows), outcome=outcome)


def _windows(rules: Rules, at: clock.Moment) -> Mapping[str, Window]:
    """Those of now, by name of the quota."""
    return {quota.name: window(quota.period, quota.zone, at.time) for quota in rules.quotas}


def _cause(state: State, rules: Rules, at: clock.Moment, windows: Mapping[str, Window]) -> tuple[object, ...]:
    """Everything but usage that standing follows from. Texts say `tomorrow`, so the date is part of it."""
    reading, standing = _read_by(state), _read(state).limits
    untils = [*(each.until for each in standing.overrides), *(each.until for each in standing.grants)]
    ended = [until is not None and until <= at.time for until in untils]
    date = datetime.fromtimestamp(at.time, rules.zone).date()
    who = (reading.epoch, reading.owners, reading.groups, reading.announced)
    return (rules, *who, standing, windows, ended, date, at.settled)


def _moved(
    state: State,
    following: State,
    rules: Rules,
    budgets: Mapping[Account, Budget],
    corrections: Mapping[Account, Budget],
) -> Mapping[Subject, Budget]:
    """What counts against limits: what the kernel added to budgets, as tunnels are shared out, less what our own queues
    dropped of it."""
    reading = _read_by(following)
    accounts = tally.accounts_of(reading)
    counted, shared = (tally.moved_by_subject(each, accounts) for each in (budgets, corrections))
    dropped = queue_drops.dropped_between(_unsent(state), _unsent(following))
    if not dropped and not shared:
        return counted
    named = {accounts[account]: size for account, size in dropped.items() if account in accounts}
    chains = hierarchy.chains(reading.owners.values(), rules.names, rules.groups, named)
    return queue_drops.credited(tunnels.corrected(counted, shared, chains), named, chains)


def _limited(
    state: State, rules: Rules, at: clock.Moment, windows: Mapping[str, Window], moved: Mapping[Subject, Budget]
) -> tuple[State, Outcome]:
    """What was used is held against the quotas."""
    baseline, reading = _read(state), _read_by(state)
    before, accounts = baseline.limits, tally.accounts_of(reading)
    overrides = tuple(each for each in before.overrides if each.until is None or at.time < each.until)
    live, grants = tally.ended(before.tallies, before.grants, at.time)
    announced = tally.announced_by_subject(reading.announced, accounts, baseline.budgets)
    turn = tally.Turn(at.time, windows, moved, reading.owners.values(), at.settled, announced)
    tallies = tally.tallied(live, rules.quotas, turn)
    grants = tally.covered(grants, tallies)

    chains = _chains(rules, reading, tallies, before)
    everybody = {**chains, **hierarchy.chains(rules.names, rules.names, rules.groups)}  # also who was never here
    by_hand = hierarchy.by_hand(everybody, overrides)
    held = tally.by_subject(rules.quotas, tallies)
    place = policy.Place(accounts, reading.free, baseline.budgets, everybody, held, by_hand, reading.tunnels_account)

    teller = notices.Wording(rules.names, at.time, rules.zone)
    anew = notices.renewals(tally.renewed(before.tallies, tallies), teller)
    held_now = tally.paired(rules.quotas, tallies)
    tallies, marked = notices.marked(held_now, lambda each, of: tally.is_used_up(each, of, turn), teller)
    place = replace(place, held=tally.by_subject(rules.quotas, tallies))
    stands = verdicts(chains, place.held, by_hand, at.time, rules.zone)
    levels, changed = notices.levels(before.levels, stands, teller)

    following = replace(
        state,
        baseline=replace(baseline, limits=LimitState(tallies, grants, overrides, levels)),
        verdicts=stands,
        notices=(*state.notices, *anew, *marked, *changed),
    )
    new, idle = policy.new_and_idle(rules.quotas, reading.groups)
    absent = {ClientKey(s.id) for s in everybody if s.kind is SubjectKind.CLIENT and s != STRANGER}
    known = policy.new_clients(place, absent.difference(reading.owners.values()), rules.names)
    return following, Outcome(None, policy.policies(place), policy.shaped(place), new, idle, known)


def _chains(
    rules: Rules, reading: Reading, tallies: Iterable[Tally], before: LimitState
) -> Mapping[Subject, hierarchy.Chain]:
    """Of everybody who is there, has used something, was set by hand, or was last heard of as not open."""
    subjects = [*(each.subject for each in tallies), *(each.subject for each in before.overrides)]
    named = {ClientKey(subject.id) for subject in subjects if subject.kind is SubjectKind.CLIENT}
    clients = {*reading.owners.values(), *named, *before.levels}
    return hierarchy.chains(clients, rules.names, rules.groups, (quota.subject for quota in rules.quotas))


def _read_by(state: State) -> Reading:
    if state.reading is None:
        raise ValueError("nothing has been read yet")
    return state.reading


def _read(state: State) -> Baseline:
    if state.baseline is None:
        raise Unusable("nothing has been read yet", "Try again in a second.")
    return state.baseline


def _standing(state: State, baseline: Baseline, standing: LimitState) -> State:
    return replace(state, baseline=replace(baseline, limits=standing), urgent=True)


def _with_by_hand(saved: Baseline, given_up: State) -> Baseline:
    """`saved` with what people set while it could not be opened; that is nowhere but in the state that is given up.

    What was inherited is not: that is saved, with its end, unless somebody took it back meanwhile.
    """
    if given_up.baseline is None:
        return saved
    standing, new = saved.limits, given_up.baseline.limits
    lifted = {each.subject for each in given_up.inherited} - {each.subject for each in new.overrides}
    kept = (each for each in standing.overrides if each.subject not in lifted)
    by_hand = (each for each in new.overrides if each not in given_up.inherited)
    overrides = {each.subject: each for each in (*kept, *by_hand)}
    before = {(each.quota, each.subject): each for each in standing.tallies}
    granted = {(each.quota, each.subject): each for each in new.tallies if each.granted}
    over = {key for key in before.keys() & granted if before[key].window.end <= granted[key].window.start}
    lasting = {key: each for key, each in before.items() if key not in over}
    tallies = before | {key: _with_grant(lasting.get(key), each) for key, each in granted.items()}
    grants = (*(each for each in standing.grants if (each.quota, each.subject) not in over), *new.grants)
    standing = replace(standing, tallies=tuple(tallies.values()), grants=grants, overrides=tuple(overrides.values()))
    return replace(saved, limits=standing)


def _with_grant(saved: Tally | None, given_up: Tally) -> Tally:
    """`saved`: the same window, None if it was not saved; then what was granted in it is all that is kept of it."""
    if saved is None:
        return replace(given_up, used=0, warned=0, reached=False)
    return replace(saved, granted=saved.granted + given_up.granted)


def _is_due(state: State, *, new_maps: bool) -> bool:
    """Nothing moved, nothing written: an idle router spares its flash. New maps are noted at once, or a power cut
    soon after an orderly unload would go by as orderly too. So is what people are told, and what is urgent."""
    if state.saving or state.reading is None:
        return False
    if new_maps or state.notices or state.urgent:
        return True
    waited = state.reading.boottime - state.saved_at >= SAVE_SECONDS
    much = state.unsaved_bytes >= SAVE_BYTES and not state.save_failed
    return bool(state.pending or state.save_failed) and (waited or much)


def _hand_out(state: State, rules: Rules) -> tuple[State, Booking]:
    booking = _booking(state, rules)
    boottime = state.reading.boottime if state.reading else 0.0
    return replace(state, saving=booking, saved_at=boottime, urgent=False), booking


def _booking(state: State, rules: Rules) -> Booking:
    names = tuple(state.identities.values())
    return Booking(ledger.rows(state.pending, rules.zone), _read(state), names, state.notices)


def _with_pending(state: State, pending: ledger.Book) -> State:
    unsaved = ledger.sum_bytes(entry.counters for entry in pending.values())
    return replace(state, pending=pending, unsaved_bytes=unsaved)
