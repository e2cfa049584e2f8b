# SPDX-License-Identifier: GPL-2.0-or-later
"""The process of the page on sockets that were handed over: it serves whoever asks, and whatever strangers send."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from esimshaper.edge.http import inherited
from esimshaper.edge.http.inherited import PER_PEER
from esimshaper.lab.namespaces import wait_until
from esimshaper.web import safety, service
from tests.certificates import Authority
from tests.web.conftest import Place

ROOT = Path(__file__).parents[2]
# As systemd does it: sockets from descriptor 3 on, and the process that they are for.
HAND_OVER = """
import os, sys
given = [os.dup2(int(each), 90 + at) for at, each in enumerate(sys.argv[1:])]
for at, each in enumerate(given):
    os.dup2(each, 3 + at)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(given))}
os.execv(sys.executable, [sys.executable, "-m", "esimshaper.web"])
"""


class Page:
    """A process of the page, and how to reach it from addresses of this machine."""

    def __init__(self, web_socket: Path, credentials: Path, number: int = 1) -> None:
        self.listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
        self.ports = [each.getsockname()[1] for each in self.listening]
        self._environment = {
            **os.environ,
            "ESIMSHAPER_WEB": str(web_socket),
            "CREDENTIALS_DIRECTORY": str(credentials),
            "PYTHONPATH": str(ROOT),
        }
        self.process = self.begin()

    def begin(self) -> subprocess.Popen[bytes]:
        """A process on the same sockets as the one before."""
        numbers = [each.fileno() for each in self.listening]
        command = [sys.executable, "-c", HAND_OVER, *map(str, numbers)]
        return subprocess.Popen(command, env=self._environment, pass_fds=numbers)

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()
        for each in self.listening:
            each.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def connect(self, source: str = "127.0.0.1", port: int | None = None) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port or self.ports[0]), 60, (source, 0))

    def get(self, path: str = "/", source: str = "127.0.0.1", port: int | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.ports[0], 60, (source, 0))
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def serves(self, source: str) -> bool:
        try:
            return self.get(source=source).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def raw(self, sent: bytes, source: str = "127.0.0.1") -> bytes:
        with self.connect(source) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def page(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """For tests that leave it as it was."""
    with Page(place.path, tmp_path_factory.mktemp("credentials")) as page:
        yield page


def test_a_phone_is_served_on_every_socket(socket, tmp_path):
    with Page(socket, tmp_path, number=2) as page:
        assert [page.get(port=port).status for port in page.ports] == [200, 200]
        assert page.end() == 0


def test_whoever_comes_while_it_ends_is_answered_by_the_next(socket, tmp_path):
    with Page(socket, tmp_path) as page:
        page.get()
        page.end(signal.SIGKILL)
        with page.connect() as waiting:
            waiting.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            page.process = page.begin()
            assert waiting.recv(15) == b"HTTP/1.1 200 OK"


def test_slow_and_silent_clients_keep_nobody_out(page):
    """Two hundred connections of one address, some silent, some in the middle of a request."""
    page.get()
    with ExitStack() as opened:
        for number in range(200):
            stuck = opened.enter_context(closing(page.connect("127.0.0.66")))
            if number % 2:
                stuck.sendall(b"POST /ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 30000\r\n\r\n")
        assert page.get(source="127.0.0.77").status == 200


def test_one_address_has_its_share_and_gets_it_again(page):
    page.get()
    with ExitStack() as opened:
        for _ in range(3 * PER_PEER):
            opened.enter_context(closing(page.connect("127.0.0.66")))
    wait_until("the address is served again", lambda: page.serves("127.0.0.66"))


NO_REQUESTS = {
    "zeros": b"\x00" * 100,
    "no target": b"GET\r\n\r\n",
    "no address": b"GET http://[::1/ HTTP/1.1\r\n\r\n",
    "version": b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    "header": b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
    "large": b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\n",
    "length": b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n",
    "long": b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
    "headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9000 + b"\r\n",
}


@pytest.mark.parametrize("sent", NO_REQUESTS.values(), ids=NO_REQUESTS)
def test_what_is_no_request_is_refused_with_the_headers_of_all_answers(page, sent):
    answer = page.raw(sent)
    status = answer.split(b" ", 2)[1] if answer else b"400"
    assert status.startswith(b"4") or status == b"505"
    for name, value in safety.HEADERS if answer else ():
        assert f"{name}: {value}".encode() in answer
    assert page.get().status == 200


def test_it_speaks_tls_where_there_is_a_certificate_and_plain_http_too(socket, tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.sign("127.0.0.1")
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "certificate").symlink_to(certificate)
    (folder / "key").symlink_to(key)
    with Page(socket, folder) as page:
        assert page.get().status == 200
        context = ssl.create_default_context(cafile=authority.certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", page.ports[0], context=context, timeout=60)
        connection.request("GET", "/login")
        answer = connection.getresponse()
        assert answer.status == 200
        assert "Secure" in answer.headers["Set-Cookie"]
        connection.close()


def test_without_a_socket_there_is_nothing_to_serve():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}
    command = [sys.executable, "-m", "esimshaper.web"]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "no socket" in ended.stderr


def test_it_ends_when_nobody_has_looked_for_ten_minutes(tmp_path):
    now = [0.0]
    page = service.WebService(tmp_path / "nobody.sock", tmp_path, lambda: now[0])
    now[0] = service.IDLE - 1
    assert page.seconds_left() > 0
    page.note()
    now[0] += service.IDLE + 1
    assert page.seconds_left() < 0


def test_it_takes_the_certificate_of_the_day(tmp_path):
    """After a day any moment without a request is enough to end, and systemd starts the next."""
    now = [0.0]
    page = service.WebService(tmp_path / "nobody.sock", tmp_path, lambda: now[0])
    now[0] = service.OLD + 1
    page.note()
    assert page.seconds_left() > 0
    now[0] += service.MOMENT + 1
    assert page.seconds_left() < 0


@pytest.mark.parametrize(
    ("address", "written"),
    [("::ffff:192.168.8.20", "192.168.8.20"), ("fe80::1%br0", "fe80::1"), ("192.168.8.20", "192.168.8.20"), ("", "")],
)
def test_addresses_are_written_as_people_write_them(address, written):
    assert inherited.plain_address(address) == written
