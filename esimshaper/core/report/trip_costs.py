# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plans of a trip cost. Pure.

cost of a plan  {"cost": amount, "currency", "cost_since", "cost_since_unix": when it was bought,
                 "is_of_trip": it was bought for the trip, so all of that is the trip's}, all null where nobody knows
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from decimal import Decimal

from esimshaper.core.model.money import write_money
from esimshaper.core.model.state import State
from esimshaper.core.model.trips import Trip
from esimshaper.core.report.frame import DaemonFacts, Document, moment
from esimshaper.core.report.plans import cost_of


def plan_cost(state: State, facts: DaemonFacts, name: str | None, trip: Trip, zone: tzinfo) -> Document:
    """Of a plan, from when it was bought until now; what it cost in some part of that is not kept."""
    plan = next((each for each in facts.plans if each.name == name), None)
    tally = state.plans.kept.tallies.get(name) if name else None
    if plan is None or tally is None or not plan.currency:
        return {"cost": None, "currency": None, **moment("cost_since", None, zone), "is_of_trip": False}
    bought = tally.course.bought
    return {
        "cost": write_money(cost_of(plan, tally), plan.currency),
        "currency": plan.currency,
        **moment("cost_since", bought, zone),
        "is_of_trip": trip.began <= bought < trip.ended,
    }


def spent(plans: Iterable[Document]) -> Mapping[str, str]:
    """Amounts by currency, of the plans that were bought for the trip."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for plan in plans:
        if plan["is_of_trip"]:
            sums[plan["currency"]] += Decimal(plan["cost"])
    return {currency: write_money(amount, currency) for currency, amount in sums.items()}
