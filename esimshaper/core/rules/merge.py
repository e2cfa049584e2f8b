# SPDX-License-Identifier: GPL-2.0-or-later
"""Decisions, pools of quotas and classes of paces -> service policies: the one place where they meet. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from esimshaper.core.model.decisions import Decision, DecisionKind, Decisions
from esimshaper.core.model.identity import Account
from esimshaper.core.model.service_policies import PaceClasses, ServicePolicies, ServicePolicy, ServicePools

_NO_DECISIONS: Mapping[int, Decision] = MappingProxyType({})
_NO_POOLS: Mapping[int, tuple[Account, ...]] = MappingProxyType({})
_NO_CLASSES: Mapping[str, int] = MappingProxyType({})


def service_policies(decisions: Decisions, pools: ServicePools, classes: PaceClasses) -> ServicePolicies:
    """What the kernel is to know of the services of each account."""
    # Rows of a crowd are a few objects, so each combination of them is worked out once.
    known: dict[tuple[int, ...], Mapping[int, ServicePolicy]] = {}
    found: dict[Account, Mapping[int, ServicePolicy]] = {}
    for account in {**decisions, **pools}:
        row, counted = decisions.get(account, _NO_DECISIONS), pools.get(account, _NO_POOLS)
        own = classes.get(account, _NO_CLASSES)
        key = (id(row), id(counted), id(own))
        if key not in known:
            known[key] = _merged(row, counted, own)
        if known[key]:
            found[account] = known[key]
    return found


def paces(decisions: Decisions) -> Mapping[Account, Mapping[str, int]]:
    """By account: the shares that are paced, and the rate of each in bit/s. Each wants a class."""
    found = {
        account: {each.share: each.rate for each in row.values() if each.kind is DecisionKind.PACE and each.share}
        for account, row in decisions.items()
    }
    return {account: shares for account, shares in found.items() if shares}


def _merged(
    row: Mapping[int, Decision], pools: Mapping[int, tuple[Account, ...]], classes: Mapping[str, int]
) -> Mapping[int, ServicePolicy]:
    merged = {number: _policy(row.get(number), pools.get(number, ()), classes) for number in {**row, **pools}}
    return {number: policy for number, policy in merged.items() if policy != ServicePolicy()}


def _policy(decision: Decision | None, pools: tuple[Account, ...], classes: Mapping[str, int]) -> ServicePolicy:
    if decision is None or decision.kind is DecisionKind.ALLOW:
        return ServicePolicy(pools=pools)
    if decision.kind is DecisionKind.BLOCK:
        return ServicePolicy(blocked=True, metered_only=decision.metered_only, pools=pools)
    class_id = classes.get(decision.share, 0) if decision.share else 0
    rate = 0 if class_id else max(1, decision.rate // 8)
    return ServicePolicy(
        paced=True, metered_only=decision.metered_only, class_id=class_id, police_rate=rate, pools=pools
    )
