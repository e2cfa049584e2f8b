# SPDX-License-Identifier: GPL-2.0-or-later
"""What all documents share: DaemonFacts, the frame, moments, and names of clients. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from esimshaper.core.model.channels import NOBODY_TOLD, NoticeSettings
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.decisions import NO_LOW_DATA, LowData
from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.identity import OTHERS, UNATTRIBUTED, Account, ClientKey, Identity
from esimshaper.core.model.limits import Curfew, Quota
from esimshaper.core.model.metrics import ServiceMetrics
from esimshaper.core.model.modems import Modem, OwnCount
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.services import Service
from esimshaper.core.model.shaping import Side
from esimshaper.core.model.state import State
from esimshaper.core.model.trips import Trip
from esimshaper.core.model.uplinks import ALONE, Uplink
from esimshaper.core.model.watch import NOT_WATCHED, Watch
from esimshaper.core.model.withholding import NOTHING_WITHHELD, Withheld

Document = dict[str, Any]
"""A dict that json.dumps takes."""


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """The daemon's own state and settings. Times carry a zone; `now` is in the zone of the configuration.

    tick_seconds: how long the last tick took. tick_at: when it began (None before the first).
    config_ok, config_loaded: whether the last (re)load was accepted, and when one was last accepted.
    storage_problem: why history cannot be saved at the moment, for people; empty if it can.
    metrics_problem: why Prometheus cannot read the metrics at the moment; empty if it can.
    quotas, trips, names, groups: as in the settings, by key of a client.
    wan_device: the kernel's name of the uplink. stacked: interfaces that are counted at another one, and why, as
    sentences. catalogue: services by name. modems: as the last tick saw them. plans: of the settings.
    wan_found_by: who has named the uplink, where the settings do not. own_counts: by a modem's interface.
    shaped: the uplink that has our classes; link: its rates in the settings. uplinks: with their interfaces
    of now. watch, notices, low_data: of the settings. withheld: what dnsmasq was given.
    """

    now: datetime
    version: str
    wan_interface: str
    started: datetime
    config_ok: bool = True
    config_loaded: datetime | None = None
    tick_at: datetime | None = None
    tick_seconds: float = 0.0
    storage_problem: str = ""
    storage_failures: int = 0
    metrics_problem: str = ""
    quotas: tuple[Quota, ...] = ()
    curfews: tuple[Curfew, ...] = ()
    names: Mapping[ClientKey, str] = field(default_factory=dict)
    groups: Mapping[ClientKey, str] = field(default_factory=dict)
    wan_device: str = ""
    stacked: tuple[str, ...] = ()
    catalogue: Mapping[str, Service] = field(default_factory=dict)
    service_metrics: ServiceMetrics = ServiceMetrics.EVERYONE
    trips: tuple[Trip, ...] = ()
    modems: tuple[Modem, ...] = ()
    plans: tuple[Plan, ...] = ()
    wan_found_by: str = ""
    own_counts: Mapping[str, OwnCount] = field(default_factory=dict)
    shaped: str = ""
    link: Mapping[Side, int | None] = field(default_factory=lambda: dict.fromkeys(Side))
    uplinks: tuple[Uplink, ...] = ALONE
    watch: Watch = NOT_WATCHED
    notices: NoticeSettings = NOBODY_TOLD
    withheld: Withheld = NOTHING_WITHHELD
    low_data: LowData = NO_LOW_DATA


def new_document(now: datetime) -> Document:
    """The beginning of every document."""
    return {"version": DOCUMENT_VERSION, "time": now.isoformat(timespec="seconds"), "time_unix": int(now.timestamp())}


def moment(name: str, unix: int | None, zone: tzinfo | None) -> Document:
    """A moment under `name`, for people with an offset, and under `name`_unix; both null where there is none."""
    return {name: None if unix is None else iso(unix, zone), f"{name}_unix": unix}


def iso(unix: int, zone: tzinfo | None) -> str:
    """ISO 8601 with the offset of `zone`."""
    return datetime.fromtimestamp(unix, zone).isoformat()


def usage_entry(counters: Counters) -> Document:
    """A `usage` of documents.py."""
    return {
        "down_bytes": counters.down_bytes,
        "up_bytes": counters.up_bytes,
        "total_bytes": counters.total_bytes,
        "down_packets": counters.down_packets,
        "up_packets": counters.up_packets,
    }


def known_clients(state: State) -> set[ClientKey]:
    """All clients that have moved bytes or have an account; `others` only if it has moved bytes."""
    return {*state.totals, *state.names.identities.keys() - {OTHERS}}


def identity(state: State, key: ClientKey, facts: DaemonFacts | None = None) -> Identity:
    """The names of a client; for one that was never here, `facts` has the configured name."""
    return state.names.identities.get(key) or Identity(key, facts.names.get(key, "") if facts else "")


def names(who: Identity) -> Document:
    """The names of a client, as part of an entry."""
    return {"client": who.label, "key": who.key, "mac": mac_of(who.key), "hostname": who.hostname}


def mac_of(key: ClientKey) -> str:
    """The MAC, or empty for pseudo-clients and for clients that are known by an address only."""
    parts = key.split(":")
    return key if len(parts) == 6 and all(len(part) == 2 for part in parts) else ""


def wasted_bytes(state: State) -> Mapping[ClientKey, int]:
    """Bytes that were billed, then dropped by a block, by client, since the maps were made."""
    reading = state.meter.reading
    return _by_owner(reading, reading.wasted) if reading else {}


def strayed_bytes(state: State) -> Mapping[ClientKey, int]:
    """Bytes of flows of a client that another device got, by client, since the maps were made."""
    reading = state.meter.reading
    return _by_owner(reading, reading.strayed) if reading else {}


def _by_owner(reading: Reading, by_account: Mapping[Account, int]) -> Mapping[ClientKey, int]:
    sizes: dict[ClientKey, int] = {}
    for account, size in by_account.items():
        key = reading.owners.get(account, UNATTRIBUTED)
        sizes[key] = sizes.get(key, 0) + size
    return sizes
