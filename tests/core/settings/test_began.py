# SPDX-License-Identifier: GPL-2.0-or-later
"""When a plan began is understood as people say it, in the zone of the plan. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.settings.periods import parse_began

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2024, 3, 10, 18, 30, 12, tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("now", "2024-03-10T18:30"),
        ("today", "2024-03-10"),
        ("Yesterday", "2024-03-09"),
        ("10", "2024-03-10"),
        ("the 3rd", "2024-03-03"),
        ("15th", "2024-02-15"),
        ("30th", "2024-01-30"),
        ("2024-03-01T09:00", "2024-03-01T09:00"),
    ],
)
def test_a_beginning_is_the_last_one_that_fits(said, meant):
    began = datetime.fromtimestamp(parse_began(said, TOKYO, NOW.timestamp()), TOKYO)
    assert began == datetime.fromisoformat(meant).replace(tzinfo=TOKYO)


@pytest.mark.parametrize("said", ["32nd", "0", "some day", "2024-13-01"])
def test_what_is_no_beginning_is_refused(said):
    with pytest.raises(ValueError, match="no day of a month|not in the calendar"):
        parse_began(said, TOKYO, NOW.timestamp())
