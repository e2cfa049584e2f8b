# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd hears of the daemon, at the end of $NOTIFY_SOCKET."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from esimshaper.daemon.service_status import ServiceStatus


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield end


def heard(manager: socket.socket) -> list[str]:
    """The first line of each message."""
    lines = []
    try:
        while True:
            lines.append(manager.recv(4096).decode().splitlines()[0])
    except BlockingIOError:
        return lines


def test_a_reload_ends_with_ready(manager: socket.socket) -> None:
    with ServiceStatus().reloading():
        assert heard(manager) == ["RELOADING=1"]
    assert heard(manager) == ["READY=1"]


def test_a_reload_that_the_end_cuts_short_is_not_called_ready(manager: socket.socket) -> None:
    status = ServiceStatus()
    with status.reloading():
        status.stopping()
    assert heard(manager) == ["RELOADING=1", "STOPPING=1"]
