# SPDX-License-Identifier: GPL-2.0-or-later
"""The course of single plans, by hand: what carriers say of lots, ends, days that decide, cents and sessions."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.money import write_money
from esimshaper.core.model.plan import FULL, STOP, Counts, Cycle, CycleKind, Event, Meter, PlanStep
from esimshaper.core.plan.ahead import steps_ahead
from esimshaper.core.plan.course import Course, Passed
from esimshaper.core.plan.kept import kept_of, resumed
from esimshaper.core.plan.terms import terms_of
from esimshaper.edge.settings_file.plans import read_plans
from esimshaper.views.plan_words import words_of

GB, MB = 1000**3, 1000**2
ROOT = Path(__file__).parents[3]


def moment(text, zone="Asia/Tokyo"):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def shipped(name):
    plans = (plan for file in (ROOT / "etc/plans").glob("*.yaml") for plan in read_plans(file, "UTC"))
    return next(plan for plan in plans if plan.name == name)


def written(folder, text):
    file = folder / "plans.yaml"
    file.write_text(f"plans:\n- {{name: p, zone: Asia/Tokyo, currency: JPY, {text}}}\n")
    (plan,) = read_plans(file)
    return plan


def test_wimax_decides_at_midnight_for_the_next_evening():
    course = Course(shipped("WiMAX"), moment("2015-11-01 00:00"))
    course.use(moment("2015-11-03 12:00"), 10 * GB + 1)
    rates = {
        text: course.rate(moment(f"2015-11-{text}"))
        for text in ("03 19:00", "04 17:59", "04 18:00", "05 01:59", "05 02:00", "05 18:00", "06 18:00", "07 18:00")
    }
    slow = [text for text, rate in rates.items() if rate != FULL]
    assert slow == ["04 18:00", "05 01:59", "05 18:00", "06 18:00"]


def test_a_month_may_decide_by_the_day_too(tmp_path):
    plan = written(tmp_path, "meters: [{window: month, steps: [{from: 1GB, rate: 128kbit, next: day}]}]")
    course = Course(plan, moment("2015-11-01 00:00"))
    assert course.use(moment("2015-11-29 12:00"), 2 * GB) == Passed(2 * GB, 0, 0)
    assert course.rate(moment("2015-11-29 23:59")) == FULL
    assert course.rate(moment("2015-11-30 00:00")) == 128_000
    assert course.rate(moment("2015-12-01 00:00")) == FULL


def test_hours_of_the_whole_day_belong_to_each_day(tmp_path):
    step = '{from: 1GB, rate: 128kbit, hours: "00:00-24:00", next: day}'
    plan = written(tmp_path, f"meters: [{{window: {{last: {{days: 1}}}}, steps: [{step}]}}]")
    course = Course(plan, moment("2015-11-01 00:00"))
    course.use(moment("2015-11-10 12:00"), 2 * GB)
    rates = [course.rate(moment(f"2015-11-{day} 12:00")) for day in (10, 11, 12)]
    assert rates == [FULL, 128_000, FULL]


def test_iijmio_uses_the_data_of_last_month_first_and_loses_it_at_the_end_of_this():
    course = Course(shipped("IIJmio"), moment("2015-11-01 00:00"))
    course.use(moment("2015-11-10 12:00"), GB // 2)
    course.reach(moment("2015-12-05 00:00"))
    assert course.left == 3 * GB + GB // 2
    course.use(moment("2015-12-05 00:00"), GB)
    course.reach(moment("2016-01-01 00:00"))
    assert course.left == 2 * GB + 2 * GB  # half a GB of November is lost, all of December is there
    assert course.price == 3 * 850


def test_bytes_go_over_from_old_data_to_new_data_to_a_lot_and_to_the_slow_rate():
    course = Course(shipped("IIJmio"), moment("2015-11-01 00:00"))
    at = moment("2015-12-05 00:00")
    course.buy(at)
    assert course.left == 5 * GB
    assert course.use(at, 6 * GB) == Passed(5 * GB, GB, 0)
    assert (course.left, course.rate(at)) == (0, 300_000)


def test_an_unlimited_lot_is_used_before_all_others_while_it_lasts(tmp_path):
    steps = "meters: [{window: lifetime, steps: [{from: 1GB, rate: 128kbit}]}]"
    course = Course(
        written(tmp_path, f"{steps}, top_up: {{lot: unlimited, price: 110, hours: 1}}"), moment("2015-11-01 09:00")
    )
    course.buy(moment("2015-11-01 10:00"))
    assert course.left is None
    assert course.use(moment("2015-11-01 10:30"), 9 * GB) == Passed(9 * GB, 0, 0)
    assert course.use(moment("2015-11-01 11:00"), 2 * GB) == Passed(GB, GB, 0)


def test_what_is_left_lives_three_renewals_and_not_four():
    course = Course(shipped("Vodafone GH"), moment("2015-11-01 00:00", "UTC"))
    left = []
    for number in range(6):
        course.reach(moment("2015-11-01 00:00", "UTC") + number * 30 * 86400)
        left.append(course.left)
    assert left == [2 * GB, 4 * GB, 6 * GB, 8 * GB, 8 * GB, 8 * GB]
    assert course.price == 6 * 20


def test_rakuten_abroad_takes_a_lot_after_its_own_data_and_does_not_count_it_for_the_price():
    course = Course(shipped("Rakuten"), moment("2015-11-01 00:00"))
    at = moment("2015-11-10 12:00")
    course.buy(at)
    assert course.use(at, 2 * GB + 900 * MB, roaming=True) == Passed(2 * GB + 900 * MB, 0, 0)
    assert course.price == 1078 + 500
    assert course.use(at, 1200 * MB, roaming=True) == Passed(100 * MB, 1100 * MB, 0)
    assert course.price == 2178 + 500


@pytest.mark.parametrize(
    ("bought", "ends"),
    [
        ("2015-11-10 12:00", "2015-11-21 12:00"),  # in time: a day more
        ("2015-11-20 12:30", "2015-11-21 00:00"),  # over already: the rest of the day
    ],
)
def test_b_mobile_lasts_a_day_longer_or_to_the_end_of_today(bought, ends):
    course = Course(shipped("b-mobile visitor"), moment("2015-11-10 12:00"))
    course.use(moment("2015-11-10 12:00"), 5 * GB)
    course.buy(moment(bought))
    assert course.end == moment(ends)
    assert course.use(moment(bought), 2 * GB) == Passed(GB, 0, GB)
    assert course.rate(moment(ends)) == STOP


def test_gigsky_ends_at_the_later_end_and_wave_begins_its_days_anew(tmp_path):
    head = "lasts: {days: 15, from: first-use}, meters: [{window: lifetime, steps: [{from: 1GB, rate: stop}]}]"
    for extends, days in (
        ("extends: longest, days: 7", 17),
        ("extends: longest, days: 2", 15),
        ("extends: restart", 25),
    ):
        course = Course(
            written(tmp_path, f"{head}, top_up: {{lot: 1GB, price: 5, {extends}}}"), moment("2015-11-01 09:00")
        )
        course.use(moment("2015-11-01 10:00"), 1)
        course.buy(moment("2015-11-11 10:00"))
        assert course.end == moment("2015-11-01 10:00") + days * 86400
        assert course.left == 2 * GB - 1


def test_nomad_starts_by_itself_after_60_days():
    course = Course(shipped("Nomad 5 GB"), moment("2015-11-01 09:00", "UTC"))
    course.reach(moment("2016-01-05 00:00", "UTC"))
    assert course.end == moment("2016-01-07 09:00", "UTC")
    assert course.moments[Event.FIRST_USE] == moment("2015-12-31 09:00", "UTC")


def test_povo_is_stretched_to_midnight_and_sakura_counts_the_day_of_the_install():
    assert Course(shipped("povo 3 GB"), moment("2015-11-01 09:00")).end == moment("2015-12-02 00:00")
    assert Course(shipped("Sakura 10 days"), moment("2015-11-01 09:00")).end == moment("2015-11-11 00:00")
    zone = "Europe/London"
    assert Course(shipped("Three Euro pass"), moment("2015-11-01 23:59", zone)).end == moment("2015-11-02 00:00", zone)


def test_go_roam_costs_each_24_hours_of_use_and_nothing_without():
    zone = "Europe/London"
    course = Course(shipped("Three Go Roam"), moment("2015-11-01 00:00", zone))
    course.use(moment("2015-11-02 10:00", zone), 1)  # at home
    assert course.price == 0
    for text in ("03 10:00", "04 09:59", "04 10:00", "09 08:00"):
        course.use(moment(f"2015-11-{text}", zone), 1, roaming=True)
    assert course.price == 6


def test_a_money_cap_ends_at_its_last_byte():
    course = Course(shipped("Superdrug roaming"), moment("2015-11-01 00:00", "Europe/London"))
    passed = course.use(moment("2015-11-02 10:00", "Europe/London"), GB, roaming=True)
    assert passed == Passed(450 * MB, 0, 550 * MB)
    assert course.price == 45


def test_each_session_is_rounded_up_and_an_hour_of_silence_ends_one():
    course = Course(shipped("Session rounding"), moment("2015-11-01 00:00", "UTC"))
    start = moment("2015-11-01 10:00", "UTC")
    for seconds, size in ((0, 1), (3599, 1), (7300, MB), (7301, 1)):
        course.use(start + seconds, size)
    assert course.price == Decimal("0.3")  # 1 MB and 2 MB


def test_free_hours_and_services_are_counted_nowhere(tmp_path):
    plan = written(
        tmp_path,
        'free: [{hours: "01:00-06:00"}, {service: line}], meters: [{window: day, steps: [{from: 10MB, rate: stop}]}]',
    )
    course = Course(plan, moment("2015-11-01 00:00"))
    course.use(moment("2015-11-01 00:59"), 10 * MB)
    assert course.use(moment("2015-11-01 01:00"), GB) == Passed()
    assert course.rate(moment("2015-11-01 05:59")) == FULL
    assert course.rate(moment("2015-11-01 06:00")) == STOP
    assert course.rate(moment("2015-11-01 06:00"), service="line") == FULL


def test_a_plan_that_renews_itself_from_a_date_has_paid_for_the_past(tmp_path):
    plan = written(tmp_path, "price: 10, lasts: {months: 1, from: 2015-01-31, renews: true}, meters: []")
    course = Course(plan, moment("2015-11-10 00:00"))
    assert (course.price, course.end) == (10, moment("2015-11-30 00:00"))
    course.reach(moment("2016-01-01 00:00"))
    assert (course.price, course.end) == (30, moment("2016-01-31 00:00"))


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 90) | st.none(), st.booleans()), min_size=1, max_size=6),
    st.lists(st.integers(0, 400), min_size=2, max_size=8),
)
def test_the_more_is_used_the_more_it_costs_and_the_slower_it_is(parts, usages):
    steps, above, price = [], 0, Decimal(0)
    for number, (width, more, slower) in enumerate(parts):
        if more is not None:
            price += more + 51
            steps.append(PlanStep(above, price))
        elif slower:
            steps.append(PlanStep(above, rate=1000 - number))
        else:
            steps.append(PlanStep(above, per=width, adds=Decimal("0.13")))
        above += width
    meter = Meter(Counts.ALL, Cycle(CycleKind.LIFETIME), tuple(steps))
    prices = [meter.price(used) for used in sorted(usages)]
    assert prices == sorted(prices)


def test_sums_of_many_small_prices_are_exact():
    course = Course(shipped("SoftBank rental 3G"), moment("2015-11-01 00:00"))
    for number in range(400):
        course.use(moment("2015-11-01 10:00") + number, 128)
    assert course.price == Decimal("128.00")


def test_money_is_written_exactly_with_the_digits_of_its_currency():
    written_as = {("990", "JPY"): "990", ("12.5", "USD"): "12.50", ("1E+3", "JPY"): "1000", ("0.0036", "GBP"): "0.0036"}
    assert {(text, code): write_money(Decimal(text), code) for text, code in written_as} == written_as


def test_a_first_month_that_is_paid_in_part_has_a_part_of_the_data_and_no_other_month_does(tmp_path):
    steps = "steps: [{from: 0, price: 850}, {from: 2GB, rate: 300kbit}]"
    plan = written(tmp_path, f"meters: [{{window: month, rollover: 1, first: {{data: 0.77GB, price: 383}}, {steps}}}]")
    course = Course(plan, moment("2015-11-20 09:00"))
    assert (course.left, course.price) == (770 * MB, 383)
    course.use(moment("2015-11-25 12:00"), 700 * MB)
    assert course.use(moment("2015-11-26 12:00"), 100 * MB) == (70 * MB, 30 * MB, 0)
    course.reach(moment("2015-12-01 00:00"))
    assert (course.left, course.price) == (2 * GB, 383 + 850), "nothing was left of November"


def test_a_first_month_is_over_though_the_daemon_begins_later(tmp_path):
    steps = "steps: [{from: 0, price: 850}, {from: 2GB, rate: 300kbit}]"
    month = f"meters: [{{window: month, first: {{data: 0.77GB, price: 383}}, {steps}}}]"
    plan = written(tmp_path, f"started: {{purchase: 2015-09-20T09:00:00}}, {month}")
    course = Course(plan, moment("2015-11-20 09:00"))
    assert (course.left, course.price) == (2 * GB, 850)


def test_a_note_of_a_step_changes_nothing(tmp_path):
    plan = written(tmp_path, "meters: [{window: month, steps: [{from: 1GB, note: others go first}]}]")
    course = Course(plan, moment("2015-11-20 09:00"))
    assert course.use(moment("2015-11-20 10:00"), 2 * GB) == (2 * GB, 0, 0)
    assert steps_ahead(Course(plan, moment("2015-11-20 09:00")), moment("2015-11-20 10:00"), roaming=False) == ()
    assert "above 1 GB: full speed, others go first" in "\n".join(words_of(terms_of(plan), "en"))


def test_the_first_month_goes_on_after_a_restart(tmp_path):
    steps = "steps: [{from: 0, price: 850}, {from: 2GB, rate: 300kbit}]"
    plan = written(tmp_path, f"meters: [{{window: month, first: {{data: 0.77GB, price: 383}}, {steps}}}]")
    course = Course(plan, moment("2015-11-20 09:00"))
    course.use(moment("2015-11-25 12:00"), 700 * MB)
    again = resumed(plan, kept_of(course), moment("2015-11-26 00:00"))
    assert (again.left, again.price) == (70 * MB, 383)
    again.reach(moment("2015-12-01 00:00"))
    assert (again.left, again.price) == (2 * GB, 383 + 850)
