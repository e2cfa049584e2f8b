# SPDX-License-Identifier: GPL-2.0-or-later
"""The digest of a week: when it comes, also where a clock is put back, and the numbers of its plot."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.model.channels import Weekly
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import Volume
from esimshaper.core.notices import weekly
from tests.core import notice_data

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = Weekly(0, 8 * 60)


def at(day: int, hour: int, minute: int = 0, month: int = 11) -> float:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).timestamp()


def test_it_is_due_once_at_its_time_and_made_up_for_within_a_day():
    moment = int(at(30, 8))
    assert weekly.due(MONDAY, 0, at(30, 7, 59), BERLIN) is None
    assert weekly.due(MONDAY, 0, at(30, 8), BERLIN) == moment
    assert weekly.due(MONDAY, moment, at(30, 9), BERLIN) is None
    assert weekly.due(MONDAY, 0, at(1, 7, 59, month=12), BERLIN) == moment
    assert weekly.due(MONDAY, 0, at(1, 8, month=12), BERLIN) is None
    assert weekly.due(None, 0, at(30, 8), BERLIN) is None


@pytest.mark.parametrize("month", range(1, 13))
def test_once_a_week_whatever_the_clocks_do(month):
    sunday = Weekly(6, 2 * 60 + 30)  # which the clock skips, or shows twice, on two days of the year
    moment, last, made = datetime(2026, month, 1, tzinfo=BERLIN), 0, []
    while moment.month == month:
        found = weekly.due(sunday, last, moment.timestamp(), BERLIN)
        if found:
            made.append(found)
            last = found
        moment = (moment.astimezone(ZoneInfo("UTC")) + timedelta(minutes=30)).astimezone(BERLIN)
    days = {datetime.fromtimestamp(each, BERLIN).date() for each in made}
    assert all(day.weekday() == 6 for day in days)
    assert len(days) in (4, 5)
    assert len(made) == len(days)


def test_its_numbers_are_those_of_seven_whole_days():
    now = at(30, 8)
    days = weekly.days_before(now, BERLIN)
    assert (len(days.dates), len(days.edges), days.dates[-1].isoformat()) == (14, 15, "2026-11-29")
    tv, own = ClientKey("02:00:00:00:00:11"), ClientKey("02:00:00:00:00:12")
    sums = [Sums({tv: Counters(100 * number, number), own: Counters(1)}) for number in range(14)]
    sums[10] = Sums(sums[10].usage, {tv: {"netflix": Volume(700, 1)}})
    made = weekly.notice(days, sums, 3, {tv: "tv"}, BERLIN, int(now))
    notice_data.check(made)
    assert made.data["days"][0] == ["2026-11-23", 708]
    assert made.data["total"] == sum(size for _, size in made.data["days"])
    assert made.data["top"] == [["tv", made.data["total"] - 7], [own, 7]]
    assert made.data["services"] == [["netflix", 701]]
    assert made.data["since"] == "2026-11-23T00:00:00+01:00"
    assert made.data["alarms"] == 3
