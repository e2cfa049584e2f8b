# SPDX-License-Identifier: GPL-2.0-or-later
"""What it costs to read full tables: 1,024 clients, 65,536 flows. In: a Place. Out: Rows.

The peer reads the same flows with bcc's own tables, as most tools do, in a process that has bcc in it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

from bench import population
from bench.place import Place
from bench.rows import Row, middling, number
from esimshaper.core import pipeline
from esimshaper.core.model.identity import Lease, Neighbour
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.edge.bpf.meter import Meter
from esimshaper.lab.carrier import python_environment

CLIENTS, FLOWS, TOP = 1024, 65536, 20
NOON = 1_790_000_000.0  # Unix time; the tick must not depend on the day


def rows(place: Place) -> Iterator[Row]:
    """Each figure is of the whole step, from the system call to values that the next step takes."""
    rounds = 5 if place.quick else 21
    with place.meter("reading", flows=FLOWS) as (meter, _):
        population.arrive(meter, CLIENTS)
        population.add_flows(meter, FLOWS, CLIENTS)
        known, top = meter.flows(TOP)
        if len(meter.read().accounts) < CLIENTS or known < FLOWS * 0.9 or len(top) != TOP:
            raise ValueError(f"the tables are not full: {known} flows")
        yield middling(f"read all counters of {number(CLIENTS)} clients", timed(meter.read, rounds), "ms")
        yield middling(f"choose the top {TOP} of {number(known)} flows", timed(lambda: meter.flows(TOP), rounds), "ms")
        yield middling("count the entries of all tables", timed(meter.tables, rounds), "ms", "every tenth tick")
        yield from advance_rows(meter, rounds)
        yield from peer_rows(meter)


def advance_rows(meter: Meter, rounds: int) -> Iterator[Row]:
    """The pure part of a tick, with leases and neighbours of all clients."""
    rules = Rules("wan0", ZoneInfo("Asia/Tokyo"))
    clients = range(CLIENTS)
    leases = tuple(Lease(population.mac_of(c), population.address_of(c), f"host-{c}") for c in clients)
    neighbours = tuple(Neighbour(population.mac_of(c), population.address_of(c), "br0") for c in clients)

    def look() -> Observation:
        return Observation(meter.read(), (), leases, neighbours)

    def tick(state: State, observed: Observation) -> State:
        # The wall clock goes as fast as the boot clock: else each tick would take it for one that was set.
        return pipeline.advance(state, rules, NOON + observed.reading.boottime, observed)[0]

    state = tick(State(), look())
    quiet = look()
    yield middling(
        f"tick of {number(CLIENTS)} clients that do nothing",
        timed(lambda: tick(state, quiet), rounds), "ms",
    )  # fmt: skip
    population.move(meter, clients)
    busy = look()
    yield middling(
        f"tick of {number(CLIENTS)} clients that all move bytes",
        timed(lambda: tick(state, busy), rounds), "ms",
    )  # fmt: skip


def peer_rows(meter: Meter) -> Iterator[Row]:
    """bcc reads every flow into an object of its own."""
    command = [sys.executable, "-m", "bench.bcc_peer", str(meter.generation), str(FLOWS)]
    done = subprocess.run(command, env=python_environment(), capture_output=True, text=True, check=True, timeout=120)
    said = json.loads(done.stdout)
    yield Row("peer: bcc's items() of the same flows", said["items"], "ms")
    yield Row("peer: bcc's items_lookup_batch() of the same flows", said["batch"], "ms")
    yield Row("peer: resident memory of a process with bcc", said["resident"], "MiB")


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each round."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken
