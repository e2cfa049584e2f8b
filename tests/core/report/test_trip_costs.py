# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plans of a trip cost, and which of it is the trip's."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from esimshaper.core.model.limits import Window
from esimshaper.core.model.plan import Counts, Cycle, CycleKind, Lifetime, Meter, Plan, PlanStep
from esimshaper.core.model.plan_state import KeptCount, KeptCourse, PlansSlice, PlanState, PlanTally
from esimshaper.core.model.state import State
from esimshaper.core.model.trips import Trip
from esimshaper.core.report import trip_costs
from esimshaper.core.report.frame import DaemonFacts

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
NOW, DAY = int(AT.timestamp()), 86_400
TRIP = Trip("japan", NOW - 10 * DAY, NOW + 4 * DAY)


def bought(name: str, days_ago: int, paid: str) -> PlanTally:
    return PlanTally(name, KeptCourse(NOW - days_ago * DAY, paid=Decimal(paid)))


def sold(name: str, currency: str) -> Plan:
    return Plan(name, UTC, "UTC", currency, Lifetime())


PLANS = (sold("asia", "JPY"), sold("extra", "JPY"), sold("usa", "USD"), sold("home", "JPY"), sold("hotel", ""))
TALLIES = {
    each.plan: each
    for each in (
        bought("asia", 9, "990"),
        bought("extra", 1, "500"),
        bought("usa", 2, "4.50"),
        bought("home", 60, "2178"),
        bought("hotel", 1, "0"),
        bought("gone", 1, "100"),
    )
}
STATE = State(plans=PlansSlice(PlanState(TALLIES)))
FACTS = DaemonFacts(AT, "1", "wwan0", AT, plans=PLANS)


def cost(name: str | None) -> dict[str, object]:
    return trip_costs.plan_cost(STATE, FACTS, name, TRIP, UTC)


def test_a_plan_that_was_bought_for_the_trip_is_the_trips_and_one_of_before_is_not() -> None:
    assert (cost("asia")["cost"], cost("asia")["currency"], cost("asia")["is_of_trip"]) == ("990", "JPY", True)
    assert (cost("home")["cost"], cost("home")["is_of_trip"]) == ("2178", False)
    assert cost("home")["cost_since_unix"] == NOW - 60 * DAY


def test_what_nobody_knows_is_null() -> None:
    for name in (None, "never", "gone", "hotel"):
        assert (cost(name)["cost"], cost(name)["cost_since"], cost(name)["is_of_trip"]) == (None, None, False)


def test_sums_are_by_currency_and_of_the_trip_alone() -> None:
    assert trip_costs.spent(map(cost, ("asia", "extra", "usa", "home", None))) == {"JPY": "1490", "USD": "4.50"}
    assert trip_costs.spent([cost("home")]) == {}


def test_what_is_owed_by_the_byte_counts_as_on_the_screen_of_the_plan() -> None:
    steps = (PlanStep(0, price=Decimal(990)), PlanStep(3 * 10**9, price=Decimal(2090)))
    plan = replace(sold("asia", "JPY"), meters=(Meter(Counts.ALL, Cycle(CycleKind.LIFETIME), steps),))
    count = KeptCount(plan.labels[0], Window(NOW - DAY, NOW + DAY), used=4 * 10**9)
    tally = PlanTally("asia", KeptCourse(NOW - DAY, counts=(count,)))
    state = State(plans=PlansSlice(PlanState({"asia": tally})))
    facts = replace(FACTS, plans=(plan,))
    assert trip_costs.plan_cost(state, facts, "asia", TRIP, UTC)["cost"] == "2090"
