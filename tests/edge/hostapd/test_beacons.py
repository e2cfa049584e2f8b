# SPDX-License-Identifier: GPL-2.0-or-later
"""Beacons: Microsoft's bytes, elements of the owner, and access points that do not answer."""

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from esimshaper.edge.hostapd import beacons
from esimshaper.lab.namespaces import wait_until

FIXED = "dd080050f21102000000"


class Hostapd:
    """Answers at a socket as hostapd does; asked: what it was asked."""

    def __init__(self, path: Path, answer: bytes = b"OK\n") -> None:
        self.asked: list[str] = []
        self._answer = answer
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            request, sender = self.socket.recvfrom(4096)
            if request == b"END":
                return
            self.asked.append(request.decode())
            self.socket.sendto(self._answer, sender)


@contextlib.contextmanager
def hostapd(path: Path, answer: bytes = b"OK\n") -> Iterator[Hostapd]:
    one = Hostapd(path, answer)
    try:
        yield one
    finally:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"END", str(path))
        one.thread.join()
        one.socket.close()


@pytest.fixture
def sockets(tmp_path: Path) -> Path:
    (tmp_path / "sockets").mkdir()
    return tmp_path / "sockets"


def say(place: Path, *, metered: bool) -> dict[str, str]:
    return beacons.say(place / "memory", metered=metered, sockets=place / "sockets", files=place / "files")


def test_the_element_has_microsofts_bytes():
    assert beacons.element() == FIXED
    assert beacons.element(4, 8) == "dd080050f21104000800"


def test_each_access_point_says_it_and_forgets_it(tmp_path, sockets):
    with hostapd(sockets / "wlan0") as first, hostapd(sockets / "wlan1") as second:
        assert say(tmp_path, metered=False) == {}, "nothing of ours is there to be taken back"
        assert say(tmp_path, metered=True) == {"wlan0": "", "wlan1": ""}
        assert say(tmp_path, metered=False) == {"wlan0": "", "wlan1": ""}
        assert say(tmp_path, metered=False) == {}
    told = [f"SET vendor_elements {FIXED}", "UPDATE_BEACON", "SET vendor_elements ", "UPDATE_BEACON"]
    assert first.asked == second.asked == told


def test_elements_of_the_owner_stay(tmp_path, sockets):
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a.conf").write_text("interface=wlan1\nvendor_elements=dd01\n")
    (tmp_path / "files/b.conf").write_text("interface=wlan0\nvendor_elements=dd0400010203\n")
    with hostapd(sockets / "wlan0") as one:
        say(tmp_path, metered=True)
        say(tmp_path, metered=False)
    assert [each for each in one.asked if each != "UPDATE_BEACON"] == [
        f"SET vendor_elements dd0400010203{FIXED}",
        "SET vendor_elements dd0400010203",
    ]


def test_one_that_refuses_or_is_gone_is_said(tmp_path, sockets):
    with hostapd(sockets / "wlan0", b"FAIL\n"):
        assert say(tmp_path, metered=True) == {"wlan0": "hostapd answers FAIL to SET"}
    assert "cannot be asked" in say(tmp_path, metered=True)["wlan0"]


@pytest.mark.skipif(not shutil.which("hostapd", path="/usr/sbin:/usr/bin"), reason="needs hostapd")
def test_debians_hostapd_takes_it(tmp_path, sockets):
    config = tmp_path / "hostapd.conf"
    config.write_text(f"interface=lo\ndriver=none\nctrl_interface={sockets}\n")
    with subprocess.Popen(["hostapd", str(config)], stdout=subprocess.DEVNULL) as process:
        try:
            wait_until("hostapd's socket", lambda: (sockets / "lo").exists())
            assert say(tmp_path, metered=True) == {"lo": ""}
            assert say(tmp_path, metered=False) == {"lo": ""}
        finally:
            process.terminate()
