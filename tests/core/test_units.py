# SPDX-License-Identifier: GPL-2.0-or-later
"""Units: what people read is what was counted."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.units import format_duration, format_rate, format_size

POWERS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15, "EB": 10**18}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.00 KB"),
        (1004, "1.00 KB"),
        (1005, "1.01 KB"),
        (9_994, "9.99 KB"),
        (9_995, "10.0 KB"),
        (99_949, "99.9 KB"),
        (99_950, "100 KB"),
        (999_499, "999 KB"),
        (999_500, "1.00 MB"),
        (999_999, "1.00 MB"),
        (1_230_000_000, "1.23 GB"),
        (500_000_000, "500 MB"),
        (10_000_000_000, "10.0 GB"),
        (2**64 - 1, "18.4 EB"),
        (5_000 * 10**18, "5000 EB"),
        (-12_500, "-12.5 KB"),
        (-3, "-3 B"),
    ],
)
def test_size_is_shown_with_three_figures(size, text):
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0 bit/s"),
        (800, "800 bit/s"),
        (128_000, "128 kbit/s"),
        (12_500_000, "12.5 Mbit/s"),
        (999_999_999, "1.00 Gbit/s"),
        (2_500_000_000_000, "2.50 Tbit/s"),
    ],
)
def test_rate_is_shown_with_three_figures(rate, text):
    assert format_rate(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (0.9, "0s"),
        (59.999, "59s"),
        (60, "1m 0s"),
        (200, "3m 20s"),
        (3599, "59m 59s"),
        (3600, "1h 0m"),
        (11_520, "3h 12m"),
        (86_399, "23h 59m"),
        (446_400, "5d 4h"),
        (400 * 86_400, "400d 0h"),
    ],
)
def test_duration_is_shown_with_two_units_and_never_rounded_up(seconds, text):
    assert format_duration(seconds) == text


@given(st.integers(min_value=0, max_value=2**64))
def test_shown_size_is_within_half_a_percent_and_one_to_three_figures(size):
    number, unit = format_size(size).split()
    assert abs(Fraction(number) * POWERS[unit] - size) <= Fraction(size, 200)
    assert len(number.replace(".", "")) <= 3


@given(st.integers(min_value=0, max_value=2**64), st.integers(min_value=0, max_value=2**64))
def test_more_bytes_never_look_like_fewer(one, other):
    smaller, larger = sorted((one, other))
    shown = [Fraction(text.split()[0]) * POWERS[text.split()[1]] for text in map(format_size, (smaller, larger))]
    assert shown[0] <= shown[1]
