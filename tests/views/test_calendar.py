# SPDX-License-Identifier: GPL-2.0-or-later
"""A year as a calendar: every day has its square, as many weeks as the terminal is wide."""

from datetime import date, datetime, timedelta, timezone

import pytest
from rich.console import Console

from esimshaper.views import page
from esimshaper.views.calendar import SHADES, WEEKS, calendar_page

TOKYO = timezone(timedelta(hours=9))
NOW = datetime(2026, 11, 25, 18, 30, tzinfo=TOKYO)  # a Wednesday
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def document(used: dict[date, int]):
    rows = [
        {"start": datetime(day.year, day.month, day.day, tzinfo=TOKYO).isoformat(), "total_bytes": size}
        for day, size in used.items()
    ]
    return {"time": NOW.isoformat(), "client": None, "rows": rows}


def shown(used: dict[date, int], width: int = 120) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(page.renderable(calendar_page(document(used)), width))
    return [line.rstrip() for line in captured.get().splitlines()]


def squares(lines: list[str]) -> dict[date, str]:
    """What stands for each day, by its row and its distance from the last week."""
    grid = {name: line[5:] for name in DAYS for line in lines if line.startswith(name)}
    step = 2 if " " in grid["Mon"] else 1
    weeks = [grid[name][::step] for name in DAYS]
    number = max(map(len, weeks))
    monday = date(2026, 11, 23) - timedelta(weeks=number - 1)
    return {
        monday + timedelta(weeks=week, days=day): row[week] for day, row in enumerate(weeks) for week in range(len(row))
    }


@pytest.mark.parametrize(("width", "weeks"), [(200, WEEKS), (111, WEEKS), (80, WEEKS), (48, 43), (20, 15)])
def test_a_calendar_has_as_many_weeks_as_fit_and_ends_today(width, weeks):
    lines = shown({date(2026, 11, 25): 5}, width)
    days = squares(lines)
    assert max(map(len, lines)) <= width
    assert max(days) == date(2026, 11, 25)
    assert min(days) == date(2026, 11, 23) - timedelta(weeks=weeks - 1)
    assert [day for day, square in days.items() if square != "·"] == [date(2026, 11, 25)]


def test_a_quarter_of_the_days_has_each_shade_whatever_one_of_them_was():
    used = {date(2026, 11, 1) + timedelta(days=n): size for n, size in enumerate((1, 2, 3, 4, 5, 6, 7, 10**12))}
    days = squares(shown(used))
    assert "".join(days[day] for day in used) == "".join(shade * 2 for shade in SHADES)


def test_it_says_what_the_shades_mean_and_how_much_it_was():
    lines = shown({date(2026, 11, 20): 10**6, date(2026, 11, 24): 3 * 10**6})
    assert lines[-3:] == [
        "· none   ░ up to 1.00 MB   ▓ up to 3.00 MB",
        "4.00 MB in 6 days; most on Tue 24 Nov 2026: 3.00 MB",
        "4 days without use",
    ]


def test_months_stand_above_the_week_of_their_first_day():
    head = shown({date(2026, 11, 25): 1}, 111)[1]
    days = sorted(day for day in squares(shown({date(2026, 11, 25): 1}, 111)) if day.weekday() == 0)
    assert days[(head.index("Mar") - 5) // 2] == date(2026, 2, 23)
    assert [name for name in ("Dec", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul") if name not in head] == []


def test_nothing_on_record_is_a_sentence_and_old_use_is_said():
    assert shown({}) == ["Nothing is on record yet of all clients."]
    assert shown({date(2024, 1, 1): 5})[-1] == "Nothing was used in these weeks."


def test_a_pipe_gets_a_whole_year():
    assert len(squares(list(page.plain_lines(calendar_page(document({date(2026, 11, 25): 1})))))) > 365
