# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans of every form, in odd time zones: the course of a plan is what a life of it minute by minute comes to."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esimshaper.core.model.limits import PeriodUnit
from esimshaper.core.model.plan import (
    STOP,
    Counts,
    Cycle,
    CycleKind,
    Ending,
    Event,
    Extends,
    First,
    Free,
    Length,
    LengthUnit,
    Lifetime,
    Meter,
    Plan,
    PlanStep,
    Rounding,
    RoundingUnit,
    TopUp,
)
from esimshaper.core.model.time_of_day import Hours, parse_span
from esimshaper.core.plan.course import Course
from tests.core.plan.minutes import MINUTE
from tests.core.plan.simulation import Life

# The past only: governments change the rules of the future. Each is near a change of the clock, or the end of a month.
PLACES = (
    ("Europe/Berlin", "2015-10-23 21:40"),
    ("Australia/Lord_Howe", "2015-04-03 11:20"),
    ("Asia/Kathmandu", "2015-01-29 23:05"),
    ("Asia/Kolkata", "2016-02-27 12:34"),
    ("America/Sao_Paulo", "2018-11-02 13:00"),
    ("America/St_Johns", "2010-11-05 20:10"),
    ("Asia/Pyongyang", "2015-08-12 09:50"),
    ("Pacific/Chatham", "2015-04-03 06:10"),
    ("UTC", "2015-12-30 00:00"),
)
DAYS = 5
MINUTES = DAYS * 24 * 60
AHEAD = 32 * 24 * 60
"""So far ahead the simulation looks for the end of data: to the end of any month."""

lengths = st.one_of(
    st.builds(Length, st.just(LengthUnit.HOURS), st.integers(1, 50)),
    st.builds(Length, st.just(LengthUnit.DAYS), st.integers(1, 3), st.sampled_from([Ending.EXACT, Ending.MIDNIGHT])),
)
cycles = st.one_of(
    st.just(Cycle(CycleKind.LIFETIME)),
    st.builds(lambda unit: Cycle(CycleKind.CALENDAR, unit), st.sampled_from(PeriodUnit)),
    st.builds(
        lambda length, start, once: Cycle(CycleKind.BLOCKS, length=length, start=start, once=once),
        lengths,
        st.sampled_from([Event.PURCHASE, Event.FIRST_USE]),
        st.booleans(),
    ),
    st.builds(lambda length: Cycle(CycleKind.EACH_USE, length=length), lengths),
    st.builds(lambda days: Cycle(CycleKind.LAST, days=days), st.integers(1, 3)),
)


@st.composite
def meters(draw, zone):
    cycle = draw(cycles)
    last = cycle.kind is CycleKind.LAST
    counts = draw(st.sampled_from([Counts.ALL, Counts.ALL, Counts.ROAMING, Counts.THROTTLED]))
    above = sorted(draw(st.lists(st.integers(0, 60), max_size=4, unique=True)))
    rates = sorted(draw(st.lists(st.integers(1, 9), min_size=4, max_size=4, unique=True)), reverse=True)
    steps, price = [], Decimal(0)
    for number, start in enumerate(above):
        kind = draw(st.sampled_from(["rate", "stop"] if last else ["rate", "price", "adds", "stop"]))
        if kind == "rate":
            hours = draw(st.sampled_from([None, None, *hours_in(zone)]))
            steps.append(PlanStep(start, rate=rates[number], hours=hours, next_day=draw(st.booleans())))
        elif kind == "price":
            price += draw(st.integers(50, 90))  # more than parts before it can add up to
            steps.append(PlanStep(start, price))
        elif kind == "adds":
            steps.append(PlanStep(start, per=draw(st.integers(1, 5)), adds=Decimal(draw(st.integers(1, 50))) / 100))
        else:
            steps.append(PlanStep(start, rate=STOP))
            break
    at_most = Decimal(draw(st.integers(91, 200))) if price and draw(st.booleans()) and not cycle.once else None
    beyond = draw(st.sampled_from([STOP, 3])) if cycle.once or at_most is not None else None
    meter = Meter(counts, cycle, tuple(steps), 0, at_most, beyond)
    rolls = meter.allowance is not None and cycle.kind in (CycleKind.CALENDAR, CycleKind.BLOCKS) and not cycle.once
    rollover = draw(st.integers(0, 2)) if rolls else 0
    first = draw(firsts(meter)) if cycle.kind in (CycleKind.CALENDAR, CycleKind.BLOCKS) and not cycle.once else None
    return Meter(counts, cycle, tuple(steps), rollover, at_most, beyond, first)


@st.composite
def firsts(draw, meter):
    """A part of the data, with no step between that and all of it, and a part of the price."""
    least = max((step.above for step in meter.steps if step.above < (meter.allowance or 0)), default=-1) + 1
    data = draw(st.integers(least, meter.allowance)) if meter.allowance and draw(st.booleans()) else None
    usual = next((step.price for step in meter.steps if step.above == 0), None)
    price = Decimal(draw(st.integers(0, int(usual)))) if usual is not None and draw(st.booleans()) else None
    return First(data, price) if data is not None or price is not None else None


def hours_in(zone):
    return [Hours((parse_span(text),), zone, text) for text in ("09:00-17:15", "18:30-04:45")]


@st.composite
def plans(draw, zone):
    length = draw(st.one_of(st.none(), lengths))
    if length and length.ending is Ending.EXACT and length.unit is LengthUnit.DAYS and draw(st.booleans()):
        length = Length(LengthUnit.DAYS, length.count, Ending.MIDNIGHT_AFTER)
    start = draw(st.sampled_from([Event.PURCHASE, Event.FIRST_USE]))
    life = Lifetime(length, start, None, draw(st.booleans()) if length else False)
    measured = tuple(draw(st.lists(meters(zone), max_size=3)))
    top_up = None
    if draw(st.booleans()):
        size, price = draw(st.integers(3, 30)), Decimal(draw(st.integers(1, 9)))
        auto = draw(st.booleans())
        how = draw(st.sampled_from(["same", "own", "month"]))
        until = draw(lengths) if how == "own" else None
        extends = Extends.SAME if how == "same" else Extends.OWN
        top_up = TopUp(size, price, until, how == "month", extends, 0, auto)
    rounding = draw(st.sampled_from([None, None, Rounding(4, RoundingUnit.DAY), Rounding(7, RoundingUnit.TOTAL)]))
    free = (Free(draw(st.sampled_from(hours_in(zone)))),) if draw(st.integers(0, 4)) == 0 else ()
    price = Decimal(draw(st.integers(0, 9)))
    return Plan("plan", zone, str(zone), "EUR", life, price, measured, free, rounding, top_up)


@st.composite
def stories(draw):
    """A plan, where and when it is bought, and what happens: minutes with bytes, or with a top-up."""
    name, begin = draw(st.sampled_from(PLACES))
    zone = ZoneInfo(name)
    plan = draw(plans(zone))
    start = int(datetime.fromisoformat(begin).replace(tzinfo=zone).timestamp()) // MINUTE * MINUTE
    events = draw(st.lists(st.tuples(st.integers(0, MINUTES - 1), st.integers(0, 25), st.booleans()), max_size=25))
    return plan, name, start, sorted(events)


def tell(story, minutes, ahead):
    """Lives a story in both ways, and compares them at each event and at the end."""
    plan, zone, start, events = story
    course, life = Course(plan, start), Life(plan, zone, start, ahead)
    sums, waiting = [0, 0, 0], list(events)
    for number in range(minutes):
        life.tick(number)
        while waiting and waiting[0][0] == number:
            _, size, roaming = waiting.pop(0)
            at = start + number * MINUTE
            course.reach(at)
            if size:
                life.use(size, roaming)
                sums = [total + part for total, part in zip(sums, course.use(at, size, roaming=roaming), strict=True)]
            elif plan.top_up and life.begun is not None and not life.over:
                life.buy(number)
                course.buy(at)
            assert (sums, course.price) == ([life.full, life.slow, life.refused], life.price)
    course.reach(start + (minutes - 1) * MINUTE)
    assert course.price == life.price
    assert course.is_over == life.over


@given(stories())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_course_is_a_life_minute_by_minute(story):
    tell(story, MINUTES, AHEAD)


@st.composite
def months(draw):
    """A plan of months that begins on one of the last days of one, and some use of it."""
    name, begin = draw(st.sampled_from([("Asia/Kathmandu", "2015-01-31 23:05"), ("Europe/Berlin", "2016-01-30 07:10")]))
    zone = ZoneInfo(name)
    length = Length(LengthUnit.MONTHS, 1, draw(st.sampled_from([Ending.EXACT, Ending.MIDNIGHT])))
    cycle = draw(
        st.sampled_from([Cycle(CycleKind.BLOCKS, length=length, start=Event.PURCHASE), Cycle(CycleKind.LIFETIME)])
    )
    steps = (PlanStep(0, Decimal(5)), PlanStep(20, rate=draw(st.sampled_from([STOP, 3]))))
    meter = Meter(Counts.ALL, cycle, steps, draw(st.integers(0, 2)))
    plan = Plan("plan", zone, name, "EUR", Lifetime(length, renews=draw(st.booleans())), Decimal(1), (meter,))
    start = int(datetime.fromisoformat(begin).replace(tzinfo=zone).timestamp())
    days = draw(st.lists(st.tuples(st.integers(0, 95), st.integers(1, 30)), max_size=12))
    return plan, name, start, sorted((day * 1440 + 700, size, False) for day, size in days)


@given(months())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_months_from_the_31st_on_are_those_of_the_calendar(story):
    tell(story, 97 * 1440, 130 * 1440)
