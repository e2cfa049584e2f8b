# SPDX-License-Identifier: GPL-2.0-or-later
"""Tallies -> policies: the thresholds by which the kernel holds every limit by itself (R11). Pure.

In: accounts with their budgets, and the quotas and overrides of each subject. Out: a Policy for each account, and which
accounts are to be throttled to what.

A limit is the count at which it ends: budget + allowed - used. Usage raises budget and used alike:

    window begins at 7,000    limit 500    ends at 7,500
    budget 7,000, used 0  ->  7,000 + 500 - 0   = 7,500
    budget 7,200, used 200 -> 7,200 + 500 - 200 = 7,500

So a policy changes with grants, windows, settings and queue drops only.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from esimshaper.core.limits.hold import hold, of_tunnels, switches
from esimshaper.core.model.counts import UNUSED, Budget
from esimshaper.core.model.hold import Hold
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, PSEUDO_KEYS, Account, ClientKey
from esimshaper.core.model.limits import (
    EVERYONE,
    NO_THRESHOLD,
    NO_THRESHOLDS,
    STRANGER,
    ActionKind,
    Direction,
    Frame,
    Override,
    Policy,
    Quota,
    QuotaUsage,
    Shaped,
    Subject,
    SubjectKind,
    Thresholds,
)
from esimshaper.core.model.probation import Probations
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.rules import Hierarchy, Rules
from esimshaper.core.model.scope import Scope

Policies = Mapping[Account, Policy]
Ends = Sequence[tuple[Direction, int]]
"""Thresholds: a direction, and the count of the budget at which something ends."""


@dataclass(frozen=True, slots=True)
class Place:
    """The facts that policies follow from.

    budgets: as last booked. held: quotas and tallies of the subjects that are asked about. overrides: by the subject
    that they are set on. curfews: whom the hours of the settings block now. frames: what will be set, see hold.py.
    scope: of the quotas that are meant; the numbers of its accounts are higher by `offset`. probations: of new devices.
    Quotas by service have no policy of these.
    """

    rules: Rules
    reading: Reading
    budgets: Mapping[Account, Budget]
    held: Mapping[Subject, Sequence[QuotaUsage]]
    overrides: Mapping[Subject, Override]
    curfews: Collection[Subject] = ()
    frames: Sequence[Frame] = ()
    scope: Scope | None = None
    offset: int = 0
    probations: Probations | None = None

    def number(self, account: Account) -> Account:
        """The account in the tree of the scope."""
        return Account(account + self.offset)

    def held_by(self, subject: Subject) -> Sequence[QuotaUsage]:
        """The quotas and tallies of this scope."""
        return [each for each in self.held.get(subject, ()) if each.quota.apart == self.scope]


def policies(place: Place, accounts: Mapping[Account, Subject]) -> Policies:
    """The Policy of each of `accounts`."""
    ancestors = _accounts_with_quotas(place)
    number = place.number
    return {number(account): _policy(place, ancestors, account, subject) for account, subject in accounts.items()}


def policies_for_strangers(place: Place) -> Policies:
    """Policies of accounts that no client has yet, for a stranger: so a new device is limited from its first byte."""
    ancestors = _accounts_with_quotas(place)
    of_budget: dict[Budget, Policy] = {}
    found: dict[Account, Policy] = {}
    for account in place.reading.free:
        budget = place.budgets.get(place.number(account), UNUSED)
        if budget not in of_budget:
            of_budget[budget] = _policy(place, ancestors, account, STRANGER)
        found[place.number(account)] = of_budget[budget]
    if place.reading.tunnels_account:
        found[place.number(place.reading.tunnels_account)] = _tunnels_policy(place, ancestors)
    return found


def ends_of(held: Collection[QuotaUsage], budget: Budget) -> Policy:
    """The Policy of a pool: where these quotas end, and the rate that it is held to past a throttle limit."""
    rate = _rate(held)
    return Policy(
        block_at=_thresholds(_limits(held, budget, ActionKind.BLOCK)),
        throttle_at=_thresholds(_limits(held, budget, ActionKind.THROTTLE)),
        warn_at=_thresholds([end for each in held for end in _warnings(each, budget)]),
        police_rate=max(1, rate // 8) if rate else 0,
    )


def new_clients(
    places: Sequence[Place], absent: Iterable[ClientKey], listed: Collection[ClientKey]
) -> tuple[ClientKey, ...]:
    """Those of `absent`, clients without an account, that are to have one before they come, for quotas of any scope.
    Half of the free accounts stay free, for devices that come."""
    # The kernel takes a client without an account for a stranger: nothing used, no override. So first come the clients
    # for whom another Policy holds (after a reboot, say). Then come the listed ones: otherwise strangers who make up
    # addresses could leave no account to them.
    free = places[0].reading.free
    if not free:
        return ()
    absent = sorted(absent)
    apart = {key for place in places for key in _unlike_strangers(place, absent, free[0])}
    held = [key for key in absent if key in apart]
    chosen = dict.fromkeys([*held, *(key for key in absent if key in listed)])
    return tuple(islice(chosen, len(free) // 2))


def _unlike_strangers(place: Place, clients: Iterable[ClientKey], free: Account) -> Iterable[ClientKey]:
    """The clients for whom another Policy holds than for a stranger; `free` is an account that nobody has."""
    ancestors = _accounts_with_quotas(place)
    stranger = _policy(place, ancestors, free, STRANGER)
    alike = stranger, replace(stranger, unlisted=False)
    for key in clients:
        if _policy(place, ancestors, free, Subject(SubjectKind.CLIENT, key)) not in alike:
            yield key


def new_and_idle(quotas: Iterable[Quota], groups: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Groups that have a quota but no account yet, and those of `groups`, which have one, that have no quota."""
    wanted, known = {quota.subject.id for quota in quotas if quota.subject.kind is SubjectKind.GROUP}, frozenset(groups)
    return tuple(sorted(wanted - known)), tuple(sorted(known - wanted))


def shaped_accounts(place: Place, accounts: Mapping[Account, Subject]) -> Mapping[Account, Shaped]:
    """Those of `accounts` that have a throttle limit, and its rate: the smallest one of those reached, and of an alarm;
    if none is, the rate of the limit that comes first."""
    rates = {account: _class_rate(place, subject) for account, subject in accounts.items()}
    return {account: Shaped(account, rate) for account, rate in rates.items() if rate is not None}


def _policy(place: Place, ancestors: Mapping[Subject, Account], account: Account, subject: Subject) -> Policy:
    budget = place.budgets.get(place.number(account), UNUSED)
    held = place.held_by(subject)
    hierarchy = place.rules.hierarchy(subject)
    now = _hold(place, hierarchy, place.overrides, place.curfews)
    end = _end_of_probation(place, subject, budget)
    rate = _rate(held, _slowed(place, subject), *([place.probations.rate] if place.probations and end else []))
    return Policy(
        parent=next((ancestors[each] for each in hierarchy[1:] if each in ancestors), ACCOUNT_UNATTRIBUTED),
        block_at=_thresholds([*_limits(held, budget, ActionKind.BLOCK), *end.get(ActionKind.BLOCK, ())]),
        throttle_at=_thresholds([*_limits(held, budget, ActionKind.THROTTLE), *end.get(ActionKind.THROTTLE, ())]),
        warn_at=_thresholds([end for each in held for end in _warnings(each, budget)]),
        police_rate=max(1, rate // 8) if rate else 0,
        unlisted=subject.kind is SubjectKind.CLIENT and not _is_listed(ClientKey(subject.id), place.rules),
        switches=switches(now, place.frames, lambda frame: _hold(place, hierarchy, *frame[1:])),
        **now._asdict(),
    )


def _hold(place: Place, of: Hierarchy, overrides: Mapping[Subject, Override], curfews: Collection[Subject]) -> Hold:
    """What holds in the tree of a scope: rates are held in the usual tree only, where classes are."""
    found = hold(of, overrides, curfews)
    return found._replace(throttled=False) if place.scope and found.throttled else found


def _slowed(place: Place, subject: Subject) -> int:
    """The rate that an alarm holds a subject to; 0 for none."""
    override = None if place.scope else place.overrides.get(subject)
    return override.rate if override else 0


def _end_of_probation(place: Place, subject: Subject, budget: Budget) -> Mapping[ActionKind, Ends]:
    """Where the probation of a new device ends, or would of a stranger, and what is done there; nothing for others."""
    probations = None if place.scope else place.probations
    if probations is None or subject.kind is not SubjectKind.CLIENT:
        return {}
    known = probations.ends.get(ClientKey(subject.id))
    if subject != STRANGER and known is None:
        return {}
    end = known[0] if known else budget.both + probations.bytes
    return {ActionKind.THROTTLE if probations.rate else ActionKind.BLOCK: [(Direction.BOTH, end)]}


def _class_rate(place: Place, subject: Subject) -> int | None:
    """The rate of the class of a subject; None if it needs none."""
    held, rates = place.held_by(subject), [_slowed(place, subject)]
    # Who is new has no class for that: drops hold it until an alarm about it does, which takes some seconds. Where a
    # quota gives it one, that has to be as slow.
    if any(each.quota.action.kind is ActionKind.THROTTLE for each in held) and place.probations:
        rates += [place.probations.rate] if _end_of_probation(place, subject, UNUSED) else []
    return _rate(held, *rates)


def _is_listed(client: ClientKey, rules: Rules) -> bool:
    return client in rules.names or client in PSEUDO_KEYS


def _accounts_with_quotas(place: Place) -> Mapping[Subject, Account]:
    """Accounts of groups and of everyone that have a quota. A group without an account is left out until it has one."""
    reading = place.reading
    accounts = {Subject(SubjectKind.GROUP, name): account for name, account in reading.groups.items()}
    if reading.everyone:
        accounts[EVERYONE] = reading.everyone
    limited = {quota.subject for quota in place.rules.quotas if quota.apart == place.scope}
    return {subject: account for subject, account in accounts.items() if subject in limited}


def _tunnels_policy(place: Place, ancestors: Mapping[Subject, Account]) -> Policy:
    """The policy of packets that carry tunnels."""
    now = of_tunnels(place.overrides, place.curfews)
    ahead = switches(now, place.frames, lambda frame: of_tunnels(frame.overrides, frame.curfews))
    return Policy(ancestors.get(EVERYONE, ACCOUNT_UNATTRIBUTED), switches=ahead, **now._asdict())


def _limits(held: Iterable[QuotaUsage], budget: Budget, kind: ActionKind) -> Ends:
    return [
        (each.quota.direction, _end(each, budget, each.tally.allowed))
        for each in held
        if each.quota.action.kind is kind
    ]


def _warnings(held: QuotaUsage, budget: Budget) -> Ends:
    """The next warning that was not announced yet; for a quota that only notifies, the limit as well."""
    quota, tally = held.quota, held.tally
    amounts = [warning + tally.granted for warning in quota.warn_at if warning > tally.warned][:1]
    if quota.action.kind is ActionKind.NOTIFY and not tally.reached:
        amounts.append(tally.allowed)
    return [(quota.direction, _end(held, budget, amount)) for amount in amounts]


def _end(held: QuotaUsage, budget: Budget, amount: int) -> int:
    """The count at which `amount` bytes of the quota are used up."""
    return max(0, held.quota.direction.of(budget) + amount - held.tally.used)


def _thresholds(ends: Ends) -> Thresholds:
    """The smallest of `ends` in each direction."""
    if not ends:
        return NO_THRESHOLDS
    return Thresholds(
        **{each.value: min((end for to, end in ends if to is each), default=NO_THRESHOLD) for each in Direction}
    )


def _rate(held: Iterable[QuotaUsage], *others: int) -> int | None:
    throttles = [each for each in held if each.quota.action.kind is ActionKind.THROTTLE]
    reached = [*filter(None, others), *(each.quota.action.rate for each in throttles if each.tally.reached)]
    if reached or not throttles:
        return min(reached, default=None)
    return min(throttles, key=lambda each: each.tally.allowed - each.tally.used).quota.action.rate
