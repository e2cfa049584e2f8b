# SPDX-License-Identifier: GPL-2.0-or-later
"""Uploads into a queue that is not ours, or a driver that drops: what is charged, beside what the carrier billed.

In: a Place. Out: Rows. Two devices flood at once, one with large packets and one with small ones, while one of them
uploads by TCP. Beside it: what the tap behind the queue adds to a packet.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.blaster import Volley, measured
from bench.daemon_lab import introduce, running
from bench.place import Place
from bench.rows import Row, exact, middling, must, number
from esimshaper.edge.bpf import libbpf
from esimshaper.edge.bpf.packet_sockets import PacketSockets
from esimshaper.edge.bpf.sent import Tap
from esimshaper.lab import Lab, WanKind, traffic
from tests.netns.router import Router

PLAN = "quotas:\n  - {name: plan, for: everyone, limit: 100GB, period: month, then: block}\n"
QUEUES = {
    "a short queue": ("qdisc add dev wan0 root tbf rate 8mbit burst 10k limit 30k",),
    "a long queue": ("qdisc add dev wan0 root tbf rate 200mbit burst 100k limit 100m",),
    "somebody else's HTB": (
        "qdisc add dev wan0 root handle 1: htb default 1",
        "class add dev wan0 parent 1: classid 1:1 htb rate 8mbit",
        "qdisc add dev wan0 parent 1:1 pfifo limit 10",
    ),
}
SIZES = (1400, 300)
RING = 2  # packets
WORST = 25  # % of what a driver dropped
PACKETS, ROUNDS = 100_000, 9
CORE = 0


def rows(place: Place) -> Iterator[Row]:
    """Queues, a driver, and the cost of the tap."""
    seconds = 1.0 if place.quick else 4.0
    with Lab(WanKind.TUN) as lab, running(place, lab, PLAN) as router:
        introduce(lab.clients, router)
        for name, commands in QUEUES.items():
            for command in commands:
                lab.router.run(["tc", *command.split()])
            yield _behind(name, lab, router, seconds if "long" not in name else 0.5)
            lab.router.run(["tc", "qdisc", "del", "dev", "wan0", "root"])
        lab.router.run(["ip", "link", "set", "wan0", "txqueuelen", str(RING)])
        yield _behind_a_driver(lab, router, seconds)
        yield _tap(place, lab)


def _behind(name: str, lab: Lab, router: Router, seconds: float) -> Row:
    before, corrected, counted = router.measure(), _dropped(router)["bytes"], _interface(lab)
    _flood(lab, seconds)
    moved = router.measure() - before
    charged, billed = moved.sum.up_bytes, moved.bill.total.up_bytes
    dropped = _dropped(router)["bytes"] - corrected
    peer = (_interface(lab) - counted - billed) * 100 / billed
    detail = f"{number(billed)} B billed, {number(dropped)} B dropped; the interface itself counts {peer:+.2f} %"
    return exact(f"{name}: charged wrongly", charged - billed, "B", detail)


def _behind_a_driver(lab: Lab, router: Router, seconds: float) -> Row:
    before, known = router.measure(), _dropped(router)["estimated_bytes"]
    _flood(lab, seconds)
    moved = router.measure() - before
    charged, billed = moved.sum.up_bytes, moved.bill.total.up_bytes
    dropped = _dropped(router)["estimated_bytes"] - known
    off = abs(charged - billed) * 100 / max(1, dropped)
    detail = f"{number(charged)} B charged, {number(billed)} B billed, {number(dropped)} B taken off by an estimate"
    return must("a driver that drops: off by this part of the drops", off, "%", WORST, detail)


def _dropped(router: Router) -> dict[str, int]:
    found: dict[str, int] = router.get("/v1/status")["uplink_drops"]
    return found


def _interface(lab: Lab) -> int:
    """Bytes that left wan0 by its own counters, as vnStat reads them."""
    lines = lab.router.run(["ip", "-s", "link", "show", "wan0"]).splitlines()
    at = next(n for n, line in enumerate(lines) if line.strip().startswith("TX:"))
    return int(lines[at + 1].split()[0])


def _flood(lab: Lab, seconds: float) -> None:
    floods = [
        threading.Thread(target=lambda client=client, size=size: client.call(_send, lab.servers4[0], seconds, size))
        for client, size in zip(lab.clients, SIZES, strict=True)
    ]
    for each in floods:
        each.start()
    lab.clients[1].call(traffic.tcp_up, lab.servers4[1], 300_000)
    for each in floods:
        each.join()


def _send(server: str, seconds: float, size: int) -> None:
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                sock.sendto(bytes(size), (server, 5555))


def _tap(place: Place, lab: Lab) -> Row:
    """A link of its own in the router, without a queue, whose other end takes nothing in."""
    for command in (
        "link add tapped0 type veth peer tapped1",
        "addr add 192.0.2.1/24 dev tapped0",
        "link set tapped0 up",
        "link set tapped1 up",
        "neigh add 192.0.2.2 lladdr 02:00:00:00:99:02 dev tapped0",
    ):
        lab.router.run(["ip", *command.split()])
    (pin,) = (place.bpffs / lab.name).glob("*/programs-*/wan_tap")
    rounds = 3 if place.quick else ROUNDS
    found: list[tuple[float, float]] = lab.router.call(_with_and_without, pin, rounds)
    added = [tapped - plain for plain, tapped in found]
    plain = median(plain for plain, _ in found)
    return middling("the tap, for each packet sent", added, "ns", f"a packet takes {number(plain)} ns without it")


def _with_and_without(pin: Path, rounds: int) -> list[tuple[float, float]]:
    program, volley = libbpf.open_pin(pin), Volley("192.0.2.2", [4000], 64)
    sockets, found = PacketSockets(), []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(rounds):
            plain = measured(CORE, PACKETS, lambda: volley.send(sock, PACKETS)).nanoseconds
            tap = Tap(sockets, "tapped0", socket.if_nametoindex("tapped0"), program)
            tapped = measured(CORE, PACKETS, lambda: volley.send(sock, PACKETS)).nanoseconds
            tap.close()
            found.append((plain, tapped))
    sockets.close()
    return found
