# SPDX-License-Identifier: GPL-2.0-or-later
"""Is it true: the carrier's bill against the sum of all clients, for each kind of WAN. In: a Place. Out: Rows.

The carrier adds up packets by itself, in another process, from their own headers. Everything is held to 0, not to a
percentage; only while packets are on their way the two may be apart, by no more than the senders have in flight.
"""

import contextlib
import dataclasses
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from bench.place import Place
from bench.renames import programs_of
from bench.rows import Row, Verdict, exact, must, number
from esimshaper.core.model.counts import UNATTRIBUTED_REASONS, Counters, Event
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, ClientKey
from esimshaper.core.model.reading import Hook, Reading
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.lab import Bill, Lab, WanKind, traffic
from esimshaper.lab.world import BEYOND4, BEYOND6
from tests.bpf import packets
from tests.renames import Renaming
from tests.rows import apart

HOOKS = (("br0", Hook.LAN_INGRESS), ("br0", Hook.LAN_EGRESS), ("wan0", Hook.WAN_EGRESS), ("wan0", Hook.WAN_INGRESS))
SEND_BUFFER = 262_144  # the most that TCP lets one connection have in flight, in bytes
QUIET = 0.2  # seconds without a packet after which traffic counts as over
UNASKED = 20  # packets of each sort that nobody asked for
FIELDS = [field.name for field in dataclasses.fields(Counters)]


class Variant(NamedTuple):
    """A kind of WAN with what its driver merges."""

    kind: WanKind
    gro: bool = False
    gso: bool = False

    def __str__(self) -> str:
        return self.kind.name + "+gro" * self.gro + "+gso" * self.gso


VARIANTS = (
    Variant(WanKind.TUN),
    Variant(WanKind.TUN, gro=True),
    Variant(WanKind.TUN, gso=True),
    Variant(WanKind.TAP),
    Variant(WanKind.TAP, gro=True),
    Variant(WanKind.TAP, gso=True),
    Variant(WanKind.VETH),
)
QUICK_VARIANTS = (VARIANTS[2], VARIANTS[4], VARIANTS[6])


def rows(place: Place) -> Iterator[Row]:
    """All rows of all variants."""
    for variant in QUICK_VARIANTS if place.quick else VARIANTS:
        yield from Trial(variant, place).rows()


class Moment(NamedTuple):
    """Bill and reading of one moment without traffic."""

    bill: Bill
    reading: Reading


class Sample(NamedTuple):
    """What had crossed at three moments, one soon after the other, while traffic ran."""

    metered: Counters
    billed: Counters
    metered_later: Counters

    @property
    def invented(self) -> int:
        """Bytes that are on one side and cannot be: uploads are metered first, downloads are billed first."""
        up = self.billed.up_bytes - self.metered_later.up_bytes
        down = self.metered.down_bytes - self.billed.down_bytes
        return max(up, down, 0)

    @property
    def in_flight(self) -> int:
        """Bytes that are on the first side, and were not yet on the other."""
        up = self.metered.up_bytes - self.billed.up_bytes
        down = self.billed.down_bytes - self.metered_later.down_bytes
        return max(up, down, 0)


class Trial:
    """One variant: a lab and maps of its own."""

    def __init__(self, variant: Variant, place: Place) -> None:
        self.variant = variant
        self.place = place
        self.size = 1_000_000 if place.quick else 4_000_000

    def rows(self) -> Iterator[Row]:
        lab = Lab(self.variant.kind, gro=self.variant.gro, gso=self.variant.gso)
        with (
            lab,
            self.place.meter("bill") as (meter, markers),
            contextlib.closing(Renaming(meter.generation, programs_of(meter))) as renaming,
        ):
            self.lab, self.meter, self.renaming = lab, meter, renaming
            lab.router.call(attach, meter, markers)
            for host in (*lab.clients, lab.internet):
                host.call(limit_send_buffers)
            before = self.moment()
            exchanges = self.start_mix()
            samples = self.sample_until_done(exchanges, before)
            payload = sum(moved.up + moved.down for exchange in exchanges for moved in exchange.result())
            mixed = self.moment()
            errors = self.provoke_errors()
            provoked = self.moment()
            self.send_unasked()
            after = self.moment()
            yield self.bill_row(before, after, payload)
            yield self.services_row(after)
            yield from self.load_rows(samples)
            yield self.attribution_row(before, mixed)
            yield self.errors_row(mixed, provoked, errors)
            yield from self.unattributed_rows(before, provoked)
            yield from self.unasked_rows(provoked, after)

    def moment(self) -> Moment:
        """Neighbour discovery may speak up at any time: again, until nothing did."""
        while True:
            bill = self.lab.carrier.settle(QUIET)
            reading = self.meter.read()
            if self.lab.carrier.bill() == bill:
                return Moment(bill, reading)

    def start_mix(self) -> list[Future[list[traffic.Moved]]]:
        """Both clients at once, each with servers of its own, so that the bill says what is whose."""
        return [client.start(mix, self.servers(number), self.size) for number, client in enumerate(self.lab.clients)]

    def servers(self, client: int) -> tuple[str, ...]:
        return (self.lab.servers4[client], self.lab.servers6[client])

    def sample_until_done(self, exchanges: list[Future[list[traffic.Moved]]], start: Moment) -> list[Sample]:
        """The meter, the bill, the meter again, while traffic runs."""
        samples = []
        billed, counted = start.bill.total, total(start.reading)
        while not all(exchange.done() for exchange in exchanges):
            first = total(self.meter.read())
            bill = self.lab.carrier.bill().total
            last = total(self.meter.read())
            samples.append(Sample(first - counted, bill - billed, last - counted))
            self.renaming.turn()
            time.sleep(0.01)
        return samples

    def provoke_errors(self) -> int:
        """ICMP errors from a hop on the way: how many came."""
        client, errors = self.lab.clients[0], 0
        for beyond in (BEYOND4, BEYOND6):
            for function in (traffic.time_exceeded, traffic.packet_too_big):
                errors += client.call(function, beyond, count=5).down
        return errors

    def send_unasked(self) -> None:
        """What port scanners do, and what is left over when a connection has long been forgotten."""
        self.lab.internet.call(send_unasked, self.lab.servers4[-1], self.lab.router.ipv4)
        self.lab.internet.call(send_unasked6, self.lab.servers6[-1], "2001:db8:77::dead")

    def bill_row(self, before: Moment, after: Moment, payload: int) -> Row:
        billed = after.bill.total - before.bill.total
        counted = total(after.reading) - total(before.reading)
        difference = counted - billed
        parts = {name: getattr(difference, name) for name in FIELDS}
        detail = (
            f"{number(billed.down_bytes)} B in {number(billed.down_packets)} packets down, "
            f"{number(billed.up_bytes)} B in {number(billed.up_packets)} up"
        )
        if payload > billed.total_bytes or not all(getattr(billed, name) for name in FIELDS):
            return Row(f"{self.variant}: traffic", 0, "bytes", "> 0", Verdict.FAIL, "nothing crossed: " + detail)
        if any(parts.values()):
            detail += "; difference " + ", ".join(f"{name} {value:+,}" for name, value in parts.items())
        off = sum(abs(value) for value in parts.values())
        return exact(f"{self.variant}: bill against clients", off, "bytes + packets", detail, parts)

    def services_row(self, after: Moment) -> Row:
        """What each client used by service is what it used, though all flows got other names while packets passed."""
        off = [is_ - wanted for is_, wanted in apart(after.reading).values()]
        figure = sum(abs(each.down_bytes) + abs(each.up_bytes) for each in off)
        services = {number_ for rows in after.reading.services.values() for number_, row in rows.items() if row}
        detail = f"{number(self.renaming.done)} renames under load, {len(services)} services"
        if not self.renaming.done:
            return Row(f"{self.variant}: services", 0, "bytes", "> 0", Verdict.FAIL, "nothing was renamed")
        return exact(f"{self.variant}: services against clients", figure, "bytes", detail)

    def load_rows(self, samples: list[Sample]) -> Iterator[Row]:
        """On TUN and TAP every packet passes the carrier's own process, so it is known which side comes first. On veth
        the bill is kept by a witness that may lag behind both."""
        if self.variant.kind is WanKind.VETH:
            return
        invented = max(sample.invented for sample in samples)
        yield exact(f"{self.variant}: under load, out of order", invented, "bytes", f"{len(samples)} samples")
        in_flight = max(sample.in_flight for sample in samples)
        connections = len(self.lab.clients)
        limit = SEND_BUFFER * connections
        detail = f"limit: TCP's send buffers of {connections} connections"
        yield must(f"{self.variant}: under load, in flight", in_flight, "bytes", limit, detail)

    def attribution_row(self, before: Moment, after: Moment) -> Row:
        """Each client's account against the bill of the servers that only it talks to."""
        moved = usage(before.reading, after.reading)
        off, details = 0, []
        for index, client in enumerate(self.lab.clients):
            billed = after.bill.of(*self.servers(index)) - before.bill.of(*self.servers(index))
            counted = moved.get(ClientKey(client.mac), Counters())
            difference = counted - billed
            off += sum(abs(getattr(difference, name)) for name in FIELDS)
            details.append(f"{client.name} {number(counted.total_bytes)} B")
        return exact(f"{self.variant}: attribution", off, "bytes + packets", ", ".join(details))

    def errors_row(self, before: Moment, after: Moment, errors: int) -> Row:
        """ICMP errors of a router on the way come from an address that the client never asked."""
        moved = usage(before.reading, after.reading)
        got = moved.get(ClientKey(self.lab.clients[0].mac), Counters()).down_packets
        return exact(f"{self.variant}: ICMP errors given to another", abs(errors - got), "packets", f"{errors} came")

    def unattributed_rows(self, before: Moment, after: Moment) -> Iterator[Row]:
        billed = (after.bill.total - before.bill.total).total_bytes
        lost = usage(before.reading, after.reading).get(UNATTRIBUTED, Counters()).total_bytes
        yield must(
            f"{self.variant}: unattributed", lost * 100 / billed, "%", 0.1, f"{number(lost)} of {number(billed)} B"
        )
        yield self.explained_row("unattributed, unexplained", before, after)

    def unasked_rows(self, before: Moment, after: Moment) -> Iterator[Row]:
        """What came unasked is all of the account `unattributed`, and nothing else is; the router's answers are its."""
        senders = (self.lab.servers4[-1], self.lab.servers6[-1])
        billed = after.bill.of(*senders) - before.bill.of(*senders)
        moved = usage(before.reading, after.reading)
        counted = moved.get(UNATTRIBUTED, Counters())
        off = abs(counted.down_bytes - billed.down_bytes) + abs(counted.down_packets - billed.down_packets)
        off += counted.up_bytes + sum(
            moved.get(ClientKey(client.mac), Counters()).total_bytes for client in self.lab.clients
        )
        expected = 5 * UNASKED
        detail = f"{billed.down_packets} packets, {number(billed.down_bytes)} B"
        if billed.down_packets != expected:
            detail += f" of {expected} that were sent"
            off += expected
        router = moved.get(ROUTER, Counters()).up_packets
        yield exact(
            f"{self.variant}: unasked, booked elsewhere",
            off,
            "bytes + packets",
            f"{detail}; {router} packets of the router's own",
        )
        yield self.explained_row("unasked, unexplained", before, after)

    def explained_row(self, what: str, before: Moment, after: Moment) -> Row:
        """Each byte of the account `unattributed` is counted under exactly one reason."""
        lost = usage(before.reading, after.reading).get(UNATTRIBUTED, Counters())
        reasons = {
            reason.label: after.reading.events.get(reason, Event()).bytes
            - before.reading.events.get(reason, Event()).bytes
            for reason in UNATTRIBUTED_REASONS
        }
        named = ", ".join(f"{label} {number(value)} B" for label, value in reasons.items() if value)
        return exact(f"{self.variant}: {what}", abs(lost.total_bytes - sum(reasons.values())), "bytes", named, reasons)


def attach(meter: Meter, markers: Path) -> None:
    """Run in the router's namespace."""
    with contextlib.closing(TrafficControl(markers)) as control:
        for attachment in control.ensure(HOOKS, meter.program):
            if not attachment.attached:
                raise OSError(attachment.problem)


def total(reading: Reading) -> Counters:
    """The sum of all clients."""
    return sum(reading.accounts.values(), Counters())


def usage(before: Reading, after: Reading) -> Mapping[ClientKey, Counters]:
    """What moved between two readings of the same maps."""
    return {
        after.owners[account]: counters - before.accounts.get(account, Counters())
        for account, counters in after.accounts.items()
    }


def mix(servers: tuple[str, ...], size: int) -> list[traffic.Moved]:
    """One client's traffic, one exchange after the other. Run in its namespace."""
    moved = []
    for server in servers:
        moved += [
            traffic.tcp_down(server, size),
            traffic.tcp_up(server, size),
            traffic.udp_down(server, size // 5),
            traffic.udp_up(server, size // 5),
            traffic.quic(server, up=size // 5, down=size // 5),
            traffic.ping(server),
            traffic.fragments(server, count=20),
        ]
        traffic.port_unreachable(server)
    return moved


def limit_send_buffers() -> None:
    """So that what is in flight has a limit that a mistake would pass. For the calling thread's namespace."""
    Path("/proc/sys/net/ipv4/tcp_wmem").write_text(f"4096 65536 {SEND_BUFFER}\n", encoding="ascii")


def send_unasked(source: str, target: str) -> None:
    """IPv4: scans, orphaned fragments, and ICMP errors about packets that were never sent. In the internet."""
    strange = packets.ipv4(target, packets.SERVER4, packets.UDP, packets.udp(4711, 53))
    unasked = (
        packets.ipv4(source, target, packets.UDP, packets.udp(53, 4000, bytes(100))),
        packets.ipv4(source, target, packets.TCP, packets.tcp(443, 4001)),
        packets.ipv4(source, target, packets.UDP, bytes(200), fragment=100, id_=77),
        packets.ipv4(source, target, packets.ICMP, packets.icmp(3, payload=strange, code=3)),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for packet in unasked:
            for _ in range(UNASKED):
                raw.sendto(packet, (target, 0))


def send_unasked6(source: str, target: str) -> None:
    """IPv6, to an address that no client has. In the internet."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        for _ in range(UNASKED):
            sock.sendto(bytes(100), (target, 4000))
