# SPDX-License-Identifier: GPL-2.0-or-later
"""Time zones that an upgrade of the box took away: a start goes on without them, an edit is refused."""

import shutil
import sys
import zoneinfo
from datetime import UTC

import pytest

from esimshaper.core.settings.old_zones import NAMES_TODAY
from esimshaper.edge.settings_file import SettingsError, load, read_to_start, rules_or_utc, zones

NEEDED = "wan: {interface: wwan0}\nlan: {interfaces: [br0]}\n"
QUOTA = "{name: d, for: each-client, limit: 1MB, period: day, then: block, timezone: US/Eastern}"


@pytest.fixture
def main(tmp_path):
    return tmp_path / "esimshaper.yaml"


@pytest.fixture
def few_zones(tmp_path, monkeypatch):
    """A database as of a Debian without tzdata-legacy, in small."""
    known = tmp_path / "zones" / "America"
    known.mkdir(parents=True)
    for name in ("Los_Angeles", "New_York"):
        shutil.copy(f"/usr/share/zoneinfo/America/{name}", known)
    zoneinfo.reset_tzpath(to=[str(known.parent)])
    for module in [name for name in sys.modules if name.partition(".")[0] == "tzdata"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "tzdata", None)  # PyPI's, which Python looks into as well
    monkeypatch.setattr(zones, "ZoneInfo", zoneinfo.ZoneInfo.no_cache)
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("few_zones")
def test_a_start_goes_on_by_the_name_of_today(main):
    main.write_text(f"{NEEDED}timezone: US/Pacific\nquotas: [{QUOTA}]\n")
    loaded = read_to_start(main)
    assert loaded.settings.timezone == "America/Los_Angeles"
    assert str(loaded.settings.quotas[0].zone) == "America/New_York"
    assert loaded.stand_ins == {"US/Pacific": "America/Los_Angeles", "US/Eastern": "America/New_York"}


@pytest.mark.usefixtures("few_zones")
@pytest.mark.parametrize("name", ["Mars/Base", "Asia/Calcutta", "Asia/Tokyo"])  # also if its name today is gone too
def test_a_start_goes_on_by_utc_where_no_name_helps(main, name):
    main.write_text(f"{NEEDED}timezone: {name}\n")
    loaded = read_to_start(main)
    assert loaded.settings.timezone == "UTC"
    assert rules_or_utc(loaded.settings.timezone) is UTC
    assert loaded.stand_ins == {name: "UTC"}


@pytest.mark.usefixtures("few_zones")
def test_an_edit_is_refused_and_the_name_of_today_is_said(main):
    main.write_text(f"{NEEDED}timezone: US/Pacific\n")
    with pytest.raises(SettingsError) as caught:
        load(main)
    (problem,) = caught.value.problems
    assert (problem.line, problem.message) == (3, "`US/Pacific` is not a time zone that this box knows")
    assert problem.hint == "Its name today is America/Los_Angeles."


@pytest.mark.usefixtures("few_zones")
def test_another_mistake_is_refused_at_a_start_too_with_all_there_are(main):
    main.write_text(f"{NEEDED}timezone: US/Pacific\ncolour: red\n")
    with pytest.raises(SettingsError) as caught:
        read_to_start(main)
    assert [problem.line for problem in caught.value.problems] == [3, 4]


def test_known_zones_have_no_stand_in(main):
    main.write_text(f"{NEEDED}timezone: Asia/Tokyo\n")
    loaded = read_to_start(main)
    assert (loaded.settings.timezone, loaded.stand_ins) == ("Asia/Tokyo", {})


@pytest.mark.parametrize(("old", "today"), NAMES_TODAY.items())
def test_each_name_of_today_is_a_zone_and_no_old_name(old, today):
    assert today not in NAMES_TODAY
    zoneinfo.ZoneInfo(today)
    assert old != today


def zone_of(main, line=""):
    main.write_text(NEEDED + line)
    return load(main).timezone


def test_without_a_time_zone_that_of_the_box_counts(main, tmp_path, monkeypatch):
    link, name = tmp_path / "localtime", tmp_path / "timezone"
    monkeypatch.setattr(zones, "LOCALTIME", link)
    monkeypatch.setattr(zones, "TIMEZONE", name)
    assert zone_of(main) == "UTC"  # neither is there
    name.write_text("Asia/Tokyo\n")
    assert zone_of(main) == "Asia/Tokyo"
    link.symlink_to("../usr/share/zoneinfo/Europe/Berlin")
    assert zone_of(main) == "Europe/Berlin"
    assert zone_of(main, "timezone: America/Havana\n") == "America/Havana"
    for strange in ("/usr/share/zoneinfo/Mars/Base", "/usr/share/zoneinfo/Etc/UTC", "/srv/my-zone"):
        link.unlink()
        link.symlink_to(strange)
        name.write_bytes(b"\xff\n")
        assert zone_of(main) == "UTC"
