# SPDX-License-Identifier: GPL-2.0-or-later
"""What the running daemon costs: memory, processor, starts, writes to flash. In: a Place. Out: Rows.

Two routers at once: one at home, one with all tables full. The processor time is that of /proc, in steps of 10 ms.
"""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from statistics import median
from zoneinfo import ZoneInfo

from bench import population, process
from bench.box import FLOWS, Box
from bench.place import Place
from bench.rows import Row, aim, middling, number, spread
from esimshaper.core import pipeline
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.core.saving import booking as saving
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.history.database import History

HOME, FULL = 20, 1024
ACTIVE = 100
"""Clients of the full router that move bytes each second."""
MEMORY_AIM, PROCESSOR_AIM = 60, 1
ASK_SECONDS = 5
NOON = 1_790_000_000.0


def memory_and_processor(place: Place) -> Iterator[Row]:
    """Both routers through the same minutes: filled, left alone, used and looked at."""
    seconds = 10 if place.quick else 30  # the daemon looks at what is costly every 10
    with contextlib.ExitStack() as stack:
        boxes = [
            stack.enter_context(Box(place, name, count).built()) for name, count in (("home", HOME), ("full", FULL))
        ]
        meters = [start_populated(stack, box) for box in boxes]
        population.add_flows(meters[1], FLOWS, FULL)
        for box in boxes:
            look(box)
        idle = watch(boxes, seconds)
        for box, percent in zip(boxes, idle, strict=True):
            yield aim(
                f"processor of the idle daemon, {kind(box)}", percent, "% of a core", PROCESSOR_AIM, f"{seconds} s"
            )
        busy = watch(boxes, seconds, meters)
        for box, percent in zip(boxes, busy, strict=True):
            detail = (
                f"{min(ACTIVE, box.clients)} clients move bytes each second; asked and scraped every {ASK_SECONDS} s"
            )
            yield Row(f"processor of the busy daemon, {kind(box)}", percent, "% of a core", detail=detail)
        for box in boxes:
            used = process.memory(box.pid)
            detail = f"proportional {used.proportional:.1f}, private {used.private:.1f}"
            yield aim(f"resident memory, {kind(box)}", used.resident, "MiB", MEMORY_AIM, detail)


def kind(box: Box) -> str:
    return f"{number(box.clients)} clients" + (f", {number(FLOWS)} flows" if box.clients == FULL else "")


def start_populated(stack: contextlib.ExitStack, box: Box) -> Meter:
    """The daemon with all of its clients known to it."""
    box.start()
    stack.callback(box.stop)
    meter = box.meter()
    stack.callback(meter.close)
    population.arrive(meter, box.clients)
    deadline = time.monotonic() + 10
    while len(box.ask("clients")["clients"]) < box.clients:
        if time.monotonic() > deadline:
            raise TimeoutError("the daemon does not see its clients")
        time.sleep(0.2)
    return meter


def look(box: Box) -> None:
    """All that people and Prometheus ask for."""
    box.ask("status")
    box.ask("clients")
    box.ask("flows", limit="20")
    box.scrape()


def watch(boxes: list[Box], seconds: int, meters: list[Meter] | None = None) -> list[float]:
    """Percent of a core that each daemon used. With `meters`, clients move bytes each second and somebody looks."""
    before, began = [process.processor_seconds(box.pid) for box in boxes], time.monotonic()
    for second in range(seconds):
        time.sleep(max(0.0, began + second - time.monotonic()))
        for box, meter in zip(boxes, meters or [], strict=False):
            population.move(meter, range(min(ACTIVE, box.clients)))
            if second % ASK_SECONDS == 0:
                look(box)
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    elapsed = time.monotonic() - began
    used = [process.processor_seconds(box.pid) - start for box, start in zip(boxes, before, strict=True)]
    return [100 * spent / elapsed for spent in used]


def starts(place: Place) -> Iterator[Row]:
    """Cold as after a boot, warm as after an upgrade."""
    rounds = 2 if place.quick else 5
    with Box(place, "start", HOME).built() as box:
        cold = []
        for _ in range(rounds):
            cold.append(box.start())
            box.stop()
            box.detach()
        box.start()
        population.arrive(box.meter(), HOME)
        box.stop()
        warm = []
        for _ in range(rounds):
            warm.append(box.start())
            box.stop()
    yield middling("cold (compile): exec to attached", [start.attached * 1000 for start in cold], "ms")
    yield middling("cold (compile): exec to answering", [start.answering * 1000 for start in cold], "ms")
    yield middling(
        "warm (adopt): exec to answering", [start.answering * 1000 for start in warm], "ms", "never detached"
    )


def flash(place: Place) -> Iterator[Row]:
    """A day of 20 clients that are always online, at one save a minute. What the file system adds is not in it."""
    saves = 60 if place.quick else 360
    rules = Rules("wan0", ZoneInfo("Asia/Tokyo"))
    with place.meter("flash") as (meter, _), contextlib.closing(History(place.disk / "history.db")) as history:
        population.arrive(meter, HOME)
        state, _ = pipeline.advance(State(), rules, NOON, Observation(meter.read()))
        each = []
        for minute in range(1, saves + 1):
            population.move(meter, range(HOME))
            reading = dataclasses.replace(meter.read(), boottime=state.saving.handed_out_at + 61 * minute)
            state, outcome = pipeline.advance(state, rules, NOON + 60 * minute, Observation(reading))
            booking = outcome.booking or saving.final(state, rules)
            if booking is None:
                raise ValueError("nothing to save")
            before = process.written("self")
            history.save(booking)
            each.append((process.written("self") - before) / 1024)
            state = saving.note_saved(state, booking)
    average = sum(each) / len(each)
    yield Row("written for one save of 20 clients", average, "KiB", detail=f"{spread(each)}; most {number(max(each))}")
    yield Row(
        "written in a day, one save a minute",
        average * 1440 / 1024,
        "MiB",
        detail=f"median {median(each) * 1440 / 1024:.1f}",
    )
