# SPDX-License-Identifier: GPL-2.0-or-later
"""Since when: as people write it, in the zone of the plan."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.report.since import parse_since

TOKYO, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 11, 26, 18, 30, 5, tzinfo=TOKYO)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("today", "2025-11-26 00:00"),
        ("Yesterday", "2025-11-25 00:00"),
        ("monday", "2025-11-24 00:00"),
        ("wed", "2025-11-26 00:00"),
        ("Thu", "2025-11-20 00:00"),
        ("week", "2025-11-24 00:00"),
        ("this month", "2025-11-01 00:00"),
        ("year", "2025-01-01 00:00"),
        ("yesterday 12:00", "2025-11-25 12:00"),
        ("Yesterday at 12:00", "2025-11-25 12:00"),
        ("tue 07:00", "2025-11-25 07:00"),
        ("18:00", "2025-11-26 18:00"),
        ("19:00", "2025-11-25 19:00"),
        ("18:30:05", "2025-11-26 18:30:05"),
        ("2025-11-20", "2025-11-20 00:00"),
        ("2025-11-20 18:00", "2025-11-20 18:00"),
        ("2025-11-20T18:00", "2025-11-20 18:00"),
        ("2025-03", "2025-03-01 00:00"),
        ("2h", "2025-11-26 16:30:05"),
        ("1d12h", "2025-11-25 06:30:05"),
        ("3d ago", "2025-11-23 18:30:05"),
    ],
)
def test_a_moment_is_the_one_that_a_person_means(text, moment):
    assert datetime.fromtimestamp(parse_since(text, NOW), TOKYO) == datetime.fromisoformat(moment).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    "text", ["", "t", "soon", "25:00", "2025-13-01", "0h", "99999999d", "-1d", "2 bananas", "2h 12:00", "noon 12"]
)
def test_what_is_no_moment_is_answered_with_what_may_stand_there(text):
    with pytest.raises(ValueError, match=r"is no moment that is understood; write today, yesterday"):
        parse_since(text, NOW)


def test_a_moment_to_come_is_none():
    with pytest.raises(ValueError, match="is still to come"):
        parse_since("2025-12-01", NOW)
    with pytest.raises(ValueError, match="is still to come"):
        parse_since("today 19:00", NOW)


def test_days_are_those_of_the_zone_when_its_clocks_change():
    """Clocks in Berlin went back on 26 October 2025 at 3:00."""
    now = datetime(2025, 10, 26, 12, 0, tzinfo=BERLIN)
    assert parse_since("today", now) == datetime(2025, 10, 25, 22, 0, tzinfo=ZoneInfo("UTC")).timestamp()
    assert parse_since("13h", now) == now.timestamp() - 13 * 3600
