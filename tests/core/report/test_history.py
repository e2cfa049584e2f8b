# SPDX-License-Identifier: GPL-2.0-or-later
"""Periods of history, as people ask for them: weeks out of days, where each begins, and what each client used."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryRow, Resolution, Span
from esimshaper.core.report.history import begin_of, history_document, with_clients
from tests import synthetic_router as router
from tests.synthetic_router import ALICE, NOW, PIXEL

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("span", "begin"),
    [
        (Span.FIVE_MINUTES, "2025-10-26T02:40:00+01:00"),
        (Span.HOUR, "2025-10-26T02:00:00+01:00"),
        (Span.DAY, "2025-10-26T00:00:00+02:00"),
        (Span.WEEK, "2025-10-20T00:00:00+02:00"),
        (Span.MONTH, "2025-10-01T00:00:00+02:00"),
    ],
)
def test_a_period_begins_by_the_clocks_of_the_zone(span, begin):
    """In the second of two hours that are both called two o'clock."""
    moment = int(datetime.fromisoformat("2025-10-26T02:43:21+01:00").timestamp())
    assert begin_of(span, moment, BERLIN) == datetime.fromisoformat(begin).timestamp()


def test_an_hour_of_india_begins_at_its_half_of_ours():
    moment = int(datetime.fromisoformat("2025-10-26T10:12:00+05:30").timestamp())
    assert begin_of(Span.HOUR, moment, ZoneInfo("Asia/Kolkata")) == moment - 720


def days(*used: tuple[datetime, int], client=ALICE) -> list[HistoryRow]:
    return [HistoryRow(Resolution.DAY, int(day.timestamp()), client, Counters(size)) for day, size in used]


def test_a_week_is_the_sum_of_its_days_from_monday_on():
    monday = NOW.replace(hour=0, minute=0)
    assert monday.weekday() == 0
    rows = days((monday - timedelta(days=1), 1), (monday, 10), (monday + timedelta(days=6), 100), (monday, 1000))
    document = history_document(NOW, Span.WEEK, rows, limit=9)
    assert [(row["start"], row["down_bytes"]) for row in document["rows"]] == [
        ("2026-11-16T00:00:00+09:00", 1),
        ("2026-11-23T00:00:00+09:00", 1110),
    ]


def test_each_client_is_in_the_rows_that_are_shown_the_largest_first():
    monday = NOW.replace(hour=0, minute=0)
    rows = [*days((monday, 10), (monday - timedelta(days=1), 5)), *days((monday, 20), client=PIXEL)]
    document = history_document(NOW, Span.DAY, rows, limit=1)
    (row,) = with_clients(document, router.state(), NOW, Span.DAY, rows)["rows"]
    assert [(each["client"], each["total_bytes"]) for each in row["clients"]] == [(PIXEL, 20), ("alice-phone", 10)]


def test_periods_before_since_are_left_out():
    monday = NOW.replace(hour=0, minute=0)
    rows = days((monday, 10), (monday - timedelta(days=1), 5))
    assert len(history_document(NOW, Span.DAY, rows, limit=9, since=int(monday.timestamp()))["rows"]) == 1
