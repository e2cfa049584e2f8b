# SPDX-License-Identifier: GPL-2.0-or-later
"""What throttled clients get, and what others notice of it. In: a Place. Out: Rows.

The real daemon throttles clients whose quotas were used up before they began. Rates are IP bytes where they arrive: for
downloads at the client, for uploads at the carrier. A ping of a throttled client waits behind its own load; how long is
a matter of the leaf, so beside it stands HTB as `tc` makes it, with the kernel's default leaf, in the same lab.
"""

import contextlib
import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from bench.daemon_lab import introduce, mac, running
from bench.place import Place
from bench.rows import Row, aim, between, number
from esimshaper.lab import Host, Lab, Shape, WanKind, servers

if TYPE_CHECKING:
    from concurrent.futures import Future

LINK = 50_000_000
SHAPE = Shape(delay_ms=10, down_bits=LINK, up_bits=LINK, queue_bytes=250_000)
ETHERNET = 14
SETTLING = 1.5  # seconds in which a connection finds its rate
PING_EVERY = 0.1  # seconds
TUN_QUEUE = 500  # packets: what a TUN has by default (TUN_READQ_SIZE); the lab's own is longer
CONNECTIONS = 4  # of a client whose ping is measured: a page or a backup, not one patient download
CHUNK = bytes(65536)
MOVES = {"down": servers.DOWN, "up": servers.UP}


class Slow(NamedTuple):
    """A client that is throttled."""

    name: str
    rate: int


SLOW = (Slow("128kbit", 128_000), Slow("1mbit", 1_000_000), Slow("20mbit", 20_000_000))
FREE, PLAIN, GREEDY, MODEST = range(len(SLOW), len(SLOW) + 4)
"""Numbers of the client without a limit, of the one that plain tc throttles, and of two in a throttled group."""
GROUP, MANY = Slow("4mbit", 4_000_000), 8
"""How the group is throttled, and how many connections the greedy one has."""


def rows(place: Place) -> Iterator[Row]:
    """Rates, then those of a group's members, then pings beside plain tc, then the neighbour."""
    names = [*(f"slow-{slow.name}" for slow in SLOW), "free", "plain", "greedy", "modest"]
    groups = dict.fromkeys(("greedy", "modest"), ", group: pair")
    clients = "".join(
        f'  - {{name: {name}, mac: "{mac(client)}"{groups.get(name, "")}}}\n' for client, name in enumerate(names)
    )
    quotas = "".join(
        f"  - {{name: {slow.name}, for: {subject}, limit: 1KB, used: 1KB, period: day,"
        f" then: {{throttle: {slow.name}}}}}\n"
        for subject, slow in [*((f"client/slow-{slow.name}", slow) for slow in SLOW), ("group/pair", GROUP)]
    )
    with Lab(WanKind.TUN, names, shape=SHAPE) as lab:
        trial = Trial(lab, 3.0 if place.quick else 12.0)
        ways = ("down",) if place.quick else tuple(MOVES)
        plain = {way: trial.plain(way) for way in ways}
        alone, calm = trial.speed(FREE), trial.calm(FREE)
        with running(place, lab, f"clients:\n{clients}quotas:\n{quotas}") as router:
            introduce(lab.clients, router)
            for way in MOVES:
                yield from trial.rates(way)
                yield trial.members(way)
            for way in ways:
                yield from trial.pings(way, plain[way], (1,) if place.quick else range(len(SLOW)))
            yield from trial.neighbour(alone, calm)


class Trial:
    """`seconds`: how long each measurement takes."""

    def __init__(self, lab: Lab, seconds: float) -> None:
        self.lab, self.seconds = lab, seconds

    @contextlib.contextmanager
    def load(self, client: int, *ways: str, connections: int = 1) -> Iterator[None]:
        """As much as goes, until the `with` block ends; what was waiting goes with it."""
        end = threading.Event()
        host, server = self.lab.clients[client], self.lab.servers4[client]
        works = [host.start(move, way, server, end) for way in ways for _ in range(connections)]
        try:
            time.sleep(SETTLING)
            yield
        finally:
            end.set()
            for each in works:
                each.result()

    def rates(self, way: str) -> Iterator[Row]:
        """All three at once, each alone in its class."""
        with contextlib.ExitStack() as stack:
            for client in range(len(SLOW)):
                stack.enter_context(self.load(client, way))
            found = [self.rate(client, way) for client in range(len(SLOW))]
            shares = [rate.result() * 100 / slow.rate for slow, rate in zip(SLOW, found, strict=True)]
        for slow, share in zip(SLOW, shares, strict=True):
            what, detail = f"throttled to {slow.name}, {way}: gets", f"IP bytes: {share:.2f} %"
            yield between(what, share, "% of it", 95, 100, detail)

    def members(self, way: str) -> Row:
        """One connection beside many of another device in the same group."""
        with self.load(GREEDY, way, connections=MANY), self.load(MODEST, way):
            rate = self.rate(MODEST, way).result()
        share = rate * 200 / GROUP.rate
        what = f"1 connection beside {MANY} of another in a group throttled to {GROUP.name}, {way}: gets"
        return between(what, share, "% of half", 95, 105, f"IP bytes: {share:.2f} %")

    def rate(self, client: int, way: str) -> "Future[float]":
        host = self.lab.clients[client]
        if way == "down":
            return host.start(bits_per_second, received, self.seconds)
        server = self.lab.servers4[client]
        return host.start(bits_per_second, lambda: self.lab.carrier.bill().of(server).up_bytes, self.seconds)

    def pings(self, way: str, plain: Sequence[float], clients: Sequence[int]) -> Iterator[Row]:
        """Of clients under their own load, ours and plain tc's."""
        yield pinged(f"ping of one at 1 Mbit/s under load, {way}: HTB's default leaf", plain)
        for client in clients:
            slow = SLOW[client]
            times = self.loaded(client, way)
            yield pinged(f"ping of one throttled to {slow.name} under load, {way}", times)
            if slow.rate == SLOW[1].rate:
                ratio = median(times) / median(plain)
                yield aim(f"ping of one throttled to {slow.name} under load, {way}: against HTB's default leaf",
                          ratio, "times", 1.0, "medians")  # fmt: skip

    def loaded(self, client: int, way: str) -> list[float]:
        with self.load(client, way, connections=CONNECTIONS):
            return self.ping(client).result()

    def ping(self, client: int) -> "Future[list[float]]":
        return self.lab.clients[client].start(ping, self.lab.servers4[client], round(self.seconds / PING_EVERY))

    def plain(self, way: str) -> list[float]:
        """As most guides for routers write it: HTB with one class, on the device where the packets leave."""
        device = f"lan{PLAIN}" if way == "down" else self.lab.wan_interface
        with plain_htb(self.lab.router, device, SLOW[1].rate):
            return self.loaded(PLAIN, way)

    def calm(self, client: int) -> list[float]:
        return self.ping(client).result()

    def speed(self, client: int) -> float:
        """bit/s of a download over the whole link."""
        with self.load(client, "down"):
            return self.lab.clients[client].call(bits_per_second, received, self.seconds / 2)

    def neighbour(self, alone: float, calm: Sequence[float]) -> Iterator[Row]:
        """Somebody without a limit beside two throttled ones under load, both ways each."""
        taken = sum(slow.rate for slow in SLOW[:2])
        with self.load(0, *MOVES), self.load(1, *MOVES):
            waited = self.calm(FREE)
            beside = self.speed(FREE)
        lost = (alone - taken - beside) * 100 / alone
        detail = f"{beside / 1e6:.1f} Mbit/s; {alone / 1e6:.1f} alone, of which the others now have {taken / 1e6:.1f}"
        yield aim("one without a limit beside them: speed lost", lost, "%", 5, detail)
        detail = f"{number(median(waited))} ms; {number(median(calm))} ms alone; worst {number(max(waited))} ms"
        yield aim(
            "one without a limit beside them: ping waits longer by", median(waited) - median(calm), "ms", 2, detail
        )


def move(way: str, server: str, end: threading.Event) -> None:
    """One connection that never has enough. It ends by a reset, or its last bytes would be in the next one's way."""
    with socket.create_connection((server, servers.TCP_PORT), timeout=60) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(servers.TCP_REQUEST.pack(MOVES[way], 1 << 40))
        sock.settimeout(0.1)
        while not end.is_set():
            with contextlib.suppress(TimeoutError):
                sock.send(CHUNK) if way == "up" else sock.recv(len(CHUNK))


@contextlib.contextmanager
def plain_htb(router: Host, device: str, rate: int) -> Iterator[None]:
    """tc's defaults: the leaf of the class is a pfifo as long as the device's queue."""
    link = router.run(["ip", "-o", "link", "show", "dev", device])
    before = re.search(r"qlen (\d+)", link)
    assert before
    router.ip(f"link set {device} txqueuelen {min(TUN_QUEUE, int(before[1]))}")
    tc = ["tc", "qdisc", "add", "dev", device, "root", "handle", "1:", "htb", "default", "10"]
    router.run(tc)
    router.run(["tc", "class", "add", "dev", device, "parent", "1:", "classid", "1:10", "htb", "rate", f"{rate}bit"])
    try:
        yield
    finally:
        router.run(["tc", "qdisc", "del", "dev", device, "root"])
        router.ip(f"link set {device} txqueuelen {before[1]}")


def bits_per_second(read: Callable[[], int], seconds: float) -> float:
    """From one arrival to another: at 128 kbit/s a single packet is 1 % of what comes in ten seconds."""
    began, first = arrival(read)
    time.sleep(seconds)
    ended, last = arrival(read)
    return (last - first) * 8 / (ended - began)


def arrival(read: Callable[[], int]) -> tuple[float, int]:
    """When the count next moves, and what it is then. TimeoutError."""
    before, began = read(), time.monotonic()
    while (now := read()) == before:
        if time.monotonic() - began > 10:
            raise TimeoutError("nothing arrives")
        time.sleep(0.001)
    return time.monotonic(), now


def received() -> int:
    """IP bytes that came to eth0 of the calling thread's namespace, whoever they were for."""
    for line in Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "eth0":
            size, packets = numbers.split()[:2]
            return int(size) - ETHERNET * int(packets)
    raise OSError("no eth0")


def ping(server: str, count: int) -> list[float]:
    """Round trips in ms; what did not come back within 20 s counts as 20 s."""
    command = ["ping", "-n", "-c", str(count), "-i", str(PING_EVERY), "-W", "20", server]
    report = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    times = [float(found) for found in re.findall(r"time=([\d.]+)", report)]
    return times + [20_000.0] * (count - len(times))


def pinged(what: str, times: Sequence[float]) -> Row:
    late = sum(each >= 20_000 for each in times)
    detail = f"worst {number(max(times))} ms of {len(times)}" + (f"; {late} never came back" if late else "")
    return Row(what, median(times), "ms", detail=detail)
