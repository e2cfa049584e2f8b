# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan that its carrier has slowed down to 128 kbit/s: a ping beside a bulk transfer, with us and without. Rows.

In: a Place. The carrier of the lab has a queue of some seconds for it, as theirs have; the daemon knows the plan. One
device downloads, uploads, does both, and pings meanwhile.
"""

import statistics
import time
from collections.abc import Iterator, Sequence

from bench.daemon_lab import introduce, running
from bench.place import Place
from bench.rows import Row, aim, number
from bench.shaping import MOVES, Trial
from esimshaper.lab import Lab, Shape, WanKind

RATE = 128_000
SHAPE = Shape(delay_ms=25, down_bits=RATE, up_bits=RATE, queue_bytes=64_000)
PLAN = (
    "plans: [{name: trip, uplink: wan, zone: UTC, currency: JPY, price: 1, lasts: {days: 30, from: first-use},"
    " meters: [{window: lifetime, steps: [{from: 1KB, rate: 128kbit}]}]}]\n"
)
WAYS = (("down",), ("up",), tuple(MOVES))
FILLING = 8.0
"""Seconds in which senders find the queue that there is."""
MOST_MS, MOST_PART = 150, 0.25


def rows(place: Place) -> Iterator[Row]:
    """Medians of pings: without the daemon, then with it."""
    ways = WAYS[:1] if place.quick else WAYS
    with Lab(WanKind.TUN, ["alice"], shape=SHAPE) as lab:
        trial = Trial(lab, 5.0 if place.quick else 15.0)
        alone = [_loaded(trial, way) for way in ways]
        with running(place, lab, PLAN) as router:
            introduce(lab.clients, router)
            trial.calm(0)
            router.await_tick()
            for way, without in zip(ways, alone, strict=True):
                times = _loaded(trial, way)
                median, before = statistics.median(times), statistics.median(without)
                what = f"ping at 128 kbit/s beside a transfer {' and '.join(way)}"
                detail = f"worst {number(max(times))} ms; {number(before)} ms without us, of which 50 are the way"
                yield aim(what, median, "ms", MOST_MS, detail)
                yield aim(f"{what}: against none of us", median / before, "times", MOST_PART, "medians")


def _loaded(trial: Trial, way: Sequence[str]) -> list[float]:
    with trial.load(0, *way):
        time.sleep(FILLING)
        return trial.calm(0)
