# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage usage -> rates: what moves per second, for people to look at. Pure."""

from dataclasses import replace

from esimshaper.core.model.counts import NOTHING, Counters, Usage
from esimshaper.core.model.state import State

RATE_SECONDS = 0.9
"""Just below a tick, so that each regular tick has new rates."""


def rated(state: State, usage: Usage, boottime: float, *, new_maps: bool) -> State:
    """`state` with the rates that `usage` brings, once RATE_SECONDS are full."""
    if new_maps:
        return replace(state, rates={}, rated_at=boottime, unrated={})
    moved = {key: state.unrated.get(key, NOTHING) + usage.get(key, NOTHING) for key in (*state.unrated, *usage)}
    seconds = boottime - state.rated_at
    if seconds < RATE_SECONDS:
        return replace(state, unrated=moved)
    rates = {client: _per_second(counters, seconds) for client, counters in moved.items() if counters}
    return replace(state, rates=rates, rated_at=boottime, unrated={})


def _per_second(moved: Counters, seconds: float) -> Counters:
    return Counters(
        round(moved.down_bytes / seconds),
        round(moved.up_bytes / seconds),
        round(moved.down_packets / seconds),
        round(moved.up_packets / seconds),
    )
