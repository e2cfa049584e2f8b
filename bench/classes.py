# SPDX-License-Identifier: GPL-2.0-or-later
"""A full house in tc: 1,024 throttled clients below a throttled everyone. In: a Place. Out: Rows.

Each client has a class of its own and one of everyone, both ways: four. They are made as at a start, by the daemon's
own parts, and then looked at as every ten seconds, when somebody else may have changed them.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from statistics import median

from bench import population
from bench.place import MARK_MASK, Place
from bench.rows import Row, aim, number, spread
from esimshaper.core import pipeline
from esimshaper.core.model.reading import Attachment, Hook, Observation
from esimshaper.core.model.state import State
from esimshaper.daemon.configuration import rules_of
from esimshaper.daemon.enforcer import Enforcer
from esimshaper.edge import settings_file
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.tc.shaper import Shaper
from esimshaper.lab import namespaces

CLIENTS = 1024
MADE_MS, LOOK_MS = 1000, 80
FAST = "20mbit"  # so that everyone has a class for each


def rows(place: Place) -> Iterator[Row]:
    """Making all classes, then looking at them."""
    host = namespaces.Host("classes", f"esl-{os.getpid()}-950-classes")
    namespaces.add([host.netns])
    try:
        host.ip("link add wan0 type veth peer name far0", "link set wan0 up", "link set far0 up")
        host.run(["tc", "qdisc", "add", "dev", "wan0", "clsact"])
        with place.meter("classes") as (meter, _):
            population.arrive(meter, CLIENTS)
            made, looked, classes = host.call(_measure, place, meter)
        if classes != 2 * (CLIENTS + 1):  # and of those that find no free account
            raise ValueError(f"{classes} classes each way are not two of each client")
        what = f"{number(CLIENTS)} clients with four classes each"
        yield aim(f"{what}: all made at a start", median(made), "ms", MADE_MS, spread(made))
        yield aim(f"{what}: looked at", median(looked), "ms", LOOK_MS, f"{spread(looked)}; every ten seconds")
    finally:
        namespaces.remove([host.netns])


def _measure(place: Place, meter: Meter) -> tuple[list[float], list[float], int]:
    config = place.disk / "classes.yaml"
    then = {"limit": "1B", "period": "day", "then": {"throttle": FAST}}
    config.write_text(json.dumps({
        "wan": {"interface": "wan0"},
        "lan": {"interfaces": ["br0"], "leases": [], "mark_mask": MARK_MASK},
        "quotas": [{"name": "plan", "for": "everyone", **then}, {"name": "daily", "for": "each-client", **then}],
    }), encoding="ascii")  # fmt: skip
    settings = settings_file.load(config)
    uplink = Attachment("wan0", Hook.WAN_EGRESS, attached=True, index=socket.if_nametoindex("wan0"))
    state = State()
    made, looked = [], []
    for _ in range(3 if place.quick else 9):
        with contextlib.ExitStack() as cleanup:
            enforcer = Enforcer(settings, meter, cleanup)
            seen = Observation(meter.read(), (uplink,))
            state, outcome = pipeline.advance(state, rules_of(settings), time.time(), seen)
            states = state.limits.states

            def enforce() -> None:
                enforcer.enforce(outcome, seen, states, look_around=True)  # noqa: B023 - called in this round only

            made.append(_ms(enforce))
            looked += [_ms(enforce) for _ in range(5)]
            if enforcer.problems:
                raise OSError("; ".join(enforcer.problems))
            with contextlib.closing(Shaper("wan0")) as shaper:
                classes = len(shaper.read_stats()) - 4  # less the root, the default, and those of everyone itself
                shaper.remove()
    return made, looked, classes


def _ms(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return (time.monotonic() - began) * 1000
