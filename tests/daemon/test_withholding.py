# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon leaves for dnsmasq: anew when it would be something else, and seldom; and what people hear of it."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.services import Service
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.model.withholding import NOTHING_SAVED, NOTHING_WITHHELD, Metered, SaverSettings
from esimshaper.core.settings.values import Wan
from esimshaper.daemon.withholding import Wish, Withholding, metered_now
from tests.core.settings.parsing import settings_of
from tests.core.settings.test_tree import tree_with

CATALOGUE = {"tube": Service("tube", domains=("tube.example",))}


@pytest.fixture
def saver(tmp_path: Path) -> SaverSettings:
    (tmp_path / "ads").write_text("ads.example\n")
    (tmp_path / "state").mkdir()
    return SaverSettings((str(tmp_path / "ads"),), canaries=("firefox",), files=str(tmp_path / "files"))


def follow(one: Withholding, *wishes: Wish) -> None:
    async def do() -> None:
        for wish in wishes:
            one.follow(wish, CATALOGUE)
            await one.written()

    asyncio.run(do())


def new(place: Path) -> Withholding:
    return Withholding(place / "resolver.json", place / "state")


def servers(place: Path) -> list[str]:
    return (place / "files/servers").read_text().split()


def test_names_are_left_with_a_note_and_gone_with_the_settings(tmp_path, saver):
    one = new(tmp_path)
    follow(one, Wish(saver, services=("tube",), metered=True))
    assert servers(tmp_path) == ["server=/ads.example/", "server=/tube.example/", "server=/use-application-dns.net/"]
    assert json.loads((tmp_path / "resolver.json").read_text())["metered"] is True
    assert (one.withheld.names, one.withheld.services, one.withheld.is_wanted) == (1, ("tube",), True)
    follow(one, Wish(NOTHING_SAVED))
    assert not (tmp_path / "resolver.json").exists(), "root takes all of it away"
    assert one.withheld == NOTHING_WITHHELD


def test_what_people_change_is_written_at_once_and_the_rest_at_most_once_a_minute(tmp_path, saver):
    one = new(tmp_path)
    follow(one, Wish(saver), Wish(saver, services=("tube",)))
    assert "server=/tube.example/" not in servers(tmp_path), "decisions may change each second"
    one.allow("ads.example", 60)
    follow(one, Wish(saver, one.allowed, ("tube",)))
    assert servers(tmp_path) == ["server=/tube.example/", "server=/use-application-dns.net/", "server=/ads.example/#"]


def test_a_name_that_is_allowed_survives_a_restart(tmp_path, saver):
    new(tmp_path).allow("login.example", 600)
    one = new(tmp_path)
    assert [each.name for each in one.allowed] == ["login.example"]
    one.allow("login.example", None)
    assert new(tmp_path).allowed == ()
    with pytest.raises(Unusable):
        one.allow("login.example", None)


def test_a_bad_list_is_said_with_its_line_and_the_one_before_holds(tmp_path, saver, caplog):
    one = new(tmp_path)
    follow(one, Wish(saver))
    (tmp_path / "ads").write_text("other.example\ncom\n")
    again = new(tmp_path)  # also after a restart
    follow(again, Wish(saver))
    assert servers(tmp_path)[0] == "server=/ads.example/"
    (problem,) = again.withheld.problems
    assert str(problem) == f"{tmp_path}/ads:2: `com` would take away all names that end so"
    assert "the block lists of before stay in force" in caplog.text


def test_where_nothing_can_be_written_it_is_said_and_tried_again(tmp_path, saver, caplog):
    nowhere = replace(saver, files=str(tmp_path / "none/files"))
    one = new(tmp_path)
    follow(one, Wish(nowhere))
    assert "dnsmasq has the names of before" in caplog.text
    assert one.withheld.is_wanted
    assert "No such file" in str(one.withheld.problems[0]), "people who ask hear it as well"
    assert not (tmp_path / "resolver.json").exists()
    one.allow("login.example", 60)
    follow(one, Wish(nowhere, one.allowed))
    assert caplog.text.count("dnsmasq has the names of before") == 1, "a full disk stays full, and is said once"
    (tmp_path / "none").mkdir()
    one.allow("other.example", 60)
    follow(one, Wish(nowhere, one.allowed))
    assert one.withheld.problems == ()


def test_devices_hear_of_the_uplink_in_use():
    settings = settings_of(tree_with(("saver",), {"metered": "auto"}))
    assert metered_now(settings), "the only uplink is metered"
    cell = Uplink("cell", "wwan0", interfaces=("wwan0",))
    hotel = Uplink("hotel", "wlan1", metered=False, interfaces=("wlan1",))
    at_hotel = replace(settings, wan=Wan("wlan1", listed=(cell, hotel)))
    assert not metered_now(at_hotel)
    assert metered_now(replace(at_hotel, wan=replace(at_hotel.wan, interface="wwan0")))
    assert metered_now(replace(at_hotel, saver=SaverSettings(metered=Metered.ON)))
    assert not metered_now(replace(settings, saver=SaverSettings(metered=Metered.OFF)))
