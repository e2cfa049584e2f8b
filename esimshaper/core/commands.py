# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands of people, and the State that a start begins with: each function turns a State into another. Pure.

A command takes effect at the next tick, and is saved with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import NamedTuple

from esimshaper.core import plan_commands
from esimshaper.core.limits import acts, beginning, notices, tally
from esimshaper.core.model.approval import ApprovalSlice
from esimshaper.core.model.decisions import RulesSlice
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.history import HistoryRow
from esimshaper.core.model.hours import between
from esimshaper.core.model.identity import Identity
from esimshaper.core.model.limit_state import Act, ActKind, LimitState
from esimshaper.core.model.limits import Coming, Override, OverrideKind, Quota, Subject, SubjectKind, Tally
from esimshaper.core.model.measure import MeasureSlice
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.outbox import NoticesSlice
from esimshaper.core.model.page import PageSlice
from esimshaper.core.model.plan_state import PlansSlice
from esimshaper.core.model.requests import End
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Baseline, LimitsSlice, MeterSlice, NamesSlice, SavingSlice, State
from esimshaper.core.model.time_of_day import WallTime, next_moment
from esimshaper.core.model.units import MAX_SECONDS
from esimshaper.core.model.watch import WatchSlice
from esimshaper.core.page import memory
from esimshaper.core.rules.by_hand import merged as rules_merged
from esimshaper.core.saving import booking, happenings, ledger
from esimshaper.core.saving.past import RowRanges, row_ranges, row_ranges_within, used_since

_BY_HAND = (NoticeKind.GRANTED, NoticeKind.REVOKED, NoticeKind.CORRECTED, NoticeKind.RESTARTED)
MAX_COMING = 64
"""So many acts by hand may wait for their beginning."""


class Term(NamedTuple):
    """To when (None: not by itself) and from when (None: at once) something holds, in Unix seconds."""

    until: int | None = None
    at: int | None = None


def term(now: float, zone: tzinfo, end: End, at: WallTime | None = None) -> Term:
    """The Term that a person means at `now`. `end` counts from the beginning on. Raises Unusable."""
    try:
        begins = next_moment(at, zone, now) if at else None
        since = now if begins is None else begins
        until = int(since) + end if isinstance(end, int) else next_moment(end, zone, since) if end else None
    except ValueError as error:
        raise Unusable(str(error), "Write a time that is to come; a time of day alone is the next such time.") from None
    if max(begins or 0, until or 0) > now + 2 * MAX_SECONDS:
        raise Unusable("that is more than two years from now", "Write a sooner time.")
    return Term(until, begins)


def grant(
    state: State, rules: Rules, subject: Subject, size: int, until: int | None = None, at: int | None = None
) -> State:
    """`size` bytes more for `subject` on each of its quotas, to the end of their windows, or to `until` if sooner.

    They begin at once, or at `at`. Both count like the clock of the State, in Unix seconds. Raises Unusable.
    """
    kept = _kept(state)
    own = [each for each in kept.tallies if each.subject == subject]
    wording = _wording(state, rules)
    if not own:
        raise Unusable(f"there is no quota for {wording.who(subject)}", "`esimshaper quotas` shows those there are.")
    act = Act(ActKind.GRANT, subject, int(state.clock.time), bytes=size, until=until)
    if at is not None:
        return _with_coming(state, Coming(subject, at, None, size, until), replace(act, begins=at))
    tallies, more = tally.add_grant(kept.tallies, subject, size, until)
    granted = replace(kept, tallies=tuple(tallies), grants=(*kept.grants, *more))
    return _with_kept(state, acts.noted(kept, granted, act), notices.grants(own, size, until, wording))


def revoke(state: State, rules: Rules, subject: Subject, size: int | None) -> State:
    """`size` bytes (None: all) of what `subject` was granted are taken back, in each of its present windows.

    With all of it go its grants that are still to come. Raises Unusable.
    """
    kept = _kept(state)
    ahead = tuple(each for each in kept.coming if size is not None or each.kind or each.subject != subject)
    wording = _wording(state, rules)
    tallies, grants, taken = tally.take_grants(kept.tallies, kept.grants, subject, size)
    if not taken and ahead == kept.coming:
        sentence = f"nothing was granted to {wording.who(subject)} that could be taken back"
        raise Unusable(sentence, "`esimshaper quotas` shows what was granted, and to whom.")
    revoked = replace(kept, tallies=tuple(tallies), grants=tuple(grants), coming=ahead)
    act = Act(ActKind.REVOKE, subject, int(state.clock.time), bytes=size or 0)
    return _with_kept(state, acts.noted(kept, revoked, act), notices.revoked(taken, wording))


def override(
    state: State, subject: Subject, kind: OverrideKind | None, until: int | None = None, at: int | None = None
) -> State:
    """Block or allow `subject` over all quotas from `at` on, until it is taken back, or to `until` (see `grant`).

    `kind` None takes it back, and what is still to come as well. Raises Unusable.
    """
    kept = _kept(state)
    done = ActKind.CLEAR if kind is None else ActKind.ALLOW if kind.allows else ActKind.BLOCK
    over = kind is OverrideKind.ALLOW_OVER_PLAN
    act = Act(done, subject, int(state.clock.time), until=until, over_plan=over, begins=at if kind else None)
    if kind and at is not None:
        return _with_coming(state, Coming(subject, at, kind, until=until), act)
    others = (each for each in kept.overrides if each.subject != subject)
    new = (Override(subject, kind, until),) if kind else ()
    ahead = tuple(each for each in kept.coming if kind or each.kind is None or each.subject != subject)
    changed = _with_kept(state, acts.noted(kept, replace(kept, overrides=(*others, *new), coming=ahead), act))
    return _with_told(changed, kept, subject)


def correct(state: State, rules: Rules, quota: Quota, subject: Subject | None, used: int) -> State:
    """`used` bytes count as used of a quota from now on, by `subject` where it is for each client. Raises Unusable."""
    kept = _kept(state)
    _refuse_followed(quota, "correct")
    whose = subject or quota.subject
    if whose.kind is SubjectKind.EACH_CLIENT:
        example = f"`esimshaper correct {quota.name} 300MB --client NAME`"
        raise Unusable(f"the quota {quota.name} is for each client: say whose is meant", f"For example {example}.")
    before, after = acts.tally_of(kept, quota, whose), acts.correct(kept, quota, whose, used)
    act = Act(ActKind.CORRECT, whose, int(state.clock.time), quota.name, used)
    wording = _wording(state, rules)
    return _with_kept(state, acts.noted(kept, after, act), (notices.corrected(before, used, wording),))


def restart(state: State, rules: Rules, quota: Quota, subject: Subject | None) -> State:
    """A quota begins at nothing, for `subject` or (None) for all whom it is for. Raises Unusable.

    Its window begins now, where its period counts from a moment of its own.
    """
    kept, now = _kept(state), state.clock.time
    _refuse_followed(quota, "start")
    after = acts.restart(kept, quota, subject, now)
    mine = [(old, new) for old, new in zip(kept.tallies, after.tallies, strict=True) if old is not new]
    if not mine:
        raise Unusable(f"the quota {quota.name} has counted nothing yet", "`esimshaper quotas` shows what it counts.")
    act = Act(ActKind.RESTART, subject or quota.subject, int(now), quota.name)
    before, begun = zip(*mine, strict=True)
    told = notices.restarted(quota, before, begun, _wording(state, rules))
    return _with_kept(state, acts.noted(kept, after, act), (told,))


def _refuse_followed(quota: Quota, verb: str) -> None:
    if quota.follow:
        sentence = f"the quota {quota.name} follows a plan, and counts what that does"
        raise Unusable(sentence, f"`esimshaper plan {verb}` is for the plan.")


Saved = Mapping[str, Iterable[HistoryRow]]
"""Rows of history by name of the quota that asks for them."""


def wanted_history(state: State, rules: Rules, zone: tzinfo) -> Mapping[str, RowRanges]:
    """The rows that say what new quotas of `rules` begin with; days begin at midnight in `zone`."""
    if state.meter.booked is None:
        return {}
    kept, now = state.limits.kept, state.clock.time
    new = beginning.new_quotas(kept, [quota for quota in rules.quotas if not quota.follow])
    starts = {name: window.start for name, window in acts.windows(new, kept.restarts, now).items()}
    return {quota.name: _rows_of(quota, starts[quota.name], now, zone) for quota in new}


def _rows_of(quota: Quota, start: int, now: float, zone: tzinfo) -> RowRanges:
    """The rows that say what counts of `quota` since `start`."""
    if quota.hours is None:
        return row_ranges(start, now, zone)
    return row_ranges_within(between(quota.hours, start, now + 1), zone)


def begin_quotas(state: State, rules: Rules, saved: Saved, zone: tzinfo) -> State:
    """`state` with new quotas of `rules` that begin with what was used in their windows: `saved`, and not saved yet.

    `saved`: the rows of `wanted_history` that are in the database at this moment.
    """
    wanted, now = wanted_history(state, rules, zone), state.clock.time
    wording = _wording(state, rules)
    unsaved = ledger.rows(state.saving.pending, zone)
    windows = acts.windows(rules.quotas, state.limits.kept.restarts, now)
    tallies: list[Tally] = []
    told: list[Notice] = []
    for quota in rules.quotas:
        if quota.name not in wanted:
            continue
        rows = (*saved.get(quota.name, ()), *unsaved)
        of_quota = beginning.of_services(_in_scope(rows, quota, state), quota, rules)
        usage = used_since(of_quota, wanted[quota.name])
        begun = beginning.first_tallies(quota, windows[quota.name], usage, rules)
        tallies += begun
        told += [notices.counted_back(quota, begun, wording)] if begun else []
    if not tallies:
        return state
    kept = state.limits.kept
    return _with_kept(state, replace(kept, tallies=(*kept.tallies, *tallies)), tuple(told))


def _in_scope(rows: Iterable[HistoryRow], quota: Quota, state: State) -> Iterable[HistoryRow]:
    """The rows that a quota looks at. Of a plan, rather too many: all of an uplink that has had it."""
    if quota.scope is None:
        return rows
    had = {each.uplink for each in state.plans.kept.intervals if each.plan == quota.scope.plan}
    names = had if quota.scope.plan else quota.scope.uplinks
    return [row for row in rows if row.uplink in names]


def used_by_quota(state: State) -> Mapping[str, int]:
    """The bytes that count as used of each quota, by all whom it is for."""
    sums: dict[str, int] = {}
    for each in state.limits.kept.tallies:
        sums[each.quota] = sums.get(each.quota, 0) + max(0, each.used)
    return sums


class Undone(NamedTuple):
    """The State after an undo or redo; the act that it is of, and whether anything was left of it."""

    state: State
    act: Act
    changed: bool


def undo(state: State, rules: Rules) -> Undone:
    """The last act by hand is taken back. What was used since counts on. Raises Unusable."""
    kept = _kept(state)
    if of_plan := plan_commands.undo(state, rules):
        return Undone(*of_plan, changed=True)
    back, last = acts.undo_last(kept, state.plans.quotas(rules.quotas), state.clock.time)
    wording = _wording(state, rules)
    changes = acts.changes_between(kept, back)
    after = _with_kept(state, back, notices.undone(changes, back.tallies, wording))
    after = replace(after, limits=replace(after.limits, undone=(*state.limits.undone, last)))
    return Undone(_with_told(after, kept, last.subject), last, replace(back, acts=kept.acts) != kept)


def redo(state: State, rules: Rules) -> Undone:
    """The act that was undone last is done again, unless something else was done by hand since. Raises Unusable."""
    kept, undone = _kept(state), state.limits.undone
    if of_plan := plan_commands.redo(state, rules):
        return Undone(*of_plan, changed=True)
    if not undone:
        sentence = "nothing was undone since the last act by hand, or since the daemon has started"
        raise Unusable(sentence, "`esimshaper undo` undoes the last act.")
    *earlier, act = undone
    again = acts.redo(kept, act, state.plans.quotas(rules.quotas), state.clock.time)
    changes = acts.changes_between(kept, again)
    after = _with_kept(state, again, notices.undone(changes, again.tallies, _wording(state, rules)))
    after = replace(after, limits=replace(after.limits, undone=tuple(earlier)))
    return Undone(_with_told(after, kept, act.subject), act, again.acts != kept.acts)


def resume(saved: Baseline | None, known: Iterable[Identity] = (), state: State | None = None) -> State:
    """The State to go on from: `saved` and `known` are what history holds.

    At a start there is no `state`. If history could be opened only later, `state` is what was counted until then: the
    saved baseline replaces it, and the kernel's counters fill the gap.
    """
    if saved is None and state is not None:
        return replace(state, saving=replace(state.saving, booking=None))
    identities = NamesSlice({identity.key: identity for identity in known})
    given = (each for each in state.saving.notices if each.kind in _BY_HAND) if state else ()
    told = happenings.lasting(state.saving.happenings) if state else ()
    unsaved = SavingSlice(notices=tuple(given), happenings=told)
    if saved is None:
        return State(names=identities, saving=unsaved)
    kept = merge_overrides(saved.limits, state.limits) if state and state.meter.booked else saved.limits
    plans = PlansSlice(saved.plans)
    page = PageSlice(memory.merged(saved.page, state.page.kept) if state else saved.page)
    limits = LimitsSlice(replace(kept, acts=_that_can_be_undone(kept.acts, len(saved.plans.acted))))
    meter, watch, outbox = MeterSlice(saved.meter), WatchSlice(saved.watch), NoticesSlice(saved.notices)
    following = State(saved.clock, meter, names=identities, limits=limits, saving=unsaved, plans=plans)
    ruled = RulesSlice(rules_merged(saved.rules, state.rules.kept) if state else saved.rules)
    following = replace(following, rules=ruled, approval=ApprovalSlice(saved.approval), notices=outbox)
    return replace(following, watch=watch, page=page, measure=MeasureSlice(saved.measure))


def _that_can_be_undone(acts: tuple[Act, ...], on_plans: int) -> tuple[Act, ...]:
    """`acts` without the earliest ones on plans, if only the last `on_plans` of these are known."""
    # Older databases have them not, and acts on plans may have been done beside a history that could not be opened.
    places = [place for place, act in enumerate(acts) if act.kind is ActKind.PLAN]
    gone = places[: max(0, len(places) - on_plans)]
    return tuple(act for place, act in enumerate(acts) if place not in gone)


def merge_overrides(saved: LimitState, given_up: LimitsSlice) -> LimitState:
    """`saved`, with the overrides and grants that people set while it could not be opened: `given_up` has these.

    Each can be undone as before. What was corrected or restarted meanwhile is given up.
    """
    new = given_up.kept
    # An override that was recovered from the kernel is in `saved` as well, and has its end there. But if somebody has
    # taken it back meanwhile, it is lifted.
    lifted = {each.subject for each in given_up.recovered} - {each.subject for each in new.overrides}
    before = (each for each in saved.overrides if each.subject not in lifted)
    since = (each for each in new.overrides if each not in given_up.recovered)
    overrides = {each.subject: each for each in (*before, *since)}
    known = {(each.quota, each.subject): each for each in saved.tallies}
    granted = {(each.quota, each.subject): each for each in new.tallies if each.granted}
    over = {key for key in known.keys() & granted if known[key].window.end <= granted[key].window.start}
    lasting = {key: each for key, each in known.items() if key not in over}
    tallies = known | {key: _with_grant(lasting.get(key), each) for key, each in granted.items()}
    grants = (*(each for each in saved.grants if (each.quota, each.subject) not in over), *new.grants)
    ahead = tuple(dict.fromkeys((*saved.coming, *new.coming)))
    done = (each for each in new.acts if each.kind not in (ActKind.CORRECT, ActKind.RESTART))
    return replace(
        saved,
        tallies=tuple(tallies.values()),
        grants=grants,
        overrides=tuple(overrides.values()),
        coming=ahead,
        acts=(*saved.acts, *done)[-acts.MAX_ACTS :],
    )


def _with_grant(saved: Tally | None, given_up: Tally) -> Tally:
    """The tally with the grants of both. `saved` is of the same window; without it only the other's grant is kept."""
    if saved is None:
        return replace(given_up, used=0, warned=0, reached=False)
    return replace(saved, granted=saved.granted + given_up.granted)


def _wording(state: State, rules: Rules) -> notices.Wording:
    return notices.wording_of(rules, state.clock.time, state.names.identities)


def _kept(state: State) -> LimitState:
    if state.meter.booked is None:
        raise Unusable("nothing has been read yet", "Try again in a second.")
    return state.limits.kept


def _with_coming(state: State, new: Coming, act: Act) -> State:
    """`state` with an act that is to come; it replaces one on the same subject at the same moment."""
    kept = _kept(state)
    others = [
        each
        for each in kept.coming
        if (each.subject, each.at, each.kind is None) != (new.subject, new.at, new.kind is None)
    ]
    if len(others) >= MAX_COMING:
        raise Unusable(f"{MAX_COMING} settings by hand are to come already", "`esimshaper quotas` shows them.")
    after = replace(kept, coming=tuple(sorted((*others, new), key=lambda each: each.at)))
    return _with_kept(state, acts.noted(kept, after, act))


def _with_told(after: State, before: LimitState, subject: Subject) -> State:
    """`after`, in which people can look up that the override of a subject is another than `before`."""
    both = (before.overrides, after.limits.kept.overrides)
    was, now = (next((each for each in overrides if each.subject == subject), None) for overrides in both)
    if was == now:
        return after
    who = notices.Wording({}, after.clock.time, UTC, after.names.identities).who(subject)
    kinds = (was.kind if was else None, now.kind if now else None)
    told = happenings.of_override(subject, who, kinds, now.until if now else None, after.clock.time)
    return replace(after, saving=replace(after.saving, happenings=(*after.saving.happenings, *told)))


def _with_kept(state: State, kept: LimitState, new: tuple[Notice, ...] = ()) -> State:
    """`state` with other limits, to be worked out and saved at the next tick."""
    unsaved = replace(booking.with_notices(state.saving, new), urgent=True)
    return replace(state, limits=replace(state.limits, kept=kept, inputs=None, undone=()), saving=unsaved)
