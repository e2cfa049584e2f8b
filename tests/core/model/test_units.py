# SPDX-License-Identifier: GPL-2.0-or-later
"""Units: what people read is what was counted."""

from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.units import (
    format_duration,
    format_moment,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
)

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


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0B", 0),
        ("1B", 1),
        ("500MB", 500_000_000),
        ("500 MB", 500_000_000),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1.5GB", 1_500_000_000),
        ("0.001KB", 1),
        ("0.5KiB", 512),
        ("1KiB", 1024),
        ("2MiB", 2 * 1024**2),
        ("3GiB", 3 * 1024**3),
        ("1TiB", 1024**4),
        ("1000TB", 10**15),
        ("9007199254740993B", 9_007_199_254_740_993),
        ("9.007199254741TB", 9_007_199_254_741),
    ],
)
def test_written_size_is_that_many_bytes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [("8kbit", 8000), ("1.5mbit", 1_500_000), ("1gbit", 10**9), ("800bit", 800), ("12.5 Mbit/s", 12_500_000)],
)
def test_written_rate_is_that_many_bits_per_second(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "500", "MB", "500mb", "500Mb", "5,5MB", "1e3B", "-1B", "+1B", ".5MB", "1.MB", "500MB\n", " 1B", "1  B", "1iB",
     "1PB", "1kiB", "0x1B", "\u0661MB", "1" * 5000 + "B", "1MBB"],
)  # fmt: skip
def test_other_texts_are_no_size(text):
    with pytest.raises(ValueError, match="is not an amount of data with its unit"):
        parse_size(text)


@pytest.mark.parametrize(
    "text", ["", "256", "256kbps", "256kb", "256kB", "1tbit", "1mbits", "1mbit/h", "-1bit", "1Bit"]
)
def test_other_texts_are_no_rate(text):
    with pytest.raises(ValueError, match="is not a rate with its unit"):
        parse_rate(text)


@pytest.mark.parametrize(("parse", "text"), [(parse_size, "1.5B"), (parse_size, "0.3KiB"), (parse_rate, "0.0001kbit")])
def test_parts_of_a_byte_or_bit_are_refused(parse, text):
    with pytest.raises(ValueError, match="is not a whole number of"):
        parse(text)


@given(st.integers(min_value=0, max_value=10**15 - 1), st.sampled_from(["", "K", "M", "G", "T"]), st.integers(0, 12))
def test_decimals_are_read_exactly(number, prefix, decimals):
    before, after = divmod(number, 10**decimals)
    text = f"{before}.{after:0{decimals}d}{prefix}B" if decimals else f"{before}{prefix}B"
    exact = Fraction(number, 10**decimals) * POWERS[f"{prefix}B"]
    if exact.denominator == 1:
        assert parse_size(text) == exact
    else:
        with pytest.raises(ValueError, match="whole number of bytes"):
            parse_size(text)


@given(st.integers(min_value=0, max_value=9 * 10**14))
def test_what_is_shown_can_be_written(number):
    shown = format_size(number)
    assert format_size(parse_size(shown)) == shown
    shown = format_rate(number)
    assert shown.endswith("Tbit/s") or format_rate(parse_rate(shown)) == shown


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-11-30 18:00", "18:00"),
        ("2026-11-30 00:00", "00:00"),
        ("2026-12-01 00:00", "tomorrow 00:00"),
        ("2026-12-02 00:30", "2026-12-02 00:30"),
        ("2026-11-29 23:59", "2026-11-29 23:59"),
    ],
)
def test_a_moment_is_written_as_seen_from_now(moment, text):
    zone = ZoneInfo("Asia/Kolkata")

    def unix(words: str) -> int:
        return int(datetime.fromisoformat(words).replace(tzinfo=zone).timestamp())

    assert format_moment(unix(moment), unix("2026-11-30 20:15"), zone) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("2h", 7200), ("1d12h", 129_600), ("1d 12h", 129_600), ("90s", 90), ("1d2h3m4s", 93_784)],
)
def test_lengths_of_time_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0m", "h", "12", "1.5h", "2h1d", "1hh", "-1h", "1w", "\u0661h", "9" * 10 + "d"])
def test_no_length_of_time_is_guessed(text):
    with pytest.raises(ValueError, match="such as 30m, 2h or 1d12h"):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=10**9))
def test_a_length_that_is_shown_can_be_written(seconds):
    shown = format_duration(seconds)
    assert format_duration(parse_duration(shown)) == shown
