# SPDX-License-Identifier: GPL-2.0-or-later
"""Installed policies and wanted ones -> the writes between them, in order. Pure.

    installed --stricter of both: everyone, groups, clients--> --wanted: clients, groups, everyone--> wanted

Policies are written one by one while packets pass. A client that is held by another account than before (by its group
instead of its own, say) must not slip through between two writes, also if the daemon is killed there (R12).
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from esimshaper.core.model.hold import SWITCHES, Hold, Switch
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.limits import (
    CLASS_IN_GRANDPARENT,
    CLASS_IN_PARENT,
    Policy,
    Thresholds,
)

_BLANK = Policy()


def writes(
    installed: Mapping[Account, Policy], wanted: Mapping[Account, Policy], everyone: Account, rows: int = 0
) -> tuple[Mapping[Account, Policy], Mapping[Account, Policy]]:
    """The first writes and the second ones, each in their order. `everyone` is the account of everyone.

    Accounts of clients come before it, those of groups behind it. `rows`: so many accounts are of one tree, where there
    are several; 0: all of them.
    """
    before = {account: installed.get(account, _BLANK) for account in wanted}
    changed = [account for account, new in wanted.items() if before[account] is not new and before[account] != new]
    own = {account: account % rows if rows else account for account in changed}
    from_above = sorted(changed, key=lambda account: (own[account] != everyone, own[account] < everyone))
    strict = {account: _stricter(before[account], wanted[account]) for account in from_above}
    first = {account: strict[account] for account in from_above if strict[account] != before[account]}
    last = {account: wanted[account] for account in reversed(from_above) if strict[account] != wanted[account]}
    return first, last


def _stricter(old: Policy, new: Policy) -> Policy:
    """The policy in between: it holds every packet that both would hold.

    |                | old     | new     | between                                                  |
    |----------------|---------|---------|----------------------------------------------------------|
    | parent         | P or 0  | Q or 0  | Q, or P where new has none: the longer hierarchy         |
    | block_at, ...  | a       | b       | the smaller of each threshold: what ends first           |
    | by hand        | any     | any     | blocked, slow if either; exempt, over the plan only if both |
    | switches       | any     | any     | from each moment on the same                             |
    | classes        | x or 0  | y or 0  | y, or x where new has none and it is in a group of new's |

    If `old` holds as much already, the policy in between is `old` itself: then there is one write, not two.
    """
    # A class that only `old` names is there until all policies are written; but one in a group that is the parent no
    # more has the rate of that group, which is not this client's any longer.
    same_group = new.parent in (ACCOUNT_UNATTRIBUTED, old.parent)
    in_group = (CLASS_IN_PARENT, CLASS_IN_GRANDPARENT)
    usable = tuple(0 if place in in_group and not same_group else each for place, each in enumerate(old.classes))
    between = replace(
        new,
        parent=new.parent or old.parent,
        block_at=_smaller(old.block_at, new.block_at),
        throttle_at=_smaller(old.throttle_at, new.throttle_at),
        **_stricter_hold(old.hold, new.hold)._asdict(),
        switches=_switches(old, new),
        classes=tuple(after or before for before, after in zip(usable, new.classes, strict=True)),
    )
    return old if _holds(between) == _holds(old) else between


def _switches(old: Policy, new: Policy) -> tuple[Switch, ...]:
    """The switches of the policy in between. Those that do not fit into it are left out: it is there for a moment."""
    moments = sorted({each.at for each in (*old.switches, *new.switches)})
    steps = [(at, _stricter_hold(_hold_at(old, at), _hold_at(new, at))) for at in moments]
    before = (_stricter_hold(old.hold, new.hold), *(hold for _, hold in steps))
    changed = (Switch(*step) for step, last in zip(steps, before, strict=False) if step[1] != last)
    return tuple(islice(changed, SWITCHES))


def _hold_at(policy: Policy, at: int) -> Hold:
    return next((each.hold for each in reversed(policy.switches) if each.at <= at), policy.hold)


def _stricter_hold(old: Hold, new: Hold) -> Hold:
    return Hold(
        old.blocked or new.blocked,
        old.exempt and new.exempt,
        old.over_plan and new.over_plan,
        new.with_everyone,
        old.throttled or new.throttled,
    )


def _holds(policy: Policy) -> tuple[object, ...]:
    """The fields of a policy that decide about packets; the others are for announcements, and for the police rate."""
    by_hand = (policy.blocked, policy.exempt, policy.over_plan, policy.throttled, policy.switches)
    return (policy.parent, policy.block_at, policy.throttle_at, by_hand, policy.classes)


def _smaller(one: Thresholds, other: Thresholds) -> Thresholds:
    return Thresholds(min(one.both, other.both), min(one.download, other.download), min(one.upload, other.upload))
