# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage -> rates: bytes and packets per second, for people to look at. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from esimshaper.core.model.counts import NOTHING, Counters, Usage
from esimshaper.core.model.services import ServiceUsage, Volume, services_sum
from esimshaper.core.model.state import RatesSlice
from esimshaper.core.model.tick import Tick

RATE_SECONDS = 0.9
"""Just below a tick, so that each regular tick has new rates."""


def advance(rates: RatesSlice, tick: Tick, usage: Usage, services: ServiceUsage = MappingProxyType({})) -> RatesSlice:
    """The rates that `usage` brings, once RATE_SECONDS are full; until then those of before."""
    # A tick that an event woke early would give the rates of milliseconds.
    boottime = tick.reading.boottime
    if tick.step.has_new_maps:
        return RatesSlice(taken_at=boottime)
    since = {key: rates.since.get(key, NOTHING) + usage.get(key, NOTHING) for key in (*rates.since, *usage)}
    served = _added(rates.served_since, services)
    seconds = boottime - rates.taken_at
    if seconds < RATE_SECONDS:
        return replace(rates, since=since, served_since=served)
    by_client = {client: _per_second(counters, seconds) for client, counters in since.items() if counters}
    by_service = {client: _bytes_per_second(volumes, seconds) for client, volumes in served.items()}
    return RatesSlice(by_client, taken_at=boottime, by_service=by_service)


def _added(before: ServiceUsage, more: ServiceUsage) -> ServiceUsage:
    following = {**before, **more}
    for client in before.keys() & more.keys():
        following[client] = services_sum(before[client], more[client])
    return following


def _bytes_per_second(volumes: Mapping[str, Volume], seconds: float) -> Mapping[str, Volume]:
    """Without services of which a name took more away than came."""
    return {
        name: Volume(max(0, round(each.down_bytes / seconds)), max(0, round(each.up_bytes / seconds)))
        for name, each in volumes.items()
        if each.down_bytes > 0 or each.up_bytes > 0
    }


def _per_second(counters: Counters, seconds: float) -> Counters:
    return Counters(
        round(counters.down_bytes / seconds),
        round(counters.up_bytes / seconds),
        round(counters.down_packets / seconds),
        round(counters.up_packets / seconds),
    )
