# SPDX-License-Identifier: GPL-2.0-or-later
"""24 hours of a busy router: 256 clients that come, go, change their names and use up their quotas, links that vanish,
people and Prometheus who ask. Afterwards the daemon is no larger than before, and every byte is still where it was.

tests/netns/day.py says how the day is compressed. `make soak` has the daemon tick each second of it.
"""

import contextlib
import itertools
import json
import os
import random
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from esimshaper.core.model.counts import Counters
from esimshaper.edge import control_client
from esimshaper.lab import Lab, WanKind
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.servers import SOURCE, UDP_PORT, UDP_REQUEST
from tests.bpf import packets
from tests.netns.router import PYTHON, Router, bytes_of

STEP = float(os.environ.get("SOAK_STEP", "90"))
"""Seconds of the router's life between two ticks."""

CLIENTS, NEW_EACH_HOUR = 256, 8
ROUND = 900  # seconds; each client moves something in each
WARM = 12  # hours; by then all tables, caches and pools are as they stay

CONFIG = """lan: {{interfaces: [br0], leases: ["{leases}"], mark_mask: 0xff800000}}
clients:
  - {{name: alice, mac: "02:00:02:00:00:00", group: family}}
  - {{name: bob, mac: "02:00:02:00:00:01", group: family}}
quotas:
  - {{name: hourly, for: each-client, limit: 6KB, period: hour, warn_at: [50%], then: {{throttle: 10mbit}}}}
  - {{name: sixth, for: each-client, limit: 20KB, period: {{hours: 6, from: 2026-01-01T00:00:00Z}}, then: block}}
  - {{name: family, for: group/family, limit: 100KB, period: day, warn_at: [50%, 90%], then: notify}}
  - {{name: guests, for: group/unknown, limit: 10GB, period: week, then: block}}
  - {{name: plan, for: everyone, limit: 100GB, period: month, warn_at: [1%], then: block}}
"""


@dataclass(frozen=True)
class Device:
    """The one with this number since the beginning; each has a MAC and an address of its own."""

    number: int

    @property
    def mac(self) -> str:
        return f"02:00:02:00:{self.number >> 8:02x}:{self.number & 255:02x}"

    @property
    def address(self) -> str:
        return f"10.64.{self.number >> 8}.{self.number & 255}"

    def frame(self, to: str, port: int, server: str, size: int) -> bytes:
        """Asks a server for a datagram of `size` bytes."""
        request = UDP_REQUEST.pack(SOURCE, self.number, 1, size, 0).ljust(size // 2, b"\0")
        packet = packets.ipv4(self.address, server, packets.UDP, packets.udp(port, UDP_PORT, request))
        return packets.ethernet(with_checksum(packet), source=self.mac, destination=to)


def with_checksum(packet: bytes) -> bytes:
    """Of the IPv4 header (RFC 1071), which a router looks at."""
    words = sum(struct.unpack("!10H", packet[:20]))
    words = (words & 0xFFFF) + (words >> 16)
    words = (words & 0xFFFF) + (words >> 16)
    return packet[:10] + struct.pack("!H", 0xFFFF - words) + packet[12:]


class House:
    """The clients behind one cable of the lab, and who asks the daemon."""

    def __init__(self, lab: Lab, router: Router) -> None:
        self.lab, self.router = lab, router
        self.chance = random.Random(1)
        self.numbers = itertools.count()
        self.ports = itertools.count(20_000)
        self.devices: list[Device] = []
        self.leases = router.place / "leases"
        self.bridge = json.loads(lab.router.run(["ip", "-j", "link", "show", "dev", "br0"]))[0]["address"]
        lab.router.ip("addr add 10.64.255.1/16 dev br0")
        self.cable = lab.clients[0].call(_packet_socket)
        self.hours = 0

    def come(self, number: int) -> None:
        """So many new devices; as many leave."""
        new = [Device(next(self.numbers)) for _ in range(number)]
        leaving = self.devices[2 : 2 + number] if len(self.devices) >= CLIENTS else []  # not alice and bob
        self.devices = [each for each in self.devices if each not in leaving] + new
        self.lab.router.ip(
            *(f"neigh del {each.address} dev br0" for each in leaving),
            *(f"neigh replace {each.address} lladdr {each.mac} dev br0 nud permanent" for each in new),
        )

    def renew_leases(self) -> None:
        """As dnsmasq does: a new file in the place of the old one. Some devices have another name by now."""
        lines = (f"{2_000_000_000 + self.hours} {d.mac} {d.address} {self._name(d)} *\n" for d in self.devices)
        new = self.leases.with_suffix(".new")
        new.write_text("".join(lines))
        new.replace(self.leases)

    def _name(self, device: Device) -> str:
        return f"device-{device.number}-{self.hours if device.number % 8 == 0 else ''}"

    def talk(self) -> None:
        """Each sends, and gets twice as much."""
        for device in self.devices:
            port = 1024 + next(self.ports) % 60_000
            server = self.chance.choice(self.lab.servers4)
            self.cable.send(device.frame(self.bridge, port, server, self.chance.randrange(1000, 1400)))

    def ask(self) -> None:
        """Everything that can be asked, some of it nonsense; and what is set by hand is taken back."""
        for path in ("status", "clients", "flows", "quotas"):
            self.router.get(f"/v1/{path}")
        for resolution in ("5min", "hour", "day", "month"):
            with contextlib.suppress(control_client.ControlError):
                self.router.get("/v1/history", by=resolution, limit="500")
        who = self.chance.choice(self.devices[-50:]).mac
        for path, more in (("block", {}), ("clear", {}), ("allow", {"seconds": 60}), ("clear", {})):
            control_client.post(self.router.socket, f"/v1/{path}", {"subject": f"client/{who}", **more})
        control_client.post(self.router.socket, "/v1/grant", {"subject": f"client/{who}", "bytes": 1000})
        with contextlib.suppress(control_client.ControlError):
            control_client.post(self.router.socket, "/v1/block", {"subject": "client/nobody"})

    def meddle(self) -> None:
        """What a router has to stand: links that come and go, strangers in tc and nftables, torn connections."""
        self.lab.router.ip("link add storm0 type bridge", "link del storm0")
        for command in ("tc filter del dev wan0 ingress prio 20", "nft delete table inet esimshaper"):
            subprocess.run(self.lab.router.command(command.split()), capture_output=True, check=False)
        for _ in range(5):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(self.router.socket))
                sock.send(b"GET /v1/sta")


def _packet_socket() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind(("eth0", 0))
    return sock


class Day:
    """A daemon whose time passes when told so."""

    def __init__(self, lab: Lab, router: Router) -> None:
        self.lab, self.router = lab, router
        command = [PYTHON, "-m", "tests.netns.day", str(router.config), str(STEP)]
        with router.log.open("ab") as log:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log, "text": True}
            self.process = lab.router.popen(command, env=router.environment, **pipes)
        router.process = self.process
        wait_until("the daemon's start", lambda: router._answers(attached=True), timeout=30)

    @contextlib.contextmanager
    def passing(self, seconds: int) -> Iterator[None]:
        """While the body runs, and until so many seconds are over."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        yield
        assert self.process.stdout.readline() == "over\n", self.router.log.read_text()[-2000:]

    def settled(self) -> tuple[dict[str, Counters], Counters]:
        """What the daemon says, and the carrier's bill, of one quiet moment."""
        while True:
            bill = self.lab.carrier.settle()
            for _ in range(2):  # the first may have begun before
                wait_until("a tick", partial(self._is_past, self._tick()))
            totals = self.router._totals()
            if self.lab.carrier.bill().total == bill.total:
                return totals, bill.total

    def _is_past(self, tick: float) -> bool:
        return self._tick() > tick

    def _tick(self) -> float:
        return self.router.scrape()["esimshaper_last_tick_timestamp_seconds"]


@dataclass(frozen=True)
class Size:
    """What a process holds: KiB of memory, descriptors, threads."""

    memory: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Size":
        proc = Path("/proc", str(pid))
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        return cls(int(status["VmRSS"].split()[0]), len(list((proc / "fd").iterdir())), int(status["Threads"]))


def test_after_a_day_of_256_clients_the_daemon_is_no_larger_and_no_byte_is_missing(
    make_router: Callable[..., Router],
) -> None:
    with Lab(WanKind.VETH, clients=("crowd",)) as lab, contextlib.ExitStack() as stack:
        router = make_router(lab)
        wan, _, metrics = router.config.read_text().splitlines()[:3]
        router.config.write_text("\n".join((wan, metrics, CONFIG.format(leases=router.place / "leases"))))
        day, house = Day(lab, router), House(lab, router)
        for each in (house.cable, day.process.stdin, day.process.stdout):
            stack.callback(each.close)
        house.come(CLIENTS)
        for hour in range(24):
            live(day, house, hour)
            if hour == WARM:
                warm = Size.of(day.process.pid)
            if hour in (7, 15):
                lab.recreate_wan()
                wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"])
                before = day.settled()
        totals, bill = day.settled()
        size = Size.of(day.process.pid)
        assert size.memory <= 1.05 * warm.memory, (warm, size)
        assert size.threads <= warm.threads
        wait_until("no descriptor more", lambda: Size.of(day.process.pid).descriptors <= warm.descriptors)

        everybody, earlier = sum(totals.values(), Counters()), sum(before[0].values(), Counters())
        assert bytes_of(everybody - earlier) == bytes_of(bill - before[1])
        assert sum(row["total_bytes"] for row in router.get("/v1/history", by="5min", limit="500")["rows"]) == (
            everybody.total_bytes
        )
        assert router.stop() == 0
    said = router.log.read_text()
    assert "Traceback" not in said
    for name in ("alice", "bob"):  # who were there all day: once in each window, and in no other
        lines = [line for line in said.splitlines() if name in line]  # alone, or as the first of many devices
        assert sum(" used up 20.0 KB (sixth" in line for line in lines) == 4
        assert sum(" 20.0 KB again (sixth" in line for line in lines) in (3, 4)  # the last when the day was just over


def live(day: Day, house: House, hour: int) -> None:
    house.hours = hour
    for quarter in range(3600 // ROUND):
        with day.passing(ROUND):
            house.come(NEW_EACH_HOUR * ROUND // 3600)
            house.renew_leases()
            house.talk()
            if quarter == 2:
                house.meddle()
        day.router.scrape()
    house.ask()
