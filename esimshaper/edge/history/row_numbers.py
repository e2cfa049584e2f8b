# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the numbers that stand in rows of usage for names, each given once.

There are millions of rows, so names would fill the card. A catalogue or an uplink that is renamed is another one from
then on, and what was saved keeps its name.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import UNATTRIBUTED, ClientKey

RESOLUTIONS: Mapping[Resolution, int] = {
    Resolution.FIVE_MINUTES: 1,
    Resolution.HOUR: 2,
    Resolution.DAY: 3,
    Resolution.MONTH: 4,
}
"""Numbers of the column `resolution`."""

COUNTED_HERE = ""
"""The source of what this router has counted itself."""

Uplink = tuple[str, str]
"""Name and source."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of clients, services and uplinks in the rows; and the names of these by number."""

    clients: Mapping[str, int] = field(default_factory=dict)
    services: Mapping[str, int] = field(default_factory=dict)
    uplinks: Mapping[Uplink, int] = field(default_factory=dict)
    client_of: Mapping[int, ClientKey] = field(default_factory=dict)
    service_of: Mapping[int, str] = field(default_factory=dict)
    uplink_of: Mapping[int, Uplink] = field(default_factory=dict)

    def client(self, number: int) -> ClientKey:
        """The key of a client; of a number that is lost on the card nobody knows whose bytes they are."""
        return self.client_of.get(number, UNATTRIBUTED)

    def uplink(self, number: int) -> str:
        """The name of an uplink; empty where it is not known."""
        return self.uplink_of.get(number, ("", ""))[0]

    def of_uplinks(self, names: Collection[str]) -> list[int]:
        """The numbers of all uplinks of these names, whoever has counted them."""
        return [number for (name, _), number in self.uplinks.items() if name in names]

    @property
    def imported(self) -> list[int]:
        """The numbers of all uplinks that others have counted."""
        return [number for (_, source), number in self.uplinks.items() if source != COUNTED_HERE]


def load(connection: sqlite3.Connection) -> Numbers:
    """All that were given. Raises sqlite3.Error."""
    clients = dict(connection.execute("SELECT client, number FROM usage_clients"))
    services = dict(connection.execute("SELECT name, number FROM services"))
    found = connection.execute("SELECT name, source, number FROM uplinks")
    return _numbers(clients, services, {(name, source): number for name, source, number in found})


def give(
    connection: sqlite3.Connection,
    clients: Iterable[ClientKey],
    services: Iterable[str],
    uplinks: Iterable[Uplink],
    known: Numbers,
) -> Numbers:
    """`known`, and numbers for all of these that have none yet. Raises sqlite3.Error."""
    new_clients = {each: 0 for each in clients if each not in known.clients}
    new_services = {each: 0 for each in services if each not in known.services}
    new_uplinks = {each: 0 for each in uplinks if each not in known.uplinks}
    if not (new_clients or new_services or new_uplinks):
        return known
    add_client = "INSERT INTO usage_clients (client) VALUES (?)"
    add_service = "INSERT INTO services (name) VALUES (?)"
    add_uplink = "INSERT INTO uplinks (name, source) VALUES (?, ?)"
    return _numbers(
        {**known.clients, **{client: _insert(connection, add_client, (client,)) for client in new_clients}},
        {**known.services, **{name: _insert(connection, add_service, (name,)) for name in new_services}},
        {**known.uplinks, **{each: _insert(connection, add_uplink, each) for each in new_uplinks}},
    )


def _insert(connection: sqlite3.Connection, statement: str, values: tuple[str, ...]) -> int:
    """The number of the new row."""
    return connection.execute(statement, values).lastrowid or 0


def _numbers(clients: Mapping[str, int], services: Mapping[str, int], uplinks: Mapping[Uplink, int]) -> Numbers:
    return Numbers(
        clients,
        services,
        uplinks,
        {number: ClientKey(client) for client, number in clients.items()},
        {number: name for name, number in services.items()},
        {number: uplink for uplink, number in uplinks.items()},
    )
