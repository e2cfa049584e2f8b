# SPDX-License-Identifier: GPL-2.0-or-later
"""Budgets -> tallies: what each subject used of each quota in its window. Pure.

In: the tallies of the last reading, the quotas with their windows of now, and the deltas of budgets since. Out: the
tallies of now, and grants by hand on top of them.

Bytes belong to the window in which they were read, also those that were used before its start; saving/ledger.py does
the same. So which readings there were matters at a window's end, and nowhere else.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from esimshaper.core.model.counts import UNUSED, Budget
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import PSEUDO_KEYS, Account, ClientKey
from esimshaper.core.model.limits import (
    STRANGER,
    Apart,
    Grant,
    Quota,
    QuotaUsage,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.core.model.units import MAX_BYTES

Key = tuple[str, Subject]
"""Key of a tally: name of the quota, and subject."""
Deltas = Mapping[Subject, Budget]
Announced = Mapping[Subject, tuple[int, Budget]]

LARGEST_PACKETS = 1_000_000
"""Bytes: more than all packets that the processors of a router may judge at one moment, at 64 KB each."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The facts of a tick that tallies follow from. `now` in Unix seconds; windows: those of now, by name of the quota.

    resting: quotas that are not in their hours. was_trusted: earlier windows were those of a trusted clock (see
    meter/clock.py). announced: the count at which the kernel last announced that a packet went past a limit, and the
    budget of now. followed: as in Tick. apart: deltas and announced of limits that look at some uplinks or services.
    """

    now: float
    windows: Mapping[str, Window]
    deltas: Deltas
    clients: Iterable[ClientKey]
    was_trusted: bool = True
    announced: Announced = field(default_factory=dict)
    resting: frozenset[str] = frozenset()
    followed: Mapping[str, int] = field(default_factory=dict)
    apart: Mapping[Apart, tuple[Deltas, Announced]] = field(default_factory=dict)

    def delta_of(self, quota: Quota, subject: Subject) -> Budget:
        """What was added to the budget that the quota is compared with."""
        return self._facts(quota)[0].get(subject, UNUSED)

    def announced_of(self, quota: Quota, subject: Subject) -> tuple[int, Budget]:
        """The same of `announced`."""
        return self._facts(quota)[1].get(subject, (0, UNUSED))

    def _facts(self, quota: Quota) -> tuple[Deltas, Announced]:
        if quota.apart is None:
            return self.deltas, self.announced
        return self.apart.get(quota.apart, ({}, {}))


def announced_by_subject(
    announced: Mapping[Account, int],
    subjects: Mapping[Account, Subject],
    budgets: Mapping[Account, Budget],
    offset: int = 0,
) -> Announced:
    """`announced` and the budget of now, by whose accounts they are: those whose numbers are so much higher."""
    return {
        subjects[own]: (count, budgets.get(account, UNUSED))
        for account, count in announced.items()
        if (own := Account(account - offset)) in subjects
    }


def next_tallies(before: Iterable[Tally], quotas: Sequence[Quota], turn: Turn) -> tuple[Tally, ...]:
    """The tallies of now, in the order of the quotas. A tally whose quota is gone is dropped."""
    known = {(tally.quota, tally.subject): tally for tally in before}
    clients = frozenset(turn.clients) - PSEUDO_KEYS
    return tuple(
        next_tally(known.get((quota.name, subject)), quota, subject, turn)
        for quota in quotas
        for subject in _subjects(quota, clients, known, turn)
    )


def is_used_up(tally: Tally, quota: Quota, turn: Turn) -> bool:
    """Whether the limit is reached: it is used up, or the kernel refused a packet that would have gone past it."""
    left = tally.allowed - tally.used
    if left <= 0:
        return True
    count, budget = turn.announced_of(quota, tally.subject)
    # A limit in another direction may end at the same count: then it is far away.
    return bool(count) and count - quota.direction.of(budget) == left <= LARGEST_PACKETS


def reached_in_ended_windows(before: Iterable[Tally], tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """The tallies whose limit had been reached in the window that is over."""
    ends = {(tally.quota, tally.subject): tally.window.end for tally in before if tally.reached}
    never = 2**63
    return tuple(t for t in tallies if not t.reached and t.window.start >= ends.get((t.quota, t.subject), never))


def usages_of(quotas: Sequence[Quota], tallies: Iterable[Tally]) -> tuple[QuotaUsage, ...]:
    """Each tally with its quota."""
    named = {quota.name: quota for quota in quotas}
    return tuple(QuotaUsage(named[tally.quota], tally) for tally in tallies)


def by_subject(quotas: Sequence[Quota], tallies: Iterable[Tally]) -> Mapping[Subject, tuple[QuotaUsage, ...]]:
    """The quotas and tallies of each subject; those of STRANGER are what each client begins with."""
    found: dict[Subject, list[QuotaUsage]] = {}
    for held in usages_of(quotas, tallies):
        found.setdefault(held.tally.subject, []).append(held)
    each = [quota for quota in quotas if quota.subject.kind is SubjectKind.EACH_CLIENT]
    found[STRANGER] = [QuotaUsage(q, Tally(q.name, STRANGER, Window(0, 0), allowed=q.limit)) for q in each]
    return {subject: tuple(held) for subject, held in found.items()}


def add_grant(
    tallies: Iterable[Tally], subject: Subject, size: int, until: int | None, since: float = math.inf
) -> tuple[list[Tally], list[Grant]]:
    """`tallies` with `size` bytes more for `subject`, and the grants that end at `until`. Raises Unusable.

    The grant takes effect with the next `next_tallies`. Windows that began after `since` get nothing.
    """
    following, grants = [], []
    for tally in tallies:
        own = tally.subject == subject and tally.window.start <= since
        if own and tally.granted + size > MAX_BYTES:
            sentence = f"no more than {MAX_BYTES // 1000**4} TB can be granted on {tally.quota} in one period"
            raise Unusable(sentence, "`esimshaper allow --over-plan` lifts all limits.")
        following.append(replace(tally, granted=tally.granted + size) if own else tally)
        if own and until is not None:  # also past the end of the window, which other settings may put off
            grants.append(Grant(tally.quota, subject, size, until))
    return following, grants


def take_grants(
    tallies: Iterable[Tally], grants: Iterable[Grant], subject: Subject, size: int | None
) -> tuple[list[Tally], list[Grant], list[Tally]]:
    """`tallies` and `grants` without `size` bytes, or all, of what was granted to `subject`; and what was taken.

    Each tally of the last has in `granted` how much it lost. Of several grants the last one goes first.
    """
    following, taken = [], []
    for tally in tallies:
        less = min(tally.granted, MAX_BYTES if size is None else size) if tally.subject == subject else 0
        following.append(replace(tally, granted=tally.granted - less))
        if less:
            taken.append(replace(tally, granted=less))
    rest = {(tally.quota, tally.subject): tally.granted for tally in taken}
    kept = []
    for grant in reversed(tuple(grants)):
        less = min(grant.bytes, rest.get((grant.quota, grant.subject), 0))
        if less:
            rest[grant.quota, grant.subject] -= less
        if grant.bytes > less:
            kept.append(replace(grant, bytes=grant.bytes - less))
    return following, kept[::-1], taken


def with_used(tally: Tally, quota: Quota, used: int) -> Tally:
    """`tally` with another usage. A limit and warnings that it is below again are forgotten; new ones are told soon."""
    tally = replace(tally, used=used)
    warned = min(tally.warned, QuotaUsage(quota, tally).warning)
    return replace(tally, warned=warned, reached=tally.reached and used >= tally.allowed)


def expire_grants(
    tallies: Iterable[Tally], grants: Iterable[Grant], now: float
) -> tuple[list[Tally], tuple[Grant, ...]]:
    """`tallies` without the grants that are over, and the grants that go on."""
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


def live_grants(grants: Iterable[Grant], tallies: Iterable[Tally]) -> tuple[Grant, ...]:
    """The grants that are still in `tallies`: a new window begins without any, whatever their end is."""
    sizes = {(tally.quota, tally.subject): tally.granted for tally in tallies if tally.granted}
    return tuple(grant for grant in grants if grant.bytes <= sizes.get((grant.quota, grant.subject), 0))


def _subjects(quota: Quota, clients: frozenset[ClientKey], known: Mapping[Key, Tally], turn: Turn) -> Sequence[Subject]:
    """The subjects that the quota is for. A client without an account stays while its window lasts or it is limited."""
    if quota.subject.kind is not SubjectKind.EACH_CLIENT:
        return (quota.subject,)
    kept = {
        subject.id
        for (name, subject), tally in known.items()
        if name == quota.name
        and subject.kind is SubjectKind.CLIENT
        and (turn.now < tally.window.end or tally.reached or not turn.was_trusted)
    }
    return [Subject(SubjectKind.CLIENT, key) for key in sorted({*clients, *kept})]


def next_tally(before: Tally | None, quota: Quota, subject: Subject, turn: Turn) -> Tally:
    """The tally of now; `before` itself where nothing changed. Without `before` it is the subject's first tally."""
    if quota.name in turn.followed:
        return _followed(before, quota, subject, turn)
    window = turn.windows[quota.name]
    delta = 0 if quota.name in turn.resting else quota.direction.of(turn.delta_of(quota, subject))
    if before is None:
        first = quota.used if quota.subject == subject else 0
        return Tally(quota.name, subject, window, used=first + delta, allowed=quota.limit)
    if turn.was_trusted and turn.now >= before.window.end:
        return _in_later_window(before, quota, turn, delta)
    used = before.used
    if turn.was_trusted and window.end <= before.window.start:
        before = _in_earlier_window(before, window)
    if delta or window != before.window:
        ahead = delta if before.other_start > window.start else 0
        before = replace(before, window=window, used=before.used + delta, other_used=before.other_used + ahead)
    tally = _with_limit(before, quota)
    return _reassess(tally, quota, turn) if tally.used < used else tally


def _followed(before: Tally | None, quota: Quota, subject: Subject, turn: Turn) -> Tally:
    """The tally of a quota that follows a plan: its window and its usage are those of the plan."""
    window, used = turn.windows[quota.name], turn.followed[quota.name]
    if before is None or before.window != window:
        return Tally(quota.name, subject, window, used=used, allowed=quota.limit)
    tally = _with_limit(before if used == before.used else replace(before, used=used), quota)
    return _reassess(tally, quota, turn) if used < before.used else tally


# A trusted clock may step, and step again. The tally of the window it left is kept as other_start and other_used, where
# what was granted is taken off; the bytes of both windows count, since nobody knows which time was right:
#
#      window         D-1          D            back to D-1       D again
#      used           400          0 .. 200     400 + 200 .. 650  200 + 50
#      other          -            D-1, 400     D, 200 .. 250     D-1, 650
#
# The same window under another period or zone, or under a clock that was not trusted, keeps what was used: there is
# never a second window for nothing.


def _in_later_window(before: Tally, quota: Quota, turn: Turn, delta: int) -> Tally:
    """A new tally; or that of the window from which the clock had stepped back, with what was used since."""
    window, left, own = turn.windows[quota.name], before.window.start, before.used - before.granted
    tally = Tally(quota.name, before.subject, window, used=delta, allowed=quota.limit, other_start=left, other_used=own)
    if before.other_start != window.start:
        return tally
    tally = replace(tally, used=before.other_used + delta)
    # The highest warning that is crossed, and not `used`: that may be below zero, and 0 would be announced then.
    return _reassess(replace(tally, warned=QuotaUsage(quota, tally).warning, reached=before.reached), quota, turn)


def _in_earlier_window(before: Tally, window: Window) -> Tally:
    """`before` with what had been used in the earlier window, if it is known."""
    again = before.other_used if before.other_start == window.start else 0
    tally = replace(before, used=before.used + again)
    if before.other_start > before.window.start:  # it had stepped back already: that later window stays the other one
        return tally
    return replace(tally, other_start=before.window.start, other_used=before.used - before.granted)


def _with_limit(tally: Tally, quota: Quota) -> Tally:
    """`tally` against the limit of now. A limit that was raised can be reached anew, and so can warnings."""
    allowed = quota.limit + tally.granted
    if allowed == tally.allowed:
        return tally
    if allowed < tally.allowed:
        return replace(tally, allowed=allowed)
    warned = min(tally.warned, QuotaUsage(quota, tally).warning)
    return replace(tally, allowed=allowed, warned=warned, reached=tally.reached and tally.used >= allowed)


def _reassess(tally: Tally, quota: Quota, turn: Turn) -> Tally:
    """`tally`, if less counts as used than before: a limit and warnings that it is below again are forgotten."""
    warned = min(tally.warned, QuotaUsage(quota, tally).warning)
    return replace(tally, warned=warned, reached=tally.reached and is_used_up(tally, quota, turn))
