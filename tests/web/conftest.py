# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of the page share: a daemon's stand-in, the application over it, a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from esimshaper.edge.http.server import listen_unix
from esimshaper.web.app import App
from esimshaper.web.daemon import Daemon
from tests.web.stand_in import Browser, StandIn


class Place:
    """One socket for all tests, since a server takes half a second to stop; each has a daemon of its own behind it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.daemon = StandIn()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("web") / "web.sock")
    listener = listen_unix(lambda *request: place.daemon(*request), place.path, None)
    yield place
    listener.stop()


@pytest.fixture
def daemon(place: Place) -> StandIn:
    place.daemon = StandIn()
    return place.daemon


@pytest.fixture
def socket(place: Place, daemon: StandIn) -> Path:
    return place.path


@pytest.fixture
def app(socket: Path) -> App:
    return App(Daemon(socket))


@pytest.fixture
def browser(app: App) -> Browser:
    return Browser(app)
