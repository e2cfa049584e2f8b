# SPDX-License-Identifier: GPL-2.0-or-later
"""Policies -> limits, the other way round: for a start that finds limits in the kernel and no history. Pure.

In: the policies that an earlier daemon wrote. Out: the LimitState that led to them, as far as they say.
"""

from collections.abc import Iterable, Iterator, Mapping

from esimshaper.core.model.identity import PSEUDO_KEYS, Account
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import (
    NO_THRESHOLD,
    NO_THRESHOLDS,
    UNKNOWN_GROUP,
    ActionKind,
    Override,
    OverrideKind,
    Policy,
    Quota,
    Subject,
    SubjectKind,
    Tally,
)
from esimshaper.core.model.tick import Tick

_EACH = Subject(SubjectKind.EACH_CLIENT)
_STRANGERS = Subject(SubjectKind.GROUP, UNKNOWN_GROUP)
_PSEUDO = frozenset(Subject(SubjectKind.CLIENT, key) for key in PSEUDO_KEYS)


def recover(tick: Tick, installed: Mapping[Account, Policy]) -> LimitState:
    """Tallies as they were when the kernel's counts were zero, and overrides, whose ends nobody knows any more."""
    tallies = (
        Tally(quota.name, subject, tick.windows[quota.name], used=quota.limit - end, allowed=quota.limit)
        for account, subject in tick.subjects.items()
        for quota, end in _ends(tick.rules.quotas, subject, installed.get(account, Policy()))
        if end != NO_THRESHOLD
    )
    return LimitState(tuple(tallies), overrides=tuple(_overrides(tick, installed)))


def _overrides(tick: Tick, installed: Mapping[Account, Policy]) -> Iterator[Override]:
    # An override is copied to all descendants, so only the topmost account that has it holds the original. Accounts
    # that no client has yet have that of the group of unknown devices.
    accounts = {**dict.fromkeys(tick.reading.free[:1], _STRANGERS), **tick.subjects}
    kinds = {subject: _override_of(installed.get(account, Policy())) for account, subject in accounts.items()}
    for subject, kind in kinds.items():
        above = next((kinds[each] for each in tick.rules.hierarchy(subject)[1:] if each in kinds), None)
        by_hours = kind is OverrideKind.BLOCK and any(each in tick.curfews for each in tick.rules.hierarchy(subject))
        if kind and kind is not above and not by_hours:
            yield Override(subject, kind)


def _override_of(policy: Policy) -> OverrideKind | None:
    if policy.exempt:
        return OverrideKind.ALLOW_OVER_PLAN if policy.over_plan else OverrideKind.ALLOW
    return OverrideKind.BLOCK if policy.blocked else None


def _ends(quotas: Iterable[Quota], subject: Subject, policy: Policy) -> Iterator[tuple[Quota, int]]:
    """Quotas of a subject, with the count at which `policy` says that they end."""
    device = subject.kind is SubjectKind.CLIENT and subject not in _PSEUDO
    own = [quota for quota in quotas if quota.subject in (subject, _EACH if device else subject)]
    slots = [(quota.action.kind, quota.direction) for quota in own]
    for quota, slot in zip(own, slots, strict=True):
        ends = {ActionKind.BLOCK: policy.block_at, ActionKind.THROTTLE: policy.throttle_at}.get(slot[0], NO_THRESHOLDS)
        # Only where one quota fills the slot (action x direction): of two, the kernel has the smaller end only.
        if slots.count(slot) == 1:
            yield quota, quota.direction.of(ends)
