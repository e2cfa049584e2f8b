# SPDX-License-Identifier: GPL-2.0-or-later
"""web.sock: who may ask, what can be asked, and that nothing else can."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esimshaper.core.model.page_requests import MeQuery, PageQuery, PageRequest, Peer
from esimshaper.edge import control_client
from esimshaper.edge.http import page
from esimshaper.edge.http.control import Declined, NotNow
from esimshaper.edge.http.page_routes import reader_of
from esimshaper.edge.http.routes import BadParameter
from esimshaper.edge.http.table import ROUTES
from tests.tools import needs_root

NOBODY = 65534


class Daemon:
    """Keeps what it was asked, and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[PageRequest] = []
        self.answer: dict[str, Any] | Exception = {"version": 1}

    def __call__(self, request: PageRequest) -> dict[str, Any]:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def path(tmp_path: Path, daemon: Daemon) -> Iterator[Path]:
    running = page.serve(daemon, tmp_path / "web.sock")
    yield tmp_path / "web.sock"
    running.stop()


def test_requests_get_their_types(path, daemon):
    control_client.get(path, "/v1/page")
    for address in ("192.168.8.20", "::ffff:192.168.8.20", "2001:DB8:0::20", "fe80::1%br0"):
        control_client.get(path, "/v1/me", {"address": address})
    assert daemon.asked == [
        PageQuery(),
        MeQuery(Peer("192.168.8.20")),
        MeQuery(Peer("192.168.8.20")),
        MeQuery(Peer("2001:db8::20")),
        MeQuery(Peer("fe80::1", "br0")),
    ]


@pytest.mark.parametrize("query", [{}, {"address": "alice"}, {"address": "192.168.8.20", "client": "tv"}])
def test_what_is_wrong_is_said(path, daemon, query):
    with pytest.raises(control_client.ControlError, match="address|unknown parameter"):
        control_client.get(path, "/v1/me", query)
    assert not daemon.asked


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotNow("the daemon is stopping", "Try again."), "the daemon is stopping"),
        (Declined("429 Too Many Requests", "wait", {"seconds": 30}), "wait"),
        (BadParameter("no such device"), "no such device"),
    ],
)
def test_errors_are_documents(path, daemon, error, said):
    daemon.answer = error
    with pytest.raises(control_client.ControlError, match=said) as caught:
        control_client.get(path, "/v1/page")
    assert caught.value.document.get("seconds") == (30 if isinstance(error, Declined) else None)


def test_nothing_that_writes_configuration_can_be_asked():
    for method, path in ROUTES:
        if path in ("/v1/reload", "/v1/import", "/v1/export", "/v1/correct", "/v1/restart"):
            assert reader_of(method, path) is None


@needs_root
def test_only_the_page_itself_root_and_the_daemon_are_answered(path, daemon):
    """Another user may connect, and is left without an answer; the page's own is known by its name."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    for folder in (path.parent, *path.parent.parents):
        if folder != Path("/tmp") and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
    assert _heard_by(NOBODY, path) == b""
    assert not daemon.asked
    assert b"200 OK" in _heard_by(0, path)


def _heard_by(user: int, path: Path) -> bytes:
    """What a process of that user gets for a good request."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(user, user, user)
            os.write(writes, _asked(path) or b"-")
        finally:
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return b"" if said == b"-" else said


def _asked(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(60)
        peer.connect(str(path))
        try:
            peer.sendall(b"GET /v1/page HTTP/1.1\r\nHost: x\r\n\r\n")
            return peer.recv(65536)
        except OSError:
            return b""
