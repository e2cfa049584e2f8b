# SPDX-License-Identifier: GPL-2.0-or-later
"""A throttled client that sends five times its rate: what it is charged, beside what the carrier billed.

In: a Place. Out: Rows. Most of its packets end in our own queue: they were never sent, so they cost nothing. (At the
hook before the queue a flood counts several times as much.)
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

from bench.daemon_lab import introduce, mac, running
from bench.place import Place
from bench.rows import Row, must, number
from esimshaper.lab import Lab, WanKind, servers
from tests.netns.router import Router

RATE, TIMES = 1_000_000, 5
PAYLOAD = 1200
CHARGED = 0.5  # % that it may be off


def rows(place: Place) -> Iterator[Row]:
    """IPv4 and IPv6, each with a client of its own."""
    names = ("flood4", "flood6")
    clients = "".join(f'  - {{name: {name}, mac: "{mac(client)}"}}\n' for client, name in enumerate(names))
    throttle = "{name: all, for: each-client, limit: 1B, period: day, then: {throttle: 1mbit}}"
    with (
        Lab(WanKind.TUN, names) as lab,
        running(place, lab, f"clients:\n{clients}quotas:\n  - {throttle}\n") as router,
    ):
        introduce(lab.clients, router)
        for client, server in enumerate((lab.servers4[0], lab.servers6[1])):
            yield from flooded(lab, router, client, server, 3.0 if place.quick else 10.0)


def flooded(lab: Lab, router: Router, client: int, server: str, seconds: float) -> Iterator[Row]:
    """Two things are charged: what a client used, and what its quota has."""
    host = lab.clients[client]
    before, used = router.measure(), quota_of(router, host.name)
    sent = host.call(flood, server, seconds)
    after = router.measure()
    billed = (after - before).bill.of(server).up_bytes
    charged = {
        "client": (after - before).totals[host.name].up_bytes,
        "quota": quota_of(router, host.name) - used,
    }
    for what, amount in charged.items():
        off = abs(amount - billed) * 100 / billed
        detail = f"{number(amount)} B charged, {number(billed)} B billed, {number(sent)} B of payload sent"
        family = "IPv6" if ":" in server else "IPv4"
        yield must(f"flood of {TIMES} x the rate, {family}: {what} charged wrongly", off, "%", CHARGED, detail)


def quota_of(router: Router, name: str) -> int:
    """Bytes that the client used of its quota."""
    quotas: list[dict[str, Any]] = router.get("/v1/quotas")["quotas"]
    return next(int(each["used_bytes"]) for each in quotas if each["subject"] == f"client/{name}")


def flood(server: str, seconds: float) -> int:
    """Datagrams at an even pace, whatever becomes of them; returns bytes of payload. In the client's namespace."""
    interval = PAYLOAD * 8 / (RATE * TIMES)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    began, sent = time.monotonic(), 0
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((server, servers.UDP_PORT))
        while time.monotonic() - began < seconds:
            with contextlib.suppress(ConnectionError):
                sock.send(b"S".ljust(PAYLOAD, b"\0"))
            sent += PAYLOAD
            time.sleep(max(0.0, began + sent / PAYLOAD * interval - time.monotonic()))
    return sent
