# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: Policy as the bytes of bpf/contract.h, and back. Pure."""

from collections.abc import Sequence

from esimshaper.core.model.hold import SWITCHES, Hold, Switch
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import NO_THRESHOLD, NO_THRESHOLDS, Policy, Thresholds
from esimshaper.edge.bpf import layouts

_HOLD = (
    layouts.POLICY_BLOCKED,
    layouts.POLICY_EXEMPT,
    layouts.POLICY_OVER_PLAN,
    layouts.POLICY_WITH_EVERYONE,
    layouts.POLICY_THROTTLED,
)
"""The flag of each field of Hold."""


def to_bytes(policy: Policy, zero: int = 0) -> bytes:
    """`struct policy`. `zero`: the threshold of an account that counted nothing."""
    thresholds = (policy.block_at, policy.throttle_at, policy.warn_at)
    lasting = layouts.POLICY_UNLISTED * policy.unlisted | layouts.POLICY_SWITCHES * bool(policy.switches)
    lasting |= layouts.POLICY_LIMITED * any(each != NO_THRESHOLDS for each in thresholds)
    counts = [number for each in thresholds for number in (each.both, each.download, each.upload)]
    numbers = [number if number == NO_THRESHOLD else number + zero for number in counts]
    rest = SWITCHES - len(policy.switches)
    moments = [*(each.at for each in policy.switches), *(layouts.SWITCH_NEVER,) * rest]
    then = [*(lasting | _flags(each.hold) for each in policy.switches), *(0,) * rest]
    flags = lasting | _flags(policy.hold)
    return layouts.POLICY.pack(*numbers, policy.police_rate, policy.parent, flags, *policy.classes, *moments, *then)


def from_fields(fields: Sequence[int], zero: int = 0) -> Policy:
    """The Policy of the fields of layouts.POLICY. `zero`: as above."""
    counts = [number if number == NO_THRESHOLD else number - zero for number in fields[:9]]
    police_rate, parent, flags, *others = fields[9:]
    classes, moments, then = others[: -2 * SWITCHES], others[-2 * SWITCHES : -SWITCHES], others[-SWITCHES:]
    return Policy(
        parent=Account(parent),
        block_at=Thresholds(*counts[:3]),
        throttle_at=Thresholds(*counts[3:6]),
        warn_at=Thresholds(*counts[6:]),
        classes=tuple(classes),
        police_rate=police_rate,
        unlisted=bool(flags & layouts.POLICY_UNLISTED),
        switches=tuple(
            Switch(at, _hold(each))
            for at, each in zip(moments, then, strict=True)
            if flags & layouts.POLICY_SWITCHES and at != layouts.SWITCH_NEVER
        ),
        **_hold(flags)._asdict(),
    )


def _flags(hold: Hold) -> int:
    return sum(flag for flag, is_set in zip(_HOLD, hold, strict=True) if is_set)


def _hold(flags: int) -> Hold:
    return Hold(*(bool(flags & flag) for flag in _HOLD))
