# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's story: who lives behind the router, and who does what when. Owns the threads that make the traffic.

Each client, and the router itself, talks to server addresses of its own, so that the carrier, which sees only one
customer, has in its bill by remote address what each of them used: an independent witness of our attribution.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from esimshaper.core.model import ROUTER, ClientKey, Counters
from esimshaper.lab import Bill, Host, Lab, traffic
from esimshaper.lab.traffic import Moved
from esimshaper.lab.world import BEYOND4

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True, slots=True)
class Member:
    """One device: the host name that it tells the DHCP server, and the name that the configuration has, if any."""

    hostname: str
    name: str = ""


PHONE, LAPTOP, TV, CONSOLE, TABLET, BOX = range(6)
CAST = (
    Member("pixel-8", "alice-phone"),
    Member("bob-laptop", "bob-laptop"),
    Member("smart-tv"),
    Member("console"),
    Member("carol-tablet", "carol-tablet"),
)
"""In the order of the lab's clients; BOX is the router itself. Those without a name are known by DHCP only."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Whom one member talks to."""

    ipv4: str
    ipv6: str


Step = Callable[[Servers], Moved]


@dataclass(frozen=True, slots=True)
class Act:
    """What one member does from `begin` to `end` (parts of the whole time): steps, at `bits` per second on average.

    Where `end` is `begin` it does one step only.
    """

    who: int
    says: str
    begin: float
    end: float
    bits: float
    step: Step


def _call(servers: Servers) -> Moved:
    return _both(traffic.quic(server, up=60_000, down=90_000) for server in (servers.ipv4, servers.ipv6))


def _questions(servers: Servers) -> Moved:
    return _both(traffic.udp_echo(server, count=10, size=60) for server in (servers.ipv4, servers.ipv6))


def _errors(servers: Servers) -> Moved:
    for server in (servers.ipv4, servers.ipv6):
        traffic.ping(server, count=5)
        traffic.port_unreachable(server)
    traffic.time_exceeded(BEYOND4)
    return traffic.packet_too_big(BEYOND4)


def _fragments(servers: Servers) -> Moved:
    return _both(traffic.fragments(server) for server in (servers.ipv4, servers.ipv6))


def _updates(servers: Servers) -> Moved:
    return _both(traffic.tcp_down(server, 300_000) for server in (servers.ipv4, servers.ipv6))


def _both(steps: Iterable[Moved]) -> Moved:
    moved = list(steps)
    return Moved(sum(step.up for step in moved), sum(step.down for step in moved))


KILL, BACK = 0.40, 0.52
"""When the daemon is killed, and when it is started again."""

ACTS = (
    Act(PHONE, "alice-phone watches a video (TCP)", 0.0, 0.86, 16e6, lambda s: traffic.tcp_down(s.ipv4, 1_000_000)),
    Act(LAPTOP, "bob-laptop uploads photos (TCP)", 0.08, 0.80, 8e6, lambda s: traffic.tcp_up(s.ipv4, 500_000)),
    Act(TV, "smart-tv updates itself (IPv6)", 0.16, 0.95, 12e6, lambda s: traffic.tcp_down(s.ipv6, 750_000)),
    Act(CONSOLE, "console is in a game (small UDP packets)", 0.24, 1.0, 2e5, lambda s: traffic.udp_echo(s.ipv4)),
    Act(TABLET, "carol-tablet makes a video call (QUIC-like)", 0.32, 0.92, 4e6, _call),
    Act(PHONE, "alice-phone asks DNS-sized questions", 0.62, 0.62, 0, _questions),
    Act(LAPTOP, "bob-laptop pings and traces: ICMP errors come back", 0.68, 0.68, 0, _errors),
    Act(TABLET, "carol-tablet sends 4,000-byte datagrams in fragments", 0.76, 0.76, 0, _fragments),
    Act(BOX, "the router itself fetches updates", 0.84, 0.84, 0, _updates),
)


class Story:
    """The acts on the lab's stage."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._hosts: tuple[Host, ...] = (*lab.clients, lab.router)
        self._servers = tuple(map(Servers, lab.servers4, lab.servers6))
        self._over = threading.Event()
        self._played: list[tuple[Act, Future[int]]] = []

    def begin(self, act: Act, seconds: float) -> None:
        """Play one act for so many seconds in a thread of its own."""
        future = self._hosts[act.who].start(self._play, act, self._servers[act.who], time.monotonic() + seconds)
        self._played.append((act, future))

    def failures(self, timeout: float) -> list[str]:
        """Wait until all acts are over; what those say that moved nothing at all."""
        deadline = time.monotonic() + timeout
        failed = []
        for act, future in self._played:
            try:
                moved = future.result(timeout=max(0.0, deadline - time.monotonic()))
            except (OSError, TimeoutError) as problem:
                failed.append(f"{act.says}: {problem or type(problem).__name__}")
            else:
                failed += [] if moved else [f"{act.says}: nothing got through"]
        return failed

    def stop(self) -> None:
        """Let no act begin another step."""
        self._over.set()

    def _play(self, act: Act, servers: Servers, until: float) -> int:
        """Payload bytes moved. A step that fails is the story's bad luck, as long as another one works."""
        moved, due = 0, time.monotonic()
        while True:
            try:
                step = act.step(servers)
            except OSError:
                if act.begin == act.end or (not moved and time.monotonic() >= until):
                    raise
                step = Moved()
            moved += step.up + step.down
            due += (step.up + step.down) * 8 / act.bits if act.bits else 0
            if time.monotonic() >= until or self._over.wait(max(0.0, due - time.monotonic())):
                return moved

    def by_member(self, bill: Bill) -> Mapping[ClientKey, Counters]:
        """The bill by who must have caused it. The router has, besides its servers, whatever no server stands for."""
        shares = {
            ClientKey(host.mac): bill.of(servers.ipv4, servers.ipv6)
            for host, servers in zip(self._lab.clients, self._servers, strict=False)
        }
        # Only the laptop goes beyond the servers; the hop that answers it is the carrier's side of the WAN.
        shares[ClientKey(self._lab.clients[LAPTOP].mac)] += bill.of(BEYOND4, self._lab.internet.ipv4)
        return shares | {ROUTER: bill.total - _sum(list(shares.values()))}


def configuration(lab: Lab) -> str:
    """The configuration file of this router, as a traveller would write it."""
    named = [
        f'  - {{name: {member.name}, mac: "{client.mac}"}}'
        for member, client in zip(CAST, lab.clients, strict=True)
        if member.name
    ]
    return "\n".join(
        [
            f"wan: {{interface: {lab.wan_interface}}}",
            f"lan: {{interfaces: [{lab.lan_interface}], leases: [{lab.lease_file}]}}",
            "timezone: UTC",
            "clients:",
            *named,
            "metrics: {listen: 127.0.0.1:19473}",
            "",
        ]
    )


def _sum(parts: Sequence[Counters]) -> Counters:
    return sum(parts, Counters())
