# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page costs: memory, the first byte, bytes of a screen, and twenty viewers. In: a Place. Out: Rows.

The process of the page is asked from addresses of this machine, and has documents of a phone in use, which change each
second. The daemon is asked beside it for as many devices of its own, as the page would for twenty phones.
"""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import population, process
from bench.box import Box
from bench.place import Place
from bench.rows import Row, aim, middling
from esimshaper.edge import control_client
from esimshaper.edge.http.server import listen_unix
from esimshaper.lab.carrier import python_environment
from esimshaper.web.assets import ASSETS, PATHS
from tests.web import documents
from tests.web.stand_in import StandIn

VIEWERS = 20
EACH = int(re.findall(r"EVERY = (\d+)", ASSETS[PATHS["page.js"]].body.decode())[0]) / 1000
"""Of page.js: seconds between two looks."""

MEMORY_AIM, WARM_AIM, COLD_AIM, SCREEN_AIM, PROCESSOR_AIM = 30, 50, 1, 20, 1
ADDRESS = "127.0.0.1"
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, "-m", "esimshaper.web"])
"""


def rows(place: Place) -> Iterator[Row]:
    """Of both processes."""
    seconds = 6 if place.quick else 20
    with _stand_in(place) as web_socket, socket.create_server((ADDRESS, 0)) as listening:
        port = listening.getsockname()[1]
        with _page(place, web_socket, listening) as pid:
            yield aim("page, first byte of a cold start", _first_byte(port), "s", COLD_AIM, "from its first request on")
            size = len(_get(port, "/"))
            yield aim("bytes of the screen Me", size / 1000, "kB", SCREEN_AIM, "without those that a browser keeps")
            warm = [_first_byte(port) * 1000 for _ in range(30)]
            row = middling("page, first byte", warm, "ms")
            yield aim(row.what, row.figure, "ms", WARM_AIM, row.detail)
            by_page = _busy(pid, seconds, lambda number: _get(port, "/?json", f"127.0.1.{number + 1}"))
            memory = process.memory(pid).resident
    yield aim("resident memory of the page", memory, "MiB", MEMORY_AIM, f"after {VIEWERS} viewers")
    by_daemon = _daemon(place, seconds)
    detail = f"the page {by_page:.2f}, the daemon {by_daemon:.2f}; each viewer looks every {EACH:g} s"
    yield aim(f"{VIEWERS} viewers, both processes", by_page + by_daemon, "% of a core", PROCESSOR_AIM, detail)


def _daemon(place: Place, seconds: float) -> float:
    """What it takes more than without viewers, in % of a core."""
    with Box(place, "page", VIEWERS, {"web": {}}).built() as box:
        box.start()
        with contextlib.closing(box.meter()) as meter:
            population.arrive(meter, VIEWERS)
        web_socket = box.folder / "web.sock"

        def look(number: int) -> None:
            control_client.get(web_socket, "/v1/me", {"address": population.address_of(number)})

        alone = _busy(box.pid, seconds, lambda _: None)
        return max(0.0, _busy(box.pid, seconds, look) - alone)


def _busy(pid: int, seconds: float, look: Callable[[int], Any]) -> float:
    """The processor's time of a process while all viewers look, one after another, in % of a core."""
    began, before = time.monotonic(), process.processor_seconds(pid)
    number = 0
    while (passed := time.monotonic() - began) < seconds:
        look(number % VIEWERS)
        number += 1
        time.sleep(max(0.0, number * EACH / VIEWERS - passed))
    return (process.processor_seconds(pid) - before) / (time.monotonic() - began) * 100


class _Moving(StandIn):
    """A phone that uses data: no two looks are alike."""

    def answer(self, *request: Any) -> tuple[int, Any]:
        self.me = documents.me(today=documents.totals(431_000_000 + int(time.monotonic() * 1000)))
        return super().answer(*request)


@contextlib.contextmanager
def _stand_in(place: Place) -> Iterator[Path]:
    path = place.disk / "web.sock"
    listener = listen_unix(_Moving(page=documents.page(hosts=[ADDRESS])), path, None)
    try:
        yield path
    finally:
        listener.stop()


@contextlib.contextmanager
def _page(place: Place, web_socket: Path, listening: socket.socket) -> Iterator[int]:
    """The process, by its number, from compiled bytecode, as the package installs it."""
    environment = {name: value for name, value in python_environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"ESIMSHAPER_WEB": str(web_socket), "PYTHONPYCACHEPREFIX": str(place.disk / "bytecode")}
    subprocess.run([sys.executable, "-c", "import esimshaper.web.service"], env=environment, check=True)
    numbers = (listening.fileno(),)
    command = [sys.executable, "-c", HAND_OVER, str(numbers[0])]
    with subprocess.Popen(command, env=environment, pass_fds=numbers) as running:
        try:
            yield running.pid
        finally:
            os.kill(running.pid, signal.SIGTERM)


def _first_byte(port: int) -> float:
    """Seconds."""
    began = time.monotonic()
    with socket.create_connection((ADDRESS, port), 60) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n".encode())
        connection.recv(1)
        return time.monotonic() - began


def _get(port: int, path: str, source: str = ADDRESS) -> bytes:
    connection = http.client.HTTPConnection(ADDRESS, port, 60, (source, 0))
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
