# SPDX-License-Identifier: GPL-2.0-or-later
"""What counting by service costs, by BPF_PROG_TEST_RUN; and renames, for rows under load. In: a Place. Out: Rows.

Programs that name and programs that do not are run in turn, so whatever slows the machine down slows both.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

from bench.place import Place
from bench.population import run
from bench.rows import Row, Verdict, number, spread
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.bpf.names import NamesMaps, Rename
from tests.bpf import packets

REPEAT, ROUNDS = 50_000, 31
FLOWS, HEADS, HELLO = 300, 10, 1200
"""Of so many new flows the first ten packets, with so many bytes of payload."""
AT_MOST, AT_MOST_EACH = 1.03, 500
"""What a packet of a named flow may take, against the same without names; ns that a first packet may take more."""

EGRESS, INGRESS = "wan_egress_ethernet", "wan_ingress_ethernet"


class Pair(NamedTuple):
    """The same kernel part without names and with them, and what names flows in the latter."""

    without: Meter
    named: Meter
    names: NamesMaps


class Renaming:
    """Gives all flows of a meter one name after the other, as often as it is asked to."""

    def __init__(self, meter: Meter, names: NamesMaps) -> None:
        self._flows = libbpf.Map(meter.generation / "flows", layouts.FLOW_KEY.size, layouts.FLOW.size)
        self._names, self._numbers = names, itertools.cycle(range(layouts.SERVICES))
        self.done = 0

    def turn(self) -> None:
        """Another name for all flows that are there."""
        service = next(self._numbers)
        wanted = [Rename(flow, account, service, final=False) for flow, account in self._all()]
        self.done += len(wanted) - self._names.name(wanted)

    def _all(self) -> Iterator[tuple[bytes, int]]:
        for keys, values, found in self._flows.chunks():
            size = layouts.FLOW_KEY.size
            for at, fields in enumerate(layouts.FLOW.iter_unpack(values[: found * layouts.FLOW.size])):
                yield bytes(keys[at * size : (at + 1) * size]), fields[6]

    def close(self) -> None:
        self._flows.close()


def rows(place: Place, mark: int, floor: float, limit: Callable[[Meter], None]) -> Iterator[Row]:
    """`mark` is that of the client, `floor` what an empty program takes; `limit` sets limits that are far."""
    rounds = 5 if place.quick else ROUNDS
    without, named = place.meter("without-names", services=False), place.meter("names")
    with without as (first, _), named as (second, _), contextlib.closing(names_of(second)) as names:
        pair = Pair(first, second, names)
        for limits in ("", ", limits of client, group and all"):
            if limits:
                for meter in (first, second):
                    limit(meter)
            for program in (EGRESS, INGRESS):
                yield named_row(pair, program, mark, floor, rounds, limits)
        yield first_packets_row(pair, mark, 30 if place.quick else FLOWS)


def named_row(pair: Pair, program: str, mark: int, floor: float, rounds: int, limits: str) -> Row:
    """A packet of a flow whose name is final."""
    for meter in (pair.without, pair.named):
        run(meter, EGRESS, datagram(4000, 36, up=True), mark)
    assert pair.names.name([Rename(flow_of(4000), FIRST_CLIENT_ACCOUNT, layouts.SERVICE_FIRST, final=True)]) == 0
    packet = datagram(4000, 36, up=program == EGRESS)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for figures, meter in zip(taken, (pair.without, pair.named), strict=True):
            figures.append(run(meter, program, packet, mark, REPEAT).nanoseconds - floor)
    ratio = median(taken[1]) / median(taken[0])
    verdict = Verdict.PASS if ratio <= AT_MOST else Verdict.MISS
    detail = f"{number(median(taken[0]))} ns without, {spread(taken[1])} ns with"
    return Row(f"{program}, named flow{limits}: with names", ratio, "times", f"<= {AT_MOST}", verdict, detail)


def first_packets_row(pair: Pair, mark: int, flows: int) -> Row:
    """The first packets of flows that have no name yet, each of which is copied."""
    ring = pair.names.heads(lambda _: None)
    more = []
    for port in range(10_000, 10_000 + flows):
        packet = datagram(port, HELLO, up=True)
        taken = [run(meter, EGRESS, packet, mark, HEADS).nanoseconds for meter in (pair.without, pair.named)]
        more.append(taken[1] - taken[0])
        ring.consume()
    ring.close()
    figure = median(more)
    verdict = Verdict.PASS if figure <= AT_MOST_EACH else Verdict.MISS
    what = "first ten packets of a flow, each: more with names"
    return Row(what, figure, "ns", f"<= {AT_MOST_EACH}", verdict, spread(more))


def names_of(meter: Meter) -> NamesMaps:
    """For the programs of this meter."""
    (programs,) = meter.generation.glob("programs-*")
    return NamesMaps(meter.generation, programs)


def datagram(port: int, payload: int, *, up: bool) -> bytes:
    """A UDP packet of a flow by its port, in either direction."""
    ours, theirs = (packets.WAN4, packets.SERVER4) if up else (packets.SERVER4, packets.WAN4)
    ports = (port, 443) if up else (443, port)
    return packets.ethernet(packets.ipv4(ours, theirs, packets.UDP, packets.udp(*ports, bytes(payload))))


def flow_of(port: int) -> bytes:
    """The key of that flow."""
    remote, local = (layouts.address_bytes(each) for each in (packets.SERVER4, packets.WAN4))
    return layouts.FLOW_KEY.pack(remote, local, 443, port, packets.UDP)
