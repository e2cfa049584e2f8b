# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits in the configuration file: each mistake is named once, with its place and what would be right."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.limits import Action, ActionKind, Direction, Follow, StepKind, Subject, SubjectKind
from esimshaper.core.model.units import parse_rate, parse_size
from esimshaper.edge.settings_file import SettingsError, load, of_the_box
from esimshaper.edge.settings_file.schema import SCHEMA_FILE

NEEDED = """wan: {interface: wwan0}
lan: {interfaces: [br0]}
clients: [{name: tv, mac: 02:00:00:00:00:10, group: kids}]
"""
GOOD = {"name": "daily", "for": "everyone", "limit": "1GB", "period": "day", "then": "block"}


@pytest.fixture
def main(tmp_path):
    return tmp_path / "esimshaper.yaml"


def block(**change):
    """A quota on lines 5 to 9 and on, one key in each, each value from column 8 on in the order of GOOD."""
    keys = GOOD | {key.rstrip("_"): value for key, value in change.items()}
    lines = [f"{key + ':':<6} {value}" for key, value in keys.items() if value is not None]
    return "quotas:\n- " + "\n  ".join(lines) + "\n"


def refused(file, content):
    file.write_text(NEEDED + content)
    with pytest.raises(SettingsError) as caught:
        load(file)
    return [(each.line, each.column, each.message, each.hint) for each in caught.value.problems]


def accepted(file, content):
    file.write_text(NEEDED + content)
    return load(file)


# One mistake each: what is different from GOOD, its place, the message, the hint.
MISTAKES = {
    "limit without unit": ({"limit": "500"}, 7, 10, "`500` is not an amount of data", "unit too: 500MB or 500GB."),
    "quoted": ({"limit": '"500"'}, 7, 10, "`500` is not an amount of data with its unit", "500MB or 500GB."),
    "with decimals": ({"limit": "1.5"}, 7, 10, "`1.5` is not an amount of data with its unit", "1.5MB or 1.5GB."),
    "megabits": ({"limit": "500Mb"}, 7, 10, "`500Mb` is not an amount of data with its unit", "Write 500MB."),
    "small letters": ({"limit": "10gb"}, 7, 10, "`10gb` is not an amount of data with its unit", "Write 10GB."),
    "no letter": ({"then": "{throttle: 256k}"}, 9, 21, "`256k` is not a rate with its unit", "Write 256kbit."),
    "no limit": ({"limit": None}, 5, 3, "`quotas.limit` is missing", "How much data there is"),
    "empty": ({"limit": ""}, 7, 9, "nothing is not an amount of data", "B, KB, MB"),
    "too much": ({"limit": "1001TB"}, 7, 10, "`1001TB` is not between 1B and 1000TB", "unit"),
    "nobody": ({"for_": "client/alice"}, 6, 10, "no client is named `alice`", "`clients`"),
    "no group": ({"for_": "group/tv"}, 6, 10, "no client is in the group `tv`", "group/unknown"),
    "other letters": ({"for_": "TV"}, 6, 10, "no client is named `TV`, and no group", "Did you mean `tv`?"),
    "nearly a group": ({"for_": "kid"}, 6, 10, "no client is named `kid`, and no group", "Did you mean `group/kids`?"),
    "all": ({"for_": "all"}, 6, 10, "no client is named `all`, and no group", "Did you mean `everyone`?"),
    "neither": ({"for_": "user/tv"}, 6, 10, "`user/tv` is not someone whom a quota can be for", "of a group"),
    "name with spaces": ({"name": "a  b"}, 5, 10, "`a  b` is not a name for a quota", "single spaces"),
    "number as name": ({"name": "5"}, 5, 10, "`5` is not a name", 'quotes: "5"'),
    "other period": ({"period": "year"}, 8, 11, "`year` is not a period", "hour, day, week"),
    "seconds": ({"period": "86400"}, 8, 11, "`86400` is not a period", "hour, day, week"),
    "period misspelt": ({"period": "{day: 1, from: 2026-01-01}"}, 8, 12, "unknown key `day`", "mean `days`"),
    "moment misspelt": ({"period": "{days: 1, form: 2026-01-01}"}, 8, 21, "unknown key `form`", "mean `from`"),
    "no moment": ({"period": "{days: 1}"}, 8, 3, "`quotas.period.from` is missing", "When the first period begins"),
    "no length": ({"period": "{from: 2026-01-01}"}, 8, 11, "a block of keys is not a period", "{days: 30, from:"),
    "two lengths": ({"period": "{days: 1, hours: 1, from: 2026-01-01}"}, 8, 11, "a block of keys is not", "{days:"),
    "no days": ({"period": "{days: 0, from: 2026-01-01}"}, 8, 18, "`0` is not a number of days", "24 hours"),
    "no date": ({"period": "{days: 1, from: yesterday}"}, 8, 27, "`yesterday` is not a date and time", "2026-11-01T"),
    "no number of a date": ({"period": "{days: 1, from: 20261101}"}, 8, 27, "`20261101` is not a date", "2026-11-01T"),
    "no such day": ({"period": "{days: 1, from: 2026-02-29}"}, 8, 27, "`2026-02-29` is not in the cal", "2026-11-01T"),
    "25 hours": ({"period": "{days: 1, from: 2026-02-28T25:00}"}, 8, 27, "is not a date and time", "2026-11-01T"),
    "no action": ({"then": None}, 5, 3, "`quotas.then` is missing", "block, notify, or"),
    "action without rate": ({"then": "throttle"}, 9, 10, "`throttle` is not an action", "{throttle: 256kbit}"),
    "rate without unit": ({"then": "{throttle: 256}"}, 9, 21, "`256` is not a rate", "unit too: 256kbit or 256mbit."),
    "kbps": ({"then": "{throttle: 256kbps}"}, 9, 21, "`256kbps` is not a rate", "bits per second"),
    "too slow": ({"then": "{throttle: 1kbit}"}, 9, 21, "`1kbit` is not between 8kbit and 10gbit", "256kbit"),
    "other action": ({"then": "{slow: 256kbit}"}, 9, 11, "unknown key `slow`", "What can stand here: throttle."),
    "action misspelt": ({"then": "{throtle: 256kbit}"}, 9, 11, "unknown key `throtle`", "Did you mean `throttle`?"),
    "empty action": ({"then": "{}"}, 9, 10, "a block of keys is not an action at the limit", "{throttle: 256kbit}"),
    "mark without unit": ({"warn_at": "[80]"}, 10, 13, "`80` is not a percentage or an amount", "80% or 80MB."),
    "mark alone": ({"warn_at": "80%"}, 10, 12, "`80%` is not a list", "[80%, 95%]"),
    "falling warnings": ({"warn_at": "[80%, 500MB]"}, 10, 18, "`500MB` is not above the warning before it", "rising"),
    "mark above": ({"warn_at": "[101%]"}, 10, 13, "`101%` is above the limit, 1.00 GB", "100%"),
    "too many warnings": ({"warn_at": "[1%, 2%, 3%, 4%, 5%, 6%, 7%, 8%, 9%]"}, 10, 12, "a list is not a list of", "."),
    "both ways": ({"direction": "up"}, 10, 14, "`up` is not a direction", "download or upload"),
    "used without unit": ({"used": "5"}, 10, 10, "`5` is not an amount", "5MB or 5GB"),
    "other zone": ({"timezone": "Mars"}, 10, 13, "`Mars` is not a time zone that this box knows", "Asia/Tokyo"),
    "other key": ({"warn": "[80%]"}, 10, 3, "unknown key `warn`", "Did you mean `warn_at`?"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "line", "column", "message", "hint"), MISTAKES.values(), ids=MISTAKES)
def test_each_mistake_is_named_with_its_place_and_a_hint(main, change, line, column, message, hint):
    problems = refused(main, block(**change))
    assert len(problems) == 1, problems
    assert message in problems[0][2]
    assert hint in problems[0][3]
    assert problems[0][:2] == (line, column)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{interface: w, download: 40}", "`40` is not a rate with its unit", "40kbit or 40mbit"),
        ("{interface: w, upload: 20gbit}", "`20gbit` is not between 8kbit and 10gbit", "bits per second"),
        ("{interface: w, replace_qdisc: yes}", "`yes` is not true or false", "true or false, without quotes"),
    ],
)
def test_mistakes_about_the_link_are_named(main, text, message, hint):
    main.write_text(f"wan: {text}\nlan: {{interfaces: [br0]}}\n")
    with pytest.raises(SettingsError) as caught:
        load(main)
    assert [message in each.message and hint in each.hint for each in caught.value.problems] == [True]


def test_reserved_group_is_refused(main):
    main.write_text(NEEDED.replace("kids", "unknown"))
    with pytest.raises(SettingsError, match="`unknown` is the group of all devices that are not listed here"):
        load(main)


def test_least_quota_gets_the_defaults(main):
    quota = accepted(main, block()).quotas[0]
    assert (quota.direction, quota.warn_at, quota.used) == (Direction.BOTH, (), 0)
    assert str(quota.zone) == of_the_box()


@pytest.mark.parametrize("written", ["tv", "client/tv"])
def test_a_client_is_named_as_on_the_command_line(main, written):
    (quota,) = accepted(main, block(for_=written)).quotas
    assert quota.subject == Subject(SubjectKind.CLIENT, "02:00:00:00:00:10")


@pytest.mark.parametrize("name", ["Kindle (Eva)", "Eva's phone", "日本 太郎", "Tom & Ann", "Zoë+2", "мама", "tv.2_b-c"])
def test_people_have_names_in_any_script_with_spaces(main, name):
    main.write_text(
        NEEDED.replace("name: tv", f'name: "{name}"') + block(for_=f'"{unicodedata.normalize("NFD", name)}"')
    )
    loaded = load(main)
    assert loaded.clients[0].name == name
    assert loaded.quotas[0].subject == Subject(SubjectKind.CLIENT, loaded.clients[0].key)


def test_all_of_a_quota_is_read(main):
    change = {"for_": "group/kids", "direction": "upload", "warn_at": '[80%, "0.9 GB"]', "then": "{throttle: 1mbit}"}
    quota = accepted(main, "timezone: Asia/Tokyo\n" + block(**change, used="300MiB")).quotas[0]
    assert quota.subject == Subject(SubjectKind.GROUP, "kids")
    assert quota.action == Action(ActionKind.THROTTLE, 1_000_000)
    assert (quota.direction, quota.warn_at) == (Direction.UPLOAD, (800_000_000, 900_000_000))
    assert (quota.used, str(quota.zone)) == (300 * 1024**2, "Asia/Tokyo")


def drop_in(main, name, content):
    (main.parent / "conf.d").mkdir(exist_ok=True)
    (main.parent / "conf.d" / name).write_text(content)


def test_conf_d_adds_quotas_and_the_clients_they_are_for(main):
    drop_in(main, "10.yaml", block(name="a", for_="client/phone"))
    drop_in(main, "20.yaml", "clients: [{name: phone, mac: 02:00:00:00:00:20}]\n" + block(name="b"))
    loaded = accepted(main, block())
    assert [each.name for each in loaded.quotas] == ["daily", "a", "b"]
    assert loaded.quotas[1].subject == Subject(SubjectKind.CLIENT, "02:00:00:00:00:20")


def test_quotas_of_several_files_are_counted_and_compared_together(main):
    def numbered(first):
        return "quotas:\n" + "".join(block(name=f"q{n}").removeprefix("quotas:\n") for n in range(first, first + 40))

    drop_in(main, "10.yaml", numbered(30))
    main.write_text(NEEDED + numbered(0))
    with pytest.raises(SettingsError) as caught:
        load(main)
    problems = caught.value.problems
    assert {each.file.name for each in problems} == {"10.yaml"}
    assert [each.message for each in problems if "room" in each.message] == [
        "80 quotas are listed, but there is room for 64"
    ]
    assert sum("is used twice" in each.message for each in problems) == 10


@pytest.mark.parametrize(("name", "parse"), [("size", parse_size), ("rate", parse_rate)])
def test_schema_lets_through_what_can_be_read_and_nothing_else(name, parse):
    pattern = json.loads(SCHEMA_FILE.read_text())["$defs"][name]["pattern"]
    letters = st.text("0159. kKmMGTiBbt/s\n", max_size=9)
    numbers = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True)
    units = st.sampled_from(("B", "kB", "MiB", "kbit", "Mbit/s", "tbit"))
    written = st.builds("{}{}{}".format, numbers, st.sampled_from(("", " ", "  ")), units)

    @given(letters | written)
    def same(text):
        try:
            parse(text)
            readable = True
        except ValueError as error:
            readable = "is not a whole number" in str(error)
        assert readable == bool(re.search(pattern, text))

    same()


PLAN = "plans:\n- {name: trip, meters: [{window: day, steps: [{from: 1GB, rate: stop}]}]}\n"
FOLLOWING = "quotas:\n- {name: carrier, for: everyone, follow: plan, then: block"


def test_a_quota_follows_a_plan(main):
    (quota,) = accepted(main, FOLLOWING + ", before: 10MB, step: rate, plan: trip}\n" + PLAN).quotas
    assert quota.follow == Follow("trip", 10_000_000, StepKind.RATE)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (", limit: 5GB", "`limit` does not go with `follow: plan`"),
        (", plan: home", "no plan is called `home`"),
        (", step: day", "`day` is not a kind of step"),
        (", before: 5", "`5` is not an amount of data"),
    ],
)
def test_what_does_not_go_with_a_plan_is_said(main, more, message):
    ((_, _, said, _),) = refused(main, FOLLOWING + more + "}\n" + PLAN)
    assert message in said


def test_a_quota_that_follows_needs_a_plan_and_is_for_everyone(main):
    assert "there is no plan to follow" in refused(main, FOLLOWING + "}\n")[0][2]
    each = FOLLOWING.replace("everyone", "each-client") + "}\n"
    assert "for everyone" in refused(main, each + PLAN)[0][2]
    only = block(before="10MB")
    assert "goes with `follow: plan` only" in refused(main, only)[0][2]
