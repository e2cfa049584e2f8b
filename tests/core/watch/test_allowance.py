# SPDX-License-Identifier: GPL-2.0-or-later
"""The allowance of a day, which is the unit of everything abnormal."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from esimshaper.core.model.limits import (
    EVERYONE,
    Action,
    ActionKind,
    Direction,
    Period,
    PeriodUnit,
    Quota,
    Subject,
    SubjectKind,
    Tally,
)
from esimshaper.core.model.period import window
from esimshaper.core.model.plan_state import Ahead, KeptCourse, PlanState, PlanTally, UplinkPlan
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.watch.allowance import next_allowance

GB = 10**9
NOON = datetime(2026, 6, 11, 12, tzinfo=UTC).timestamp()
MONTH = Period(PeriodUnit.MONTH)


def quota(limit, period=MONTH, **more):
    return Quota(more.pop("name", "plan"), EVERYONE, limit, period, UTC, Action(ActionKind.BLOCK), **more)


def tick(*quotas, now=NOON):
    reading = Reading(1, 1000.0, {}, {})
    rules = Rules("wwan0", UTC, quotas=quotas)
    return Tick(rules, Moment(now, trusted=True), Observation(reading), Step(None, None, reading, reading), {}, {})


def tally(of, used, now=NOON, **more):
    return Tally(of.name, EVERYONE, window(of.period, UTC, now), used, allowed=more.pop("allowed", of.limit), **more)


def allowance(tallies, at, before=None, plans=PlanState()):  # noqa: B008 - frozen
    return next_allowance(before, at, tallies, plans)


def test_a_month_is_shared_out_over_the_days_that_are_left():
    plan = quota(30 * GB)
    assert allowance([tally(plan, 10 * GB + GB // 4)], tick(plan))[:2] == (int(19.75 * GB / 19.5), "plan")


def test_of_a_day_it_is_the_limit_whatever_is_left():
    daily = quota(GB, Period(PeriodUnit.DAY))
    assert allowance([tally(daily, 900_000_000)], tick(daily)).bytes == GB


def test_the_tightest_counts():
    plan, daily = quota(30 * GB), quota(GB // 2, Period(PeriodUnit.DAY), name="daily")
    assert allowance([tally(plan, 0), tally(daily, 0)], tick(plan, daily))[:2] == (GB // 2, "daily")


def test_near_the_end_a_quarter_of_an_even_day_is_left():
    plan = quota(30 * GB)
    assert allowance([tally(plan, 30 * GB)], tick(plan)).bytes == GB // 4


def test_usage_alone_changes_nothing_until_the_next_day():
    plan = quota(30 * GB)
    first = allowance([tally(plan, 5 * GB)], tick(plan))
    assert allowance([tally(plan, 9 * GB)], tick(plan), first) is first
    grant = allowance([tally(plan, 9 * GB, allowed=40 * GB)], tick(plan), first)
    assert grant.bytes > first.bytes
    tomorrow = tick(plan, now=NOON + 86400)
    assert allowance([tally(plan, 9 * GB)], tomorrow, first).bytes < first.bytes


@pytest.mark.parametrize("of", [quota(GB, direction=Direction.UPLOAD), replace(quota(GB), name="other")])
def test_quotas_of_a_direction_and_of_others_say_nothing(of):
    other = replace(tally(of, 0), subject=Subject(SubjectKind.GROUP, "kids"))
    assert allowance([other], tick(of))[:2] == (GB, "")


def test_a_plan_without_a_quota_says_it_too():
    ahead = Ahead("month", 9 * GB, 20 * GB, int(NOON) - 20 * 86400, int(NOON) + 10 * 86400, rate=0, slows=True)
    plans = PlanState({"trip": PlanTally("trip", KeptCourse(0), ahead=(ahead,))}, {"wan": UplinkPlan("trip")})
    assert allowance([], tick(), plans=plans)[:2] == (9 * GB // 10, "plan trip")


def test_with_neither_a_gigabyte_is_assumed():
    assert allowance([], tick())[:2] == (GB, "")
