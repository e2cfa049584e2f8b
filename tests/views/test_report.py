# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports for people: pages of a terminal, CSV for a spreadsheet, and one file for a browser."""

import csv
import html.parser
import io
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from esimshaper.views import page, svg
from esimshaper.views.report import overview_page, report_page, series
from esimshaper.views.report_csv import csv_lines
from esimshaper.views.report_html import html_page

TOKYO = timezone(timedelta(hours=9))
BEGIN = datetime(2026, 11, 1, tzinfo=TOKYO)
EVIL = '<img src=x onerror="alert(1)">\x1b[31m'


def used(total: int) -> dict[str, int]:
    return {"down_bytes": total - total // 10, "up_bytes": total // 10, "total_bytes": total}


def document(by: str, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    whole = used(sum(row["total_bytes"] for row in rows))
    about = {"client": None, "uplink": None, "plan": None, "notes": [], "estimated": False, "zone": "Asia/Tokyo"}
    end = BEGIN + timedelta(days=14, hours=12)
    ends = {"since": BEGIN.isoformat(), "until": end.isoformat(), "time": end.isoformat()}
    return {"by": by, "rows": rows, "total": whole, **about, **ends, **more}


def client(name: str, total: int) -> dict[str, Any]:
    return {"client": name, "key": name, "mac": "", "hostname": "", "group": None, **used(total)}


def days(*sizes: int) -> dict[str, Any]:
    rows = [
        {"start": start.isoformat(), "start_unix": int(start.timestamp()), "estimated": False, **used(size)}
        for at, size in enumerate(sizes)
        if size and (start := BEGIN + timedelta(days=at))
    ]
    return document("day", rows)


def shown(found: page.Page) -> str:
    return "\n".join(page.plain_lines(found))


def test_rows_have_shares_and_a_sum():
    text = shown(report_page(document("client", [client("tv", 3 * 10**9), client("alice-phone", 10**9)])))
    assert text.startswith("All clients from 01 Nov 2026 to 15 Nov 2026 12:00: 4.00 GB, 3.60 GB down and 400 MB up")
    assert re.search(r"tv +2.70 GB +300 MB +3.00 GB +75%  █", text)
    assert re.search(r"all together +3.60 GB +400 MB +4.00 GB", text)


@pytest.mark.parametrize("by", ["group", "category", "uplink", "plan"])
def test_what_has_no_name_is_said_in_words(by):
    text = shown(report_page(document(by, [{by: None, **used(10**6)}])))
    assert re.search(r"\((no|not) \w+\)", text)


def test_trips_show_their_plans_and_what_is_left_of_the_budget():
    unknown = {"cost": None, "currency": None, "cost_since": None, "is_of_trip": False}
    bought = {"cost": "1490", "currency": "JPY", "cost_since": "2026-11-02T09:00:00+09:00", "is_of_trip": True}
    before = bought | {"cost": "2178", "cost_since": "2026-09-01T00:00:00+09:00", "is_of_trip": False}
    plans = [
        {"plan": "iij-10gb", **used(2 * 10**9), **bought},
        {"plan": "home", **used(10**9), **before},
        {"plan": None, **used(10**9), **unknown},
    ]
    budget = {"from": "", "to": "", "budget_bytes": 5 * 10**9, "left_bytes": 2 * 10**9}
    trips = [
        {"trip": "japan", **budget, "plans": plans, "spent": {"JPY": "1490", "USD": "4.50"}} | used(3 * 10**9),
        {"trip": "home", **budget, "budget_bytes": 10**9, "left_bytes": -(10**9), "plans": [], "spent": {}}
        | used(2 * 10**9),
    ]
    text = shown(report_page(document("trip", trips)))
    assert re.search(r"japan .* 1,490 JPY, 4.50 USD", text)
    assert re.search(r"iij-10gb .* 1,490 JPY", text)
    assert re.search(r"  home .* 2,178 JPY since 01 Sep 2026", text)
    html = html_page({"trip": document("trip", trips)})
    assert "2,178 JPY since 01 Sep 2026" in html
    assert "1490 JPY 4.50 USD" in list(csv_lines(document("trip", trips)))[1]
    assert re.search(r"japan .* 2.00 GB of 5.00 GB", text)
    assert re.search(r"home .* 1.00 GB over 1.00 GB", text)
    assert "  iij-10gb" in text


def test_an_overview_begins_with_a_chart_and_shows_the_most_of_each():
    many = [client(f"device-{n:02}", (20 - n) * 10**6) for n in range(12)]
    text = shown(overview_page({"day": days(10**8, 0, 5 * 10**7, 10**7), "client": document("client", many)}))
    assert "█" in text.splitlines()[3]
    assert re.search(r"\(4 others\)", text)
    assert "device-08" not in text
    assert text.index("Sun 01 Nov 2026") < text.index("Devices")


@pytest.mark.parametrize("width", [20, 48, 80, 200])
@pytest.mark.parametrize("number", [1, 2, 30, 500])
def test_a_chart_fits_any_terminal(width, number):
    (chart,) = (p for p in report_page(days(*range(1, number + 1))) if isinstance(p, page.Picture))
    lines = [f"{line.lead.text if line.lead else ''}{line.text}" for line in chart.lines(width)]
    assert all(len(line) <= width for line in lines[:6])
    assert not lines or "█" in lines[5]


def test_times_without_use_are_in_the_series():
    assert [size for _, size in series(days(5, 0, 0, 7))] == [5, 0, 0, 7]


def test_nothing_on_record_is_said():
    text = shown(report_page(document("client", [], notes=["A note."])))
    assert text == "Nothing is on record of all clients from 01 Nov 2026 to 15 Nov 2026 12:00.\nA note."
    assert shown(overview_page({"day": document("day", [])})).startswith("Nothing is on record")
    assert shown(report_page(document("trip", []))).startswith("No trip of the configuration has a day from 01 Nov")


def test_csv_has_a_line_for_each_row_and_no_formulas():
    rows = [{**client("=1+1", 10), "hostname": "@sum"}, client('a "quoted", name', 5)]
    lines = list(csv.reader(io.StringIO("".join(csv_lines(document("client", rows))))))
    assert lines[0] == ["client", "key", "mac", "hostname", "group", "down_bytes", "up_bytes", "total_bytes"]
    assert lines[1][:4] == ["'=1+1", "'=1+1", "", "'@sum"]
    assert lines[2][0] == 'a "quoted", name'
    assert lines[2][-1] == "5"
    by_day = "".join(csv_lines(days(5)))
    assert by_day.splitlines()[1] == "2026-11-01T00:00:00+09:00,1793458800,no,5,0,5"


class Reader(html.parser.HTMLParser):
    """Whether each element is closed by its own end, and what a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [
            each for each in attrs if each[0] in ("src", "href", "data", "action") or each[0].startswith("on")
        ]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_of_a_browser_is_one_file_that_loads_nothing_and_believes_no_name():
    hours = document("hour", [{**row, "start": row["start"]} for row in days(5, 0, 7)["rows"]])
    reports = {"day": days(10**8, 0, 5 * 10**7), "client": document("client", [client(EVIL, 10**8)]), "hour": hours}
    text = html_page(reports)
    reader = Reader()
    reader.feed(text)
    assert (reader.open, reader.loads) == ([], [])
    assert "<img" not in text
    assert "\x1b" not in text
    assert "&lt;img src=x" in text
    assert not re.search(r"@import|url\(|<script|<link", text)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert text.count('role="img"') == 3
    assert "<title>Bytes by day: most on Sun 01 Nov 2026, 100 MB; 3 days in all</title>" in text


@pytest.mark.parametrize(("largest", "end"), [(0, 4), (5, 8), (21, 40), (10**9, 2 * 10**9), (7 * 10**8, 8 * 10**8)])
def test_a_scale_ends_with_a_round_number(largest, end):
    assert svg._scale_end(largest) == end
