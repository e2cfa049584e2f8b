# SPDX-License-Identifier: GPL-2.0-or-later
"""Two plans of the synthetic router: one in use for twenty days, and the one before. A part of synthetic_router."""

from dataclasses import replace
from typing import Any

from esimshaper.core.model.plan_state import PlansSlice, PlanState, UplinkPlan
from esimshaper.core.model.state import State
from esimshaper.core.plan.counting import Bytes, begun, counted
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.settings.plans import parse_plans
from esimshaper.edge.settings_file.zones import known

DAY = 86_400
BEFORE, PRESENT = "docomo-30d", "iij-10gb"
"""As in synthetic_past."""
TERMS: list[dict[str, Any]] = [
    {
        "name": BEFORE,
        "zone": "Asia/Tokyo",
        "currency": "JPY",
        "price": 4500,
        "lasts": {"days": 40, "from": "purchase"},
        "meters": [{"window": "lifetime", "steps": [{"from": "20GB", "rate": "128kbit"}]}],
    },
    {
        "name": PRESENT,
        "zone": "Asia/Tokyo",
        "currency": "JPY",
        "price": 1800,
        "lasts": {"days": 30, "from": "purchase"},
        "meters": [{"window": "lifetime", "steps": [{"from": "10GB", "rate": "300kbit"}]}],
        "top_up": {"lot": "1GB", "price": 220},
    },
]
_USED_EACH_DAY = {BEFORE: 300_000_000, PRESENT: 370_000_000}


def with_plans(state: State, facts: DaemonFacts) -> tuple[State, DaemonFacts]:
    """Both, as they are at the time of `facts`."""
    now = int(facts.now.timestamp())
    change = now - 20 * DAY
    zone = known("Asia/Tokyo")
    assert zone is not None
    plans, problems = parse_plans({"plans": TERMS}, ("Asia/Tokyo", zone), known)
    assert not problems, problems
    tallies = {}
    for plan, since, until in zip(plans, (change - 40 * DAY, change), (change, now), strict=True):
        tally = begun(plan, since)
        for at in range(since, until, DAY):
            tally = counted(tally, plan, Bytes(_USED_EACH_DAY[plan.name], at=at), at, roaming=False)
        tallies[plan.name] = counted(tally, plan, Bytes(), now, roaming=False)
    uplink = facts.uplinks[0].name
    kept = PlanState(tallies, {uplink: UplinkPlan(PRESENT, by_hand=True)})
    return replace(state, plans=PlansSlice(kept)), replace(facts, plans=plans)
