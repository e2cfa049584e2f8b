# SPDX-License-Identifier: GPL-2.0-or-later
"""Recorded use under other rules: states and notices at their times, nothing beyond a block, and what plans cost."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.limits import (
    EVERYONE,
    UNKNOWN_GROUP,
    Action,
    ActionKind,
    Curfew,
    Direction,
    PeriodUnit,
    Subject,
    SubjectKind,
)
from esimshaper.core.model.plan import Counts, Cycle, CycleKind, Lifetime, Meter, Plan, PlanStep
from esimshaper.core.model.recorded import Recorded
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.scope import Scope
from esimshaper.core.model.service_sets import ServiceSet
from esimshaper.core.model.time_of_day import Hours, parse_span
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.model.watch import Watch, WatchLevel
from esimshaper.core.replay import replayed
from tests.core.limits_router import DAY, EACH, NOTIFY, SLOW, TV, client, group, plan, quota

NOON = 1_800_014_400
"""2027-01-15 12:00 UTC."""
MB = 1000**2


def rules(*quotas, **more):
    return Rules("wwan0", UTC, {TV: "tv"}, {TV: "family"}, quotas, **more)


def use(*sizes, who="tv", start=NOON, each=300):
    return [Recorded(start + number * each, who, size - size // 10, size // 10) for number, size in enumerate(sizes)]


def happened(records, *quotas, plans=(), **more):
    return list(replayed(rules(*quotas, **more), plans, records))


def told(events, kind, *keys):
    return [tuple(event[key] for key in ("time", *keys)) for event in events if event["kind"] == kind]


def at(text):
    return f"2027-01-{text}:00+00:00"


def test_a_quota_by_service_counts_and_ends_that_of_the_records_and_all_else_goes_on():
    named = [("youtube", 3), ("spotify", 9), ("netflix", 4), ("", 2), ("youtube", 1)]
    records = [Recorded(NOON + at * 300, "tv", size * MB, 0, name) for at, (name, size) in enumerate(named)]
    films = quota("films", limit=5 * MB, services=ServiceSet(("video",)))
    rest = quota("rest", EVERYONE, limit=MB, services=ServiceSet(("unnamed",)), action=NOTIFY)
    events = happened(records, films, rest, categories={"youtube": "video", "netflix": "video"})
    texts = [text for (_, text) in told(events, "notice", "text")]
    assert texts == [
        "tv has used up 5.00 MB (films: video, until tomorrow 00:00)",
        "everyone has used up 1.00 MB (rest: unnamed, until tomorrow 00:00)",
    ]
    assert told(events, "notice", "quota")[0] == (at("15T12:10"), "films")
    assert told(events, "state", "level") == []
    assert {each["name"]: each["used"] for each in events[-1]["quotas"]} == {
        "films": str(5 * MB),
        "rest": str(2 * MB),
    }
    assert events[-1]["refused_bytes"] == str(3 * MB)


def test_states_and_notices_come_at_their_times_and_windows_end_between_records():
    events = happened(use(100 * MB, 400 * MB, 50 * MB) + use(5 * MB, start=NOON + 2 * DAY), quota(limit=500 * MB))
    assert told(events, "state", "client", "level") == [
        (at("15T12:05"), "tv", "blocked"),
        (at("16T00:00"), "tv", "open"),
    ]
    texts = told(events, "notice", "notice", "subject")
    assert texts[0] == (at("15T12:05"), "quota-reached", "client/tv")
    assert texts[2] == (at("16T00:00"), "quota-renewed", "client/tv")


def test_nothing_passes_beyond_a_block_to_the_byte():
    (*_, end) = happened(use(300 * MB + 1, 300 * MB, 50 * MB), quota(limit=500 * MB), plan(limit=5000 * MB))
    assert end["quotas"] == [
        {"name": "daily", "subject": "client/tv", "used": "500000000", "left": "0"},
        {"name": "plan", "subject": "everyone", "used": "500000000", "left": str(4500 * MB)},
    ]
    assert end["refused_bytes"] == str(150 * MB + 1)


def test_a_group_and_everyone_hold_their_members():
    records = sorted(use(60, 60, who="tv") + use(60, 60, who="pc", start=NOON + 1), key=lambda each: each.at)
    family = quota("family", group("family"), limit=100)
    (*_, end) = happened(records, family, plan(limit=190))
    assert {each["name"]: each["used"] for each in end["quotas"]} == {"family": "100", "plan": "190"}


def test_a_throttle_holds_nothing_back_and_is_told():
    events = happened(use(400, 400, 400), quota(limit=500, action=SLOW))
    assert told(events, "state", "client", "level") == [(at("15T12:05"), "tv", "throttled")]
    assert events[-1]["quotas"][0]["used"] == "1200"


def test_directions_are_cut_apart():
    records = [Recorded(NOON, "tv", 400, 90), Recorded(NOON + 1, "tv", 400, 90)]
    (*_, end) = happened(records, quota(limit=500, direction=Direction.DOWNLOAD))
    assert end["quotas"][0]["used"] == "500"
    assert end["refused_bytes"] == "300"


def test_hours_of_blocks_hold_from_their_minute_on():
    night = Curfew(client(TV), Hours((parse_span("23:00-07:00"),), UTC, "23:00-07:00"))
    records = use(100, 100, 100, each=6 * 3600)  # 12:00, 18:00, 00:00
    events = happened([*records, *use(100, start=NOON + DAY)], curfews=(night,))
    assert told(events, "state", "client", "level") == [
        (at("15T23:00"), "tv", "blocked"),
        (at("16T07:00"), "tv", "open"),
    ]
    assert events[-1]["refused_bytes"] == "100"


def test_names_addresses_and_unlisted_devices_are_clients():
    records = [
        Recorded(NOON, "tv", 1, 0),
        Recorded(NOON, TV.upper(), 10, 0),
        Recorded(NOON, "router", 100, 0),
        Recorded(NOON, "guest-1", 1000, 0),
        Recorded(NOON, "guest-2", 1000, 0),
    ]
    unknown = quota("guests", Subject(SubjectKind.GROUP, UNKNOWN_GROUP), limit=10_000, action=NOTIFY)
    (end,) = happened(records, quota(limit=10_000), unknown)
    assert {(each["name"], each["subject"]): each["used"] for each in end["quotas"]} == {
        ("daily", "client/tv"): "11",
        ("daily", "client/guest-1"): "1000",
        ("daily", "client/guest-2"): "1000",
        ("guests", "group/unknown"): "2000",
    }


def linemo(**more):
    steps = (PlanStep(0, Decimal(990)), PlanStep(300, Decimal(2090)), PlanStep(1000, rate=300_000))
    meter = Meter(Counts.ALL, Cycle(CycleKind.CALENDAR, PeriodUnit.MONTH), steps)
    return Plan("linemo", UTC, "UTC", "JPY", Lifetime(), meters=(meter,), **more)


def test_steps_of_a_plan_are_told_with_their_times_and_the_end_has_the_money():
    records = use(300, 1, 699) + use(5, start=int(datetime(2027, 2, 1, tzinfo=UTC).timestamp()))
    events = happened(records, plans=[linemo()])
    steps = [{key: event[key] for key in ("time", "meter", "price", "rate") if key in event} for event in events[:-1]]
    assert steps == [
        {"time": at("15T12:05"), "meter": "all/month", "price": "2090"},
        {"time": at("15T12:10"), "meter": "all/month", "rate": 300_000},
        {"time": "2027-02-01T00:00:00+00:00", "meter": "all/month", "rate": "full"},
        {"time": "2027-02-01T00:00:00+00:00", "meter": "all/month", "price": "990"},
    ]
    assert {key: events[-1]["plan"][key] for key in ("name", "used", "left", "cost", "currency")} == {
        "name": "linemo",
        "used": "1005",
        "left": "995",
        "cost": "3080",
        "currency": "JPY",
    }


def test_a_plan_counts_its_own_uplink_and_only_what_was_not_blocked():
    records = [
        Recorded(NOON, "tv", 100, 0, "", "cellular"),
        Recorded(NOON + 1, "tv", 100, 0, "", "hotel"),
        Recorded(NOON + 2, "tv", 400, 0, "", "cellular"),
    ]
    (*_, end) = happened(records, quota(limit=500), plans=[linemo(uplink="cellular")])
    assert end["plan"]["used"] == "400"


def test_a_quota_that_names_an_uplink_counts_and_cuts_what_passes_there():
    scope = Scope(("hotel",))
    uplinks = (Uplink("cellular", "wwan0"), Uplink("hotel", "wlan1"))
    records = [each._replace(uplink=name) for name in ("hotel", "cellular") for each in use(300 * MB, 300 * MB)]
    of_hotel = quota(limit=500 * MB, scope=scope)
    events = happened(sorted(records, key=lambda each: each.at), of_hotel, uplinks=uplinks, scopes=(scope,))
    assert told(events, "state", "level") == [(at("15T12:05"), "blocked")]
    (end,) = (event for event in events if event["kind"] == "end")
    assert (end["quotas"][0]["used"], end["refused_bytes"]) == (str(500 * MB), str(100 * MB))


def test_where_there_is_no_record_nothing_is_said():
    assert happened([]) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.sampled_from(["tv", "pc", "nas"]), st.integers(0, 40)), min_size=1, max_size=30
    ),
    st.integers(1, 200),
    st.integers(1, 300),
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_recorded_limits_hold_and_every_byte_is_used_or_refused(rows, each, whole):
    seen: dict[tuple[int, str], int] = {}
    for hour, who, size in rows:
        seen[hour, who] = seen.get((hour, who), 0) + size
    records = [Recorded(NOON + hour * 3600, who, size, 0) for (hour, who), size in sorted(seen.items())]
    forever = Action(ActionKind.BLOCK)
    quotas = quota("each", EACH, each, forever, period=plan().period), plan(limit=whole)
    (*_, end) = happened(records, *quotas)
    used = {(usage["name"], usage["subject"]): int(usage["used"]) for usage in end["quotas"]}
    assert used["plan", "everyone"] <= whole
    assert all(size <= each for (name, _), size in used.items() if name == "each")
    assert sum(size for (name, _), size in used.items() if name == "each") == used["plan", "everyone"]
    assert used["plan", "everyone"] + int(end["refused_bytes"]) == sum(record.down for record in records)


WATCHED = Watch(WatchLevel.NORMAL)
GB_A_DAY = quota("everyone", EVERYONE, limit=1000 * MB, action=NOTIFY)


def alarms(records):
    events = happened(records, GB_A_DAY, watch=WATCHED)
    return told(events, "alarm", "client", "reasons", "told"), told(events, "alarm-end", "client")


def test_a_leak_in_records_of_a_minute_is_an_alarm_with_its_time_and_its_end():
    quiet, leak = use(*[MB // 10] * 30, each=60), use(*[130 * MB] * 3, start=NOON + 1800, each=60)
    after = use(*[MB // 10] * 30, start=NOON + 1980, each=60)
    began, ended = alarms(quiet + leak + after)
    # On its first day a client is told of from twice as much on; until then it is noted down.
    assert began[:2] == [
        ("2027-01-15T12:29:30+00:00", "tv", ["surge"], False),
        ("2027-01-15T12:30:00+00:00", "tv", ["surge"], True),
    ]
    assert [client for _, client in ended] == ["tv"]
    assert alarms(quiet + after) == ([], [])


def test_records_of_five_minutes_are_shared_out_over_them():
    began, _ = alarms(use(*[MB] * 6, *[200 * MB] * 2, *[MB] * 6))
    assert [(client, reasons) for _, client, reasons, _ in began][:1] == [("tv", ["surge"])]
    assert alarms(use(*[4 * MB, MB] * 6)) == ([], [])


def test_of_records_of_hours_nobody_knows_when_the_bytes_came():
    assert alarms(use(*[200 * MB] * 4, each=3600)) == ([], [])
