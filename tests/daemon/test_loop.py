# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon whose tick fails: who is asking gets a sentence, since the listeners end before the loop."""

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from esimshaper.core.model.state import State
from esimshaper.core.settings.values import Lan, Listen, MeterRoom, Metrics, Settings, Wan
from esimshaper.daemon import answers, loop, startup
from esimshaper.daemon.chronicle import Chronicle
from esimshaper.daemon.configuration import Configuration
from esimshaper.daemon.failsafe import Failsafe
from esimshaper.daemon.loop import Daemon
from esimshaper.daemon.storage import Storage
from esimshaper.edge import control_client
from esimshaper.edge.control_client import ControlError

SETTINGS = Settings(
    Wan("wwan0"), Lan(("br0",), (), 0), "UTC", (), Metrics(Listen("127.0.0.1", 1)), MeterRoom(253, 65536)
)


class Ticker:
    """Fails at the tick after somebody has begun to wait for an answer."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.state = State()
        self.at, self.seconds, self.look_around = None, 0.0, False

    def tick(self, resumed: State | None = None) -> None:
        if self._storage.lock._waiters:
            raise ZeroDivisionError

    def follow_uplink(self) -> None:
        pass

    def seconds_to_switch(self) -> float:
        return 0.01


def test_who_waits_when_a_tick_fails_is_told_so_and_nobody_is_left_listening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(tmp_path / "history.db")
    socket = tmp_path / "control.sock"
    ended_before_the_loop: list[bool] = []

    async def start(*_: object, **__: object) -> SimpleNamespace:
        await storage.lock.acquire()  # as while something is saved
        meter = SimpleNamespace(uplinks=None)
        observer = SimpleNamespace(meter=meter, is_uplink_unsure=False, ways=SimpleNamespace(modems=()))
        enforcer = SimpleNamespace(problems=())
        catalogue = SimpleNamespace(services={})
        bookings = SimpleNamespace(change=None, saves=0)
        return SimpleNamespace(
            storage=storage,
            observer=observer,
            enforcer=enforcer,
            ticker=Ticker(storage),
            bookings=bookings,
            catalogue=catalogue,
            resumed=None,
        )

    monkeypatch.setattr(answers.Answers.on_loop, "__defaults__", (0.5,))  # people wait less for the slow disk
    monkeypatch.setattr(startup, "start", start)
    monkeypatch.setattr(Daemon, "_listen_to_kernel", lambda *_: None)
    monkeypatch.setattr(
        loop, "Publisher", lambda _: SimpleNamespace(begin=lambda _: None, stop=lambda: None, problem="")
    )

    async def live() -> None:
        configuration = Configuration(tmp_path / "esimshaper.yaml", SETTINGS)
        with contextlib.ExitStack() as cleanup:
            daemon = Daemon(configuration, socket, cleanup, Failsafe(), Chronicle(), may_build=False)
            try:
                await daemon.serve()
            finally:
                ended_before_the_loop.append(not socket.exists())

    with ThreadPoolExecutor(1) as person:
        asked = person.submit(_ask_until_it_listens, socket)
        with pytest.raises(ZeroDivisionError):
            asyncio.run(live())
        assert asked.result(300) == "the daemon is stopping"
    assert ended_before_the_loop == [True]


def _ask_until_it_listens(socket: Path) -> str:
    while True:
        try:
            control_client.get(socket, "/v1/status")
        except control_client.DaemonNotRunning:
            threading.Event().wait(0.01)
        except ControlError as error:
            return error.message
