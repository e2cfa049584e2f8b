# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of services: what was booked of them, and rows by bucket, client and service.

Rows name clients and services by numbers: there are ten times as many as of clients alone. A number is given once, by
name, so a catalogue that changes renames nothing.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from esimshaper.core.model.history import HistoryRow, Resolution, RowRange
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.services import ServiceCounts, ServiceUsage, Volume
from esimshaper.core.model.state import Booked
from esimshaper.edge.history.rows import Fetch, Keys, Tables

KEYS: Keys = {"service_counters": ("account", "number"), "service_totals": ("client", "service")}

RESOLUTIONS: Mapping[Resolution, int] = {
    Resolution.FIVE_MINUTES: 1,
    Resolution.HOUR: 2,
    Resolution.DAY: 3,
    Resolution.MONTH: 4,
}
"""Numbers of the column `resolution`."""

ADD_ROW = """
INSERT INTO service_history VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    down_bytes = down_bytes + excluded.down_bytes, up_bytes = up_bytes + excluded.up_bytes
"""
SUMS = """
SELECT {by}, service, sum(down_bytes), sum(up_bytes) FROM service_history
WHERE resolution = ? AND start >= ? AND start < ? {chosen} GROUP BY {by}, service
"""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers in the rows, by name of a service and by key of a client."""

    services: Mapping[str, int] = field(default_factory=dict)
    clients: Mapping[str, int] = field(default_factory=dict)


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


def numbers(connection: sqlite3.Connection) -> Numbers:
    """All that were given. Raises sqlite3.Error."""
    services = connection.execute("SELECT name, number FROM services")
    return Numbers(dict(services), dict(connection.execute("SELECT client, number FROM service_clients")))


def add(connection: sqlite3.Connection, rows: Iterable[HistoryRow], known: Numbers) -> Numbers:
    """Adds what rows were for; returns the numbers of then. Raises sqlite3.Error."""
    parts = [row for row in rows if row.services]
    services = {name: None for row in parts for name in row.services if name not in known.services}
    clients = {row.client: None for row in parts if row.client not in known.clients}
    new = Numbers(
        {**known.services, **_given(connection, "services", services)},
        {**known.clients, **_given(connection, "service_clients", clients)},
    )
    connection.executemany(ADD_ROW, (values for row in parts for values in _values(row, new)))
    return new


def sums(
    connection: sqlite3.Connection, of: RowRange, known: Numbers, clients: Collection[ClientKey] | None
) -> ServiceUsage:
    """What some clients, or all (None), used in these rows, by client and service. Raises sqlite3.Error."""
    keys = {number: ClientKey(key) for key, number in known.clients.items()}
    found: dict[ClientKey, dict[str, Volume]] = {}
    for number, service, volume in _sums(connection, "client", of, known, clients):
        if number in keys:
            found.setdefault(keys[number], {})[service] = volume
    return found


def periods(
    connection: sqlite3.Connection, of: RowRange, known: Numbers, clients: Collection[ClientKey] | None
) -> Mapping[int, Mapping[str, Volume]]:
    """What some clients, or all (None), used in these rows, by start of the bucket and service.

    Raises sqlite3.Error.
    """
    found: dict[int, dict[str, Volume]] = {}
    for start, service, volume in _sums(connection, "start", of, known, clients):
        found.setdefault(start, {})[service] = volume
    return found


def prune(connection: sqlite3.Connection, resolution: Resolution, oldest: int) -> None:
    """Removes what is older than `oldest` (Unix seconds). Raises sqlite3.Error."""
    values = RESOLUTIONS[resolution], oldest
    connection.execute("DELETE FROM service_history WHERE resolution = ? AND start < ?", values)


def _given(connection: sqlite3.Connection, table: str, names: Iterable[str]) -> Mapping[str, int]:
    """Gives each of `names` a number."""
    insert = f"INSERT INTO {table} VALUES (NULL, ?)"  # noqa: S608 - a name of ours
    return {name: connection.execute(insert, (name,)).lastrowid or 0 for name in names}


def _values(row: HistoryRow, known: Numbers) -> Iterator[tuple[int, ...]]:
    resolution, client = RESOLUTIONS[row.resolution], known.clients[row.client]
    for name, volume in row.services.items():
        yield resolution, row.start, client, known.services[name], volume.down_bytes, volume.up_bytes


def _sums(
    connection: sqlite3.Connection, by: str, of: RowRange, known: Numbers, clients: Collection[ClientKey] | None
) -> Iterator[tuple[int, str, Volume]]:
    """The column `by`, a service and its bytes. A number that nobody was given is left out: its bytes are `unnamed`."""
    names = {number: name for name, number in known.services.items()}
    wanted = [known.clients[key] for key in clients or () if key in known.clients]
    chosen = "" if clients is None else f"AND client IN ({', '.join('?' * len(wanted))})"
    values = (RESOLUTIONS[of.resolution], of.since, of.until, *wanted)
    for each, service, down, up in connection.execute(SUMS.format(by=by, chosen=chosen), values):
        if service in names:
            yield each, names[service], Volume(down, up)
