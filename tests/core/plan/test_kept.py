# SPDX-License-Identifier: GPL-2.0-or-later
"""A course that is put away and taken out again at each tick, also by the database, is the same course."""

from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esimshaper.core.model.plan import (
    FULL,
    Counts,
    Cycle,
    CycleKind,
    Event,
    Length,
    LengthUnit,
    Lifetime,
    Meter,
    Plan,
    PlanStep,
    TopUp,
)
from esimshaper.core.model.plan_state import PlanState
from esimshaper.core.plan.counting import Bytes, begun, counted
from esimshaper.core.plan.course import Course
from esimshaper.core.plan.kept import kept_of, resumed
from esimshaper.edge.history import plan_tables
from tests.core.plan.minutes import MINUTE
from tests.core.plan.test_course import GB, moment, shipped
from tests.core.plan.test_simulation import stories

TOKYO = ZoneInfo("Asia/Tokyo")


def through_the_database(tally):
    """What a restart finds of a tally."""
    found = plan_tables.tables(PlanState({tally.plan: tally}))
    rows = {name: [(*key, *values) for key, values in sorted(rows.items(), key=repr)] for name, rows in found.items()}
    return plan_tables.plans_from(rows.__getitem__).tallies[tally.plan]


@given(stories(), st.lists(st.integers(0, 60)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_course_folded_tick_by_tick_is_the_course_over_the_whole(story, restarts):
    plan, _, start, events = story
    plan = replace(plan, started={Event.PURCHASE: start})
    course, tally = Course(plan, start), begun(plan, start)
    sums = [0, 0, 0]
    for number, (minute, size, roaming) in enumerate(events):
        at = start + minute * MINUTE
        if not size:
            continue
        sums = [old + new for old, new in zip(sums, course.use(at, size, roaming=roaming), strict=True)]
        passed = Bytes(0, size) if roaming else Bytes(size)
        tally = counted(tally, plan, passed, at, roaming=roaming)
        assert tally.rate == course.rate(at, roaming=roaming)
        if number in restarts:
            tally = through_the_database(tally)
    last = start + (events[-1][0] if events else 0) * MINUTE
    course.reach(last)
    tally = counted(tally, plan, Bytes(), last, roaming=False)
    assert (tally.course, tally.left) == (kept_of(course), course.left)
    assert tally.refused == sums[2]
    assert tally.counted == sum(size for _, size, _ in events)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 30)), max_size=8),
    st.lists(st.tuples(st.integers(0, 600), st.integers(1, 20)), max_size=40),
)
def test_what_lots_have_lost_is_what_passed_at_full_speed(lots, use):
    """Without lots that end, each byte at full speed is of the plan's own data or of a lot."""
    month = Meter(Counts.ALL, Cycle(CycleKind.LIFETIME), (PlanStep(50, rate=128_000),))
    plan = Plan("p", TOKYO, "Asia/Tokyo", "JPY", Lifetime(), meters=(month,), top_up=TopUp(7, Decimal(5)))
    course = Course(plan, 0)
    for _, _ in lots:
        course.buy(0)
    full = sum(course.use(at, size).full for at, size in sorted(use))
    course.settle()
    bought = 7 * len(lots)
    left = sum(lot.left for lot in course.lots)
    assert full == course.counts[0].used - max(0, course.counts[0].used - 50) + bought - left
    assert course.price == 5 * len(lots)


def test_an_edited_plan_keeps_what_its_meters_counted():
    steps = (PlanStep(0, Decimal(990)), PlanStep(3 * GB, Decimal(2090)))
    month = Meter(Counts.ALL, Cycle(CycleKind.CALENDAR), steps)
    lasts = Lifetime(Length(LengthUnit.DAYS, 30), Event.PURCHASE)
    plan = Plan("p", TOKYO, "Asia/Tokyo", "JPY", lasts, Decimal(100), (month,))
    course = Course(plan, moment("2026-11-01 09:00"))
    course.use(moment("2026-11-02 09:00"), 4 * GB)
    day = Meter(Counts.ALL, Cycle(CycleKind.EACH_USE, length=Length(LengthUnit.HOURS, 24)), (PlanStep(GB, rate=9),))
    edited = replace(
        plan,
        price=Decimal(300),
        meters=(day, replace(month, steps=(*steps[:1], PlanStep(5 * GB, Decimal(2090))))),
        lifetime=replace(lasts, length=Length(LengthUnit.DAYS, 10)),
    )
    now = resumed(edited, kept_of(course), moment("2026-11-03 09:00"))
    assert now.counts[1].used == 4 * GB
    assert (course.price, now.price) == (2190, 1290)
    assert now.end == moment("2026-11-11 09:00")
    assert now.use(moment("2026-11-03 09:00"), 2 * GB).slow == GB


def test_every_shipped_plan_survives_a_restart():
    for name in ("WiMAX", "Rakuten", "IIJmio"):
        plan = shipped(name)
        tally = begun(plan, moment("2026-01-01 00:00"))
        for day in range(1, 28):
            tally = counted(tally, plan, Bytes(GB), moment(f"2026-01-{day:02} 12:00"), roaming=False)
        again = counted(through_the_database(tally), plan, Bytes(), tally.seen, roaming=False)
        assert again == tally
        assert tally.rate <= FULL
