# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue in force is that of the owner before ours, and is written for the process that names conversations."""

import dataclasses
import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from esimshaper.core.model.services import Service
from esimshaper.core.settings.values import Lan, Listen, MeterRoom, Metrics, Settings, Wan
from esimshaper.daemon.catalogue import Catalogue
from esimshaper.daemon.configuration import Configuration
from esimshaper.edge.bpf.compiler import Build
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.settings_file.catalogue import CatalogueError

BUILD = Build("/sys/fs/bpf/nowhere", 0, 8, 8)
MINE = "services:\n  - {name: youtube, category: video, domains: [my.test]}\n  - {name: my-nas, domains: [nas.test]}\n"


class Maps:
    epoch = 77

    def __init__(self) -> None:
        self.numbered: list[str] = []

    def number_services(self, names: Iterable[str]) -> list[str]:
        self.numbered += names
        return self.numbered[253:]


def catalogue(place: Path, maps: Maps | None = None, build: Build = BUILD) -> Catalogue:
    return Catalogue(cast("Meter", maps or Maps()), build, place / "esimshaper.yaml", place / "state")


def owners(place: Path, text: str) -> None:
    (place / "services.d").mkdir(exist_ok=True)
    (place / "services.d" / "mine.yaml").write_text(text)


def written(place: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(catalogue_file.place(place / "state").read_text())
    return document


def test_services_of_the_owner_go_before_ours_and_everybody_may_read_what_is_written(tmp_path: Path) -> None:
    owners(tmp_path, MINE)
    maps = Maps()
    found = catalogue(tmp_path, maps)
    found.begin()
    assert {"youtube", "my-nas", "netflix"} < set(maps.numbered)
    assert found.services["youtube"].domains == ("my.test",)
    assert {"my-nas", "netflix"} < found.services.keys()
    document = written(tmp_path)
    assert [each["name"] for each in document["services"]][:2] == ["youtube", "my-nas"]
    place = (document["generation"], document["programs"], document["epoch"])
    assert place == (BUILD.generation.name, BUILD.programs.name, 77)
    file = catalogue_file.place(tmp_path / "state")
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o644, 0o755)


def test_mistake_of_the_owner_costs_a_start_only_his_own_services(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    owners(tmp_path, "services:\n  - {name: my-nas, domains: ['https://nas']}\n")
    found = catalogue(tmp_path)
    found.begin()
    assert "my-nas" not in found.services
    assert "netflix" in found.services
    assert "mine.yaml:2" in caplog.text
    with pytest.raises(CatalogueError):
        found.read()


def test_what_an_edit_changes_is_told_and_in_force_when_it_is_taken(tmp_path: Path) -> None:
    found = catalogue(tmp_path)
    found.begin()
    assert found.changes(found.read()) == ()
    owners(tmp_path, MINE)
    assert found.changes(found.read()) == ("services of the catalogue that change: youtube, my-nas",)
    assert "my-nas" not in found.services
    found.take(found.read())
    assert written(tmp_path)["services"][1]["name"] == "my-nas"


def test_services_for_which_no_number_is_left_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    catalogue(tmp_path).begin()
    assert not caplog.text
    many = "".join(f"  - {{name: s{number}, domains: [s{number}.test]}}\n" for number in range(300))
    owners(tmp_path, f"services:\n{many}")
    found = catalogue(tmp_path)
    found.begin()
    assert f"bytes of {len(found.services) - 253} services are counted as `other`" in caplog.text
    assert "s1, s0" not in caplog.text, "only some are told"


def test_where_names_are_off_nothing_is_compiled(tmp_path: Path) -> None:
    catalogue(tmp_path).begin()
    maps = Maps()
    catalogue(tmp_path, maps, dataclasses.replace(BUILD, services=False)).begin()
    assert maps.numbered == []
    assert not catalogue_file.place(tmp_path / "state").exists()


def test_disk_that_is_full_costs_names_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").write_text("no folder")
    found = catalogue(tmp_path)
    found.begin()
    assert "netflix" in found.services
    assert "cannot be written" in caplog.text


def test_a_tick_knows_the_category_of_each_service_also_after_other_settings(tmp_path):
    wan, lan, metrics = Wan("wwan0"), Lan(("br0",), (), 0), Metrics(Listen("127.0.0.1", 1))
    settings = Settings(wan, lan, "UTC", (), metrics, MeterRoom(253, 65536))
    found = Configuration(tmp_path / "esimshaper.yaml", settings)
    assert found.rules.categories == {}
    found.categorise({"youtube": Service("youtube", "video"), "system": Service("system")})
    assert found.rules.categories == {"youtube": "video"}
    found.take(dataclasses.replace(settings, timezone="Asia/Tokyo"))
    assert found.rules.categories == {"youtube": "video"}
