# SPDX-License-Identifier: GPL-2.0-or-later
"""Decisions, pools of quotas and classes of paces -> service policies: the one place where they meet. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from esimshaper.core.model.decisions import Decision, DecisionKind, Decisions
from esimshaper.core.model.identity import Account
from esimshaper.core.model.service_policies import ServicePolicies, ServicePolicy, ServicePools
from esimshaper.core.model.shaping import Paced, PacesHeld

_NO_DECISIONS: Mapping[int, Decision] = MappingProxyType({})
_NO_POOLS: Mapping[int, tuple[Account, ...]] = MappingProxyType({})
_NOTHING_HELD: Mapping[str, Paced] = MappingProxyType({})
_FREE = ServicePolicy()


def service_policies(decisions: Decisions, pools: ServicePools, held: PacesHeld) -> ServicePolicies:
    """What the kernel is to know of the services of each account. A share that is not in `held` waits: it is free."""
    # Rows of a crowd are a few objects, so each combination of them is worked out once.
    known: dict[tuple[int, ...], Mapping[int, ServicePolicy]] = {}
    found: dict[Account, Mapping[int, ServicePolicy]] = {}
    for account in {**decisions, **pools}:
        row, counted = decisions.get(account, _NO_DECISIONS), pools.get(account, _NO_POOLS)
        own = held.get(account, _NOTHING_HELD)
        key = (id(row), id(counted), id(own))
        if key not in known:
            known[key] = _merged(row, counted, own)
        if known[key]:
            found[account] = known[key]
    return found


def _merged(
    row: Mapping[int, Decision], pools: Mapping[int, tuple[Account, ...]], held: Mapping[str, Paced]
) -> Mapping[int, ServicePolicy]:
    # A row has a hundred services and few decisions: services of the same decision and pools share one policy.
    made: dict[tuple[int, tuple[Account, ...]], ServicePolicy | None] = {}
    merged: dict[int, ServicePolicy] = {}
    for number in {**row, **pools}:
        decision, counted = row.get(number), pools.get(number, ())
        key = (id(decision), counted)
        if key not in made:
            policy = _policy(decision, counted, held)
            made[key] = None if policy == _FREE else policy
        if found := made[key]:
            merged[number] = found
    return merged


def _policy(decision: Decision | None, pools: tuple[Account, ...], held: Mapping[str, Paced]) -> ServicePolicy:
    if decision is None or decision.kind is DecisionKind.ALLOW:
        return ServicePolicy(pools=pools)
    if decision.kind is DecisionKind.BLOCK:
        return ServicePolicy(blocked=True, metered_only=decision.metered_only, pools=pools)
    paced = held.get(decision.share) if decision.share else Paced(0, decision.rate)
    if paced is None:
        return ServicePolicy(pools=pools)
    # The class holds it at one interface. At another uplink, and inside a tunnel, there is none.
    rate = max(1, paced.rate // 8)
    return ServicePolicy(
        paced=True, metered_only=decision.metered_only, class_id=paced.id, police_rate=rate, pools=pools
    )
