# SPDX-License-Identifier: GPL-2.0-or-later
"""What to buy: the same as trying every plan and every two, on use that hypothesis makes up; and within two seconds."""

import time
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.limits import PeriodUnit
from esimshaper.core.model.plan import (
    ONE_DAY,
    STOP,
    Counts,
    Cycle,
    CycleKind,
    Event,
    Extends,
    Length,
    LengthUnit,
    Lifetime,
    Meter,
    Plan,
    PlanStep,
    TopUp,
)
from esimshaper.core.model.recorded import Use
from esimshaper.core.plan.course import Course
from esimshaper.core.plan.recommend import HOUR, VARIANTS, advise, as_trip, hourly, spread

TOKYO = ZoneInfo("Asia/Tokyo")
START = 1_445_000_400


def plan(number, price, life=None, meters=(), **more):
    return Plan(f"p{number}", TOKYO, "Asia/Tokyo", "USD", life or Lifetime(), Decimal(price), tuple(meters), **more)


def fixed(number, price, size, days, *, start=Event.FIRST_USE, renews=False, top_up=None):
    steps = (PlanStep(size, rate=STOP),)
    life = Lifetime(Length(LengthUnit.DAYS, days), start, renews=renews)
    return plan(number, price, life, [Meter(Counts.ALL, Cycle(CycleKind.LIFETIME), steps)], top_up=top_up)


def daily(number, price, size, days):
    meter = Meter(Counts.ALL, Cycle(CycleKind.CALENDAR, PeriodUnit.DAY), (PlanStep(size, rate=128_000),))
    return plan(number, price, Lifetime(Length(LengthUnit.DAYS, days), Event.FIRST_USE), [meter])


def monthly(number, price, size, rate=300_000):
    steps = (PlanStep(0, Decimal(price)), PlanStep(size, Decimal(price + 3)), PlanStep(2 * size, rate=rate))
    return plan(number, 0, None, [Meter(Counts.ALL, Cycle(CycleKind.CALENDAR, PeriodUnit.MONTH), steps)])


def metered(number, size):
    steps = (PlanStep(0, per=size, adds=Decimal("0.7")),)
    return plan(number, 0, None, [Meter(Counts.ALL, Cycle(CycleKind.BLOCKS, length=ONE_DAY), steps)])


numbers, prices, sizes, lengths = st.integers(0, 999), st.integers(0, 9), st.integers(1, 120), st.integers(1, 5)
top_ups = st.none() | st.builds(
    lambda size, price, auto: TopUp(size, Decimal(price), extends=Extends.SAME, auto=auto), sizes, prices, st.booleans()
)
offers = st.one_of(
    st.builds(fixed, numbers, prices, sizes, lengths, renews=st.booleans(), top_up=top_ups),
    st.builds(daily, numbers, prices, sizes, lengths),
    st.builds(monthly, numbers, prices, sizes),
    st.builds(metered, numbers, sizes),
)
lists = st.lists(offers, min_size=1, max_size=7, unique_by=lambda each: each.name)
uses = st.lists(st.integers(0, 30), min_size=1, max_size=120).filter(any)


def lived(offer, trip):
    """Hour by hour: the cost, the slow hours, those without, and the first that was either."""
    course, slow, cut = Course(offer, trip[0].at), [], []
    for number, (at, size) in enumerate(trip):
        for _ in range(size):
            passed = course.use(at, 1)
            slow += [number] if passed.slow else []
            cut += [number] if passed.refused else []
    return course.price, len(set(slow)), len(set(cut)), min([*slow, *cut], default=None)


@given(lists, uses)
@settings(max_examples=60, deadline=None)
def test_the_answer_is_that_of_trying_everything(offers, sizes):
    trip = [Use(START + number * HOUR, size) for number, size in enumerate(sizes) if size]
    alone = {offer.name: lived(offer, trip) for offer in offers}
    advice = advise(offers, [Use(START + number * HOUR, size) for number, size in enumerate(sizes)])
    found = {each.plan.name: (each.cost, each.slow_hours, each.cut_hours, each.bad) for each in advice.outcomes}
    assert found == alone
    ranks = sorted((bad is not None, cut, slow, cost, name) for name, (cost, slow, cut, bad) in alone.items())
    assert [each.plan.name for each in advice.outcomes] == [rank[-1] for rank in ranks]

    pairs = []
    for first in offers:
        bad = alone[first.name][3]
        if not bad:
            continue
        paid = lived(first, trip[:bad])[0]
        for second in offers:
            cost, _, _, worst = lived(second, trip[bad:])
            pairs += [paid + cost] if worst is None else []
    assert (advice.pair.cost if advice.pair else None) == min(pairs, default=None)
    assert set(advice.trials) == {name for name, (_, _, _, bad) in alone.items() if bad is None}
    assert all(0 <= fitting <= VARIANTS for fitting in advice.trials.values())


def test_a_plan_with_room_is_surer_than_one_that_only_just_fits():
    use = [Use(START + number * HOUR, 10) for number in range(24)]
    advice = advise([fixed(1, 5, 240, 2), fixed(2, 6, 1000, 9)], use)
    assert [each.fits for each in advice.outcomes] == [True, True]
    assert advice.trials["p1"] < advice.trials["p2"] == VARIANTS


def test_roaming_counts_where_all_of_it_is_abroad():
    meter = Meter(Counts.ROAMING, Cycle(CycleKind.LIFETIME), (PlanStep(5, rate=STOP),))
    use = [Use(START, 10)]
    assert advise([plan(1, 5, None, [meter])], use).outcomes[0].fits
    assert not advise([plan(1, 5, None, [meter])], use, roaming=True).outcomes[0].fits


def test_200_plans_over_60_days_of_hours_take_less_than_two_seconds():
    gb = 1000**3
    offers = []
    for number in range(0, 200, 4):
        offers.append(fixed(number, 3 + number % 50, (1 + number % 71) * gb, (7, 15, 30, 60)[number // 4 % 4]))
        offers.append(daily(number + 1, 20 + number % 40, (2 + number % 17) * gb // 10, (30, 60)[number // 4 % 2]))
        offers.append(monthly(number + 2, 10 + number % 30, (3 + number % 20) * gb))
        offers.append(fixed(number + 3, 9, (5 + number % 9) * gb, 30, renews=True))
    use = [Use(START + number * HOUR, number * 7919 % 80 * 10**6) for number in range(60 * 24)]
    begin = time.process_time()
    advice = advise(offers, use)
    assert time.process_time() - begin < 2
    assert len(advice.outcomes) == 200


def test_typed_use_is_even_and_loses_no_byte():
    use = spread(1000, 24, START, 48)
    sizes = [hour.size for hour in use]
    assert (sum(sizes), max(sizes), min(sizes)) == (2000, 42, 41)


def test_use_is_put_into_the_hours_in_which_it_moved():
    assert hourly([(START + 5, 1), (START + 3599.9, 2), (START + 3600, 4)]) == [Use(START, 3), Use(START + 3600, 4)]


def test_a_trip_is_the_last_hours_on_record_or_all_of_it_again_and_again():
    use = [Use(START + number * HOUR, number) for number in range(30)]
    assert as_trip(use, 10) == use[20:]
    again = as_trip(use, 60)
    assert [hour.at for hour in again[30:]] == [START + (48 + number) * HOUR for number in range(12)]
    assert [hour.size for hour in again[30:]] == list(range(12))
