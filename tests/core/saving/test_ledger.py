# SPDX-License-Identifier: GPL-2.0-or-later
"""Ledger: bytes stand in the right bucket, and saving takes off exactly what was saved."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Bucket, HistoryRow, Pending, Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import Volume
from esimshaper.core.saving import ledger

ALICE = ClientKey("02:00:00:00:00:10")
BOB = ClientKey("02:00:00:00:00:11")
ZONES = ["UTC", "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "America/New_York",
         "Australia/Lord_Howe", "America/Havana", "America/Santiago", "Africa/Cairo", "Pacific/Apia",
         "America/St_Johns", "Africa/Casablanca"]  # fmt: skip

zones = st.sampled_from(ZONES).map(ZoneInfo)
times = st.integers(946_684_800, 2_240_000_000)  # 2000 to 2040
buckets = st.builds(
    Bucket,
    times.map(ledger.bucket_start),
    st.sampled_from([ALICE, BOB, ClientKey("router")]),
    st.sampled_from(["", "cellular"]),
)
entries = st.builds(Pending, st.builds(Counters, *(st.integers(0, 2**40) for _ in range(4))), st.booleans())
books = st.dictionaries(buckets, entries, max_size=30)


def total(rows: tuple[HistoryRow, ...], resolution: Resolution) -> Counters:
    return sum((row.counters for row in rows if row.resolution is resolution), Counters())


def at(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def first_second_of(moment: int, zone: ZoneInfo, name: str) -> int:
    """The same answer in another way: walk back in steps of five minutes while the clock shows the same label."""
    label = datetime.fromtimestamp(moment, zone).strftime(name)
    start = moment
    while datetime.fromtimestamp(start - 300, zone).strftime(name) == label:
        start -= 300
    return start


@given(times.map(ledger.bucket_start), zones)
def test_days_begin_with_the_first_moment_that_bears_their_date(start, zone):
    begin = ledger.day_start(start, zone)
    if zone.key == "America/St_Johns" and start < at("2012-01-01", "UTC"):
        return  # clocks were changed at 00:01: five-minute steps cannot see that
    assert begin == first_second_of(start, zone, "%Y-%m-%d")


@given(times.map(ledger.bucket_start), zones)
def test_months_begin_with_the_first_moment_that_bears_their_name(start, zone):
    begin = ledger.month_start(start, zone)
    first = datetime.fromtimestamp(begin, zone)
    here = datetime.fromtimestamp(start, zone)
    assert (first.year, first.month, first.day) == (here.year, here.month, 1)
    assert datetime.fromtimestamp(begin - 1, zone).month != here.month
    assert begin <= start


@given(times.map(ledger.bucket_start), zones)
def test_hours_are_full_on_the_clock_and_hold_their_bucket(start, zone):
    begin = ledger.hour_start(start, zone)
    assert start - 3600 < begin <= start
    offset = datetime.fromtimestamp(start, zone).utcoffset()
    assert (datetime.fromtimestamp(begin, UTC) + offset).minute == 0
    if datetime.fromtimestamp(begin, zone).utcoffset() == offset:
        assert datetime.fromtimestamp(begin, zone).minute == 0


@pytest.mark.parametrize(
    ("zone", "moment", "hour", "day", "month"),
    [
        ("Asia/Kolkata", "2015-11-05T14:20", "2015-11-05T14:00", "2015-11-05T00:00", "2015-11-01T00:00"),
        ("Asia/Kathmandu", "2015-11-05T14:20", "2015-11-05T14:00", "2015-11-05T00:00", "2015-11-01T00:00"),
        ("Europe/Berlin", "2015-10-25T23:55", "2015-10-25T23:00", "2015-10-25T00:00", "2015-10-01T00:00"),
        ("America/Havana", "2015-03-08T12:00", "2015-03-08T12:00", "2015-03-08T01:00", "2015-03-01T00:00"),
    ],
)
def test_starts_by_hand(zone, moment, hour, day, month):
    rows = ledger.rows({Bucket(at(moment, zone), ALICE): Pending(Counters(1))}, ZoneInfo(zone))
    assert {row.resolution: row.start for row in rows} == {
        Resolution.FIVE_MINUTES: at(moment, zone),
        Resolution.HOUR: at(hour, zone),
        Resolution.DAY: at(day, zone),
        Resolution.MONTH: at(month, zone),
    }


def test_the_hour_that_the_clock_shows_twice_is_two_hours():
    first = at("2015-10-25T02:10", "Europe/Berlin")
    zone = ZoneInfo("Europe/Berlin")
    assert ledger.hour_start(first + 3600, zone) - ledger.hour_start(first, zone) == 3600


def test_bytes_belong_to_the_bucket_in_which_they_were_read():
    midnight = at("2026-11-05T00:00", "Asia/Tokyo")
    pending = ledger.book({}, {ALICE: Counters(100)}, midnight - 0.001)
    pending = ledger.book(pending, {ALICE: Counters(7)}, midnight)
    assert pending == {
        Bucket(midnight - 300, ALICE): Pending(Counters(100)),
        Bucket(midnight, ALICE): Pending(Counters(7)),
    }
    days = {r.start: r.counters for r in ledger.rows(pending, ZoneInfo("Asia/Tokyo")) if r.resolution is Resolution.DAY}
    assert days == {midnight - 86400: Counters(100), midnight: Counters(7)}


@given(books, zones)
def test_every_resolution_holds_every_byte_in_one_row_each(pending, zone):
    rows = ledger.rows(pending, zone)
    expected = sum((entry.counters for entry in pending.values()), Counters())
    assert {total(rows, resolution) for resolution in Resolution} == {expected}
    assert max(Counter((r.resolution, r.start, r.client, r.uplink) for r in rows).values(), default=1) == 1


def test_doubt_is_kept_without_any_bytes():
    pending = ledger.doubt({}, [ALICE], 1_800_000_000)
    rows = ledger.rows(pending, ZoneInfo("UTC"))
    assert len(rows) == 4
    assert all(row.estimated and not row.counters for row in rows)
    assert ledger.take_off(pending, rows) == {}


@given(books, books, zones)
def test_what_came_in_during_a_save_stays(before, meanwhile, zone):
    handed_out = ledger.rows(before, zone)
    now = dict(before)
    for bucket, entry in meanwhile.items():
        old = now.get(bucket, Pending(Counters()))
        now[bucket] = Pending(old.counters + entry.counters, old.estimated or entry.estimated)
    left = ledger.take_off(now, handed_out)
    assert {b: e.counters for b, e in left.items() if e.counters} == {
        b: e.counters for b, e in meanwhile.items() if e.counters
    }
    assert all(left[b].estimated for b, e in meanwhile.items() if e.estimated and b in left)
    # A doubt that came without bytes while its bucket was being saved is not forgotten either.
    news = {b for b, e in meanwhile.items() if e.estimated and not (b in before and before[b].estimated)}
    assert news <= left.keys()


def test_what_comes_while_the_first_five_minutes_of_an_hour_are_saved_is_all_that_is_left():
    """Their rows of an hour, a day and a month begin at the same moment."""
    first, second = Bucket(1_800_000_000, ALICE), Bucket(1_800_000_300, ALICE)
    before = {first: Pending(Counters(100), estimated=True), second: Pending(Counters(7))}
    handed_out = ledger.rows(before, ZoneInfo("UTC"))
    now = ledger.book(before, {ALICE: Counters(5)}, first.start)
    assert ledger.take_off(now, handed_out) == {first: Pending(Counters(5), estimated=True)}
    assert ledger.take_off(before, handed_out) == {}


volumes = st.builds(Volume, st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
of_services = st.dictionaries(
    st.sampled_from([ALICE, BOB]), st.dictionaries(st.sampled_from(["youtube", "line", "hidden"]), volumes), max_size=2
)
of_uplinks = st.dictionaries(
    st.sampled_from(["cellular", "hotel", "cable"]),
    st.dictionaries(st.sampled_from([ALICE, BOB]), st.builds(Counters, *[st.integers(0, 2**40)] * 2)),
    min_size=1,
)


@given(of_services, of_uplinks)
def test_services_are_shared_by_uplink_to_the_byte(services, used):
    shares = ledger.share_services(services, used)
    assert shares.keys() == used.keys()
    for client, wanted in services.items():
        for name, volume in wanted.items():
            parts = {uplink: share[client].get(name, Volume()) for uplink, share in shares.items() if client in share}
            assert sum(parts.values(), Volume()) == volume
            idle = {uplink for uplink in parts if not used[uplink].get(client)}
            assert not idle or len(parts) == 1, "an uplink that carried nothing of a client has no services of it"


def test_services_go_by_the_direction_that_an_uplink_carried():
    used = {"cellular": {ALICE: Counters(300, 0)}, "hotel": {ALICE: Counters(100, 50)}}
    shares = ledger.share_services({ALICE: {"line": Volume(200, 40), "youtube": Volume(-4)}}, used)
    assert shares["cellular"][ALICE] == {"line": Volume(150, 0), "youtube": Volume(-3)}
    assert shares["hotel"][ALICE] == {"line": Volume(50, 40), "youtube": Volume(-1)}


@given(books, zones)
def test_thinning_loses_no_byte_and_no_day(pending, zone):
    thin = ledger.thin_out(pending, zone)
    for resolution in (Resolution.DAY, Resolution.MONTH):
        was = {
            (r.start, r.client, r.uplink): r.counters for r in ledger.rows(pending, zone) if r.resolution is resolution
        }
        now = {(r.start, r.client, r.uplink): r.counters for r in ledger.rows(thin, zone) if r.resolution is resolution}
        assert now == was


def test_a_month_without_disk_stays_small_in_memory():
    zone = ZoneInfo("Asia/Kolkata")
    begin = at("2026-11-01T00:00", "Asia/Kolkata")
    pending: ledger.Book = {}
    for number in range(30 * 288):
        pending = ledger.book(pending, {ALICE: Counters(1), BOB: Counters(2)}, begin + number * 300)
        if number % 12 == 0:
            pending = ledger.thin_out(pending, zone)
    pending = ledger.thin_out(pending, zone)
    starts = {bucket.start for bucket in pending}
    assert len(starts) <= ledger.FINE_BUCKETS + ledger.HOURLY_BUCKETS + 31
    assert sum((e.counters for e in pending.values()), Counters()) == Counters(3 * 30 * 288)
    hours = [r for r in ledger.rows(pending, zone) if r.resolution is Resolution.HOUR and r.client == ALICE]
    exact = [r for r in hours if r.counters == Counters(12)]
    assert len(exact) >= ledger.HOURLY_BUCKETS - 2, "the last two days stay right by the hour"
    assert not any(
        e.estimated for b, e in pending.items() if b.start > begin + timedelta(days=30).total_seconds() - 3600
    )


def test_an_entry_that_stands_for_an_hour_or_a_day_says_that_it_is_estimated():
    zone = ZoneInfo("Asia/Kolkata")
    begin = int(at("2026-11-01T00:10", "Asia/Kolkata"))
    numbers = range(ledger.FINE_BUCKETS + 12 * (ledger.HOURLY_BUCKETS + 2))
    pending: ledger.Book = {}
    for number in numbers:
        pending = ledger.book(pending, {ALICE: Counters(1)}, begin + number * 300)
    thin = ledger.thin_out(pending, zone)
    fine = {begin + number * 300 for number in numbers[-ledger.FINE_BUCKETS :]}
    assert {bucket.start for bucket, entry in thin.items() if not entry.estimated} == fine
    assert any(entry.estimated for entry in thin.values())


def test_it_is_the_oldest_hours_that_become_days():
    zone = ZoneInfo("UTC")
    begin, hours = at("2026-11-01T00:00", "UTC"), ledger.HOURLY_BUCKETS + 24
    fine = ledger.FINE_BUCKETS
    starts = [begin + number * 3600 for number in range(hours)]
    starts += [begin + hours * 3600 + number * 300 for number in range(fine)]
    thin = ledger.thin_out({Bucket(start, ALICE): Pending(Counters(1)) for start in starts}, zone)
    assert sorted(bucket.start for bucket in thin) == [begin, *starts[24:]], "a day, then each hour, then all there is"


@pytest.mark.parametrize("here", ["UTC", "Asia/Kolkata"])
def test_the_start_of_an_hour_a_day_and_a_month_is_the_same_wherever_the_program_runs(monkeypatch, here):
    monkeypatch.setenv("TZ", here)
    time.tzset()
    try:
        zone, month = ZoneInfo("Asia/Tokyo"), at("2026-11-01T00:00", "Asia/Tokyo")
        assert ledger.hour_start(at("2026-11-01T10:20", "Asia/Tokyo"), zone) % 3600 == 0
        assert ledger.day_start(month + 60, zone) == ledger.month_start(month + 60, zone) == month
    finally:
        monkeypatch.undo()
        time.tzset()
