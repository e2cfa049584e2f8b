# SPDX-License-Identifier: GPL-2.0-or-later
"""Pace: whether a quota lasts, by what was used in which hour of the days before; told once in a window."""

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.lives import MB, STEP
from bench.watched import START, Watched
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import (
    EVERYONE,
    Action,
    ActionKind,
    Period,
    PeriodUnit,
    Quota,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.model.watch import AlarmKind, Mute, Profile, Watch, WatchLevel, WatchState
from esimshaper.core.watch import pacing
from esimshaper.core.watch.pace import forecast

DAY = 86400
DAILY = Quota("daily", EVERYONE, 1000 * MB, Period(PeriodUnit.DAY), UTC, Action(ActionKind.BLOCK))
MONTH = replace(DAILY, name="month", period=Period(PeriodUnit.MONTH), limit=30_000 * MB)
FRESH = Profile(1, (0,) * 24, (0.0,) * 24)


def tally(used: int, quota: Quota = DAILY, days: int = 1) -> Tally:
    return Tally(quota.name, EVERYONE, Window(START, START + days * DAY), used, allowed=quota.limit)


def steady(a_day: int, days: float = 5.0) -> Profile:
    """Days that each used so much, the same in each hour."""
    return Profile(1, (0,) * 24, (a_day * days / 24,) * 24, days)


def test_a_day_that_goes_as_days_do_lasts():
    assert forecast(steady(900 * MB), DAILY, tally(400 * MB), START + 12 * 3600) is None


def test_a_morning_of_a_whole_day_does_not_and_says_when():
    pace = forecast(steady(900 * MB), DAILY, tally(800 * MB), START + 12 * 3600)
    assert pace is not None
    assert START + 15 * 3600 < pace.used_up < START + 20 * 3600
    assert pace.total > 1100 * MB


def test_before_any_day_was_seen_a_plain_one_is_assumed():
    assert forecast(FRESH, DAILY, tally(300 * MB), START + 12 * 3600) is None
    assert forecast(FRESH, DAILY, tally(900 * MB), START + 12 * 3600) is not None


def test_the_more_of_the_day_is_to_come_the_more_must_be_too_much():
    """Each would end at 1,130 MB by the same profile; at nine in the morning nobody knows."""
    usual = steady(1130 * MB, days=50.0)
    told = [
        forecast(usual, DAILY, tally(int(1130 * MB * hour / 24)), START + hour * 3600) is not None
        for hour in (8, 12, 16, 20)
    ]
    assert told == [False, False, False, True]


def test_a_day_that_begins_with_more_than_others_goes_on_so():
    usual, noon = steady(600 * MB), START + 12 * 3600
    assert forecast(usual, DAILY, tally(600 * MB), noon) is None
    heavy = forecast(usual, DAILY, tally(830 * MB), noon)
    assert heavy is not None
    assert heavy.total > 830 * MB + 450 * MB, "an hour of today is more than one of a plain day"


def test_of_a_month_the_mood_of_today_says_nothing_of_later_days():
    calm = steady(1000 * MB)
    busy = calm._replace(today=(0,) * 8 + (2000 * MB,) + (0,) * 15)
    totals = [forecast(each, MONTH, tally(15_000 * MB, MONTH, 30), START + 10 * DAY + 43200) for each in (busy, calm)]
    assert all(totals)
    assert 0 < totals[0].total - totals[1].total < 2000 * MB


@pytest.mark.parametrize("used", [0, 299 * MB, 1000 * MB, 1200 * MB])
def test_little_use_and_a_quota_that_is_used_up_say_nothing(used):
    assert forecast(steady(5000 * MB), DAILY, tally(used), START + 3600) is None


def test_of_a_month_whole_days_are_added_up():
    pace = forecast(steady(2000 * MB), MONTH, tally(12_000 * MB, MONTH, 30), START + 10 * DAY)
    assert pace is not None
    assert START + 18 * DAY < pace.used_up < START + 20 * DAY
    assert forecast(steady(700 * MB), MONTH, tally(12_000 * MB, MONTH, 30), START + 10 * DAY) is None


@given(st.integers(0, 999), st.integers(0, 3000), st.integers(0, DAY - 1))
def test_a_forecast_is_never_below_what_is_used_and_never_in_the_past(used, a_day, seconds):
    pace = forecast(steady(a_day * MB), DAILY, tally(used * MB), START + seconds)
    if pace:
        assert pace.total >= used * MB
        assert START + seconds <= pace.used_up <= START + DAY


@pytest.mark.parametrize(
    ("mute", "heard"),
    [
        (Mute(AlarmKind.PACE, None, START + DAY), []),
        (Mute(None, ClientKey("tv"), START + DAY), ["phone"]),
        (Mute(AlarmKind.PACE, ClientKey("tv"), START + DAY), ["phone"]),
        (Mute(AlarmKind.SURGE, ClientKey("tv"), START + DAY), ["tv", "phone"]),
        (Mute(None, None, START), ["tv", "phone"]),
    ],
)
def test_a_mute_holds_for_the_pace_of_its_client_and_for_its_time(mute, heard):
    subjects = [Subject(SubjectKind.CLIENT, name) for name in ("tv", "phone")]
    names = {ClientKey(each.id): each.id for each in subjects}
    quota = replace(DAILY, subject=Subject(SubjectKind.EACH_CLIENT))
    rules = Rules("wwan0", UTC, names, quotas=(quota,), watch=Watch(WatchLevel.NORMAL))
    reading = Reading(1, 0.0, {}, {})
    moved_on = Step(None, None, reading, reading)
    tick = Tick(rules, Moment(START + 9 * 3600, trusted=True), Observation(reading), moved_on, {}, {})
    tallies = tuple(replace(tally(900 * MB), subject=each) for each in subjects)
    kept, said = pacing.advance(WatchState(mutes=(mute,)), tick, tallies, 1000 * MB)
    assert [each.subject.id for each in said] == heard
    assert [each.client for each in kept.episodes if each.told] == heard
    assert len(kept.episodes) == 2, "each is noted down"


def test_people_hear_of_it_once_and_again_only_if_it_comes_much_sooner():
    watched = Watched(1000 * MB, ["tv"])
    begin = 9 * 3600 // STEP
    notices = [
        notice
        for number in range(10 * 3600 // STEP)
        for notice in watched.step(begin + number, {"tv": (110_000 * STEP if number < 7200 // STEP else 0, 0)}).new
        if AlarmKind.PACE in notice.reasons
    ]
    # The second one says that it comes much sooner: people go on as before.
    assert [", sooner than it looked" in notice.text for notice in notices] == [False, True]
    assert notices[0].text.startswith("everyone will have used up 1.00 GB of daily about ")
    assert "are left until" in notices[0].text
    assert all(each.told for each in watched.slice.kept.episodes if AlarmKind.PACE in each.kinds)
