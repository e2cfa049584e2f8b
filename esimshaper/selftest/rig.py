# SPDX-License-Identifier: GPL-2.0-or-later
"""The measuring of the self-test: traffic of one client through our programs in a lab.

In: a Lab and a Meter. Out: an Exchange for each kind of traffic, a LimitTrial for each limit. Each step compares the
client's account with the bill of the carrier, before and after it and while no packet is on its way.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from esimshaper.core.model.box import Exchange, LimitTrial, NameTrial
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.reading import Hook
from esimshaper.core.model.services import NO_VOLUME
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.lab import Lab, servers, traffic
from esimshaper.names.service import NamesService
from esimshaper.selftest.names import HELLOS, SERVICE

QUIET_SECONDS = 0.1
"""Longer than a TCP acknowledgement may wait (TCP_DELACK_MIN: 40 ms)."""

ROUNDS = 50
"""So often the process that names is waited for, QUIET_SECONDS each: it needs one."""

PAYLOAD = 1200
IP_UDP = {4: 28, 6: 48}
"""IP and UDP header bytes by IP version."""


@dataclass(frozen=True, slots=True)
class TrafficKind:
    """A kind of traffic.

    `move` exchanges bytes with a server, from the network namespace of the calling thread. `least` has the least that
    these come to at the IP layer, by the header bytes of IP and UDP.
    """

    what: str
    move: Callable[[str], traffic.Moved]
    least: Callable[[int], Counters]


def _hundred_each_way(headers: int) -> Counters:
    size = 100 * (PAYLOAD + headers)
    return Counters(size, size, 100, 100)


def _tcp(server: str) -> traffic.Moved:
    traffic.tcp_down(server, 2_000_000)
    return traffic.tcp_up(server, 2_000_000)


KINDS = (
    TrafficKind("UDP", lambda server: traffic.udp_echo(server, count=100, size=PAYLOAD), _hundred_each_way),
    TrafficKind(
        "UDP in super-packets",
        lambda server: traffic.quic(server, up=120_000, down=120_000, packet=PAYLOAD),
        _hundred_each_way,
    ),
    TrafficKind("TCP", _tcp, lambda _: Counters(2_000_000, 2_000_000, 1, 1)),
    TrafficKind(
        "fragments",
        lambda server: traffic.fragments(server, count=10, size=4000),
        lambda _: Counters(40_000, 40_000, 30, 30),
    ),
)

ALLOWED, OFFERED = 20, 40
"""The packets that a limit allows, beside half of one more, and the packets that are sent."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Our counters and the carrier's bill of the same bytes."""

    client: Counters = field(default_factory=Counters)
    unattributed: Counters = field(default_factory=Counters)
    budget: Budget = field(default_factory=Budget)
    billed: Counters = field(default_factory=Counters)


class Rig:
    """`lab` is bare and has one client. Attaches to its router; the namespaces take the programs with them."""

    def __init__(self, lab: Lab, meter: Meter, markers: Path) -> None:
        self._lab, self._meter, self._markers = lab, meter, markers
        self._client = lab.clients[0]
        self._last = _Snapshot()

    def attach(self) -> None:
        """Puts the programs for the present link in place. Raises FailedOperation, or RuntimeError in a sentence."""

        def ensure() -> Sequence[str]:
            with contextlib.closing(TrafficControl(self._markers)) as control:
                hooks = (
                    (self._lab.lan_interface, Hook.LAN_INGRESS),
                    (self._lab.lan_interface, Hook.LAN_EGRESS),
                    (self._lab.wan_interface, Hook.WAN_EGRESS),
                    (self._lab.wan_interface, Hook.WAN_INGRESS),
                )
                return [each.problem for each in control.ensure(hooks, self._meter.program) if not each.attached]

        problems = self._lab.router.call(ensure)
        if problems:
            raise RuntimeError(problems[0])
        self._last = self._snapshot()

    def exchange(self, link: str, kind: TrafficKind, version: int) -> Exchange:
        """Moves bytes. Raises OSError if they do not arrive."""
        before = self._last
        self._client.call(kind.move, self._server(version))
        after = self._last = self._snapshot()
        return Exchange(
            link,
            f"{kind.what} over IPv{version}",
            kind.least(IP_UDP[version]),
            after.billed - before.billed,
            after.client - before.client,
            after.unattributed - before.unattributed,
        )

    def try_upload_limit(self, link: str, version: int) -> LimitTrial:
        """Lets the client send more than a limit allows; the carrier's bill says how much passed."""
        packet = PAYLOAD + IP_UDP[version]
        before = self._last
        with self._limited(version, upload=True) as limit:
            self._client.call(_flood, self._server(version))
        passed = self._last.billed.up_bytes - before.billed.up_bytes
        return LimitTrial(link, f"upload over IPv{version}", limit, packet, passed)

    def try_download_limit(self, link: str, version: int) -> LimitTrial:
        """Lets a server send more than a limit allows; the client says how much passed."""
        packet = PAYLOAD + IP_UDP[version]
        with self._limited(version, upload=False) as limit:
            arrived = self._client.call(_ask_and_count, self._server(version), self._lab.carrier.settle)
        return LimitTrial(link, f"download over IPv{version}", limit, packet, arrived * packet)

    def try_names(self, link: str, service: NamesService) -> list[NameTrial]:
        """Has the client say hello in two parts; the counters by service say what became of it."""
        trials = []
        for version in (4, 6):
            for what, speak in HELLOS.items():
                used, named = self._used_and_named()
                self._client.call(speak, self._server(version))
                now = self._used_and_named()
                for _ in range(ROUNDS):
                    if now[1] - named == now[0] - used:
                        break
                    service.step(QUIET_SECONDS)
                    now = self._used_and_named()
                trials.append(NameTrial(link, f"{what} over IPv{version}", now[0] - used, now[1] - named))
        self._last = self._snapshot()
        return trials

    def _used_and_named(self) -> tuple[int, int]:
        """Bytes of the client, and those of them that have the name of the hellos."""
        self._last, reading = self._snapshot(), self._meter.read()
        number = next((number for number, name in reading.service_names.items() if name == SERVICE), -1)
        named = reading.services.get(self._account(), {}).get(number, NO_VOLUME)
        return self._last.client.total_bytes, named.down_bytes + named.up_bytes

    @contextlib.contextmanager
    def _limited(self, version: int, *, upload: bool) -> Iterator[int]:
        packet = PAYLOAD + IP_UDP[version]
        limit = packet * ALLOWED + packet // 2
        used = self._last.budget
        thresholds = Thresholds(upload=used.upload + limit) if upload else Thresholds(download=used.download + limit)
        self._meter.write_policies({self._account(): Policy(block_at=thresholds)})
        yield limit
        self._last = self._snapshot()
        self._meter.write_policies({self._account(): Policy()})

    def _server(self, version: int) -> str:
        return (self._lab.servers4 if version == 4 else self._lab.servers6)[0]

    def _snapshot(self) -> _Snapshot:
        """Counters and bill of one quiet moment; only bytes of the servers, so without the lab's own packets."""
        while True:
            bill = self._lab.carrier.settle(QUIET_SECONDS)
            reading = self._meter.read()
            if self._lab.carrier.bill() != bill:  # a late packet came in between
                continue
            account = self._account()
            return _Snapshot(
                reading.accounts.get(account, Counters()),
                reading.accounts.get(ACCOUNT_UNATTRIBUTED, Counters()),
                reading.budgets.get(account, Budget()),
                bill.of(*self._lab.servers4, *self._lab.servers6),
            )

    def _account(self) -> Account:
        owners = self._meter.read().owners
        return next((account for account, client in owners.items() if client == self._client.mac), ACCOUNT_UNATTRIBUTED)


def _flood(server: str) -> None:
    """Sends datagrams that ask for no answer."""
    with _connected(server) as sock:
        request = servers.UDP_REQUEST.pack(servers.SINK, 1, 0, 0, 0)
        servers.send_burst(sock, None, request, OFFERED, PAYLOAD, gso=False)


def _ask_and_count(server: str, settle: Callable[[float], object]) -> int:
    """Has a server send datagrams; returns how many have come once everything is quiet."""
    with _connected(server) as sock:
        sock.send(servers.UDP_REQUEST.pack(servers.SOURCE, 1, OFFERED, PAYLOAD, 0))
        settle(QUIET_SECONDS)
        sock.settimeout(0)
        arrived = 0
        with contextlib.suppress(BlockingIOError):
            while sock.recv(65535):
                arrived += 1
        return arrived


def _connected(server: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
    servers.make_room(sock)
    sock.connect((server, servers.UDP_PORT))
    return sock
