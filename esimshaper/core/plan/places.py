# SPDX-License-Identifier: GPL-2.0-or-later
"""The scopes of quotas, and which plan each uplink has -> the uplinks that each scope has now. Pure.

    uplink: [cellular, hotel]    these two, always
    plan: trip                   the uplink that has it; none while another eSIM is there, or one that no plan names

While an eSIM is not read yet, the uplink stays in the scope of the plan that it had; before that, in those of all.
"""

from collections.abc import Iterable, Sequence

from esimshaper.core.model.plan_state import PlanState
from esimshaper.core.model.scope import Places, Scope
from esimshaper.core.model.uplinks import Uplink


def places_of(scopes: Iterable[Scope], uplinks: Sequence[Uplink], kept: PlanState) -> Places:
    """The names of the uplinks of each scope."""
    names = frozenset(each.name for each in uplinks)
    return {
        scope: frozenset(name for name in names if _may_have(name, scope.plan, kept))
        if scope.plan
        else names & frozenset(scope.uplinks)
        for scope in scopes
    }


def _may_have(name: str, plan: str, kept: PlanState) -> bool:
    known = kept.uplinks.get(name)
    if known is None:
        return True
    if known.unknown:
        return False
    return known.plan == plan if known.plan or not known.waits else True
