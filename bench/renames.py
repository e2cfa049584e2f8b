# SPDX-License-Identifier: GPL-2.0-or-later
"""What counting by service costs, by BPF_PROG_TEST_RUN. In: a Place. Out: Rows.

Programs that name and programs that do not are run in turn, so whatever slows the machine down slows both.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from bench.place import Place
from bench.population import run
from bench.rows import Row, Verdict, number, spread
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT
from esimshaper.edge.bpf import layouts
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.bpf.names import NamesMaps, Rename
from tests.bpf import packets

REPEAT, ROUNDS = 20_000, 101
FLOWS, HEADS, HELLO = 300, 10, 1200
"""Of so many new flows the first ten packets, with so many bytes of payload."""
TOGETHER = 15
"""So many flows are shown before somebody reads: less than a quarter of the ring, so none is left out."""
AT_MOST, AT_MOST_EACH = 1.03, 500
"""What a packet of a named flow may take, against the same without names; ns that a first packet may take more."""

EGRESS, INGRESS = "wan_egress_ethernet", "wan_ingress_ethernet"


class Pair(NamedTuple):
    """The same kernel part without names and with them, and what names flows in the latter."""

    without: Meter
    named: Meter
    names: NamesMaps


def rows(place: Place, mark: int, floor: float, limit: Callable[[Meter], None]) -> Iterator[Row]:
    """`mark` is that of the client, `floor` what an empty program takes; `limit` sets limits that are far."""
    rounds = 5 if place.quick else ROUNDS
    without, named = place.meter("without-names", services=False), place.meter("names")
    with without as (first, _), named as (second, _), contextlib.closing(names_of(second)) as names:
        pair = Pair(first, second, names)
        for meter in (first, second):
            run(meter, "lan_ingress_ethernet", datagram(4000, 36, up=True))  # so that there is a client
        for limits in ("", ", limits of client, group and all"):
            if limits:
                for meter in (first, second):
                    limit(meter)
            for program in (EGRESS, INGRESS):
                yield named_row(pair, program, mark, floor, rounds, limits)
        yield from first_packets_rows(pair, mark, 30 if place.quick else FLOWS)


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
    # What comes in between only adds: of many short runs the fastest quarter is next to the truth.
    least = [quantiles(figures, n=4)[0] for figures in taken]
    ratio = least[1] / least[0]
    verdict = Verdict.PASS if ratio <= AT_MOST else Verdict.MISS
    detail = f"{number(least[0])} ns without, {number(least[1])} with: the fastest quarter of {rounds} runs each"
    return Row(f"{program}, named flow{limits}: with names", ratio, "times", f"<= {AT_MOST}", verdict, detail)


def first_packets_rows(pair: Pair, mark: int, flows: int) -> Iterator[Row]:
    """The first packets of flows that have no name yet, each of which is copied; and what waking a reader takes."""
    together, alone = (_more_each(pair, mark, flows, at_once) for at_once in (TOGETHER, 1))
    figure = median(together)
    verdict = Verdict.PASS if figure <= AT_MOST_EACH else Verdict.MISS
    what = "first ten packets of a flow, each: more with names"
    yield Row(what, figure, "ns", f"<= {AT_MOST_EACH}", verdict, spread(together))
    yield Row("waking who reads them, once for all that waits", (median(alone) - figure) * HEADS, "ns")


def _more_each(pair: Pair, mark: int, flows: int, at_once: int) -> list[float]:
    """Nanoseconds for each packet of a flow, where somebody reads after `at_once` flows."""
    ring = pair.names.heads(lambda _: None)
    more: list[float] = []
    for number_ in range(flows):
        packet = datagram(10_000 + flows * at_once + number_, HELLO, up=True)
        without, named = (run(meter, EGRESS, packet, mark, HEADS).nanoseconds for meter in (pair.without, pair.named))
        more.append(named - without)
        if number_ % at_once == 0:
            ring.consume()
    ring.close()
    return more


def names_of(meter: Meter) -> NamesMaps:
    """For the programs of this meter."""
    return NamesMaps(meter.generation, programs_of(meter))


def programs_of(meter: Meter) -> Path:
    """The folder of its programs."""
    (programs,) = meter.generation.glob("programs-*")
    return programs


def datagram(port: int, payload: int, *, up: bool) -> bytes:
    """A UDP packet of a flow by its port, in either direction."""
    ours, theirs = (packets.WAN4, packets.SERVER4) if up else (packets.SERVER4, packets.WAN4)
    ports = (port, 443) if up else (443, port)
    return packets.ethernet(packets.ipv4(ours, theirs, packets.UDP, packets.udp(*ports, bytes(payload))))


def flow_of(port: int) -> bytes:
    """The key of that flow."""
    remote, local = (layouts.address_bytes(each) for each in (packets.SERVER4, packets.WAN4))
    return layouts.FLOW_KEY.pack(remote, local, 443, port, packets.UDP)
