# SPDX-License-Identifier: GPL-2.0-or-later
"""What people type for amounts and times is read as they mean it, and what is no such thing is left alone."""

import pytest

from esimshaper.core.model.typed import typed_clock, typed_duration, typed_rate, typed_size
from esimshaper.core.model.units import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("300M", 300_000_000),
        ("300mb", 300_000_000),
        ("300 Mb", 300_000_000),
        ("0.3gb", 300_000_000),
        ("1,5GB", 1_500_000_000),
        ("1.5 gigabytes", 1_500_000_000),
        ("2 gigs", 2_000_000_000),
        ("2gib", 2 * 2**30),
        ("500k", 500_000),
        ("7B", 7),
        ("7 bytes", 7),
    ],
)
def test_a_size_is_understood_in_any_usual_spelling(text, size):
    assert parse_size(typed_size(text)) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [("256k", "256kbit"), ("5 Mbits", "5mbit"), ("256kbps", "256kbps"), ("1.5mbit/s", "1.5mbit"), ("x", "x")],
)
def test_a_rate_is_understood_in_any_usual_spelling(text, rate):
    assert typed_rate(text) == rate


@pytest.mark.parametrize("text", ["300", "1,500MB", "ten MB", "5mbit", "256kbit", "MB", "300MB today", "-300MB", ""])
def test_what_is_no_size_is_left_for_the_one_who_refuses_it(text):
    assert typed_size(text) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200),
        ("2 hours", 7200),
        ("90min", 5400),
        ("an hour", 3600),
        ("1 hour and 30 minutes", 5400),
        ("1d12h", 129_600),
        ("45 Secs", 45),
    ],
)
def test_a_length_of_time_is_understood_in_any_usual_spelling(text, seconds):
    assert parse_duration(typed_duration(text)) == seconds


@pytest.mark.parametrize("text", ["2 fortnights", "soon", "2", "12m1h", ""])
def test_what_is_no_length_of_time_stays_so(text):
    with pytest.raises(ValueError, match="not a length of time"):
        parse_duration(typed_duration(text))


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("7am", "07:00"),
        ("7 p.m.", "19:00"),
        ("tue 7:30pm", "tue 19:30"),
        ("12am", "00:00"),
        ("12 pm", "12:00"),
        ("tomorrow noon", "tomorrow 12:00"),
        ("midnight", "00:00"),
        ("07:00", "07:00"),
        ("13pm", "13pm"),
        ("monday", "monday"),
    ],
)
def test_times_of_half_days_are_those_of_whole_ones(text, clock):
    assert typed_clock(text) == clock
