# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's story: the devices behind the router, their quotas, their acts. Owns the threads of traffic.

Each client, and the router itself, talks to server addresses of its own. The carrier sees only one customer, but its
bill by remote address therefore says what each client used: an independent witness of our attribution.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from esimshaper.core.model.counts import Counters, sum_of
from esimshaper.core.model.identity import ROUTER, ClientKey
from esimshaper.demo import plans
from esimshaper.demo.programs import Cut, Video, steady_download
from esimshaper.lab import Bill, Host, Lab, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.second_uplink import DEVICE
from esimshaper.lab.sites import resolve
from esimshaper.lab.traffic import Moved
from esimshaper.lab.world import BEYOND4, LAN4

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True, slots=True)
class Member:
    """One device: the host name that it tells the DHCP server, and the name that the configuration has, if any."""

    hostname: str
    name: str = ""


PHONE, LAPTOP, TV, CONSOLE, TABLET, BOX = range(6)
MODEM, HOTEL = "esim", "hotel Wi-Fi"
"""The uplinks; the second one comes last."""
CAST = (
    Member("pixel-8", "alice-phone"),
    Member("bob-laptop", "bob-laptop"),
    Member("smart-tv", "smart-tv"),
    Member("console"),
    Member("carol-tablet", "carol-tablet"),
)
"""In the order of the lab's clients; BOX is the router itself. Members without a name are known by DHCP only."""


VIDEOS, PHOTOS, FILMS = "rr3---sn-lab.googlevideo.com", "p42.icloud-content.com", "ipv6-c7.lab.nflxvideo.net"
GAMES, CALLS, UPDATES = "match.lab.nintendo.net", "lab.zoom.us", "r4---sn-lab.gvt1.com"
SITES = {VIDEOS: PHONE, PHOTOS: BOX + 1, FILMS: TV, GAMES: CONSOLE, CALLS: BOX + 2, UPDATES: BOX + 3}
"""The hosts that have a name, and the number of the server that each is: in the story one member alone goes there."""
SERVICES = {
    VIDEOS: "youtube",
    PHOTOS: "icloud",
    FILMS: "netflix",
    GAMES: "nintendo",
    CALLS: "zoom",
    UPDATES: "android-updates",
}
"""What each of them is for."""
SERVERS = max(SITES.values()) + 1
"""Servers that there are for each family of addresses."""
BESIDE_OWN = {LAPTOP: SITES[PHOTOS], TABLET: SITES[CALLS]}
"""Servers of members who have one without a name as well."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The server addresses that one member talks to."""

    ipv4: str
    ipv6: str


Step = Callable[[Servers], Moved]

_RETRY_SECONDS = 0.4
"""After so many seconds a device repeats a step that did not work."""
_CATCH_UP_SECONDS = 2.0
"""A slow device makes up for so many seconds: one that was throttled for an hour does not flood the link afterwards."""


@dataclass(frozen=True, slots=True)
class Act:
    """What one member does from `begin` to `end` (parts of the whole time): steps, at `bits` per second on average.

    Where `end` is `begin` it does one step only; from 1 on it goes on until the story is stopped. host: one of SITES,
    which it finds by DNS; without, it talks to its own servers.
    """

    who: int
    says: str
    begin: float
    end: float
    bits: float
    step: Step
    host: str = ""


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


VIDEO_BITS, FILM_BITS, THROTTLE_BITS = 16e6, 12e6, 2_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """Bytes that are allowed in a day: the phone is throttled beyond, the TV is blocked and then granted more.

    step: the bytes after which the first plan costs more.
    """

    phone: int
    tv: int
    grant: int
    step: int

    @classmethod
    def of(cls, seconds: int) -> "Terms":
        """Amounts that are used up at the right moments of a story of that length."""
        return cls(*(part * seconds // 24 * 1000 for part in (12_000, 10_000, 5_000, 20_000)))


def acts(terms: Terms) -> tuple[Act, ...]:
    """All acts, in the order of their beginnings."""
    video = Video(VIDEOS)
    return (
        Act(PHONE, "alice-phone watches a video (TLS)", 0.0, 1.0, VIDEO_BITS, lambda s: video(s.ipv4), VIDEOS),
        Act(
            LAPTOP,
            "bob-laptop uploads photos (TLS)",
            0.06,
            0.80,
            8e6,
            lambda s: traffic.tls_up(s.ipv4, PHOTOS, 500_000),
            PHOTOS,
        ),
        Act(TV, "smart-tv loads a film (TLS, IPv6)", 0.13, 1.0, 0, lambda s: _film(s, terms), FILMS),
        Act(
            CONSOLE,
            "console is in a game (small UDP packets)",
            0.18,
            1.0,
            2e5,
            lambda s: traffic.udp_echo(s.ipv4),
            GAMES,
        ),
        Act(TABLET, "carol-tablet makes a video call (UDP)", 0.22, 0.92, 4e6, _call, CALLS),
        Act(CONSOLE, "console asks DNS-sized questions", 0.66, 0.66, 0, _questions),
        Act(LAPTOP, "bob-laptop pings and traces: ICMP errors come back", 0.70, 0.70, 0, _errors),
        Act(TABLET, "carol-tablet sends 4,000-byte datagrams in fragments", 0.76, 0.76, 0, _fragments),
        Act(BOX, "the router itself fetches updates", 0.84, 0.84, 0, _updates),
    )


def _film(servers: Servers, terms: Terms) -> Moved:
    return steady_download(servers.ipv6, FILMS, terms.tv * 3 // 2, FILM_BITS)


@dataclass(slots=True)
class _Played:
    """An act on stage. `down`: payload bytes that its program got; `resets`: connections that were cut."""

    act: Act
    future: "Future[int] | None" = None
    down: int = 0
    resets: int = 0


class Story:
    """The acts on the lab's stage."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._hosts: tuple[Host, ...] = (*lab.clients, lab.router)
        self._servers = tuple(map(Servers, lab.servers4, lab.servers6))
        self._over = threading.Event()
        self._played: list[_Played] = []

    def introduce(self) -> None:
        """Every device says hello to the router, and limits are set up, before traffic flows.

        A qdisc that is put on a busy device loses the packets that wait there: they were counted and are never billed.
        """
        hellos = [client.start(traffic.ping, f"{LAN4}.1", count=1) for client in self._lab.clients]
        for hello in hellos:
            hello.result()
        root = ["tc", "qdisc", "show", "dev", self._lab.wan_interface, "root"]
        wait_until("shaping", lambda: "htb" in self._lab.router.run(root))

    def begin(self, act: Act, seconds: float) -> None:
        """Play one act for so many seconds in a thread of its own."""
        played, until = _Played(act), time.monotonic() + (seconds if act.end < 1 else float("inf"))
        self._played.append(played)
        played.future = self._hosts[act.who].start(self._play, played, self._servers[act.who], until)

    def failures(self, timeout: float) -> list[str]:
        """Waits until all acts are over; returns the errors of acts that moved nothing at all."""
        deadline = time.monotonic() + timeout
        failed = []
        for played in self._played:
            try:
                moved = played.future and played.future.result(timeout=max(0.0, deadline - time.monotonic()))
            except (OSError, TimeoutError) as problem:
                failed.append(f"{played.act.says}: {problem or type(problem).__name__}")
            else:
                failed += [] if moved else [f"{played.act.says}: nothing got through"]
        return failed

    def received(self, key: ClientKey) -> int:
        """Payload bytes that programs on this device received: a witness of the bytes that were let through."""
        return sum(played.down for played in self._played if self._hosts[played.act.who].mac == key)

    def resets(self, who: int) -> int:
        """How many connections of its programs were cut."""
        return sum(played.resets for played in self._played if played.act.who == who)

    def key(self, who: int) -> ClientKey:
        """The daemon's key of that member."""
        return ClientKey(self._hosts[who].mac)

    def stop(self) -> None:
        """Let no act begin another step."""
        self._over.set()

    def _play(self, played: _Played, servers: Servers, until: float) -> int:
        """Returns payload bytes. A step may fail, as long as another one of the act works."""
        act, moved, due = played.act, 0, time.monotonic()
        if act.host:
            servers = Servers(resolve(act.host, f"{LAN4}.1"), resolve(act.host, f"{LAN4}.1", ipv6=True))
        while True:
            try:
                step = act.step(servers)
            except Cut as cut:
                step = cut.moved
                played.resets += 1
            except OSError:
                if act.begin == act.end or (not moved and time.monotonic() >= until):
                    raise
                step = Moved()
                due = max(due, time.monotonic() + _RETRY_SECONDS)
            moved += step.up + step.down
            played.down += step.down
            due = max(due, time.monotonic() - _CATCH_UP_SECONDS)
            due += (step.up + step.down) * 8 / act.bits if act.bits else 0
            if time.monotonic() >= until or self._over.wait(max(0.0, due - time.monotonic())):
                return moved

    def by_member(self, bill: Bill) -> Mapping[ClientKey, Counters]:
        """The bill by the member that must have caused it. Bytes of no server's address belong to the router."""
        shares = {
            ClientKey(host.mac): bill.of(servers.ipv4, servers.ipv6)
            for host, servers in zip(self._lab.clients, self._servers, strict=False)
        }
        for who, at in BESIDE_OWN.items():
            shares[self.key(who)] += bill.of(self._servers[at].ipv4, self._servers[at].ipv6)
        # Only the laptop sends packets beyond the servers; the carrier's side of the WAN answers them.
        shares[self.key(LAPTOP)] += bill.of(BEYOND4, self._lab.internet.ipv4)
        return shares | {ROUTER: bill.total - sum_of(shares.values())}

    def by_service(self, bill: Bill) -> Mapping[tuple[ClientKey, str], int]:
        """The bill of the hosts that have names: bytes by the member who found them by DNS, and what they are for."""
        hosts = {played.act.host: played.act.who for played in self._played if played.act.host}
        at = {host: self._servers_of(host) for host in hosts}
        return {
            (self.key(who), SERVICES[host]): bill.of(at[host].ipv4, at[host].ipv6).total_bytes
            for host, who in hosts.items()
        }

    def _servers_of(self, host: str) -> Servers:
        return Servers(self._lab.servers4[SITES[host]], self._lab.servers6[SITES[host]])


def configuration(lab: Lab, terms: Terms) -> str:
    """The configuration file of this router, as a traveller would write it."""
    named = [
        f'  - {{name: {member.name}, mac: "{client.mac}"}}'
        for member, client in zip(CAST, lab.clients, strict=True)
        if member.name
    ]
    phone, tv = CAST[PHONE].name, CAST[TV].name
    throttle = f"{{throttle: {THROTTLE_BITS // 1000}kbit}}"
    return "\n".join(
        [
            "wan:",
            f"  - {{name: {MODEM}, interface: {lab.wan_interface}}}",
            f"  - {{name: {HOTEL}, interface: {DEVICE}, metered: no}}",
            f"lan: {{interfaces: [{lab.lan_interface}], leases: [{lab.lease_file}]}}",
            f"timezone: {_far_from_midnight()}",
            "clients:",
            *named,
            "quotas:",
            f"  - {{name: phone, for: client/{phone}, limit: {terms.phone}B, period: day, then: {throttle}}}",
            f"  - {{name: tv, for: client/{tv}, limit: {terms.tv}B, period: day, then: block}}",
            *plans.settings(MODEM, terms.step),
            "metrics: {listen: 127.0.0.1:19473}",
            "",
        ]
    )


def _far_from_midnight() -> str:
    """A time zone in which no new day begins during the demo: it would renew the quotas."""
    return "UTC" if datetime.now(UTC).hour < 22 else "Asia/Tokyo"
