# SPDX-License-Identifier: GPL-2.0-or-later
"""Periods in the configuration file: each that is accepted has a window at any moment that a clock can show."""

import json
import re
import zoneinfo
from datetime import datetime

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from esimshaper.core.model.period import window
from esimshaper.core.model.units import format_moment
from esimshaper.edge.settings_file import SettingsError, load
from esimshaper.edge.settings_file.schema import SCHEMA_FILE

SCHEMA = json.loads(SCHEMA_FILE.read_text())["properties"]["quotas"]["items"]["properties"]["period"]
LENGTHS = {key: part for key, part in SCHEMA["properties"].items() if part["type"] == "integer"}
WORDS = re.search(r"\((.*?)\)", SCHEMA["pattern"])[1].split("|")
LAST = 2**63 // 10**9
"""Linux counts nanoseconds since 1970 in 63 bits, so no clock goes beyond April 2262 (KTIME_SEC_MAX)."""

ODD_ZONES = (
    "Africa/Casablanca", "America/Havana", "America/Sao_Paulo", "America/St_Johns", "Antarctica/Troll", "Asia/Gaza",
    "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kwajalein",
)  # fmt: skip
"""Changes of the clock by 30, 60 and 120 minutes and by a day, at midnight and twice a month; quarters of an hour."""

zones = st.sampled_from(ODD_ZONES) | st.sampled_from(sorted(zoneinfo.available_timezones()))
offsets = st.sampled_from(("", "", "Z", "+05:45", "+14:00", "-12:00", "+23:59", "-23:59"))
dates = st.datetimes(datetime(2000, 1, 1), datetime(2100, 12, 31)) | st.datetimes()  # noqa: DTZ001 - as written
midnights = dates.map(lambda each: f"{each:%Y-%m-%d}".zfill(10))
times = st.builds(lambda each, offset: each.replace(microsecond=0).isoformat() + offset, dates, offsets)
anchored = st.sampled_from(sorted(LENGTHS)).flatmap(
    lambda key: st.fixed_dictionaries(
        {key: st.integers(LENGTHS[key]["minimum"], LENGTHS[key]["maximum"]), "from": midnights | times}
    )
)
moments = st.integers(0, LAST) | st.integers(0, 2 * 86400) | st.integers(LAST - 86400, LAST)
LONGEST = {key: part["maximum"] for key, part in LENGTHS.items()}


def test_the_schema_has_the_periods_that_are_tried_here():
    assert sorted(LENGTHS) == ["days", "hours", "months"]
    assert WORDS == ["hour", "day", "week", "month"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(WORDS) | anchored, zones, moments, st.none() | st.integers(-200_000, 200_000))
@example({"months": LONGEST["months"], "from": "2100-12-31T23:59:59-23:59"}, "Etc/GMT+12", LAST, None)
@example({"months": LONGEST["months"], "from": "2000-01-01T00:00:00+23:59"}, "Etc/GMT-14", 0, None)
@example({"days": LONGEST["days"], "from": "2100-12-31"}, "Pacific/Apia", 0, None)
@example({"hours": LONGEST["hours"], "from": "2000-01-01"}, "Pacific/Apia", LAST, None)
@example({"months": 1, "from": "0001-01-01T00:00:00+23:59"}, "Etc/GMT+12", 0, None)
@example({"months": 1, "from": "9999-12-31T23:59:59-23:59"}, "Etc/GMT-14", LAST, None)
@example({"months": 1, "from": "2100-01-31T02:30:00Z"}, "Australia/Lord_Howe", LAST, 0)
def test_a_window_of_each_accepted_period_opens_at_any_moment(tmp_path, period, zone, moment, near):
    """`near`: seconds from the anchor at which to look, instead of `moment`."""
    quota = {"name": "q", "for": "everyone", "limit": "1GB", "then": "block", "period": period, "timezone": zone}
    file = tmp_path / "esimshaper.yaml"
    file.write_text(json.dumps({"wan": {"interface": "w"}, "lan": {"interfaces": ["b"]}, "quotas": [quota]}))
    try:
        (read,) = load(file).quotas
    except SettingsError as error:
        (problem,) = error.problems  # a date outside of the years, or a local time that is not or is twice
        assert period["from"] in problem.message
        assume(False)
    now = moment if near is None or read.period.anchor is None else read.period.anchor + near
    here = window(read.period, read.zone, now)
    assert here.start <= now < here.end
    assert window(read.period, read.zone, here.start) == here == window(read.period, read.zone, here.end - 1)
    assert window(read.period, read.zone, here.end).start == here.end
    assert window(read.period, read.zone, here.start - 1).end == here.start
    assert format_moment(here.end, now, read.zone)  # its end can be shown to people
    if read.period.anchor is not None:
        assert window(read.period, read.zone, read.period.anchor).start == read.period.anchor
