# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of events: a line each under its day, which goes on under its text where a terminal is narrow."""

from datetime import datetime, timedelta, timezone

from rich.console import Console

from esimshaper.views import page
from esimshaper.views.events import events_page

TOKYO = timezone(timedelta(hours=9))
NOW = datetime(2026, 11, 23, 18, 30, tzinfo=TOKYO)


def document(*events: tuple[datetime, str], count: int = 0):
    entries = [{"at": at.isoformat(), "kind": "blocked", "text": text} for at, text in events]
    return {"time": NOW.isoformat(), "count": count or len(entries), "events": entries}


def test_each_event_stands_under_its_day():
    old, before = NOW - timedelta(days=400), NOW - timedelta(days=1)
    shown = events_page(document((old, "started"), (before, "tv is blocked now"), (NOW, "a"), (NOW, "b")))
    assert list(page.plain_lines(shown)) == [
        "Sunday 19 October 2025",
        "18:30  started",
        "",
        "Yesterday, Sunday 22 November",
        "18:30  tv is blocked now",
        "",
        "Today, Monday 23 November",
        "18:30  a",
        "18:30  b",
    ]


def test_a_long_event_goes_on_under_its_text():
    console = Console(width=30, color_system=None)
    with console.capture() as captured:
        console.print(page.renderable(events_page(document((NOW, "tv is blocked now: plan: all of it is used"))), 30))
    assert [line.rstrip() for line in captured.get().splitlines()[1:]] == [
        "18:30  tv is blocked now:",
        "       plan: all of it is used",
    ]


def test_a_choice_says_that_there_is_more():
    assert list(page.plain_lines(events_page(document((NOW, "a"), count=31))))[-1].startswith(
        "the last 1 of 31 events;"
    )


def test_nothing_is_a_sentence():
    assert list(page.plain_lines(events_page(document()))) == ["Nothing is on record of that."]
