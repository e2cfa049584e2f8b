# SPDX-License-Identifier: GPL-2.0-or-later
"""Rates: what a client has per second, over no less than a tick."""

from datetime import UTC

from esimshaper.core.meter.rates import RATE_SECONDS, advance
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Booked, RatesSlice
from esimshaper.core.model.tick import Moment, Step, Tick

ALICE, BOB = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")


def tick(boottime: float, epoch: int = 7) -> Tick:
    """One after a booked reading of the maps with the epoch 7."""
    reading = Reading(epoch, boottime, {}, {})
    step = Step.between(Booked(7, {}, {}), None, reading)
    return Tick(Rules("wwan0", UTC), Moment(0.0, trusted=True), Observation(reading, clock_trusted=True), step, {}, {})


def test_all_four_counters_are_divided_by_the_seconds_that_they_took():
    rates = advance(RatesSlice(taken_at=10.0), tick(12.0), {ALICE: Counters(2000, 400, 20, 8), BOB: Counters()})
    assert rates == RatesSlice({ALICE: Counters(1000, 200, 10, 4)}, taken_at=12.0), "who used nothing has no rate"


def test_a_tick_that_comes_early_shows_the_rates_of_before_and_its_bytes_count_in_the_next():
    before = RatesSlice({BOB: Counters(5)}, taken_at=10.0)
    early = advance(before, tick(10.5), {ALICE: Counters(300)})
    assert (early.by_client, early.taken_at, early.since) == (before.by_client, 10.0, {ALICE: Counters(300)})
    late = advance(early, tick(11.0), {ALICE: Counters(700), BOB: Counters(40)})
    assert late == RatesSlice({ALICE: Counters(1000), BOB: Counters(40)}, taken_at=11.0)


def test_the_shortest_time_is_long_enough():
    assert advance(RatesSlice(), tick(RATE_SECONDS), {ALICE: Counters(9)}).by_client == {ALICE: Counters(10)}


def test_new_maps_have_no_rates_yet():
    before = RatesSlice({ALICE: Counters(5)}, taken_at=10.0, since={ALICE: Counters(5)})
    assert advance(before, tick(12.0, epoch=8), {ALICE: Counters(800)}) == RatesSlice(taken_at=12.0)
