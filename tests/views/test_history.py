# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of history: a chart that does not hide the time without use."""

import re
from datetime import datetime, timedelta, timezone

import pytest

from esimshaper.views import page
from esimshaper.views.history import BAR_WIDTH, MOST_EMPTY, MOST_PARTS, history_page

TOKYO = timezone(timedelta(hours=9))


def lines(by: str, *starts: datetime, now: datetime | None = None) -> list[str]:
    rows = [
        {"start": s.isoformat(), "down_bytes": 10**6, "up_bytes": 0, "total_bytes": 10**6, "estimated": False}
        for s in starts
    ]
    document = {"by": by, "client": "tv", "rows": rows, "time": (now or starts[-1]).isoformat()}
    return list(page.plain_lines(history_page(document)))


@pytest.mark.parametrize(
    ("by", "first", "last", "between"),
    [
        ("hour", (2026, 11, 23, 6), (2026, 11, 23, 9), ["Mon 23 Nov 07:00", "Mon 23 Nov 08:00"]),
        ("hour", (2026, 11, 23, 23), (2026, 11, 24, 0), []),
        ("5min", (2026, 11, 23, 6, 50), (2026, 11, 23, 7, 0), ["Mon 23 Nov 06:55"]),
        ("day", (2026, 2, 27), (2026, 3, 2), ["Sat 28 Feb 2026", "Sun 01 Mar 2026"]),
        ("week", (2026, 11, 2), (2026, 11, 23), ["Mon 09 Nov 2026", "Mon 16 Nov 2026"]),
        ("month", (2025, 11, 1), (2026, 2, 1), ["December 2025", "January 2026"]),
    ],
)
def test_periods_without_use_have_rows_of_their_own(by, first, last, between):
    shown = lines(by, datetime(*first, tzinfo=TOKYO), datetime(*last, tzinfo=TOKYO))
    assert [line.split("  ")[0] for line in shown[3 : 3 + len(between)]] == between
    assert len(shown) == 2 + 2 + len(between) + 1
    assert shown[-1].split() == ["all", "together", "2.00", "MB", "0", "B", "2.00", "MB"]


@pytest.mark.parametrize(
    ("by", "starts", "said"),
    [
        ("day", [(2026, 11, 1), (2026, 11, 3), (2026, 11, 4)], "750 KB a day on average, over 4 whole days"),
        ("week", [(2026, 10, 19), (2026, 10, 26), (2026, 11, 2)], "1.00 MB a week on average, over 2 whole weeks"),
        ("month", [(2026, 8, 1), (2026, 10, 1), (2026, 11, 1)], "667 KB a month on average, over 3 whole months"),
    ],
)
def test_an_average_is_of_the_periods_that_are_over(by, starts, said):
    starts = [datetime(*each, tzinfo=TOKYO) for each in starts]
    now = datetime(2026, 11, 5, 12, tzinfo=TOKYO)
    assert said in lines(by, *starts, now=now)[-1]
    assert "average" not in lines(by, starts[-1], now=now)[-1]


def test_a_long_time_without_use_is_one_row():
    start = datetime(2026, 11, 1, tzinfo=TOKYO)
    shown = lines("hour", start, start + timedelta(hours=MOST_EMPTY + 2))
    assert len(shown) == 2 + 2 + 1 + 1
    assert shown[3] == f"({MOST_EMPTY + 1} hours without use)"


def test_one_period_needs_no_sum():
    assert len(lines("day", datetime(2026, 11, 1, tzinfo=TOKYO))) == 3


def of_each(start: datetime, *used: int):
    clients = [
        {
            "client": f"client-{number}",
            "key": "",
            "hostname": "",
            "down_bytes": size,
            "up_bytes": 0,
            "total_bytes": size,
        }
        for number, size in enumerate(used)
    ]
    sums = {"down_bytes": sum(used), "up_bytes": 0, "total_bytes": sum(used)}
    return {"start": start.isoformat(), "estimated": False, **sums, "clients": clients}


def test_each_client_has_a_row_in_its_hour_and_the_rest_share_one():
    first = datetime(2026, 11, 23, 3, tzinfo=TOKYO)
    many = [10**6] * (MOST_PARTS + 2)
    rows = [of_each(first, 2 * 10**6), of_each(first + timedelta(hours=2), *many)]
    shown = list(
        page.plain_lines(history_page({"by": "hour", "client": None, "rows": rows, "time": first.isoformat()}))
    )
    assert shown[1].split() == ["HOUR", "CLIENT", "DOWN", "UP", "TOTAL", "USE"]
    assert re.split(" {2,}", shown[2]) == ["Mon 23 Nov 03:00", "client-0", "2.00 MB", "0 B", "2.00 MB", "█" * BAR_WIDTH]
    assert re.split(" {2,}", shown[3])[:2] == ["Mon 23 Nov 04:00", "-"]
    assert re.split(" {2,}", shown[4])[:2] == ["Mon 23 Nov 05:00", "client-0"]
    assert re.split(" {2,}", shown[5])[:3] == ["", "client-1", "1.00 MB"]
    assert re.split(" {2,}", shown[4 + MOST_PARTS])[:3] == ["", "(2 others)", "2.00 MB"]
    assert re.split(" {2,}", shown[-1])[0] == "all together"
