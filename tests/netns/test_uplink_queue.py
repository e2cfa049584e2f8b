# SPDX-License-Identifier: GPL-2.0-or-later
"""Uploads that are dropped behind our program, by a queue of somebody else or by the driver: nobody is charged."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.limits import quotas
from tests.netns.router import Measure, Router, bytes_of

if TYPE_CHECKING:
    from concurrent.futures import Future

LIMIT = 1_000_000
PLAN = "name: plan, for: everyone, limit: 1GB, period: month, then: block"
SMALL_PLAN = "name: plan, for: everyone, limit: 6MB, period: month, then: block"
OWN = f"name: own, for: client/alice, limit: {LIMIT}B, direction: upload, period: month, then: block"
SLOW = "name: slow, for: each-client, limit: 10KB, period: month, then: {throttle: 1mbit}"
NAMES = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'
LARGE, SMALL = 1400, 300  # bytes of payload
OVERHEAD = 28


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built, ThreadPoolExecutor(4) as pool:
        built.pool = pool  # type: ignore[attr-defined]
        yield built


def flood(server: str, seconds: float, size: int) -> None:
    """As fast as the machine can."""
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                sock.sendto(bytes(size), (server, 5555))


def flood_until(server: str, enough: threading.Event) -> None:
    while not enough.is_set():
        flood(server, 0.1, SMALL)


def flooding(lab: Lab, who: int, seconds: float, size: int = LARGE) -> "Future[None]":
    future: Future[None] = lab.pool.submit(lab.clients[who].call, flood, lab.servers4[0], seconds, size)  # type: ignore[attr-defined]
    return future


def change_root(lab: Lab, *commands: str) -> None:
    """Another root qdisc of somebody else; without commands that of the kernel."""
    with contextlib.suppress(Exception):
        lab.router.run(["tc", "qdisc", "del", "dev", "wan0", "root"])
    for command in commands:
        lab.router.run(["tc", *command.split()])


def drops(router: Router) -> dict[str, Any]:
    found: dict[str, Any] = router.get("/v1/status")["uplink_drops"]
    return found


def moved(router: Router, lab: Lab, seconds: float = 0.6) -> Measure:
    """What a flood of two and an honest upload come to."""
    before = router.measure()
    floods = [flooding(lab, 0, seconds, LARGE), flooding(lab, 1, seconds, SMALL)]
    lab.clients[1].call(traffic.tcp_up, lab.servers4[1], 100_000)
    for each in floods:
        each.result()
    return router.measure() - before


def assert_exact(measured: Measure) -> None:
    assert bytes_of(measured.sum) == bytes_of(measured.bill.total)


def test_a_flood_that_the_queue_drops_takes_nothing_from_the_plan_and_its_own_limit_is_exact(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    change_root(lab, "qdisc add dev wan0 root tbf rate 8mbit burst 10k limit 100k")
    router = make_router(lab, quotas(SMALL_PLAN, OWN, clients=NAMES)).start()
    before = router.measure()
    flooded = flooding(lab, 0, 3)
    for _ in range(2):
        lab.clients[1].call(traffic.tcp_up, lab.servers4[1], 100_000)
        assert router.get("/v1/clients")["clients"]
    flooded.result()
    measured = router.measure() - before
    assert_exact(measured)
    assert LIMIT - LARGE - OVERHEAD < measured.totals["alice"].up_bytes <= LIMIT
    states = {row["client"]: row["state"]["level"] for row in router.get("/v1/clients")["clients"]}
    assert (states["alice"], states["bob"]) == ("blocked", "open")
    found = drops(router)
    assert found["bytes"] > 2 * LIMIT
    assert (found["estimated_bytes"], found["means"]) == (0, "tap")
    assert "not billed, so not counted" in router.run("status").stdout


HTB = (
    "qdisc add dev wan0 root handle 1: htb default 1",
    "class add dev wan0 parent 1: classid 1:1 htb rate 8mbit",
    "qdisc add dev wan0 parent 1:1 pfifo limit 10",
)


def test_what_leaves_is_counted_to_the_byte_behind_any_queue_and_about_right_behind_a_driver_that_drops(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(PLAN, clients=NAMES)).start()
    change_root(lab, *HTB)
    assert_exact(moved(router, lab))
    before = drops(router)
    assert before["bytes"] > 0
    assert before["estimated_bytes"] == 0
    # A long queue drops nothing, and what waits in it is neither lost nor counted twice.
    change_root(lab, "qdisc add dev wan0 root tbf rate 200mbit burst 100k limit 100m")
    assert_exact(moved(router, lab, 0.3))
    assert drops(router)["bytes"] == before["bytes"]
    # The ring of a TUN is full: its driver says how many packets it drops.
    change_root(lab)
    lab.router.run(["ip", "link", "set", "wan0", "txqueuelen", "2"])
    measured = moved(router, lab)
    found = drops(router)
    lost = found["estimated_bytes"]
    assert lost > 0
    error = abs(measured.sum.up_bytes - measured.bill.total.up_bytes)
    assert error < 0.25 * lost
    assert "is an estimate, since the driver says how many packets" in router.run("status").stdout
    assert any(row["estimated"] for row in router.get("/v1/history", by="day", client="alice")["rows"])
    assert router.scrape()['esimshaper_uplink_dropped_bytes_total{how="estimated"}'] == lost


def test_a_flood_over_a_restart_and_classes_of_ours_is_never_billed_for_less_and_then_to_the_byte(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    change_root(lab, "qdisc add dev wan0 root tbf rate 8mbit burst 10k limit 30k")
    router = make_router(lab, quotas(PLAN, clients=NAMES)).start()
    before = router.measure()
    enough = threading.Event()
    flooded = lab.pool.submit(lab.clients[0].call, flood_until, lab.servers4[0], enough)  # type: ignore[attr-defined]
    wait_until("drops", lambda: drops(router)["bytes"] > 1_000_000, timeout=20)
    router.kill()
    router.start()
    enough.set()
    flooded.result()
    measured = router.measure() - before
    assert measured.sum.up_bytes >= measured.bill.total.up_bytes
    # Classes of ours come and go while it is flooded.
    change_root(lab)
    router.configure(quotas(PLAN, SLOW, clients=NAMES))
    before = router.measure()
    flooded = flooding(lab, 0, 2, SMALL)
    assert router.run("reload").returncode == 0
    router.await_tick()
    router.configure(quotas(PLAN, clients=NAMES))
    assert router.run("reload").returncode == 0
    flooded.result()
    measured = router.measure() - before
    assert measured.sum.up_bytes >= measured.bill.total.up_bytes
    assert measured.sum.down_bytes == measured.bill.total.down_bytes
    change_root(lab, "qdisc add dev wan0 root tbf rate 8mbit burst 10k limit 30k")
    for _ in range(2):  # all rest for two looks, which tells what entered while the comparison began
        router.await_tick()
    assert_exact(moved(router, lab))
