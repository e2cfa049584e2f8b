# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage -> rates: bytes and packets per second, for people to look at. Pure."""

from dataclasses import replace

from esimshaper.core.model.counts import NOTHING, Counters, Usage
from esimshaper.core.model.state import RatesSlice
from esimshaper.core.model.tick import Tick

RATE_SECONDS = 0.9
"""Just below a tick, so that each regular tick has new rates."""


def advance(rates: RatesSlice, tick: Tick, usage: Usage) -> RatesSlice:
    """The rates that `usage` brings, once RATE_SECONDS are full; until then those of before."""
    # A tick that an event woke early would give the rates of milliseconds.
    boottime = tick.reading.boottime
    if tick.step.has_new_maps:
        return RatesSlice(taken_at=boottime)
    since = {key: rates.since.get(key, NOTHING) + usage.get(key, NOTHING) for key in (*rates.since, *usage)}
    seconds = boottime - rates.taken_at
    if seconds < RATE_SECONDS:
        return replace(rates, since=since)
    by_client = {client: _per_second(counters, seconds) for client, counters in since.items() if counters}
    return RatesSlice(by_client, taken_at=boottime)


def _per_second(counters: Counters, seconds: float) -> Counters:
    return Counters(
        round(counters.down_bytes / seconds),
        round(counters.up_bytes / seconds),
        round(counters.down_packets / seconds),
        round(counters.up_packets / seconds),
    )
