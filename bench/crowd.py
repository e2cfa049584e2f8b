# SPDX-License-Identifier: GPL-2.0-or-later
"""256 throttled clients: what a packet costs beside one throttled client, and how long a change of all of them takes.

In: a Place. Out: Rows. Both times 256 flows through the same router, of one client or of as many, each client in an HTB
class of its own that is fast enough, so every packet is queued, sent and accounted for. The change begins with the
edited file and ends when kernel and tc have all of it, by the daemon's own parts.
"""

import contextlib
import itertools
import json
import os
import re
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench import blaster, classes
from bench.bill import attach, total
from bench.blaster import Cost, Frames, Volley
from bench.place import MARK_MASK, Place
from bench.population import address_of, mac_of
from bench.rows import Row, aim, exact, middling, number, spread
from esimshaper.core import pipeline
from esimshaper.core.model.reading import Attachment, Hook, Observation
from esimshaper.core.model.state import State
from esimshaper.daemon.configuration import rules_of
from esimshaper.daemon.enforcer import Enforcer
from esimshaper.edge import settings_file
from esimshaper.edge.bpf.meter import Meter
from esimshaper.lab import Host, Lab, WanKind
from tests.bpf import packets

CROWD = 256
PORT, FIRST_PORT = 20_000, 30_000  # of the server, and of the first flow's client
FAST, SLOW, SLOWER = "10gbit", "256kbit", "128kbit"
PAYLOAD = 100
APPLIED_MS = 500
SINK = f"""table {{family}} bench_sink {{{{
    counter arrived {{{{ }}}}
    chain first {{{{
        type filter hook {{hook}} priority -500;
        udp {{side}} {PORT} counter name arrived drop
    }}}}
}}}}
"""


def rows(place: Place) -> Iterator[Row]:
    """The cost up and down, then the change, then a full house."""
    with Lab(WanKind.VETH, clients=("crowd",)) as lab, place.meter("crowd") as (meter, markers):
        lab.carrier.stop()  # its process would look at every packet
        with Track(lab, meter, markers, place) as track:
            yield from track.costs(6 if place.quick else 20)
            yield from track.changes(5 if place.quick else 15)
    yield from classes.rows(place)


class Track:
    """The lab with a crowd behind one cable, and the parts of the daemon that enforce."""

    def __init__(self, lab: Lab, meter: Meter, markers: Path, place: Place) -> None:
        self.lab, self.meter, self.markers = lab, meter, markers
        self.config = place.disk / "crowd.yaml"
        self.packets = CROWD * (30 if place.quick else 60)
        self.core = max(os.sched_getaffinity(0))
        self.client, self.router, self.internet = lab.clients[0], lab.router, lab.internet
        self.state = State()
        self.astray = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Track":
        neighbours = (
            f"neigh add {address_of(each)} lladdr {mac_of(each)} dev br0 nud permanent" for each in range(CROWD)
        )
        self.router.ip("addr add 10.64.255.1/16 dev br0", *neighbours)
        self.internet.run(["nft", "-f", "-"], text_in=SINK.format(family="inet", hook="prerouting", side="dport"))
        # What is for others on the cable never gets as far as prerouting.
        ingress = "ingress device eth0"
        self.client.run(["nft", "-f", "-"], text_in=SINK.format(family="netdev", hook=ingress, side="sport"))
        link = json.loads(self.router.run(["ip", "-j", "link", "show", "dev", "br0"]))
        self.bridge = packets.mac(link[0]["address"])
        self.router.call(attach, self.meter, self.markers)
        self.configure(1, FAST)
        settings = settings_file.load(self.config)
        self.enforcer = self.router.call(Enforcer, settings, self.meter, self._stack)
        self.sender = self.client.call(_packet_socket)
        self._stack.callback(self.sender.close)
        self.answerer = self.internet.call(_bound, self.lab.servers4[0])
        self._stack.callback(self.answerer.close)
        self.frames = {clients: Frames([self._frame(flow, clients) for flow in range(CROWD)]) for clients in (1, CROWD)}
        for frames in self.frames.values():
            self.client.call(frames.send, self.sender, CROWD)  # from now on router and meter know all of them
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _frame(self, flow: int, clients: int) -> bytes:
        """Of the client's own port, so that NAT has no reason to choose another one."""
        client = flow % clients
        port = self.first_port(clients) + flow
        datagram = packets.udp(port, PORT, bytes(PAYLOAD))
        packet = packets.ipv4(address_of(client), self.lab.servers4[0], packets.UDP, datagram)
        frame = packets.ethernet(with_checksum(packet), source=mac_of(client))
        return self.bridge + frame[len(self.bridge) :]

    def first_port(self, clients: int) -> int:
        return FIRST_PORT + (CROWD if clients > 1 else 0)

    def configure(self, clients: int, rate: str) -> None:
        """A file as a person edits it: all are listed, some are throttled."""
        listed = [
            {"name": f"c{each}", "mac": mac_of(each), "group": "slow" if each < clients else "free"}
            for each in range(CROWD)
        ]
        used_up = {"limit": "1B", "period": "day", "then": {"throttle": rate}}
        subject = "each-client" if clients == CROWD else "client/c0"
        self.config.write_text(json.dumps({
            "wan": {"interface": "wan0"},
            "lan": {"interfaces": ["br0"], "leases": [], "mark_mask": MARK_MASK},
            "clients": listed,
            "quotas": [{"name": f"throttled-{rate}", "for": subject, **used_up}],
        }), encoding="ascii")  # fmt: skip

    def apply(self) -> dict[str, float]:
        """What the daemon does with its settings, and the ms of each part."""
        moments = [time.monotonic()]
        settings = settings_file.load(self.config)
        moments.append(time.monotonic())
        uplink = Attachment("wan0", Hook.WAN_EGRESS, attached=True, index=socket.if_nametoindex("wan0"))
        seen = Observation(self.meter.read(), (uplink,))
        self.state, outcome = pipeline.advance(self.state, rules_of(settings), time.time(), seen)
        moments.append(time.monotonic())
        self.enforcer.enforce(outcome, seen, self.state.limits.states, look_around=True)
        moments.append(time.monotonic())
        if self.enforcer.problems:
            raise OSError("; ".join(self.enforcer.problems))
        parts = ("settings", "deciding", "kernel and tc")
        return {
            name: (end - begin) * 1000 for name, (begin, end) in zip(parts, itertools.pairwise(moments), strict=True)
        }

    def throttle(self, clients: int, rate: str) -> dict[str, float]:
        self.configure(clients, rate)
        return self.router.call(self.apply)

    def costs(self, rounds: int) -> Iterator[Row]:
        found: dict[tuple[str, int], list[Cost]] = {(way, n): [] for way in ("up", "down") for n in (1, CROWD)}
        for turn in range(rounds):
            for clients in (1, CROWD) if turn % 2 else (CROWD, 1):
                self.throttle(clients, FAST)
                for way in ("up", "down"):
                    found[way, clients].append(self.run(way, clients))
        yield exact("packets that were not forwarded, not counted or not queued", self.astray, "packets")
        for way in ("up", "down"):
            few, many = found[way, 1], found[way, CROWD]
            yield middling(f"UDP of {PAYLOAD} bytes {way}, one throttled client", nanoseconds(few), "ns/packet")
            yield middling(f"UDP of {PAYLOAD} bytes {way}, {CROWD} throttled clients", nanoseconds(many), "ns/packet")
            ratios = [b / a for a, b in zip(nanoseconds(few), nanoseconds(many), strict=True)]
            yield aim(
                f"UDP of {PAYLOAD} bytes {way}: {CROWD} against one", median(ratios), "times", 1.1, spread(ratios)
            )

    def run(self, way: str, clients: int) -> Cost:
        """One measurement: every packet must have been forwarded and counted."""
        sink = self.internet if way == "up" else self.client
        queued = self._queued(way)
        counted, arrived = self._counted(), _arrived(sink, "inet" if way == "up" else "netdev")
        if way == "up":
            frames, sender = self.frames[clients], self.sender
            cost = self.client.call(
                blaster.measured, self.core, self.packets, lambda: frames.send(sender, self.packets)
            )
        else:
            first = self.first_port(clients)
            volley = Volley(self.router.ipv4, range(first, first + CROWD), PAYLOAD)
            answerer = self.answerer
            cost = self.internet.call(
                blaster.measured, self.core, self.packets, lambda: volley.send(answerer, self.packets)
            )
        self.astray += abs(self.packets - (_arrived(sink, "inet" if way == "up" else "netdev") - arrived))
        self.astray += abs(self.packets - (self._counted() - counted))
        self.astray += abs(self.packets - (self._queued(way) - queued))
        return cost

    def _queued(self, way: str) -> int:
        """Packets that went through classes of throttled clients."""
        device = "wan0" if way == "up" else "ifb-wan0"
        text = self.router.run(["tc", "-s", "class", "show", "dev", device])
        sent = re.findall(r"class htb 7a00:(\w+).*?Sent \d+ bytes (\d+) pkt", text, re.DOTALL)
        return sum(int(count) for minor, count in sent if minor not in ("1", "2"))

    def _counted(self) -> int:
        counters = total(self.meter.read())
        return counters.up_packets + counters.down_packets

    def changes(self, rounds: int) -> Iterator[Row]:
        """All get another rate, to and fro."""
        self.throttle(CROWD, SLOW)
        rates = itertools.islice(itertools.cycle((SLOWER, SLOW)), rounds)
        found = [self.throttle(CROWD, rate) for rate in rates]
        parts = ", ".join(f"{name} {number(median(each[name] for each in found))}" for name in found[0])
        figures = [sum(each.values()) for each in found]
        yield aim(
            f"another rate for {CROWD} throttled clients",
            median(figures),
            "ms",
            APPLIED_MS,
            f"{spread(figures)}; {parts}",
        )
        first = [self._from_nothing() for _ in range(rounds)]
        yield middling(f"throttling {CROWD} clients that were open", first, "ms")

    def _from_nothing(self) -> float:
        self.throttle(1, SLOW)
        return sum(self.throttle(CROWD, SLOW).values())


def nanoseconds(costs: Sequence[Cost]) -> list[float]:
    return [cost.nanoseconds for cost in costs]


def with_checksum(packet: bytes) -> bytes:
    """Of the IPv4 header (RFC 1071), which a router looks at."""
    words = sum(struct.unpack("!10H", packet[:20]))
    words = (words & 0xFFFF) + (words >> 16)
    words = (words & 0xFFFF) + (words >> 16)
    return packet[:10] + struct.pack("!H", 0xFFFF - words) + packet[12:]


def _packet_socket() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind(("eth0", 0))
    return sock


def _bound(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, PORT))
    return sock


def _arrived(host: Host, family: str) -> int:
    listing = json.loads(host.run(["nft", "-j", "list", "counter", family, "bench_sink", "arrived"]))
    return sum(int(item["counter"]["packets"]) for item in listing["nftables"] if "counter" in item)
