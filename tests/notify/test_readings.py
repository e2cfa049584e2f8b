# SPDX-License-Identifier: GPL-2.0-or-later
"""What carriers write is understood by rules of the owner, whatever the letters; nonsense and traps give nothing."""

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esimshaper.notify import matcher, readings

DOCOMO = {"from": ["docomo", "1580"], "match": r"\u6b8b\u308a(?P<left>[\d.,]+)(?P<unit>[GM]B)"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4.5", "4.5"),
        ("4,5", "4.5"),
        ("1,234.5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("1 234,5", "1234.5"),
        ("12,345", "12345"),
        ("1,234,567", "1234567"),
        ("0,345", "0.345"),
        ("2\u4e07", "20000"),
    ],
)
def test_numbers_as_carriers_write_them(text, number):
    assert readings.amount(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "-1", "1e99999999", "inf", "nan", "1.2.3", "9" * 400, "\u0663", "0x10"])
def test_what_is_no_number_of_a_carrier(text):
    assert readings.amount(text) is None


@pytest.mark.parametrize(
    ("rule", "groups", "gives"),
    [
        ({}, {"left": "4.5", "unit": "GB"}, {"left": 4_500_000_000}),
        ({}, {"used": "800", "unit": "mb"}, {"used": 800_000_000}),
        ({"unit": "GB"}, {"left": "3"}, {"left": 3_000_000_000}),
        ({}, {"percent": "80"}, {"percent": 80.0}),
        ({}, {"percent": "180"}, None),
        ({}, {"left": "4.5", "unit": "apples"}, None),
        ({}, {"left": "4.5"}, None),
        ({}, {"left": "999999999", "unit": "TB"}, None),
    ],
)
def test_what_the_groups_of_a_rule_give(rule, groups, gives):
    assert readings.given(rule, groups) == gives


def test_a_rule_is_for_a_sender_by_its_whole_name():
    assert readings.is_from(DOCOMO, "docomo")
    assert readings.is_from(DOCOMO, "\uff11\uff15\uff18\uff10")
    assert not readings.is_from(DOCOMO, "docomo2")
    assert not readings.is_from(DOCOMO, "Docomo")
    assert not readings.is_from({}, "")


def test_full_width_letters_are_read_as_others():
    text = readings.plain("\u30c7\u30fc\u30bf\u91cf\u306e\n\u6b8b\u308a\uff14\uff0e\uff15\uff27\uff22\u3067\u3059")
    number, groups = matcher.first_match(["nothing", DOCOMO["match"]], text) or (0, {})
    assert (number, readings.given(DOCOMO, groups)) == (1, {"left": 4_500_000_000})


def test_a_pattern_that_takes_for_ever_is_ended(monkeypatch):
    monkeypatch.setattr(matcher, "SECONDS", 1.0)
    with pytest.raises(TimeoutError):
        matcher.first_match([r"(a+)+$"], "a" * 60 + "!")


def test_a_pattern_that_takes_all_memory_gives_nothing():
    assert matcher.first_match([r"((((a{1,9999}){1,9999}){1,9999}){1,9999}"], "a") is None


@given(st.text(max_size=3000))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_bounded_and_can_be_told(text):
    plain = readings.plain(text)
    assert len(plain) <= readings.MOST_TEXT
    json.dumps(plain)
    readings.given({"unit": "GB"}, {"left": plain})
