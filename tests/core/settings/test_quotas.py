# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas in the settings: what the texts mean, and what contradicts itself or the rest."""

import copy
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.limits import Action, ActionKind, Direction, Period, PeriodUnit, Quota, Subject, SubjectKind
from esimshaper.core.settings.periods import parse_moment
from esimshaper.core.settings.subjects import Known, parse_subject
from tests.core.settings.parsing import ZONES, messages_of, problems_of, settings_of

QUOTA = {
    "name": "daily", "for": "everyone", "limit": "1GB", "period": "day", "then": "block",
    "direction": "both", "warn_at": [], "used": "0B",
}  # fmt: skip
TREE = {
    "wan": {"interface": "wwan0", "replace_qdisc": False},
    "lan": {"interfaces": ["br0"], "leases": [], "mark_mask": 0xFF000000},
    "timezone": "Asia/Tokyo",
    "clients": [
        {"name": "tv", "mac": "02-00-00-00-00-0A", "group": "living-room"},
        {"name": "alice", "mac": "02:00:00:00:00:11"},
    ],
    "metrics": {"listen": "[::1]:19473"},
    "meter": {"max_flows": 65536},
    "router": {"reserve": "5MB", "reachable": []},
    "on_failure": "open",
}


def tree(*quotas):
    return copy.deepcopy(TREE) | {"quotas": [QUOTA | each for each in quotas]}


def quotas(*changes):
    assert found(*changes) == []
    return settings_of(tree(*changes)).quotas


def quota(**change):
    return quotas({key.rstrip("_"): value for key, value in change.items()})[0]


def found(*changes):
    return messages_of(tree(*changes))


def test_quota_becomes_a_value():
    written = {
        "name": "plan", "for": "everyone", "limit": "10GB", "period": {"days": 30, "from": "2026-11-01T09:00:00"},
        "direction": "download", "warn_at": ["80%", "9.5GB"], "then": {"throttle": "256kbit"}, "used": "1.2GB",
    }  # fmt: skip
    assert quotas(written) == (
        Quota(
            name="plan",
            subject=Subject(SubjectKind.EVERYONE),
            limit=10_000_000_000,
            period=Period(PeriodUnit.DAY, 30, int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())),
            zone=ZoneInfo("Asia/Tokyo"),
            action=Action(ActionKind.THROTTLE, 256_000),
            direction=Direction.DOWNLOAD,
            warn_at=(8_000_000_000, 9_500_000_000),
            used=1_200_000_000,
        ),
    )


def test_client_is_kept_by_its_address_so_that_a_new_name_keeps_what_was_used():
    assert quota(for_="client/tv").subject == Subject(SubjectKind.CLIENT, "02:00:00:00:00:0a")


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("everyone", Subject(SubjectKind.EVERYONE)),
        ("each-client", Subject(SubjectKind.EACH_CLIENT)),
        ("client/tv", Subject(SubjectKind.CLIENT, "02:00:00:00:00:0a")),
        ("tv", Subject(SubjectKind.CLIENT, "02:00:00:00:00:0a")),
        ("group/kids", Subject(SubjectKind.GROUP, "kids")),
        ("kids", Subject(SubjectKind.GROUP, "kids")),
        ("group/unknown", Subject(SubjectKind.GROUP, "unknown")),
    ],
)
def test_subject_is_read_as_it_is_written_in_for(text, subject):
    assert parse_subject(text, Known({"tv": "02:00:00:00:00:0a"}, {"kids"})) == subject


@pytest.mark.parametrize("text", ["", "client", "group", "client/", "group/tv", "client/kids", "everyone/", "x/tv"])
def test_other_texts_are_no_subject(text):
    with pytest.raises(ValueError, match="`"):
        parse_subject(text, Known({"tv": "02:00:00:00:00:0a"}, {"kids"}))


@pytest.mark.parametrize(
    ("written", "period"),
    [
        ("hour", Period(PeriodUnit.HOUR)),
        ("month", Period(PeriodUnit.MONTH)),
        ({"hours": 24, "from": "1970-01-01"}, None),
        ({"hours": 24, "from": "2026-11-01T00:00Z"}, Period(PeriodUnit.HOUR, 24, 1_793_491_200)),
        ({"months": 2, "from": "2026-11-01 09:00"}, Period(PeriodUnit.MONTH, 2, 1_793_491_200)),
        ({"days": 1, "from": "2026-11-01"}, Period(PeriodUnit.DAY, 1, 1_793_491_200 - 9 * 3600)),
    ],
)
def test_period_is_a_word_or_counted_from_a_moment(written, period):
    if period is None:
        assert re.search("2000 to 2100", found({"period": written})[0][1])
    else:
        assert quota(period=written).period == period


def test_plan_has_a_time_zone_of_its_own_also_for_its_moment():
    plan = quota(timezone="Europe/Berlin", period={"days": 30, "from": "2015-11-01T01:00"})
    assert plan.zone == ZoneInfo("Europe/Berlin")
    assert plan.period.anchor == 1_446_336_000


def test_each_action_has_a_kind_of_its_own():
    actions = [quota(then=then).action for then in ("block", "notify", {"throttle": "8kbit"})]
    assert actions == [Action(ActionKind.BLOCK), Action(ActionKind.NOTIFY), Action(ActionKind.THROTTLE, 8000)]


@pytest.mark.parametrize(
    ("limit", "written", "warnings"),
    [
        ("500MB", ["80%", "95%", "100%"], (400_000_000, 475_000_000, 500_000_000)),
        ("1000B", ["0.05%", "99.95%"], (1, 1000)),  # reached in truth: rounded up
        ("3B", ["50%", "3B"], (2, 3)),
        ("1000TB", ["33.333%"], (333_330_000_000_000,)),
    ],
)
def test_warnings_are_bytes(limit, written, warnings):
    assert quota(limit=limit, warn_at=written).warn_at == warnings


@given(st.integers(1, 10**15), st.lists(st.integers(1, 100_000), min_size=1, max_size=8, unique=True))
def test_warning_is_the_least_that_is_the_percentage(limit, thousandths):
    written = [f"{each / 1000:.3f}%" for each in sorted(thousandths)]
    if found({"limit": f"{limit}B", "warn_at": written}):
        return  # warnings that fall together for so small a limit
    for each, mark in zip(sorted(thousandths), quota(limit=f"{limit}B", warn_at=written).warn_at, strict=True):
        assert mark * 100_000 >= limit * each > (mark - 1) * 100_000


DAYS = {"days": 30}


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        ({"name": "a\u200bb"}, ("name",), "invisible"),
        ({"for": "nobody"}, ("for",), "no client is named `nobody`, and no group"),
        ({"for": "client/alic"}, ("for",), "no client is named `alic`"),
        ({"for": "client/unattributed"}, ("for",), "no client is named `unattributed`"),
        ({"for": "group/kids"}, ("for",), "no client is in the group `kids`"),
        ({"limit": "0B"}, ("limit",), "`0B` is not between 1B and 1000TB"),
        ({"limit": "1000.1TB"}, ("limit",), "`1000.1TB` is not between 1B and 1000TB"),
        ({"limit": "9999999999999999TiB"}, ("limit",), "is not between"),
        ({"limit": "1.5B"}, ("limit",), "`1.5B` is not a whole number of bytes"),
        ({"used": "1001TB"}, ("used",), "`1001TB` is not between 0B and 1000TB"),
        ({"then": {"throttle": "7.999kbit"}}, ("then", "throttle"), "`7.999kbit` is not between 8kbit and 10gbit"),
        ({"then": {"throttle": "11gbit"}}, ("then", "throttle"), "`11gbit` is not between"),
        ({"warn_at": ["80%", "80%"]}, ("warn_at", 1), "`80%` is not above the warning before it, 800 MB"),
        ({"warn_at": ["80%", "700MB", "75%"]}, ("warn_at", 1), "`700MB` is not above the warning before it, 800 MB"),
        ({"warn_at": [None, "100.1%"]}, ("warn_at", 1), "`100.1%` is above the limit, 1.00 GB"),
        ({"warn_at": ["1.1GB"]}, ("warn_at", 0), "`1.1GB` is above the limit, 1.00 GB"),
        ({"warn_at": ["0%"]}, ("warn_at", 0), "`0%` is not above 0"),
        ({"warn_at": ["0.5B"]}, ("warn_at", 0), "not a whole number of bytes"),
        ({"timezone": "Mars"}, ("timezone",), "`Mars` is not a time zone"),
        ({"period": DAYS | {"from": "2026-02-29"}}, ("period", "from"), "`2026-02-29` is not in the calendar"),
        ({"period": DAYS | {"from": "0206-11-01"}}, ("period", "from"), "not in the years 2000 to 2100"),
        ({"period": DAYS | {"from": "2026-11-01T00:00+25:00"}}, ("period", "from"), "is not in the calendar"),
    ],
)
def test_each_contradiction_is_found_at_its_place(change, where, message):
    problems = problems_of(tree(change))
    assert problems[0].path == ("quotas", 0, *where)
    assert re.search(re.escape(message), problems[0].message)
    assert problems[0].hint.endswith(".")
    assert len(problems) == 1 or "warn_at" in where


def test_each_mark_is_compared_with_the_highest_before_it():
    paths = [path for path, _ in found({"warn_at": ["80%", "700MB", "75%", "90%"]})]
    assert paths == [("quotas", 0, "warn_at", 1), ("quotas", 0, "warn_at", 2)]


@pytest.mark.parametrize(
    ("zone", "text", "message"),
    [
        ("Europe/Berlin", "2015-03-29T02:30", "jumps over `2015-03-29T02:30`; 2015-03-29T03:30:00 is the same"),
        ("America/Sao_Paulo", "2018-11-04", "jumps over `2018-11-04`; 2018-11-04T01:00:00 is the same"),
        ("Europe/Berlin", "2015-10-25T02:30", "twice; it is 2015-10-25T02:30:00+02:00 or 2015-10-25T02:30:00+01:00"),
    ],
)
def test_local_time_that_is_not_or_is_twice_is_refused_with_what_to_write(zone, text, message):
    change = {"timezone": zone, "period": {"days": 1, "from": text}}
    assert [path for path, _ in found(change)] == [("quotas", 0, "period", "from")]
    assert message in found(change)[0][1]
    for advice in re.findall(r"; (?:it is )?(\S+)(?: or (\S+))?", found(change)[0][1])[0]:
        assert not advice or found({"timezone": zone, "period": {"days": 1, "from": advice}}) == []


def test_doubled_local_time_with_its_offset_is_that_moment():
    first, second = (parse_moment(f"2026-10-25T02:30:00+0{hour}:00", ZONES["Asia/Tokyo"]) for hour in (2, 1))
    assert second - first == 3600


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 12, 30)), st.sampled_from(sorted(ZONES)))  # noqa: DTZ001
def test_moment_is_what_the_clock_there_shows(moment, zone):
    wall = moment.replace(microsecond=0)
    try:
        parsed = parse_moment(wall.isoformat(), ZONES[zone])
    except ValueError:
        one, other = (wall.replace(tzinfo=ZONES[zone], fold=fold).utcoffset() for fold in (0, 1))
        assert one != other
        return
    assert datetime.fromtimestamp(parsed, ZONES[zone]).replace(tzinfo=None, fold=0) == wall


def test_name_used_twice_is_found():
    assert found({}, {"limit": "2GB"}) == [(("quotas", 1, "name"), "the name `daily` is used twice")]


def test_more_quotas_than_there_is_room_for_are_found():
    many = [{"name": f"q{number}"} for number in range(66)]
    assert found(*many[:64]) == []
    assert found(*many) == [(("quotas", 64), "66 quotas are listed, but there is room for 64")]


def test_what_would_take_longer_than_a_tick_may_is_refused_with_the_product():
    each = [{"name": "all"}, *({"name": f"q{number}", "for": "each-client"} for number in range(25))]
    crowded = tree(*each) | {"meter": {"max_flows": 65536, "max_clients": 1022}}
    crowded["lan"] = crowded["lan"] | {"mark_mask": 0xFFF00000}
    (problem,) = problems_of(crowded)
    assert problem.path == ("quotas", 25, "for")
    assert "25 quotas for each-client, times 1022 clients, are 25550 limits" in problem.message
    assert "there is room for 25000" in problem.message
    assert "max_clients to 1000 or less" in problem.hint
    crowded["meter"]["max_clients"] = 1000
    assert problems_of(crowded) == ()


@pytest.mark.parametrize("key", QUOTA)
def test_what_is_missing_is_not_judged(key):
    assert problems_of({"quotas": [{name: value for name, value in QUOTA.items() if name != key}]}) == ()


@pytest.mark.parametrize(
    "left",
    [
        {"quotas": [None, {}, {"period": {}}, {"then": {}}, {"warn_at": ["80%"]}, {"limit": "1B", "warn_at": [None]}]},
        {"quotas": [{"period": {"from": "2026-02-30"}}]},  # the zone is not known
        {"clients": [None], "quotas": [{"for": "client/a"}, {"for": "group/a"}]},
        {"clients": [{"mac": "02:00:00:00:00:11"}], "quotas": [{"for": "client/a"}]},
        {"timezone": "UTC", "quotas": [{"period": {"days": 1}}]},
    ],
)
def test_what_is_left_of_a_broken_tree_is_not_blamed(left):
    assert problems_of(left) == ()
