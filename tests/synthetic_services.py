# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bytes of the clients of synthetic_router.py were for."""

from dataclasses import replace

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryRow, Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import Service, Volume
from esimshaper.core.model.state import State

CATALOGUE = {
    each.name: each
    for each in (
        Service("youtube", "video", {"en": "YouTube"}, "Videos, their pictures and their advertisements."),
        Service(
            "icloud",
            "cloud-sync",
            {"en": "iCloud", "zh": "iCloud 云服务", "zh_Hant": "iCloud 雲端", "ja": "アイクラウド"},
            "Photos, drive, backup and Find My share one name.",
        ),
        Service("line", "messages", {"en": "LINE"}),
        Service("iqiyi", "video", {"en": "iQIYI", "zh": "爱奇艺"}),
        Service("my-bank"),
    )
}
NAMES = {0: "unnamed", 1: "hidden", 2: "other", **dict(enumerate(CATALOGUE, 3))}
PARTS = {"youtube": 50, "icloud": 20, "line": 10, "hidden": 8, "other": 5, "my-bank": 3}
"""Percent of what a client uses; the rest is unnamed."""


def counted(state: State) -> State:
    """The state of a router that counts services."""
    rates = {key: services_of(counters) for key, counters in state.rates.by_client.items()}
    served = {key: services_of(counters) for key, counters in state.totals.items()}
    meter = replace(
        state.meter,
        reading=replace(state.meter.reading, service_names=NAMES),
        booked=replace(state.meter.booked, served=served),
    )
    return replace(state, meter=meter, rates=replace(state.rates, by_service=rates))


def services_of(counters: Counters) -> dict[str, Volume]:
    return {
        name: Volume(counters.down_bytes * percent // 100, counters.up_bytes * percent // 100)
        for name, percent in PARTS.items()
    }


def sums_of(usage: dict[ClientKey, Counters]) -> Sums:
    return Sums(usage, {key: services_of(counters) for key, counters in usage.items()})


def with_services(rows: list[HistoryRow]) -> list[HistoryRow]:
    return [replace(row, services=services_of(row.counters)) for row in rows]
