# SPDX-License-Identifier: GPL-2.0-or-later
"""What a service manager hears of the real daemon: the watchdog's food, and how it stands."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from esimshaper.lab import Lab, traffic
from tests.netns.router import PYTHON, Router

if TYPE_CHECKING:
    import subprocess

# The third tick does this instead; the threads that answer people go on.
THIRD_TICK = """\
import time
from esimshaper.cli.main import main
from esimshaper.daemon.observer import Observer
real, times = Observer.look_around, []
def look_around(self):
    times.append(self)
    if len(times) == 3:
        {0}
    real(self)
Observer.look_around = look_around
import esimshaper.daemon.loop
esimshaper.daemon.loop.SLOW_TICKS = 1
main()
"""


class ServiceStatus:
    """The end of $NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def hears(self, timeout: float = 60) -> dict[str, str]:
        """The next message. Raises TimeoutError."""
        self._socket.settimeout(timeout)
        return dict(line.split("=", 1) for line in self._socket.recv(4096).decode().splitlines())

    def hears_all(self, quiet: float) -> list[dict[str, str]]:
        """All messages, until none came for `quiet` seconds."""
        heard = []
        with contextlib.suppress(TimeoutError):
            while True:
                heard.append(self.hears(quiet))
        return heard

    def status(self, word: str) -> str:
        """The next status with that word in it."""
        while word not in (status := self.hears().get("STATUS", "")):
            pass
        return status

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def router(make_router: Callable[..., Router], lab: Lab) -> Router:
    return make_router(lab, "quotas: [{name: plan, for: everyone, limit: 10GB, period: month, then: block}]\n")


@pytest.fixture
def manager(router: Router) -> Iterator[ServiceStatus]:
    path = router.place / "notify"
    router.environment["NOTIFY_SOCKET"] = str(path)
    made = ServiceStatus(path)
    yield made
    made.close()


def start_instrumented(router: Router, third_tick: str) -> "subprocess.Popen[bytes]":
    router.borrow()
    program = [PYTHON, "-c", THIRD_TICK.format(third_tick), "run", "--config", str(router.config)]
    with router.log.open("ab") as log:
        router.process = router.lab.router.popen(program, env=router.environment, stdout=log, stderr=log)
    return router.process


def test_each_tick_feeds_the_watchdog_and_the_status_is_said_once(router: Router, manager: ServiceStatus) -> None:
    router.start()
    assert manager.hears() == {"READY": "1"}
    heard = [manager.hears() for _ in range(4)]
    assert all(each["WATCHDOG"] == "1" for each in heard)
    said = [each["STATUS"] for each in heard if "STATUS" in each]
    assert len(said) == len(set(said)) > 0
    assert all(re.fullmatch(r"wan0: counting; \d clients; plan: .* of 10.0 GB used", each) for each in said)


def test_the_status_tells_at_once_who_is_limited_and_what_is_not_counted(
    router: Router, manager: ServiceStatus, lab: Lab
) -> None:
    router.start()
    manager.status("counting")
    lab.clients[0].call(traffic.ping, lab.servers4[0], count=1)
    router.await_tick()
    assert router.run("block", lab.clients[0].mac).returncode == 0
    called = f"alice-phone ({lab.clients[0].mac[-5:]})"
    assert manager.status("blocked").endswith(f"; blocked: {called}")
    lab.carrier.stop()
    assert manager.status("not everything").startswith("wan0: not everything is counted: interface wan0 is not there; ")
    lab.recreate_wan()
    assert manager.status("wan0: counting; ")
    assert router.stop() == 0
    assert "the kernel goes on" in manager.status("saving")


def test_it_is_ready_before_there_is_an_uplink_or_a_lan(router: Router, manager: ServiceStatus, lab: Lab) -> None:
    """At a boot the network waits for it."""
    written = router.config.read_text()
    for number, name in enumerate((lab.wan_interface, lab.lan_interface)):
        written = written.replace(f"{name}}}", f"later{number}}}").replace(f"[{name}]", f"[later{number}]")
    router.config.write_text(written)
    router.start(attached=False)
    assert manager.hears() == {"READY": "1"}
    assert "interface later1 is not there" in manager.status("interface later0 is not there")


def test_a_tick_that_hangs_feeds_nothing_though_people_are_answered(router: Router, manager: ServiceStatus) -> None:
    start_instrumented(router, "time.sleep(3600)")
    assert manager.hears() == {"READY": "1"}
    heard = manager.hears_all(quiet=3)
    assert sum("WATCHDOG" in each for each in heard) <= 2
    assert "esimshaper_last_tick_timestamp_seconds" in router.scrape()


def test_a_tick_that_raises_feeds_nothing_and_ends_the_daemon(router: Router, manager: ServiceStatus) -> None:
    process = start_instrumented(router, "raise ArithmeticError('on purpose')")
    assert process.wait(60) == 1
    assert "on purpose" in router.log.read_text()
    assert sum("WATCHDOG" in each for each in manager.hears_all(quiet=0.1)) <= 2


def test_a_manager_that_is_stuck_holds_nothing_up(router: Router, lab: Lab) -> None:
    """Its socket holds a few messages and no more."""
    lab.router.sysctl(unix__max_dgram_qlen=1)
    path = router.place / "stuck"
    router.environment["NOTIFY_SOCKET"] = str(path)
    manager = lab.router.call(ServiceStatus, path)
    router.start()
    for _ in range(4):
        router.await_tick()
    assert len(manager.hears_all(quiet=0.1)) <= 2
    manager.close()
