# SPDX-License-Identifier: GPL-2.0-or-later
"""Packet sockets on their way from root over systemd to the daemon, which has no right to open any."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from esimshaper.edge.host import socket_store, systemd
from tests import tools

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to open packet sockets")

# As a daemon that systemd starts: what it has of the name, and what a library that looks for sockets finds afterwards.
TAKER = """
import os
from esimshaper.edge.host import systemd

for _ in range(2):
    taken = systemd.take_sockets("tap")
    print([(each.fileno(), each.type.name, os.get_inheritable(each.fileno())) for each in taken])
print([name for name in os.environ if name.startswith("LISTEN_")])
"""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The end of $NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


@NEEDS_ROOT
def test_systemd_gets_new_sockets_in_place_of_old_ones_and_is_waited_for(manager: socket.socket) -> None:
    with subprocess.Popen([sys.executable, "-I", socket_store.__file__]) as opener:
        assert manager.recv(100) == b"FDSTOREREMOVE=1\nFDNAME=tap"
        message, numbers, *_ = socket.recv_fds(manager, 100, 20)
        assert message == b"FDSTORE=1\nFDNAME=tap"
        kept = [socket.socket(fileno=number) for number in numbers]
        assert {(each.family, each.type) for each in kept} == {(socket.AF_PACKET, socket.SOCK_DGRAM)}
        unit = (tools.ROOT / "systemd/esimshaper.service").read_text()
        assert f"\nFileDescriptorStoreMax={len(kept)}\n" in unit
        assert f"/{Path(socket_store.__file__).relative_to(tools.ROOT)}\n" in unit
        message, (barrier,), *_ = socket.recv_fds(manager, 100, 20)
        assert message == b"BARRIER=1"
        with pytest.raises(subprocess.TimeoutExpired):
            opener.wait(0.2)
        os.close(barrier)
        assert opener.wait(10) == 0
    for each in kept:
        each.close()


def test_the_daemon_takes_the_sockets_of_its_name_once_and_from_then_on_they_are_its_own(
    manager: socket.socket,
) -> None:
    ours, other = socket.socketpair()
    with ours, other:
        passed = f'exec 3<&{other.fileno()} 4<&{ours.fileno()}; LISTEN_PID=$$ exec "$@"'
        done = subprocess.run(
            ["bash", "-c", passed, "bash", sys.executable, "-c", TAKER],
            cwd=tools.ROOT,
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "stored:tap"},
            pass_fds=(ours.fileno(), other.fileno()),
            text=True,
            capture_output=True,
            check=True,
        )
    assert done.stdout.splitlines() == ["[(4, 'SOCK_STREAM', False)]", "[]", "[]"]
    assert manager.recv(100) == b"FDSTOREREMOVE=1\nFDNAME=tap"


def test_by_hand_there_are_none(manager: socket.socket) -> None:
    assert systemd.take_sockets("tap") == []
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
