# SPDX-License-Identifier: GPL-2.0-or-later
"""What people say that they bought, in the words of carriers' shops, becomes the terms of a quota. Pure."""

import pytest

from esimshaper.core.settings.plan_words import EXAMPLES, Terms, parse_terms

SAID = {
    "10 GB for 30 days": Terms("10GB", "day", 30),
    "10gb/30 days": Terms("10GB", "day", 30),
    "20GB 30 days": Terms("20GB", "day", 30),
    "10 GB for a month": Terms("10GB", "month", 1),
    "50 GB a month": Terms("50GB", "month"),
    "50 GB/month": Terms("50GB", "month"),
    "500MB daily": Terms("500MB", "day"),
    "3 gigs a week, then slow 64kbps": Terms("3GB", "week", then="64kbit"),
    "10 gigabytes for 2 weeks": Terms("10GB", "day", 14),
    "1.5 GiB per day; then block": Terms("1.5GiB", "day"),
    "10G monthly": Terms("10GB", "month"),
    "1 GB a day then 128 kbit/s": Terms("1GB", "day", then="128kbit"),
    "1GB each day, after that 128 kbps": Terms("1GB", "day", then="128kbit"),
    "10 GB in 15 days and then slowed down to 1 Mbit": Terms("10GB", "day", 15, "1mbit"),
    "2 GB an hour then notify": Terms("2GB", "hour", then="notify"),
    "5 MB for 12 hours": Terms("5MB", "hour", 12),
    "5 GB valid for 7 days": Terms("5GB", "day", 7),
    "10GB monthly plan": Terms("10GB", "month"),
    "20 GB of data for 30 days": Terms("20GB", "day", 30),
    "1gb per day for 30 days": Terms("1GB", "day"),
    "10,5 GB a month": Terms("10.5GB", "month"),
    "30 days 10 GB": Terms("10GB", "day", 30),
    "for a month: 10 GB, then 128k": Terms("10GB", "month", 1, "128kbit"),
    "100 GB fair use a month then 3 Mbps": Terms("100GB", "month", then="3mbit"),
    "10 GB from the 15th": Terms("10GB", "month", 1, began="15"),
    "10 GB a month from the 15th": Terms("10GB", "month", 1, began="15"),
    "50 GB a month, renews on the 3rd": Terms("50GB", "month", 1, began="3"),
    "20 GB/month starting 1st then 128 kbit/s": Terms("20GB", "month", 1, "128kbit", "1"),
    "10 GB for 30 days since yesterday": Terms("10GB", "day", 30, began="yesterday"),
    "10 GB for 30 days from 2026-11-15T09:00": Terms("10GB", "day", 30, began="2026-11-15T09:00"),
    "5 GB a week from the 7th, then block": Terms("5GB", "day", 7, began="7"),
}


@pytest.mark.parametrize("text", SAID)
def test_what_was_bought_is_understood(text):
    assert parse_terms(text) == parse_terms(f"  {text.upper()} ") == SAID[text]


@pytest.mark.parametrize("text", ["unlimited", "no limit", "None", "nothing", "flatrate", "-"])
def test_no_limit_is_no_quota(text):
    assert parse_terms(text) is None


def test_each_example_is_understood():
    assert [parse_terms(each) is None for each in EXAMPLES] == [False, False, False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with an amount of data"),
        ("a lot", "does not begin with an amount of data"),
        ("10", "does not begin with an amount of data"),
        ("5 GB", "does not say for how long"),
        ("5 GB sometimes", "does not say for how long"),
        ("0 GB a day", "is not between 1B"),
        ("1001 TB a day", "is not between 1B"),
        ("1.1B a day", "not a whole number of bytes"),
        ("5 GB for 0 days", "is not from 1 to 3650 days"),
        ("5 GB for 9999 days", "is not from 1 to 3650 days"),
        ("5 GB a day then dance", "is not what happens then"),
    ],
)
def test_what_makes_no_sense_is_answered_with_what_would(text, words):
    with pytest.raises(ValueError, match=words):
        parse_terms(text)
