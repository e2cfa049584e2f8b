# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: Policy as the bytes of bpf/contract.h, and back. Pure."""

from collections.abc import Sequence

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import NO_THRESHOLDS, Policy, Thresholds
from esimshaper.edge.bpf import layouts


def to_bytes(policy: Policy) -> bytes:
    """`struct policy`."""
    thresholds = (policy.block_at, policy.throttle_at, policy.warn_at)
    flags = layouts.POLICY_BLOCKED * policy.blocked | layouts.POLICY_EXEMPT * policy.exempt
    flags |= layouts.POLICY_WITH_EVERYONE * policy.with_everyone | layouts.POLICY_UNLISTED * policy.unlisted
    flags |= layouts.POLICY_OVER_PLAN * policy.over_plan
    flags |= layouts.POLICY_LIMITED * any(each != NO_THRESHOLDS for each in thresholds)
    numbers = [number for each in thresholds for number in (each.both, each.download, each.upload)]
    return layouts.POLICY.pack(*numbers, policy.police_rate, policy.parent, flags, *policy.classes)


def from_fields(fields: Sequence[int]) -> Policy:
    """The Policy of the fields of layouts.POLICY."""
    police_rate, parent, flags, *classes = fields[9:]
    return Policy(
        parent=Account(parent),
        block_at=Thresholds(*fields[:3]),
        throttle_at=Thresholds(*fields[3:6]),
        warn_at=Thresholds(*fields[6:9]),
        blocked=bool(flags & layouts.POLICY_BLOCKED),
        exempt=bool(flags & layouts.POLICY_EXEMPT),
        classes=tuple(classes),
        police_rate=police_rate,
        with_everyone=bool(flags & layouts.POLICY_WITH_EVERYONE),
        unlisted=bool(flags & layouts.POLICY_UNLISTED),
        over_plan=bool(flags & layouts.POLICY_OVER_PLAN),
    )
