# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows: each moment is in exactly one, and it is the one that a calendar and a clock on the wall would give."""

import calendar
import math
import zoneinfo
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from esimshaper.core.model.limits import Period, PeriodUnit, Window
from esimshaper.core.model.period import window

ZONES = sorted(zoneinfo.available_timezones())
ODD_ZONES = (
    "America/Havana", "America/Sao_Paulo", "America/St_Johns", "Antarctica/Troll", "Asia/Beirut", "Asia/Kathmandu",
    "Asia/Pyongyang", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kwajalein",
)  # fmt: skip
"""Midnight missing or doubled, days left out, changes by 30 and 120 minutes, offsets of quarters of an hour."""

HOUR, DAY, WEEK, MONTH = (Period(unit) for unit in PeriodUnit)
STEP = 15 * 60
"""Every offset and change since 1990 but St. John's minute is a multiple of it; full hours and midnights are too."""


def at(text, zone="UTC", fold=0):
    return int(datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold).timestamp())


def shown(when, zone):
    """A window as a clock on the wall there shows it."""
    return [str(datetime.fromtimestamp(each, zoneinfo.ZoneInfo(zone)))[:16] for each in (when.start, when.end)]


def around(period, zone, text, fold=0):
    return window(period, zoneinfo.ZoneInfo(zone), at(text, zone, fold))


# By hand: what people expect. The past only: governments change the rules of the future, and newer tzdata has them.


@pytest.mark.parametrize(
    ("period", "zone", "now", "start", "end"),
    [
        (HOUR, "UTC", "2015-11-01 09:59:59", "2015-11-01 09:00", "2015-11-01 10:00"),
        (HOUR, "Asia/Kathmandu", "2015-11-01 09:10", "2015-11-01 09:00", "2015-11-01 10:00"),
        (DAY, "Asia/Tokyo", "2015-12-31 23:59:59", "2015-12-31 00:00", "2016-01-01 00:00"),
        (DAY, "Asia/Tokyo", "2016-02-29 00:00", "2016-02-29 00:00", "2016-03-01 00:00"),
        (WEEK, "Asia/Tokyo", "2015-11-01 12:00", "2015-10-26 00:00", "2015-11-02 00:00"),
        (WEEK, "Asia/Tokyo", "2015-11-02 00:00", "2015-11-02 00:00", "2015-11-09 00:00"),
        (WEEK, "Asia/Tokyo", "2016-01-01 12:00", "2015-12-28 00:00", "2016-01-04 00:00"),
        (MONTH, "Asia/Tokyo", "2015-12-15 12:00", "2015-12-01 00:00", "2016-01-01 00:00"),
        (MONTH, "Europe/Berlin", "2015-10-15 12:00", "2015-10-01 00:00", "2015-11-01 00:00"),
        # Midnight that the clock jumps over, a day that the calendar left out, minutes that came back over midnight.
        (DAY, "America/Sao_Paulo", "2018-11-04 12:00", "2018-11-04 01:00", "2018-11-05 00:00"),
        (DAY, "Pacific/Apia", "2011-12-29 12:00", "2011-12-29 00:00", "2011-12-31 00:00"),
        (DAY, "America/St_Johns", "2010-11-07 12:00", "2010-11-07 00:00", "2010-11-08 00:00"),
    ],
)
def test_calendar_units_begin_where_the_clock_on_the_wall_says(period, zone, now, start, end):
    assert shown(around(period, zone, now), zone) == [start, end]


@pytest.mark.parametrize(
    ("zone", "noon", "hours"),
    [
        ("Europe/Berlin", "2015-03-29 12:00", 23),
        ("Europe/Berlin", "2015-10-25 12:00", 25),
        ("Australia/Lord_Howe", "2015-10-04 12:00", 23.5),
        ("Australia/Lord_Howe", "2015-04-05 12:00", 24.5),
        ("America/Sao_Paulo", "2018-11-04 12:00", 23),
        ("America/Havana", "2015-11-01 12:00", 25),  # its midnight is doubled: the day begins at the first
        ("Pacific/Apia", "2011-12-29 12:00", 24),
        ("Pacific/Apia", "2011-12-31 12:00", 24),
    ],
)
def test_days_are_as_long_as_they_are_there(zone, noon, hours):
    day = around(DAY, zone, noon)
    assert day.end - day.start == hours * 3600


def test_evening_that_comes_back_after_midnight_stays_with_the_new_day():
    """St. John's turned its clock back at one minute past midnight; else a day would be opened twice."""
    day = around(DAY, "America/St_Johns", "2010-11-06 23:30", fold=1)
    assert day == around(DAY, "America/St_Johns", "2010-11-07 12:00")
    assert day.end - day.start == 25 * 3600
    assert around(DAY, "America/St_Johns", "2010-11-06 23:30", fold=0).end == day.start


def test_doubled_hour_is_two_hours_and_skipped_hour_is_none():
    first, second = (around(HOUR, "Europe/Berlin", "2015-10-25 02:30", fold) for fold in (0, 1))
    assert (first.end, first.end - first.start, second.end - second.start) == (second.start, 3600, 3600)
    before, after = (around(HOUR, "Europe/Berlin", f"2015-03-29 {text}") for text in ("01:59", "03:00"))
    assert (before.end, before.end - before.start, after.end - after.start) == (after.start, 3600, 3600)


def test_hour_in_which_the_clock_moves_by_half_an_hour_is_cut_short_there():
    hours = [around(HOUR, "Australia/Lord_Howe", "2015-04-05 01:00")]
    for _ in range(3):
        hours.append(window(HOUR, zoneinfo.ZoneInfo("Australia/Lord_Howe"), hours[-1].end))
    assert [each.end - each.start for each in hours] == [3600, 1800, 3600, 3600]
    assert [shown(each, "Australia/Lord_Howe")[0][11:] for each in hours] == ["01:00", "01:30", "02:00", "03:00"]


def starts(period, zone, first, number):
    """Local starts of some windows in a row, from that which holds `first`."""
    found = [around(period, zone, first)]
    while len(found) < number:
        found.append(window(period, zoneinfo.ZoneInfo(zone), found[-1].end))
    return [shown(each, zone)[0] for each in found]


def test_months_from_the_31st_end_with_short_months_and_come_back_to_the_31st():
    period = Period(PeriodUnit.MONTH, 1, at("2015-10-31 09:00", "Europe/Berlin"))
    assert starts(period, "Europe/Berlin", "2015-12-01 00:00", 5) == [
        "2015-11-30 09:00", "2015-12-31 09:00", "2016-01-31 09:00", "2016-02-29 09:00", "2016-03-31 09:00",
    ]  # fmt: skip
    assert starts(period, "Europe/Berlin", "2015-02-01 00:00", 3) == [  # and before the anchor
        "2015-01-31 09:00", "2015-02-28 09:00", "2015-03-31 09:00",
    ]  # fmt: skip


def test_three_months_keep_the_local_time_over_a_change_of_the_clock():
    period = Period(PeriodUnit.MONTH, 3, at("2015-01-15 18:30", "Europe/Berlin"))
    assert starts(period, "Europe/Berlin", "2015-02-01 00:00", 3) == [
        "2015-01-15 18:30", "2015-04-15 18:30", "2015-07-15 18:30",
    ]  # fmt: skip


def test_month_whose_start_the_clock_jumps_over_begins_at_the_jump():
    period = Period(PeriodUnit.MONTH, 1, at("2015-01-29 02:30", "Europe/Berlin"))
    assert shown(around(period, "Europe/Berlin", "2015-03-29 12:00"), "Europe/Berlin")[0] == "2015-03-29 03:00"


@pytest.mark.parametrize("fold", [0, 1])
def test_anchor_in_a_doubled_hour_is_itself_a_start(fold):
    anchor = at("2015-10-25 02:30", "Europe/Berlin", fold)
    assert window(Period(PeriodUnit.MONTH, 1, anchor), zoneinfo.ZoneInfo("Europe/Berlin"), anchor).start == anchor


def test_anchored_days_are_real_time_over_a_change_of_the_clock():
    period = Period(PeriodUnit.DAY, 30, at("2015-03-10 09:00", "Europe/Berlin"))
    assert shown(around(period, "Europe/Berlin", "2015-03-20 00:00"), "Europe/Berlin")[1] == "2015-04-09 10:00"


def test_fraction_before_the_end_is_not_rounded_into_the_next_window():
    midnight = at("2015-11-02 00:00")
    day = window(DAY, UTC, math.nextafter(midnight, 0))
    assert (day.start, day.end) == (midnight - 86400, midnight)
    assert window(DAY, UTC, float(midnight)).start == midnight


# Against a calculation of another kind: steps through time, with a look at the clock on the wall at each

zones = st.sampled_from(ODD_ZONES) | st.sampled_from(ZONES)
moments = st.integers(at("1990-01-01"), at("2100-12-31"))
near_year_ends = st.builds(
    lambda year, off: at(f"{year}-01-01") + off, st.integers(1990, 2101), st.integers(-(10**5), 10**5)
)
thorough = settings(max_examples=150, deadline=None)


def clock(moment, zone):
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None)


def change_of_the_clock(zone, year, number):
    """Some change of the clock in a year, as the moment from which the clock is another."""
    zone = zoneinfo.ZoneInfo(zone)

    def changes(begin, end, step):
        """The first of so many seconds after each change."""
        times = range(begin, end + 1, step)
        ahead = [datetime.fromtimestamp(each, zone).utcoffset() for each in times]
        return [times[at_ + 1] for at_, (one, other) in enumerate(pairwise(ahead)) if one != other]

    days = changes(at(f"{year}-01-01"), at(f"{year + 1}-01-01"), 86400)
    hours = [hour for day in days for hour in changes(day - 86400, day, 3600)]
    return hours[number % len(hours)] if hours else None


@st.composite
def places(draw):
    """A zone and a moment: anywhere, about a new year, or within two days of a change of its clock."""
    zone = draw(zones)
    kind = draw(st.sampled_from(("any", "year", "change")))
    if kind == "change":
        change = change_of_the_clock(zone, draw(st.integers(1990, 2100)), draw(st.integers(0, 3)))
        assume(change is not None)
        return zone, change + draw(st.integers(-2 * 86400, 2 * 86400))
    return zone, draw(moments if kind == "any" else near_year_ends)


def label(unit, local):
    """Which calendar unit a time on the wall is in; labels rise with time."""
    if unit is PeriodUnit.DAY:
        return local.date()
    if unit is PeriodUnit.WEEK:
        return local.date() - timedelta(days=local.weekday())
    return local.date().replace(day=1)


def stepped(unit, zone, now, step=STEP):
    """The unit around `now`: it begins where the clock shows more than ever before, in a new unit."""
    days = {PeriodUnit.DAY: 3, PeriodUnit.WEEK: 9, PeriodUnit.MONTH: 34}[unit]
    first, start, highest = now // step * step - days * 86400, None, None
    for each in range(first, first + 2 * days * 86400 + step, step):
        here = label(unit, clock(each, zone))
        if highest is None or here > highest:
            if each > now and highest is not None:
                return Window(start, each)
            highest, start = here, each
    raise AssertionError("too few steps")


@thorough
@given(places(), st.sampled_from((PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH)))
def test_calendar_unit_is_the_one_that_steps_through_time_find(place, unit):
    zone = zoneinfo.ZoneInfo(place[0])
    assert window(Period(unit), zone, place[1]) == stepped(unit, zone, place[1])


@thorough
@given(places())
def test_hour_is_the_one_that_steps_through_time_find(place):
    zone, now = zoneinfo.ZoneInfo(place[0]), place[1]

    def begins(moment):
        here, before = (datetime.fromtimestamp(each, UTC).astimezone(zone) for each in (moment, moment - 60))
        return here.minute == 0 or (here.minute - before.minute) % 60 != 1

    minute = now // 60 * 60
    start = next(each for each in range(minute, minute - 3601, -60) if begins(each))
    end = next(each for each in range(minute + 60, minute + 3661, 60) if begins(each))
    assert window(HOUR, zone, now) == Window(start, end)


@thorough
@given(places(), moments, st.integers(1, 24))
def test_months_from_an_anchor_are_those_of_a_walk_over_all_days(place, anchor, count):
    zone, now = zoneinfo.ZoneInfo(place[0]), place[1]
    # Near enough for a walk; in a doubled hour the anchor would be the later of two equal times.
    anchor = now + (anchor - now) % (6 * 365 * 86400) - 3 * 365 * 86400
    anchor -= anchor % 60
    first = clock(anchor, zone)
    assume(datetime.fromtimestamp(anchor, zone).fold == 0)

    def month_days(way):
        """Local dates at which a month from the anchor's day ends, away from it."""
        day = first.date()
        while True:
            day += timedelta(days=way)
            if day.day == first.day:
                yield day
            elif first.day > day.day >= 28 and day.day == calendar.monthrange(day.year, day.month)[1]:
                yield day  # a shorter month ends before the anchor's day

    way, last = (1 if now >= anchor else -1), anchor
    for day in islice(month_days(way), count - 1, None, count):
        each = first_time(datetime.combine(day, first.time()), zone)
        if (each > now) == (way > 0):
            break
        last = each
    assert window(Period(PeriodUnit.MONTH, count, anchor), zone, now) == Window(min(each, last), max(each, last))


def first_time(wall, zone):
    """The first minute at which the clock shows `wall` or more, of all minutes about it."""
    utc = int(wall.replace(tzinfo=UTC).timestamp())
    hours = (datetime.fromtimestamp(utc + hour * 3600, zone) for hour in range(-16, 17))
    # Before that, the clock shows less however far it is ahead.
    begin = utc - max(int(hour.utcoffset().total_seconds()) for hour in hours)
    return next(each for each in range(begin, utc + 16 * 3600, 60) if clock(each, zone) >= wall)


@given(moments, moments, st.integers(1, 9999), st.sampled_from((PeriodUnit.HOUR, PeriodUnit.DAY)), zones)
def test_hours_and_days_from_an_anchor_are_whole_steps_of_real_time(anchor, now, count, unit, zone):
    step = timedelta(**{f"{unit.value}s": count})
    steps = (datetime.fromtimestamp(now, UTC) - datetime.fromtimestamp(anchor, UTC)) // step
    start = datetime.fromtimestamp(anchor, UTC) + steps * step
    expected = Window(int(start.timestamp()), int((start + step).timestamp()))
    assert window(Period(unit, count, anchor), zoneinfo.ZoneInfo(zone), now) == expected


periods = st.builds(Period, st.sampled_from(PeriodUnit)) | st.builds(
    Period, st.sampled_from((PeriodUnit.HOUR, PeriodUnit.DAY, PeriodUnit.MONTH)), st.integers(1, 100), moments
)


@given(periods, places(), st.floats(0, 0.999999))
def test_each_moment_is_in_one_window_and_windows_touch(period, place, fraction):
    zone, now = zoneinfo.ZoneInfo(place[0]), place[1] + fraction
    here = window(period, zone, now)
    assert here.start <= now < here.end
    assert window(period, zone, here.start) == here == window(period, zone, here.end - 1)
    assert window(period, zone, here.end).start == here.end
    assert window(period, zone, here.start - 1).end == here.start


def test_clock_that_starts_in_1970_has_windows_too():
    for unit in PeriodUnit:
        assert window(Period(unit), zoneinfo.ZoneInfo("America/New_York"), 0).start <= 0
    assert window(MONTH, UTC, 0) == Window(0, 31 * 86400)


def test_windows_of_a_far_future_are_found_from_an_anchor_of_today():
    monthly = Period(PeriodUnit.MONTH, anchor=at("2015-10-15 12:00"))
    now = at("8100-02-01 00:00")
    assert window(monthly, UTC, now) == Window(at("8100-01-15 12:00"), at("8100-02-15 12:00"))
