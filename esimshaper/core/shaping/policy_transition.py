# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel was told and what it is to be told -> what to write first, and what then. Pure.

Policies are written one by one while packets pass. Who is held by another account than before (by a group instead of
its own, say) must not slip through between two writes, also if the last of them never comes. So first everyone, then
groups, then clients are held to the stricter of old and new; then clients, groups and everyone are told what is new.
"""

from collections.abc import Mapping
from dataclasses import replace

from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.limits import Policy, Thresholds

_BLANK = Policy()


def writes(
    told: Mapping[Account, Policy], wanted: Mapping[Account, Policy], everyone: Account
) -> tuple[dict[Account, Policy], dict[Account, Policy]]:
    """What to write, each in its order, to come from `told` to `wanted`. `everyone`: whose account that is; those of
    clients come before it, those of groups behind it.
    """
    before = {account: told.get(account, _BLANK) for account in wanted}
    changed = [account for account in wanted if before[account] != wanted[account]]
    from_above = sorted(changed, key=lambda account: (account != everyone, account < everyone))
    strict = {account: _stricter(before[account], wanted[account]) for account in from_above}
    first = {account: strict[account] for account in from_above if strict[account] != before[account]}
    last = {account: wanted[account] for account in reversed(from_above) if strict[account] != wanted[account]}
    return first, last


def _stricter(old: Policy, new: Policy) -> Policy:
    """Of each limit the one that ends first, in the longer chain; `old` itself where that is as strict. Classes that
    only `old` names are there until all is told; those in a group that is the parent no more are not for this one.
    """
    there = old.classes if new.parent in (ACCOUNT_UNATTRIBUTED, old.parent) else (*old.classes[:2], 0, 0)
    both = replace(
        new,
        parent=new.parent or old.parent,
        block_at=_first(old.block_at, new.block_at),
        throttle_at=_first(old.throttle_at, new.throttle_at),
        blocked=old.blocked or new.blocked,
        exempt=old.exempt and new.exempt,
        classes=tuple(after or before for before, after in zip(there, new.classes, strict=True)),
    )
    return old if _limits(both) == _limits(old) else both


def _limits(policy: Policy) -> tuple[object, ...]:
    return (policy.parent, policy.block_at, policy.throttle_at, policy.blocked, policy.exempt, policy.classes)


def _first(one: Thresholds, other: Thresholds) -> Thresholds:
    return Thresholds(min(one.both, other.both), min(one.download, other.download), min(one.upload, other.upload))
