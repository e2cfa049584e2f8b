# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage tallies -> policies: what the kernel is told, so that it holds every limit by itself. Pure.

In: accounts with their budgets, chains, and how each subject is held. Out: a Policy for each account, which accounts
are to be throttled to what, and which limits the kernel has seen packets pass.

A limit is the count at which it ends: budget + allowed - used. What is used raises budget and used alike, so the value
changes with grants, windows and settings only, and the kernel needs no word from us in between.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from esimshaper.core.model.counts import UNUSED, Budget
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, PSEUDO_KEYS, Account, ClientKey
from esimshaper.core.model.limits import (
    EVERYONE,
    NO_THRESHOLD,
    NO_THRESHOLDS,
    STRANGER,
    UNKNOWN_GROUP,
    ActionKind,
    Direction,
    LimitState,
    Override,
    OverrideKind,
    Policy,
    Quota,
    QuotaUsage,
    Shaped,
    Subject,
    SubjectKind,
    Tally,
    Thresholds,
    Window,
)

_EACH = Subject(SubjectKind.EACH_CLIENT)
_STRANGERS = Subject(SubjectKind.GROUP, UNKNOWN_GROUP)
_PSEUDO = frozenset(Subject(SubjectKind.CLIENT, key) for key in PSEUDO_KEYS)

Policies = Mapping[Account, Policy]
Ends = Sequence[tuple[Direction, int]]
"""Counts at which something ends."""


@dataclass(frozen=True, slots=True)
class Place:
    """Who has which account, and how they stand.

    accounts: of clients, groups and everyone; free: those that have no client yet. budgets: as last read.
    chains: each subject and those above it. held: quotas and tallies of each. by_hand: the Override that counts.
    tunnels_account: the account of packets that carry tunnels, if there is one.
    """

    accounts: Mapping[Account, Subject]
    free: Sequence[Account]
    budgets: Mapping[Account, Budget]
    chains: Mapping[Subject, Sequence[Subject]]
    held: Mapping[Subject, Sequence[QuotaUsage]]
    by_hand: Mapping[Subject, Override]
    tunnels_account: Account = ACCOUNT_UNATTRIBUTED


def policies(place: Place) -> Policies:
    """What each account is to be told. Free ones are prepared for a stranger, who is limited from the first byte."""
    numbers = {subject: account for account, subject in place.accounts.items()}
    told = {account: _policy(place, numbers, account, subject) for account, subject in place.accounts.items()}
    prepared: dict[Budget, Policy] = {}
    for account in place.free:
        budget = place.budgets.get(account, UNUSED)
        if budget not in prepared:
            prepared[budget] = _policy(place, numbers, account, STRANGER)
        told[account] = prepared[budget]
    if place.tunnels_account:
        told[place.tunnels_account] = _tunnels_policy(place, numbers)
    return told


def inherited(place: Place, quotas: Sequence[Quota], windows: Mapping[str, Window], told: Policies) -> LimitState:
    """What led to the policies which the kernel was `told`: tallies, as they were when its counts were zero, and what
    was set by hand, of which nobody knows any more when it ends.

    Only of a limit that shares its place in the policy with no other: there the kernel knows the nearer one alone.
    """
    tallies = (
        Tally(quota.name, subject, windows[quota.name], used=quota.limit - end, allowed=quota.limit)
        for account, subject in place.accounts.items()
        for quota, end in _ends(quotas, subject, told.get(account, Policy()))
        if end != NO_THRESHOLD
    )
    return LimitState(tuple(tallies), overrides=tuple(_set_by_hand(place, told)))


def _set_by_hand(place: Place, told: Policies) -> Iterator[Override]:
    """Those below were told the same, so a word is that of who is highest. What strangers are told, their group was."""
    accounts = {**dict.fromkeys(place.free[:1], _STRANGERS), **place.accounts}
    words = {subject: _word(told.get(account, Policy())) for account, subject in accounts.items()}
    for subject, word in words.items():
        above = next((words[each] for each in place.chains[subject][1:] if each in words), None)
        if word and word is not above:
            yield Override(subject, word)


def _word(told: Policy) -> OverrideKind | None:
    if told.exempt:
        return OverrideKind.ALLOW
    return OverrideKind.BLOCK if told.blocked else None


def _ends(quotas: Iterable[Quota], subject: Subject, told: Policy) -> Iterator[tuple[Quota, int]]:
    """Quotas that are for a subject, with the count at which `told` says that they end."""
    device = subject.kind is SubjectKind.CLIENT and subject not in _PSEUDO
    own = [quota for quota in quotas if quota.subject in (subject, _EACH if device else subject)]
    places = [(quota.action.kind, quota.direction) for quota in own]
    for quota, place in zip(own, places, strict=True):
        marks = {ActionKind.BLOCK: told.block_at, ActionKind.THROTTLE: told.throttle_at}.get(place[0], NO_THRESHOLDS)
        if places.count(place) == 1:
            yield quota, quota.direction.of(marks)


def new_clients(place: Place, absent: Iterable[ClientKey], listed: Collection[ClientKey]) -> tuple[ClientKey, ...]:
    """Those of `absent`, clients without an account, who are to have one before they come.

    First those for whom another Policy holds than for a stranger, which the kernel would take them for at the first
    packet: after a reboot with nothing used, and nothing set by hand. Then the `listed` ones, or strangers who make up
    addresses could leave them none. Half of the free accounts stay free, for devices that come.
    """
    if not place.free:
        return ()
    numbers = {subject: account for account, subject in place.accounts.items()}
    policies = {key: _policy(place, numbers, place.free[0], Subject(SubjectKind.CLIENT, key)) for key in sorted(absent)}
    stranger = _policy(place, numbers, place.free[0], STRANGER)
    held = [key for key, told in policies.items() if told != stranger]
    wanted = dict.fromkeys([*held, *(key for key in policies if key in listed)])
    return tuple(islice(wanted, len(place.free) // 2))


def new_and_idle(quotas: Iterable[Quota], groups: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Groups that have a quota but no account yet, and those of `groups`, which have one, that have no quota."""
    wanted, known = {quota.subject.id for quota in quotas if quota.subject.kind is SubjectKind.GROUP}, frozenset(groups)
    return tuple(sorted(wanted - known)), tuple(sorted(known - wanted))


def shaped(place: Place) -> tuple[Shaped, ...]:
    """Accounts that have a throttle limit, free ones included, and at what rate; in the order of their numbers.

    That is the smallest rate of those limits that are reached; if none is, that of the one that comes first.
    """
    everybody = {**place.accounts, **dict.fromkeys(place.free, STRANGER)}
    rates = ((account, _rate(place.held.get(everybody[account], ()))) for account in sorted(everybody))
    return tuple(Shaped(account, rate) for account, rate in rates if rate is not None)


def _policy(place: Place, numbers: Mapping[Subject, Account], account: Account, subject: Subject) -> Policy:
    budget = place.budgets.get(account, UNUSED)
    held = place.held.get(subject, ())
    override = place.by_hand.get(subject)
    rate = _rate(held)
    return Policy(
        parent=_parent(place, numbers, subject),
        block_at=_marks(_limits(held, budget, ActionKind.BLOCK)),
        throttle_at=_marks(_limits(held, budget, ActionKind.THROTTLE)),
        warn_at=_marks([end for each in held for end in _warnings(each, budget)]),
        blocked=override is not None and override.kind is OverrideKind.BLOCK,
        exempt=override is not None and override.kind is OverrideKind.ALLOW,
        police_rate=max(1, rate // 8) if rate else 0,
    )


def _tunnels_policy(place: Place, numbers: Mapping[Subject, Account]) -> Policy:
    """Who is in a tunnel was held to limits in it. Its packets stop when everyone is blocked, but for whom that was
    lifted by hand."""
    parent = numbers.get(EVERYONE, ACCOUNT_UNATTRIBUTED) if EVERYONE in place.held else ACCOUNT_UNATTRIBUTED
    allowed = any(override.kind is OverrideKind.ALLOW for override in place.by_hand.values())
    blocked = place.by_hand.get(EVERYONE)
    return Policy(parent, blocked=blocked is not None and blocked.kind is OverrideKind.BLOCK, exempt=allowed)


def _parent(place: Place, numbers: Mapping[Subject, Account], subject: Subject) -> Account:
    """The next one above who has a quota. A group whose account is not made yet is left out for that long."""
    above = place.chains.get(subject, ())[1:]
    return next((numbers[s] for s in above if s in place.held and s in numbers), ACCOUNT_UNATTRIBUTED)


def _limits(held: Iterable[QuotaUsage], budget: Budget, kind: ActionKind) -> Ends:
    return [
        (each.quota.direction, _end(each, budget, each.tally.allowed))
        for each in held
        if each.quota.action.kind is kind
    ]


def _warnings(held: QuotaUsage, budget: Budget) -> Ends:
    """The next mark that was not announced yet, which for a limit that only notifies may be the limit itself."""
    quota, tally = held.quota, held.tally
    amounts = [mark + tally.granted for mark in quota.warn_at if mark > tally.warned][:1]
    if quota.action.kind is ActionKind.NOTIFY and not tally.reached:
        amounts.append(tally.allowed)
    return [(quota.direction, _end(held, budget, amount)) for amount in amounts]


def _end(held: QuotaUsage, budget: Budget, amount: int) -> int:
    """The count at which `amount` bytes of the quota are used up."""
    return max(0, held.quota.direction.of(budget) + amount - held.tally.used)


def _marks(ends: Ends) -> Thresholds:
    """The first of `ends` in each direction."""
    if not ends:
        return NO_THRESHOLDS
    return Thresholds(
        **{each.value: min((end for to, end in ends if to is each), default=NO_THRESHOLD) for each in Direction}
    )


def _rate(held: Iterable[QuotaUsage]) -> int | None:
    throttles = [each for each in held if each.quota.action.kind is ActionKind.THROTTLE]
    reached = [each.quota.action.rate for each in throttles if each.tally.reached]
    if reached or not throttles:
        return min(reached, default=None)
    return min(throttles, key=lambda each: each.tally.allowed - each.tally.used).quota.action.rate
