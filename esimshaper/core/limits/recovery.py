# SPDX-License-Identifier: GPL-2.0-or-later
"""Policies -> limits, the other way round: for a start that finds limits in the kernel and no history. Pure.

In: the policies that an earlier daemon wrote. Out: the LimitState that led to them, as far as they say.
"""

from collections.abc import Iterable, Iterator, Mapping

from esimshaper.core.model.identity import PSEUDO_KEYS, Account
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import (
    EACH_CLIENT,
    NO_THRESHOLD,
    NO_THRESHOLDS,
    UNKNOWN_GROUP,
    ActionKind,
    Apart,
    Override,
    OverrideKind,
    Policy,
    Quota,
    Subject,
    SubjectKind,
    Tally,
)
from esimshaper.core.model.tick import Tick

_NANOSECONDS = 10**9
_STRANGERS = Subject(SubjectKind.GROUP, UNKNOWN_GROUP)
_PSEUDO = frozenset(Subject(SubjectKind.CLIENT, key) for key in PSEUDO_KEYS)


def recover(tick: Tick, installed: Mapping[Account, Policy]) -> LimitState:
    """Tallies as they were when the kernel's counts were zero, and overrides, with an end where a policy has one."""
    tallies = (
        Tally(quota.name, subject, tick.windows[quota.name], used=quota.limit - end, allowed=quota.limit)
        for apart, subject, account in _places(tick)
        for quota, end in _ends(
            [quota for quota in tick.rules.quotas if quota.apart == apart],
            subject,
            installed.get(account, Policy()),
        )
        if end != NO_THRESHOLD
    )
    return LimitState(tuple(tallies), overrides=tuple(_overrides(tick, installed)))


def _places(tick: Tick) -> Iterator[tuple[Apart | None, Subject, Account]]:
    """The accounts with limits of each subject, and for which uplinks or services these are."""
    for scope, offset in ((None, 0), *tick.trees):
        for account, subject in tick.subjects.items():
            yield scope, subject, Account(account + offset)
    sets = {quota.services.key: quota.services for quota in tick.rules.quotas if quota.services}
    for account, pool in tick.reading.pools.items():
        if pool.services in sets and pool.holder in tick.subjects:
            yield sets[pool.services], tick.subjects[pool.holder], account


def _overrides(tick: Tick, installed: Mapping[Account, Policy]) -> Iterator[Override]:
    # An override is copied to all descendants, so only the topmost account that has it holds the original. Accounts
    # that no client has yet have that of the group of unknown devices.
    accounts = {**dict.fromkeys(tick.reading.free[:1], _STRANGERS), **tick.subjects}
    found = {subject: _override_of(installed.get(account, Policy()), tick) for account, subject in accounts.items()}
    for subject, (kind, until, rate) in found.items():
        hierarchy = tick.rules.hierarchy(subject)
        above = next((found[each][0] for each in hierarchy[1:] if each in found), None)
        # A block that ends may be one by hours, which the settings know.
        by_hours = kind is OverrideKind.BLOCK and until and any(each in tick.curfews for each in hierarchy)
        if kind and kind is not above and not by_hours:
            yield Override(subject, kind, until, rate)


def _override_of(policy: Policy, tick: Tick) -> tuple[OverrideKind | None, int | None, int]:
    """What holds now by a policy, until when (None: it says of no end), and at which rate, if an alarm slows it."""
    now = round(tick.reading.boottime * _NANOSECONDS)
    past = [each.hold for each in policy.switches if each.at <= now]
    hold = past[-1] if past else policy.hold
    others = (each for each in policy.switches if each.at > now and not (hold.throttled and each.hold.throttled))
    ahead = next((each.at for each in others), None)
    until = None if ahead is None else round(tick.at.time + (ahead - now) / _NANOSECONDS)
    if hold.exempt:
        return (OverrideKind.ALLOW_OVER_PLAN if hold.over_plan else OverrideKind.ALLOW), until, 0
    if hold.throttled:
        return OverrideKind.ALARM, until, 8 * policy.police_rate
    return (OverrideKind.BLOCK if hold.blocked else None), until, 0


def _ends(quotas: Iterable[Quota], subject: Subject, policy: Policy) -> Iterator[tuple[Quota, int]]:
    """Quotas of a subject, with the count at which `policy` says that they end."""
    device = subject.kind is SubjectKind.CLIENT and subject not in _PSEUDO
    own = [quota for quota in quotas if quota.subject in (subject, EACH_CLIENT if device else subject)]
    slots = [(quota.action.kind, quota.direction) for quota in own]
    for quota, slot in zip(own, slots, strict=True):
        ends = {ActionKind.BLOCK: policy.block_at, ActionKind.THROTTLE: policy.throttle_at}.get(slot[0], NO_THRESHOLDS)
        # Only where one quota fills the slot (action x direction): of two, the kernel has the smaller end only.
        if slots.count(slot) == 1:
            yield quota, quota.direction.of(ends)
