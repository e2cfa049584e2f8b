# SPDX-License-Identifier: GPL-2.0-or-later
"""A socket beside the control socket comes when it is wanted, and is told of if it cannot: here that of the page."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from esimshaper.core.settings.values import Web
from esimshaper.daemon.late_socket import LateSocket
from esimshaper.edge import control_client
from esimshaper.edge.control_client import ControlError
from esimshaper.edge.http import page
from tests.daemon.test_page_owner import House, furnished


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from furnished(tmp_path, monkeypatch)


def late(house: House, path: Path, listeners: contextlib.ExitStack) -> LateSocket:
    return LateSocket(partial(page.serve, house.page.answer), path, listeners, "no page")


def test_it_follows_the_settings(house: House, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with contextlib.ExitStack() as listeners:
        socket = late(house, path, listeners)
        off, on = replace(house.settings, web=None), replace(house.settings, web=Web(names=("data.internal",)))
        socket.follow(is_wanted=False)
        assert not path.exists()
        for house.settings in (on, off, on):
            socket.follow(is_wanted=house.settings is on)
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
        socket = late(house, path, listeners)
        for _ in range(3):
            socket.follow(is_wanted=True)
        assert [each.message.partition(":")[0] for each in caplog.records if "no page" in each.message] == ["no page"]
        assert path.read_text() == "mine"
        path.unlink()
        socket.follow(is_wanted=True)
        assert control_client.get(path, "/v1/page")["password_set"] is True
