# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of limits share: settings, a mobile network's link, what clients do, what the daemon says of them."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from esimshaper.lab import Bill, Shape, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.router import Router

CLIENTS = 'clients: [{name: alice, mac: "02:00:00:00:00:10", group: family}, {name: bob, mac: "02:00:00:00:00:11"}]\n'
ALICE_2MB = "name: daily, for: client/alice, limit: 2MB, period: month, then: block"
LINK = Shape(delay_ms=20, down_bits=20_000_000, up_bits=20_000_000)
IN_FLIGHT = 400_000  # 20 Mbit/s, 40 ms and what waits at the carrier


def quotas(*rows: str, clients: str = CLIENTS) -> str:
    return clients + "quotas:\n" + "".join(f"  - {{{row}}}\n" for row in rows)


# --- what the daemon says


def row_of(router: Router, quota: str, subject: str) -> dict[str, Any]:
    rows = router.get("/v1/quotas")["quotas"]
    return next(row for row in rows if (row["quota"], row["subject"]) == (quota, subject))


def state_of(router: Router, client: str) -> str:
    entry = next(each for each in router.get("/v1/clients")["clients"] if each["client"] == client)
    return str(entry["state"]["level"])


def arrived(bill: Bill, server: str) -> int:
    """IP bytes that the router saw of this one server, if no other lost any. A connection that starts overruns the
    carrier's queue by up to 300 kB: billed and lost there, so no router knows of them, and no limit ends for them.
    """
    return bill.of(server).total_bytes - bill.lost.down_bytes + bill.lost.up_bytes


# --- what clients do


def download(client: Host, server: str, size: int, timeout: float = 10) -> int:
    """How many bytes a program got, also if its connection was cut."""
    got = 0

    def count() -> None:
        nonlocal got
        with contextlib.suppress(OSError):
            got = traffic.tcp_down(server, size, timeout=timeout).down

    client.call(count)
    return got


def send_until_cut(client: Host, server: str, size: int) -> None:
    """In datagrams that come to 1,228 bytes each."""

    def send() -> None:
        with contextlib.suppress(OSError):
            traffic.udp_up(server, size, packet=1200, bits=8_000_000)

    client.call(send)


def passes(client: Host, server: str) -> bool:
    try:
        return client.call(traffic.ping, server, count=1).down > 0
    except OSError:
        return False


def used_up(router: Router, client: Host, server: str, name: str = "alice") -> None:
    download(client, server, 10_000_000)
    wait_until("the state", lambda: state_of(router, name) == "blocked", timeout=3)


def keep_busy(move: Callable[..., object], server: str, ended: list[bool], size: int = 2_000_000) -> None:
    while not ended:
        with contextlib.suppress(OSError):
            move(server, size, timeout=2)


@contextlib.contextmanager
def flood(client: Host, server: str, *, each: float = 0.002, size: int = 56) -> Iterator[None]:
    """Pings, one every `each` seconds, of `size` bytes and their headers."""
    pings = client.popen(["ping", "-i", str(each), "-s", str(size), "-q", server], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        pings.kill()
        pings.wait()


def change_mac(client: Host, mac: str) -> None:
    client.ip("link set eth0 down", f"link set eth0 address {mac}", "link set eth0 up")
    client.ip("route add default via 192.168.77.1")


def timed(move: Callable[..., object], server: str, size: int) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    move(server, size)
    return time.monotonic() - began


# --- what happens to the router


def reboot_in_order(router: Router, pins: Path) -> None:
    """All that was counted is saved."""
    router.measure()
    assert router.stop() == 0
    reboot(router, pins)
    router.start()


def reboot(router: Router, pins: Path) -> None:
    """What it leaves: the database, and nothing of the kernel's."""
    for command in ("tc qdisc del dev wan0 clsact", "tc qdisc del dev br0 clsact", "tc qdisc del dev wan0 root"):
        subprocess.run(router.lab.router.command(command.split()), check=False, capture_output=True)
    subprocess.run(router.lab.router.command(["ip", "link", "del", "ifb-wan0"]), check=False, capture_output=True)
    subprocess.run(
        router.lab.router.command(["nft", "delete", "table", "inet", "esimshaper"]), check=False, capture_output=True
    )
    shutil.rmtree(pins / "pins")


class Clock:
    """The clocks of a router's daemon, and whether the wall clock is synchronised: in its own process, from a file."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._file = router.place / "clock"
        (router.place / "sitecustomize.py").write_text(
            "import json, pathlib, time\n"
            "from esimshaper.edge.host import clock\n"
            "real = time.time\n"
            f"said = lambda: json.loads(pathlib.Path({str(self._file)!r}).read_text())\n"
            "time.time = lambda: real() + said()['ahead']\n"
            "clock.is_synchronised = lambda: said()['trusted']\n"
            "clock.hardware = lambda: said()['hardware'] and said()['hardware'] + real()\n"
        )
        router.environment["PYTHONPATH"] = f"{router.place}{os.pathsep}{router.environment['PYTHONPATH']}"

    def says(self, moment: str, *, trusted: bool = True, hardware: str = "") -> None:
        ahead, battery = (
            datetime.fromisoformat(each).timestamp() - time.time() if each else None for each in (moment, hardware)
        )
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({"ahead": ahead, "trusted": trusted, "hardware": battery}))
        new.rename(self._file)

    def await_noticed(self) -> None:
        for _ in range(2):
            self._router.await_tick()

    def await_window(self, began: str, renews: str) -> None:
        wanted = tuple(int(datetime.fromisoformat(each).timestamp()) for each in (began, renews))

        def there() -> bool:
            row = row_of(self._router, "daily", "client/alice")
            return (row["began_unix"], row["renews_unix"]) == wanted

        wait_until("the window", there, timeout=5)
