# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of what was booked of services. Pure; usage_tables.py has their history."""

from dataclasses import replace

from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.services import ServiceCounts, ServiceUsage, Volume
from esimshaper.core.model.state import Booked
from esimshaper.edge.history.rows import Fetch, Keys, Tables

KEYS: Keys = {"service_counters": ("account", "number"), "service_totals": ("client", "service")}


def tables(meter: Booked) -> Tables:
    """All rows of the tables of KEYS."""
    return {
        "service_counters": {
            (account, number): (volume.down_bytes, volume.up_bytes)
            for account, rows in meter.services.items()
            for number, volume in rows.items()
        },
        "service_totals": {
            (client, service): (volume.down_bytes, volume.up_bytes)
            for client, volumes in meter.served.items()
            for service, volume in volumes.items()
        },
    }


def without_same(before: Booked, after: Booked) -> tuple[Booked, Booked]:
    """Both, without the services that are the same objects in both: in a crowd, those of nearly all."""
    same = {a for a, rows in after.services.items() if before.services.get(a) is rows}
    resting = {client for client, volumes in after.served.items() if before.served.get(client) is volumes}

    def of_others(meter: Booked) -> Booked:
        services = {account: rows for account, rows in meter.services.items() if account not in same}
        served = {client: volumes for client, volumes in meter.served.items() if client not in resting}
        return replace(meter, services=services, served=served)

    return of_others(before), of_others(after)


def counts_from(rows: Fetch) -> ServiceCounts:
    """`Booked.services` in the tables."""
    counts: dict[Account, dict[int, Volume]] = {}
    for account, number, *volume in rows("service_counters"):
        counts.setdefault(Account(account), {})[number] = Volume(*volume)
    return counts


def totals_from(rows: Fetch) -> ServiceUsage:
    """`Booked.served` in the tables."""
    totals: dict[ClientKey, dict[str, Volume]] = {}
    for client, service, *volume in rows("service_totals"):
        totals.setdefault(ClientKey(client), {})[service] = Volume(*volume)
    return totals
