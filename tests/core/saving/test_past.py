# SPDX-License-Identifier: GPL-2.0-or-later
"""What was used since a moment, out of rows of history: to the five minutes, and never too little."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Bucket, Pending, Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Window
from esimshaper.core.saving import ledger
from esimshaper.core.saving.past import _is_in, row_ranges, row_ranges_within, used_since

ALICE, BOB = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")
NOON = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp())
BUCKET, HOUR, DAY = 300, 3600, 86400
ZONES = [UTC, ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")]
buckets = st.integers(-800, 0).map(lambda number: NOON + number * BUCKET)


def rows(used: dict[int, int], zone=UTC, client: ClientKey = ALICE):
    return ledger.rows({Bucket(at, client): Pending(Counters(size, 1)) for at, size in used.items()}, zone)


@given(st.dictionaries(buckets, st.integers(1, 10**12)), buckets, st.sampled_from(ZONES))
def test_it_is_the_sum_of_the_five_minutes_since_then(used, since, zone):
    of = row_ranges(since, NOON + 60, zone)
    found = used_since(rows(used, zone), of).get(ALICE, Counters())
    assert found.down_bytes == sum(size for at, size in used.items() if at >= since)


def test_where_five_minutes_are_kept_no_more_their_whole_hour_counts():
    used = {NOON - HOUR: 100, NOON - HOUR + BUCKET: 20, NOON: 3}
    kept = [row for row in rows(used) if row.resolution is not Resolution.FIVE_MINUTES]
    since = NOON - HOUR + BUCKET
    assert used_since(rows(used), row_ranges(since, NOON, UTC))[ALICE].down_bytes == 23
    assert used_since(kept, row_ranges(since, NOON, UTC))[ALICE].down_bytes == 123


def test_everybody_has_a_sum_and_rows_of_a_clock_that_was_ahead_count_nothing():
    both = (*rows({NOON: 7}), *rows({NOON: 5, NOON + 3 * DAY: 1000}, client=BOB))
    usage = used_since(both, row_ranges(NOON - HOUR, NOON + 10, UTC))
    assert {client: moved.down_bytes for client, moved in usage.items()} == {ALICE: 7, BOB: 5}


def test_the_beginning_of_a_day_asks_for_days_alone():
    midnight = NOON - 12 * HOUR
    of = row_ranges(midnight, NOON, UTC)
    assert of.added == ((Resolution.DAY, midnight, NOON + 1),)
    assert all(part.since == part.until for part in of.taken_off)


parts = st.lists(st.tuples(st.integers(-200_000, 0), st.integers(1, 90_000)), max_size=4)


@given(st.dictionaries(buckets, st.integers(1, 10**12)), parts, st.sampled_from(ZONES))
def test_within_parts_of_time_each_five_minutes_that_they_touch_count_once(used, ends, zone):
    within = [Window(NOON + start, NOON + start + length) for start, length in ends]
    of = row_ranges_within(within, zone)
    asked = [row for row in rows(used, zone) for part in of.all if _is_in(row, [part])]
    touched = [size for at, size in used.items() if any(at < each.end and each.start < at + BUCKET for each in within)]
    assert used_since(asked, of).get(ALICE, Counters()).down_bytes == sum(touched)


def test_whole_hours_ask_for_no_five_minutes():
    night = [Window(NOON + day * DAY - 13 * HOUR, NOON + day * DAY - 5 * HOUR) for day in (-1, 0)]
    assert row_ranges_within(night, UTC).taken_off == ()
    assert row_ranges_within(night, UTC).added == tuple((Resolution.HOUR, each.start, each.end) for each in night)
