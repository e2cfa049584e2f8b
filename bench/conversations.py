# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that names conversations, in a flood of new ones. In: a Place. Out: Rows. Owns that process.

Each conversation is the hello of a TLS client, put into the real program of the uplink by BPF_PROG_TEST_RUN; half of
them come in two segments. The process runs from compiled bytecode, as the package installs it.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import process
from bench.place import MARK_SHIFT, Place
from bench.population import arrive, run
from bench.renames import programs_of
from bench.rows import Row, aim, number
from esimshaper.core.model.counts import Event, Reason
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT
from esimshaper.core.services.compiled import compiled
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.settings_file.catalogue import read_services
from tests.bpf import packets
from tests.hellos import hello, records

CLIENTS, EACH_SECOND, SECONDS = 50, 1000, 15
TURN = 0.02
FLOWS = 65_536
MEMORY_AIM, PROCESSOR_AIM = 16, 50
SERVICE, HELLO = "youtube", records(hello("rr3---sn-2aqu-hoaee.googlevideo.com", 1800))
FIRST_PORT = 1024
LOST = (Reason.HEAD_LOST, Reason.HEAD_LEFT_OUT)
PATIENCE = 10


def rows(place: Place) -> Iterator[Row]:
    """Memory at its highest, the processor's time, and what was lost."""
    with place.meter("naming") as (meter, _), names_process(place, meter) as pid:
        arrive(meter, CLIENTS)
        lost_before, busy = lost_heads(meter), process.processor_seconds(pid)
        began = time.monotonic()
        highest = flood(meter, pid, 3 if place.quick else SECONDS)
        seconds, busy = time.monotonic() - began, process.processor_seconds(pid) - busy
        known, named = settled(meter)
        lost = lost_heads(meter) - lost_before
    detail = f"{number(known)} conversations in {seconds:.0f} s, every other one in two segments"
    yield aim("the naming process in a flood", highest, "MiB", MEMORY_AIM, detail)
    yield aim("its time", busy / seconds * 100, "% of a core", PROCESSOR_AIM, detail)
    yield aim(
        "conversations without a name", known - named, "", 0, f"{number(lost)} packets found no place in the ring"
    )


@contextlib.contextmanager
def names_process(place: Place, meter: Meter) -> Iterator[int]:
    """The process at work, by its number."""
    state = place.disk / "naming"
    state.mkdir()
    services = read_services(None)
    meter.number_services({each.name: each for each in services})
    where = {"generation": meter.generation.name, "programs": programs_of(meter).name, "epoch": meter.epoch}
    catalogue_file.write(catalogue_file.place(state), compiled(services) | where)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "ESIMSHAPER_PINS": str(meter.generation.parent), "STATE_DIRECTORY": str(state), "RUNTIME_DIRECTORY": str(state),
        "PYTHONPYCACHEPREFIX": str(state / "bytecode"), "PYTHONPATH": str(Path(__file__).parents[1]),
    }  # fmt: skip
    command = [sys.executable, "-m", "esimshaper.names"]
    subprocess.run([sys.executable, "-c", "import esimshaper.names.__main__"], env=environment, check=True)
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            said = running.stderr.readline()
            if "naming conversations" not in said:
                raise ValueError(f"the naming process did not begin: {said}")
            yield running.pid
        finally:
            running.kill()


def flood(meter: Meter, pid: int, seconds: int) -> float:
    """So many new conversations each second, as evenly as the machine can; the most memory that was seen."""
    highest, first = 0.0, time.monotonic()
    for turn in range(int(seconds / TURN)):
        for each in range(int(EACH_SECOND * TURN)):
            begin(meter, turn * int(EACH_SECOND * TURN) + each)
        if turn % 10 == 0:
            highest = max(highest, process.memory(pid).resident)
        time.sleep(max(0.0, first + (turn + 1) * TURN - time.monotonic()))
    return highest


def begin(meter: Meter, number_: int) -> None:
    """One conversation of one of the clients."""
    mark, cut = (FIRST_CLIENT_ACCOUNT + number_ % CLIENTS) << MARK_SHIFT, 700 if number_ % 2 else len(HELLO)
    server, port = f"8.8.{number_ // 60_000}.8", FIRST_PORT + number_ % 60_000
    for start, part in ((0, HELLO[:cut]), (cut, HELLO[cut:])):
        if part:
            segment = packets.tcp(port, 443, part, sequence=1 + start)
            frame = packets.ethernet(packets.ipv4(packets.WAN4, server, packets.TCP, segment))
            run(meter, "wan_egress_ethernet", frame, mark)


def settled(meter: Meter) -> tuple[int, int]:
    """How many conversations there are, and how many of them have their name, once no more get one."""
    named, until = -1, time.monotonic() + PATIENCE
    while True:
        _, flows = meter.flows(FLOWS)
        begun = [flow for flow in flows if flow.wan_port >= FIRST_PORT and flow.protocol == packets.TCP]
        found = sum(flow.service == SERVICE for flow in begun)
        if found == len(begun) or (found == named and time.monotonic() > until):
            return len(begun), found
        named = found
        time.sleep(0.2)


def lost_heads(meter: Meter) -> int:
    """Packets that the naming process was not shown."""
    events = meter.read().events
    return sum(events.get(reason, Event()).packets for reason in LOST)
