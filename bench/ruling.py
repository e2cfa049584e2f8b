# SPDX-License-Identifier: GPL-2.0-or-later
"""How long 64 rules by service take for 253 clients, from the rules to the kernel, and what a tick costs then.

In: a Place. Out: Rows. Each client has rules of its own, as no two of them share a row then: the worst case.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from zoneinfo import ZoneInfo

from bench import population
from bench.place import Place
from bench.reading import NOON, timed
from bench.rows import Row, aim, number
from esimshaper.core import pipeline
from esimshaper.core.model.decisions import DecisionKind, LowData, LowDataMode, ServiceRule
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject, SubjectKind
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.edge.bpf.meter import Meter

CLIENTS, RULES, SERVICES = 253, 64, 120
WITHIN = 100
"""Milliseconds of the processor, from rules that are new to policies that the kernel has."""
MORE = 1.0
"""Milliseconds that a tick with rules may take more than one without, while nothing of them changes."""
CATEGORIES = ("video", "updates", "games", "social", "ads", "cloud-sync")


def rows(place: Place) -> Iterator[Row]:
    """Both figures are of real maps, with the tick of the daemon's core."""
    rounds = 5 if place.quick else 21
    names = {f"service-{each}": CATEGORIES[each % len(CATEGORIES)] for each in range(SERVICES)}
    with place.meter("ruling", accounts=CLIENTS + len(BUILT_IN_CLIENTS)) as (meter, _):
        population.arrive(meter, CLIENTS)
        meter.number_services(names)
        without = Rules("wan0", ZoneInfo("Asia/Tokyo"), categories=names)
        ruled = replace(without, services=some_rules(), low_data=LowData(LowDataMode.ON))
        observed = Observation(meter.read(), (), (), ())
        state = advance(State(), without, observed)
        yield aim(f"{RULES} rules for {CLIENTS} clients, from the rules to the kernel", median(
            [written(meter, state, ruled, without, observed) for _ in range(rounds)]
        ), "ms", WITHIN, "with low-data mode; each time everything is new")  # fmt: skip
        settled = advance(state, ruled, observed)
        before, after = (
            timed(lambda at=at, held=held: advance(at, held, observed), rounds * 4)  # type: ignore[misc]
            for at, held in ((state, without), (settled, ruled))
        )
        more, detail = median(after) - median(before), f"{number(median(before))} ms without: medians of {len(after)}"
        yield aim("what a tick takes more while rules hold", more, "ms", MORE, detail)


def some_rules() -> tuple[ServiceRule, ...]:
    """For single clients but for the last ones, which are for everyone."""
    kinds = (DecisionKind.BLOCK, DecisionKind.ALLOW, DecisionKind.PACE)
    whose = [Subject(SubjectKind.CLIENT, ClientKey(population.mac_of(each))) for each in range(RULES - 8)]
    return tuple(
        ServiceRule(
            subject,
            frozenset({CATEGORIES[turn % len(CATEGORIES)], f"service-{turn}"}),
            kinds[turn % 3],
            1_000_000 if turn % 3 == 2 else 0,
            metered_only=turn % 2 == 0,
        )
        for turn, subject in enumerate([*whose, *[EVERYONE] * 8])
    )


def advance(state: State, rules: Rules, observed: Observation) -> State:
    return pipeline.advance(state, rules, NOON + observed.reading.boottime, observed)[0]


def written(meter: Meter, state: State, rules: Rules, without: Rules, observed: Observation) -> float:
    """Milliseconds of the processor until the kernel has policies that it had not; then they are taken back."""
    time_now = NOON + observed.reading.boottime
    began = time.process_time()
    policies = pipeline.advance(state, rules, time_now, observed)[1].service_policies
    assert policies, "nothing is held"
    meter.write_service_policies(policies)
    taken = (time.process_time() - began) * 1000
    meter.write_service_policies(pipeline.advance(state, without, time_now, observed)[1].service_policies or {})
    return taken
