# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that hands out jobs, and a sender that asks it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from esimshaper.notify.process import Sender
from tests.notify.daemon import StandIn
from tests.tools import ROOT


@pytest.fixture(autouse=True)
def ours_in_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are of this checkout."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def sender_of(tmp_path: Path) -> Iterator[Callable[..., tuple[StandIn, Sender]]]:
    """Makes a daemon with the given channels, and its sender."""
    made: list[tuple[StandIn, Sender]] = []

    def make(*channels: dict[str, Any]) -> tuple[StandIn, Sender]:
        path = tmp_path / "notify.sock"
        made.append((StandIn(path, list(channels)).start(), Sender(path)))
        return made[-1]

    yield make
    for daemon, sender in made:
        sender.close()
        daemon.stop()
