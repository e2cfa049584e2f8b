# SPDX-License-Identifier: GPL-2.0-or-later
"""web.sock comes with `web:` in the settings, says that the page is off when that goes, and is told of if it cannot."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core.settings.values import Web
from esimshaper.daemon.page_socket import PageSocket
from esimshaper.edge import control_client
from esimshaper.edge.control_client import ControlError
from tests.daemon.test_page_owner import House, furnished


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from furnished(tmp_path, monkeypatch)


def test_it_follows_the_settings(house: House, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with contextlib.ExitStack() as listeners:
        socket = PageSocket(house.page, path, listeners)
        off, on = replace(house.settings, web=None), replace(house.settings, web=Web(names=("data.internal",)))
        socket.follow(off)
        assert not path.exists()
        for house.settings in (on, off, on):
            socket.follow(house.settings)
            if house.settings is off:
                with pytest.raises(ControlError, match="the page is off") as caught:
                    control_client.get(path, "/v1/page")
                assert "reload" in caught.value.hint
            else:
                assert control_client.get(path, "/v1/page")["hosts"] == ["data.internal"]
    assert not path.exists()


def test_what_is_in_its_place_is_told_once_and_left(house: House, tmp_path: Path, caplog) -> None:
    path = tmp_path / "web.sock"
    path.write_text("mine")
    with contextlib.ExitStack() as listeners:
        socket = PageSocket(house.page, path, listeners)
        for _ in range(3):
            socket.follow(house.settings)
        assert [each.message.partition(":")[0] for each in caplog.records if "no page" in each.message] == ["no page"]
        assert path.read_text() == "mine"
        path.unlink()
        socket.follow(house.settings)
        assert control_client.get(path, "/v1/page")["password_set"] is True
