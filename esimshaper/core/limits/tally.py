# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage budgets -> tallies: what each subject used of each quota in its window. Pure.

In: the tallies of the last reading, the quotas with their windows of now, and what moved since. Out: the tallies of
now, and grants by hand on top of them.

Bytes belong to the window in which they were read, also those that moved before its start, as in stage ledger. So it
matters at a window's end which readings there were, and nowhere else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from esimshaper.core.model.counts import UNUSED, Budget
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import PSEUDO_KEYS, Account, ClientKey
from esimshaper.core.model.limits import (
    EVERYONE,
    STRANGER,
    Grant,
    Quota,
    QuotaUsage,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.units import MAX_BYTES

Key = tuple[str, Subject]
"""Of a tally: name of the quota, and subject."""

LARGEST_PACKETS = 1_000_000
"""Bytes: more than all packets that the processors of a router may judge at one moment, at 64 KB each."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is the case at this tick. `windows` are those of now, by name of the quota; `now` is in Unix seconds.

    `settled`: windows before this one were of a clock that could be trusted (see stage clock).
    `announced`: the count at which the kernel last announced that a packet exceeded a limit, and the budget of now.
    """

    now: float
    windows: Mapping[str, Window]
    moved: Mapping[Subject, Budget]
    clients: Iterable[ClientKey]
    settled: bool = True
    announced: Mapping[Subject, tuple[int, Budget]] = field(default_factory=dict)


def accounts_of(reading: Reading) -> Mapping[Account, Subject]:
    """Whose account each is; those of the pseudo-clients too, as they may have a quota like any other."""
    return {
        **{account: Subject(SubjectKind.CLIENT, client) for account, client in reading.owners.items()},
        **{account: Subject(SubjectKind.GROUP, name) for name, account in reading.groups.items()},
        **({reading.everyone: EVERYONE} if reading.everyone else {}),
    }


def moved_by_subject(moved: Mapping[Account, Budget], subjects: Mapping[Account, Subject]) -> Mapping[Subject, Budget]:
    """`moved` added up by whose accounts they are."""
    sums: dict[Subject, Budget] = {}
    for account, budget in moved.items():
        if account in subjects:
            subject = subjects[account]
            sums[subject] = sums[subject] + budget if subject in sums else budget
    return sums


def announced_by_subject(
    announced: Mapping[Account, int], subjects: Mapping[Account, Subject], budgets: Mapping[Account, Budget]
) -> Mapping[Subject, tuple[int, Budget]]:
    """`announced` and the budget of now, by whose accounts they are."""
    return {
        subjects[account]: (count, budgets.get(account, UNUSED))
        for account, count in announced.items()
        if account in subjects
    }


def tallied(before: Iterable[Tally], quotas: Sequence[Quota], turn: Turn) -> tuple[Tally, ...]:
    """The tallies of now, in the order of the quotas. Those of quotas that are gone are gone too."""
    known = {(tally.quota, tally.subject): tally for tally in before}
    clients = frozenset(turn.clients) - PSEUDO_KEYS
    return tuple(
        _tallied(known.get((quota.name, subject)), quota, subject, turn)
        for quota in quotas
        for subject in _subjects(quota, clients, known, turn)
    )


def is_used_up(tally: Tally, quota: Quota, turn: Turn) -> bool:
    """Whether the limit is reached: it is used up, or the kernel refused a packet that would have gone past it."""
    left = tally.allowed - tally.used
    if left <= 0:
        return True
    count, budget = turn.announced.get(tally.subject, (0, UNUSED))
    # A limit in another direction may end at the same count: then it is far away.
    return bool(count) and count - quota.direction.of(budget) == left <= LARGEST_PACKETS


def renewed(before: Iterable[Tally], tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """Those of `tallies` whose limit had been reached in the window that is over."""
    ends = {(tally.quota, tally.subject): tally.window.end for tally in before if tally.reached}
    return tuple(t for t in tallies if not t.reached and t.window.start >= ends.get((t.quota, t.subject), 2**63))


def paired(quotas: Sequence[Quota], tallies: Iterable[Tally]) -> tuple[QuotaUsage, ...]:
    """Each tally with its quota."""
    named = {quota.name: quota for quota in quotas}
    return tuple(QuotaUsage(named[tally.quota], tally) for tally in tallies)


def by_subject(quotas: Sequence[Quota], tallies: Iterable[Tally]) -> Mapping[Subject, tuple[QuotaUsage, ...]]:
    """What each subject is held to; a STRANGER has what each client begins with."""
    found: dict[Subject, list[QuotaUsage]] = {}
    for held in paired(quotas, tallies):
        found.setdefault(held.tally.subject, []).append(held)
    each = [quota for quota in quotas if quota.subject.kind is SubjectKind.EACH_CLIENT]
    found[STRANGER] = [QuotaUsage(q, Tally(q.name, STRANGER, Window(0, 0), allowed=q.limit)) for q in each]
    return {subject: tuple(held) for subject, held in found.items()}


def granted(
    tallies: Iterable[Tally], subject: Subject, size: int, until: int | None
) -> tuple[list[Tally], list[Grant]]:
    """`tallies` with `size` bytes more for `subject`, and what is to be remembered to end that at `until`.

    It takes effect with the next `tallied`, which holds what was used against the new limit. Raises Unusable.
    """
    following, grants = [], []
    for tally in tallies:
        own = tally.subject == subject
        if own and tally.granted + size > MAX_BYTES:
            sentence = f"no more than {MAX_BYTES // 1000**4} TB can be granted on {tally.quota} in one period"
            raise Unusable(sentence, "`esimshaper allow` lifts all limits.")
        following.append(replace(tally, granted=tally.granted + size) if own else tally)
        if own and until is not None:  # also past the end of the window, which other settings may put off
            grants.append(Grant(tally.quota, subject, size, until))
    return following, grants


def ended(tallies: Iterable[Tally], grants: Iterable[Grant], now: float) -> tuple[list[Tally], tuple[Grant, ...]]:
    """`tallies` without the grants that are over, and the grants that go on. A new window knows no grants."""
    live: dict[Key, Tally] = {(tally.quota, tally.subject): tally for tally in tallies}
    going_on = []
    for grant in grants:
        tally = live.get((grant.quota, grant.subject))
        if tally is None or tally.granted < grant.bytes:
            continue
        if now < grant.until:
            going_on.append(grant)
        else:
            live[grant.quota, grant.subject] = replace(tally, granted=tally.granted - grant.bytes)
    return list(live.values()), tuple(going_on)


def covered(grants: Iterable[Grant], tallies: Iterable[Tally]) -> tuple[Grant, ...]:
    """Those of `grants` that are in the `tallies`. A new window has taken the others with it, whatever their end is."""
    sizes = {(tally.quota, tally.subject): tally.granted for tally in tallies if tally.granted}
    return tuple(grant for grant in grants if grant.bytes <= sizes.get((grant.quota, grant.subject), 0))


def _subjects(quota: Quota, clients: frozenset[ClientKey], known: Mapping[Key, Tally], turn: Turn) -> Sequence[Subject]:
    """Who the quota is for. A client that is gone stays while its window lasts, or until its limit is taken back."""
    if quota.subject.kind is not SubjectKind.EACH_CLIENT:
        return (quota.subject,)
    kept = {
        subject.id
        for (name, subject), tally in known.items()
        if name == quota.name
        and subject.kind is SubjectKind.CLIENT
        and (turn.now < tally.window.end or tally.reached or not turn.settled)
    }
    return [Subject(SubjectKind.CLIENT, key) for key in sorted({*clients, *kept})]


def _tallied(before: Tally | None, quota: Quota, subject: Subject, turn: Turn) -> Tally:
    window = turn.windows[quota.name]
    moved = quota.direction.of(turn.moved.get(subject, UNUSED))
    if before is None:
        first = quota.used if quota.subject == subject else 0
        return Tally(quota.name, subject, window, used=first + moved, allowed=quota.limit)
    if turn.settled and turn.now >= before.window.end:
        return _in_later_window(before, quota, turn, moved)
    used = before.used
    if turn.settled and window.end <= before.window.start:
        before = _in_earlier_window(before, window)
    # The same window; or another period or zone; or a clock that went back: never a second window for nothing.
    if not moved and window == before.window:
        return _held_to(before, quota)
    ahead = moved if before.other_start > window.start else 0
    tally = replace(before, window=window, used=before.used + moved, other_used=before.other_used + ahead)
    tally = _held_to(tally, quota)
    return _looked_at_anew(tally, quota, turn) if tally.used < used else tally


def _in_later_window(before: Tally, quota: Quota, turn: Turn, moved: int) -> Tally:
    """A new one; or that from which the clock had gone back, as it was, and what was used meanwhile."""
    window, left, own = turn.windows[quota.name], before.window.start, before.used - before.granted
    tally = Tally(quota.name, before.subject, window, used=moved, allowed=quota.limit, other_start=left, other_used=own)
    if before.other_start != window.start:
        return tally
    tally = replace(tally, used=before.other_used + moved)
    return _looked_at_anew(replace(tally, warned=tally.used, reached=before.reached), quota, turn)


def _in_earlier_window(before: Tally, window: Window) -> Tally:
    """What was used in either counts: the later one may have been opened by a clock that was wrong."""
    behind = before.other_start < before.window.start
    again = before.other_used if before.other_start == window.start else 0
    tally = replace(before, used=before.used + again)
    if not behind:
        return tally
    return replace(tally, other_start=before.window.start, other_used=before.used - before.granted)


def _held_to(tally: Tally, quota: Quota) -> Tally:
    """`tally` against the limit and the marks of now. A limit that was raised can be reached anew, and so can marks."""
    allowed = quota.limit + tally.granted
    if allowed == tally.allowed:
        return tally
    if allowed < tally.allowed:
        return replace(tally, allowed=allowed)
    warned = min(tally.warned, QuotaUsage(quota, tally).mark)
    return replace(tally, allowed=allowed, warned=warned, reached=tally.reached and tally.used >= allowed)


def _looked_at_anew(tally: Tally, quota: Quota, turn: Turn) -> Tally:
    """`tally` without what was announced of it and does not hold any more, since less counts as used than before."""
    warned = min(tally.warned, QuotaUsage(quota, tally).mark)
    return replace(tally, warned=warned, reached=tally.reached and is_used_up(tally, quota, turn))
