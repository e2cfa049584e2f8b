# SPDX-License-Identifier: GPL-2.0-or-later
"""What a packet costs on its way through the router: plain, with nftables, with ours. In: a Place. Out: Rows.

All are measured in turn in the same lab, many times over, and compared round by round: what the machine does besides
falls on all of them. The peer counts what is asked of us as well as nftables can: bytes of each client in both
directions in dynamic sets, and bytes of each flow by connection tracking. (It counts payload and headers as merged by
GRO, so less than is billed.) With limits it also has a quota of each client and one of everyone; ours has those of a
group as well.
"""

import contextlib
import itertools
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import median

from bench import blaster
from bench.bill import attach, total
from bench.blaster import Cost, Volley
from bench.cost import set_limits
from bench.place import Place
from bench.rows import Row, Verdict, aim, exact, middling, number, spread
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.lab import Host, Lab, WanKind

PORTS = range(20_000, 20_064)
"""Of the server: as many flows. The internet and the client throw away what comes for them, for little and the same."""
SINK = """table inet bench_sink {
    counter arrived { }
    chain first {
        type filter hook prerouting priority -500;
        udp dport 20000-20063 counter name arrived drop
        udp sport 20000-20063 counter name arrived drop
    }
}
"""
COUNTING = """
    set up4 { typeof ip saddr; size 65535; flags dynamic; counter; }
    set up6 { typeof ip6 saddr; size 65535; flags dynamic; counter; }
    set down4 { typeof ip daddr; size 65535; flags dynamic; counter; }
    set down6 { typeof ip6 daddr; size 65535; flags dynamic; counter; }
    chain forward {
        type filter hook forward priority filter;
        oifname "wan0" update @up4 { ip saddr }
        oifname "wan0" update @up6 { ip6 saddr }
        iifname "wan0" update @down4 { ip daddr }
        iifname "wan0" update @down6 { ip6 daddr }
    }
"""
LIMITING = """
    set used4 { typeof ip saddr; size 65535; flags dynamic; }
    set used6 { typeof ip6 saddr; size 65535; flags dynamic; }
    quota everyone { over 1000000 mbytes }
    chain quotas {
        type filter hook forward priority filter + 1;
        oifname "wan0" update @used4 { ip saddr quota over 1000000 mbytes } drop
        oifname "wan0" update @used6 { ip6 saddr quota over 1000000 mbytes } drop
        iifname "wan0" update @used4 { ip daddr quota over 1000000 mbytes } drop
        iifname "wan0" update @used6 { ip6 daddr quota over 1000000 mbytes } drop
        oifname "wan0" quota name "everyone" drop
        iifname "wan0" quota name "everyone" drop
    }
"""


class How(Enum):
    """What counts. The peer is nftables' sets with connection tracking's accounting."""

    NOTHING = "nothing counts"
    PEER = "nftables"
    OURS = "esimshaper"
    PEER_LIMITED = "nftables with quotas"
    OURS_LIMITED = "esimshaper with limits"

    @property
    def ours(self) -> bool:
        return self in (How.OURS, How.OURS_LIMITED)

    @property
    def peer(self) -> str:
        """The statements of the peer's table."""
        return {How.PEER: COUNTING, How.PEER_LIMITED: COUNTING + LIMITING}.get(self, "")


@dataclass(frozen=True, slots=True)
class Case:
    """`size` is the payload of a datagram; 0 stands for a TCP download in super-packets."""

    name: str
    size: int
    up: bool
    ipv6: bool = False

    @property
    def unit(self) -> str:
        return "ns/packet" if self.size else "ns/kB"


CASES = (
    Case("UDP of 100 bytes up", 100, up=True),
    Case("UDP of 100 bytes down", 100, up=False),
    Case("UDP of 100 bytes down, IPv6", 100, up=False, ipv6=True),
    Case("UDP of 1400 bytes down", 1400, up=False),
    Case("TCP down, merged", 0, up=False),
)


def rows(place: Place) -> Iterator[Row]:
    """Eight rows for each case."""
    rounds = 9 if place.quick else 60
    lab = Lab(WanKind.VETH, clients=("client",))
    with lab, place.meter("forwarding") as (meter, markers):
        lab.carrier.stop()  # its process would look at every packet
        track = Track(lab, meter, markers, 8_000 if place.quick else 15_000)
        costs: dict[tuple[Case, How], list[Cost]] = {(case, how): [] for case in CASES for how in How}
        for turn in range(rounds):
            order = itertools.islice(itertools.cycle(How), turn % len(How), turn % len(How) + len(How))
            for how in order:
                track.switch(how)
                for case in CASES:
                    costs[case, how].append(track.run(case))
        yield exact("packets or bytes that were not forwarded or not counted", track.astray, "packets")
        for case in CASES:
            yield from case_rows(case, {how: costs[case, how] for how in How})


def case_rows(case: Case, costs: dict[How, list[Cost]]) -> Iterator[Row]:
    """The cost with each, then ours against the others, round by round."""
    scale = 1 if case.size else 1000
    for how, measured in costs.items():
        figures = [cost.nanoseconds * scale for cost in measured]
        yield middling(f"{case.name}: {how.value}", figures, case.unit, throughput(case, measured))
    each = {how: [cost.nanoseconds for cost in measured] for how, measured in costs.items()}
    for ours, peer in ((How.OURS, How.PEER), (How.OURS_LIMITED, How.PEER_LIMITED)):
        ratios = [one / other for one, other in zip(each[ours], each[peer], strict=True)]
        yield aim(f"{case.name}: {ours.value} against {peer.value}", median(ratios), "times", 1.0, spread(ratios))
    pairs = list(zip(each[How.OURS], each[How.NOTHING], strict=True))
    ratios = [one / other for one, other in pairs]
    added = median(one - other for one, other in pairs) * scale
    detail = f"{spread(ratios)}; ours adds {number(round(added))} {case.unit}"
    yield Row(
        f"{case.name}: esimshaper against nothing", median(ratios), "times", verdict=Verdict.FIGURE, detail=detail
    )


def throughput(case: Case, measured: list[Cost]) -> str:
    """What one core can forward, the sender's own work included."""
    rate = median(cost.units / cost.seconds for cost in measured)
    return f"{number(round(rate))} packets/s on one core" if case.size else f"{rate * 8 / 1e9:.1f} Gbit/s on one core"


class Track:
    """The lab with sinks at both ends, what counts in it at the moment, and the packets that went `astray`."""

    def __init__(self, lab: Lab, meter: Meter, markers: Path, packets: int) -> None:
        self.lab, self.meter, self.markers, self.packets = lab, meter, markers, packets
        self.how = How.NOTHING
        self.astray = 0
        self.core = max(os.sched_getaffinity(0))
        self.client, self.router, self.internet = lab.clients[0], lab.router, lab.internet
        for host in (self.client, self.internet):
            host.run(["nft", "-f", "-"], text_in=SINK)

    def switch(self, how: How) -> None:
        """Connection tracking decides at a flow's first packet: every run has flows of its own."""
        if self.how.peer:
            self.router.run(["nft", "delete", "table", "inet", "bench_peer"])
        if self.how.ours:
            self.router.call(self._detach)
        if how.peer:
            self.router.run(["nft", "-f", "-"], text_in=f"table inet bench_peer {{{how.peer}}}")
        if how.ours:
            set_limits(self.meter, limited=how is How.OURS_LIMITED)
            self.router.call(attach, self.meter, self.markers)
        self.router.sysctl(netfilter__nf_conntrack_acct=int(bool(how.peer)))
        self.how = how

    def _detach(self) -> None:
        with contextlib.closing(TrafficControl(self.markers)) as control:
            control.sweep()

    def run(self, case: Case) -> Cost:
        """One measurement, which must have been counted by whatever counts."""
        before = self._counted()
        cost = self._datagrams(case) if case.size else self._stream()
        seen = self._counted() - before
        # Of a stream the peer sees super-packets: that it saw some is all that can be asked.
        expected = cost.units if case.size else max(1, seen)
        if self.how is not How.NOTHING:
            self.astray += max(0, expected - seen)
        return cost

    def _datagrams(self, case: Case) -> Cost:
        server = (self.lab.servers6 if case.ipv6 else self.lab.servers4)[0]
        inside = self.client.call(_bound, self.client.ipv6 if case.ipv6 else self.client.ipv4, 0)
        with inside, contextlib.ExitStack() as stack:
            port = inside.getsockname()[1]
            self.client.call(Volley(server, PORTS, 8).send, inside, len(PORTS))  # NAT knows the flows from now on
            if case.up:
                host, sockets, volley = self.client, [inside], Volley(server, PORTS, case.size)
            else:
                host = self.internet
                sockets = [stack.enter_context(sock) for sock in host.call(_bound_all, server)]
                target = self.client.ipv6 if case.ipv6 else self.router.ipv4
                volley = Volley(target, [port], case.size)
            return self._sent(host, sockets, volley, case)

    def _sent(self, host: Host, sockets: list[socket.socket], volley: Volley, case: Case) -> Cost:
        def work() -> None:
            for sock in sockets:
                volley.send(sock, self.packets // len(sockets))

        sink = self.internet if case.up else self.client
        before = _arrived(sink)
        cost = host.call(blaster.measured, self.core, self.packets // len(sockets) * len(sockets), work)
        self.astray += abs(cost.units - (_arrived(sink) - before))
        return cost

    def _stream(self) -> Cost:
        size = self.packets * 2500
        with (
            self.internet.call(_listening, self.lab.servers4[0]) as listener,
            self.client.call(socket.create_connection, listener.getsockname()) as sink,
            listener.accept()[0] as source,
        ):
            return self.client.call(blaster.measured, self.core, size, lambda: blaster.pump(source, sink, size))

    def _counted(self) -> int:
        """Packets that whatever counts has counted."""
        if self.how.ours:
            counters = total(self.meter.read())
            return counters.up_packets + counters.down_packets
        if self.how.peer:
            listing = json.loads(self.router.run(["nft", "-j", "list", "table", "inet", "bench_peer"]))
            sets = [item["set"].get("elem", []) for item in listing["nftables"] if "set" in item]
            counted = [entry["elem"] for elements in sets for entry in elements if "counter" in entry["elem"]]
            return sum(int(each["counter"]["packets"]) for each in counted)
        return 0


def _bound(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def _bound_all(address: str) -> list[socket.socket]:
    return [_bound(address, port) for port in PORTS]


def _listening(address: str) -> socket.socket:
    return socket.create_server((address, 0))


def _arrived(host: Host) -> int:
    listing = json.loads(host.run(["nft", "-j", "list", "counter", "inet", "bench_sink", "arrived"]))
    return sum(int(item["counter"]["packets"]) for item in listing["nftables"] if "counter" in item)
