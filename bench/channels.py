# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a server that hangs, drips or lies holds up a tick, or another channel. In: a Place. Out: Rows.

the real daemon <-notify.sock-> the real esimshaper-notify -> webhook: takes the request, and says nothing
                                                           -> email: a byte a second of a greeting without an end
                                                           -> mqtt: says whatever comes to its mind, without an end
                                                           -> command: works, and is counted
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import process
from bench.box import Box
from bench.place import Place
from bench.questions import DURATION, TIMESTAMP
from bench.resident import start_populated
from bench.rows import Row, aim, exact, number
from esimshaper.edge import control_client
from esimshaper.lab.carrier import python_environment

CLIENTS = 20
LONGER_AIM, MEMORY_AIM = 1.0, 160
"""ms that a tick may take longer, in the median; MiB of the sender with all that it has begun."""
ASK_SECONDS = 5
_PATIENCE = 30.0
_BAD = ("webhook", "email", "mqtt")


class Ticks(NamedTuple):
    """Milliseconds of each tick, and the most memory of the sender and its children in MiB."""

    lengths: list[float]
    memory: float


def rows(place: Place) -> Iterator[Row]:
    """Without messages, then with a message by each channel every five seconds."""
    seconds = 10 if place.quick else 60
    with contextlib.ExitStack() as stack:
        told = place.disk / "told"
        settings = {"notices": _notices(stack, told)}
        box = stack.enter_context(Box(place, "channels", CLIENTS, settings).built())
        start_populated(stack, box)
        sender = stack.enter_context(_sender(box))
        alone = watch(box, sender, seconds, lambda: None)
        asked = 0

        def ask() -> None:
            nonlocal asked
            control_client.post(box.socket, "/v1/notify/test", {})
            asked += 1

        beside = watch(box, sender, seconds, ask)
        missing = asked - _arrived(told, asked)
        standing = {each["name"]: each for each in box.ask("notify")["channels"]}
    usual, most = median(alone.lengths), max(alone.lengths)
    yield Row("a tick takes", usual, "ms", detail=f"most {number(most)}; {CLIENTS} clients, nothing to tell")
    detail = (
        f"most {number(max(beside.lengths))} of {len(beside.lengths)} ticks; a message by each every {ASK_SECONDS} s"
    )
    longer = max(0.0, median(beside.lengths) - usual)
    yield aim("longer beside servers that hang, drip and lie", longer, "ms", LONGER_AIM, detail)
    yield exact("messages that the other channel did not get", missing, "", f"of {asked}")
    taken = sum(standing[name]["counts"].get("sent", 0) for name in _BAD)
    yield exact("messages said to be sent by those three", taken, "", "which nobody has got")
    yield aim(
        "esimshaper-notify with all that it has begun", beside.memory, "MiB", MEMORY_AIM, "shared pages shared out"
    )


def _notices(stack: contextlib.ExitStack, told: Path) -> Mapping[str, Any]:
    hangs, drips, lies = (stack.enter_context(server(each)) for each in (hang, drip, lie))
    people = {"from": "router@lab.example", "to": "owner@lab.example"}
    return {
        "webhook": {"url": f"http://127.0.0.1:{hangs}/"},
        "email": {"host": "127.0.0.1", "port": drips, **people},
        "mqtt": {"host": "127.0.0.1", "port": lies, "security": "none"},
        "command": ["/bin/sh", "-c", f"cat >/dev/null; echo told >>{told}"],
    }


@contextlib.contextmanager
def _sender(box: Box) -> Iterator[int]:
    """The number of its process. It is where the servers are: here."""
    environment = python_environment() | {"ESIMSHAPER_NOTIFY": str(box.socket.with_name("notify.sock"))}
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "esimshaper.notify"]
    started = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield started.pid
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(_PATIENCE)


def watch(box: Box, sender: int, seconds: int, ask: Callable[[], None]) -> Ticks:
    """The ticks of so many seconds, in which `ask` is called every ASK_SECONDS."""
    ticks: dict[str, float] = {}
    memory, began, asked = 0.0, time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        if passed >= asked * ASK_SECONDS and passed < seconds - ASK_SECONDS:
            ask()
            asked += 1
        samples = dict(line.rsplit(" ", 1) for line in box.scrape().decode().splitlines() if line[:1] != "#")
        ticks[samples[TIMESTAMP]] = float(samples[DURATION]) * 1000
        memory = max(memory, sum(_memory(each) for each in (sender, *_descendants(sender))))
        time.sleep(0.25)
    return Ticks(list(ticks.values()), memory)


def _descendants(parent: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for each in Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split():
            yield int(each)
            yield from _descendants(int(each))


def _memory(pid: int) -> float:
    with contextlib.suppress(OSError, KeyError, IndexError):  # it has ended meanwhile
        return process.memory(pid).proportional
    return 0.0


def _arrived(told: Path, expected: int) -> int:
    """How many messages the command was given, in the end."""
    deadline = time.monotonic() + _PATIENCE
    while (found := told.read_text(encoding="ascii").count("\n") if told.exists() else 0) < expected:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return found


# --- servers


def hang(_connection: socket.socket, over: threading.Event) -> None:
    """Never says anything."""
    over.wait()


def drip(connection: socket.socket, over: threading.Event) -> None:
    """A greeting of SMTP that has always one more byte, each second."""
    connection.sendall(b"220-")
    while not over.wait(1.0):
        connection.sendall(b"x")


def lie(connection: socket.socket, over: threading.Event) -> None:
    """As much as the other side takes, of what is no MQTT; at times it is an answer that nobody has asked for."""
    while not over.is_set():
        connection.sendall(b"\x40\x02\x00\x01" + os.urandom(4096))


@contextlib.contextmanager
def server(behave: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Its port."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, behave, over), daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()


def _accept(
    listening: socket.socket, behave: Callable[[socket.socket, threading.Event], None], over: threading.Event
) -> None:
    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            behave(connection, over)

    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()
