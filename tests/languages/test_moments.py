# SPDX-License-Identifier: GPL-2.0-or-later
"""Moments and lengths as people write them in each language."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.units import format_duration, format_in_full, format_moment_short
from esimshaper.languages import moments
from esimshaper.languages.choice import NAMES


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


NOW = at(2026, 11, 30, 18, 5)  # a Monday
MOMENTS = st.datetimes(at(2000, 1, 1).replace(tzinfo=None), at(2100, 1, 1).replace(tzinfo=None), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS)
def test_english_is_that_of_the_core(there, here):
    assert moments.short(there, here, "en") == format_moment_short(there, here)
    assert moments.in_full(there, here, "en") == format_in_full(there, here)


@given(st.integers(-10, 10**8))
def test_lengths_are_those_of_the_core(seconds):
    assert moments.length(seconds, "en") == format_duration(seconds)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (at(2026, 11, 30, 23, 0), {"zh_Hans": "23:00", "zh_Hant": "23:00", "ja": "23:00"}),
        (at(2026, 12, 1), {"zh_Hans": "今晚 0:00", "zh_Hant": "今晚 0:00", "ja": "今夜 0:00"}),
        (at(2026, 12, 1, 9), {"zh_Hans": "明天 9:00", "zh_Hant": "明天 9:00", "ja": "明日 9:00"}),
        (at(2026, 12, 3, 9), {"zh_Hans": "周四 9:00", "zh_Hant": "週四 9:00", "ja": "12月3日(木) 9:00"}),
        (at(2027, 1, 1), {"zh_Hans": "1月1日 0:00", "zh_Hant": "1月1日 0:00", "ja": "1月1日(金) 0:00"}),
        (at(2028, 1, 1), {"zh_Hans": "2028年1月1日", "zh_Hant": "2028年1月1日", "ja": "2028年1月1日"}),
    ],
)
def test_a_moment_is_as_short_as_it_is_clear(there, said):
    assert {language: moments.short(there, NOW, language) for language in said} == said


def test_what_somebody_has_set_is_said_in_full():
    near, far = at(2026, 12, 1, 7), at(2026, 12, 24, 7)
    assert moments.in_full(near, NOW, "ja") == "火曜日 7:00"
    assert moments.in_full(far, NOW, "ja") == "2026年12月24日(木) 7:00"
    assert moments.in_full(near, NOW, "zh_Hant") == "週二 7:00"
    assert moments.in_full(far, NOW, "zh_Hans") == "2026年12月24日（周四）7:00"


def test_a_day_that_ends_at_midnight_is_the_day_before():
    assert moments.last_day(at(2026, 12, 2), "en") == "Tue 1 Dec"
    assert moments.last_day(at(2026, 12, 2, 0, 1), "ja") == "12月2日(水)"


def test_a_length_has_its_two_largest_units():
    seconds = (0, 42, 200, 11520, 446400)
    assert [moments.length(each, "ja") for each in seconds] == ["0秒", "42秒", "3分20秒", "3時間12分", "5日4時間"]
    assert moments.length(446400, "zh_Hans") == "5天4小时"
    assert moments.length(11520, "zh_Hant") == "3小時12分鐘"


@given(MOMENTS, MOMENTS, st.sampled_from(sorted(NAMES)))
def test_every_moment_can_be_said(there, here, language):
    assert "{" not in moments.short(there, here, language) + moments.in_full(there, here, language)
