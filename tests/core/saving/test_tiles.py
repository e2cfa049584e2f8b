# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of time in rows of history: each byte once, by few rows, in any zone, also where fine rows are kept no more."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Bucket, Pending, Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.saving import ledger
from esimshaper.core.saving.tiles import tiles

ALICE = ClientKey("02:00:00:00:00:10")
NAMES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"]
ZONES = st.sampled_from([ZoneInfo(name) for name in NAMES])
NOON = int(datetime(2026, 10, 30, 12, tzinfo=ZoneInfo("UTC")).timestamp())
FIVE, HOUR, DAY, MONTH = Resolution
moments = st.integers(-150 * 288, 10 * 288).map(lambda step: NOON + step * 300)
used = st.dictionaries(moments, st.integers(1, 10**12), max_size=40)
kept = st.tuples(*[st.integers(-160 * 288, 10 * 288).map(lambda step: NOON + step * 300)] * 3).map(sorted)


def pruned(sizes: dict[int, int], zone: ZoneInfo, since: dict[Resolution, int]):
    """Rows of these five minutes, each resolution from a moment on."""
    rows = ledger.rows({Bucket(at, ALICE): Pending(Counters(size)) for at, size in sizes.items()}, zone)
    return [row for row in rows if row.start >= since.get(row.resolution, 0)]


def sums(rows, found) -> dict[int, int]:
    """What was used in each part."""
    parts = dict.fromkeys(found.asked[:-1], 0)
    for row in rows:
        if any(row.resolution is of.resolution and of.since <= row.start < of.until for of in found.ranges):
            parts[found.part_of(row.start)] += row.counters.down_bytes
    return parts


@given(used, st.sets(moments, min_size=2, max_size=6).map(sorted), ZONES, kept)
def test_each_byte_is_in_the_part_of_its_moment_as_far_as_rows_can_tell(sizes, edges, zone, begins):
    day, hour, five = begins
    since = {
        FIVE: ledger.hour_start(five, zone),
        HOUR: ledger.day_start(hour, zone),
        DAY: ledger.month_start(day, zone),
    }
    found = tiles(edges, zone, since)
    ends = zip(found.asked, pairwise(found.edges), strict=False)
    expected = {asked: sum(size for at, size in sizes.items() if begin <= at < end) for asked, (begin, end) in ends}
    assert sums(pruned(sizes, zone, since), found) == expected
    assert found.edges[0] <= edges[0]
    assert found.edges[-1] <= edges[-1]


@given(st.sets(moments, min_size=2, max_size=6).map(sorted), ZONES)
def test_where_all_is_kept_no_edge_moves_and_no_row_is_asked_for_twice(edges, zone):
    found = tiles(edges, zone, {FIVE: 0, HOUR: 0, DAY: 0, MONTH: 0})
    assert found.edges == tuple(edges)
    assert found.ranges[0].since == edges[0]
    assert found.ranges[-1].until == edges[-1]
    assert all(one.until == other.since for one, other in pairwise(found.ranges))


def at(text: str, zone: ZoneInfo) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def test_a_year_is_asked_for_by_months_and_its_edges_by_finer_rows():
    zone = ZoneInfo("Asia/Tokyo")
    edges = [at("2025-12-30T22:55", zone), at("2026-11-02T01:05", zone)]
    found = tiles(edges, zone, dict.fromkeys(Resolution, 0))
    assert [(of.resolution, of.until - of.since) for of in found.ranges] == [
        (FIVE, 300),
        (HOUR, 3600),
        (DAY, 86400),
        (MONTH, 304 * 86400),
        (DAY, 86400),
        (HOUR, 3600),
        (FIVE, 300),
    ]


def test_days_of_the_zone_of_the_rows_are_one_range():
    zone = ZoneInfo("Europe/Berlin")
    edges = [at(f"2026-10-{day}T00:00", zone) for day in (24, 25, 26, 27)]  # the 25th has 25 hours
    found = tiles(edges, zone, dict.fromkeys(Resolution, 0))
    assert found.ranges == ((DAY, edges[0], edges[-1]),)
    assert [found.part_of(edges[1] - 1), found.part_of(edges[1]), found.part_of(edges[3])] == [edges[0], edges[1], None]
