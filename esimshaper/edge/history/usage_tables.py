# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of used bytes, by bucket, client and uplink, and what of them was for a service.

Each function works within the transaction of its caller, and may raise sqlite3.Error.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryPeriod, HistoryRow, Resolution, RowChoice, RowRange, Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.plan_state import Interval
from esimshaper.core.model.services import Volume
from esimshaper.edge.history import row_numbers
from esimshaper.edge.history.row_numbers import COUNTED_HERE, RESOLUTIONS, Numbers
from esimshaper.edge.history.rows import Values, numbers

KEPT: Mapping[Resolution, int] = {Resolution.FIVE_MINUTES: 14 * 288, Resolution.HOUR: 2400, Resolution.DAY: 1826}
"""How many buckets are kept: 14 days, 100 days, 5 years of use; months for ever.

Buckets that exist are counted, not time. A clock that was once ahead (no battery, first minutes after power-on) then
pushes out as many buckets as it made wrongly, and not all of them, as happened to vnStat.
"""

ALL = -1
"""The limit of a query that wants all rows."""

ADD_ROW = """
INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    down_bytes = down_bytes + excluded.down_bytes, up_bytes = up_bytes + excluded.up_bytes,
    down_packets = down_packets + excluded.down_packets, up_packets = up_packets + excluded.up_packets,
    estimated = estimated OR excluded.estimated
"""
ADD_SERVICE = """
INSERT INTO service_usage VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    down_bytes = down_bytes + excluded.down_bytes, up_bytes = up_bytes + excluded.up_bytes
"""
ROWS = """
SELECT start, client, uplink, down_bytes, up_bytes, down_packets, up_packets, estimated FROM usage
WHERE resolution = ? AND start >= ? AND start < ?
"""
PERIODS = """
SELECT start, sum(down_bytes), sum(up_bytes), sum(down_packets), sum(up_packets), max(estimated) FROM usage
WHERE resolution = ? AND start >= ? AND start < ? {chosen} GROUP BY start ORDER BY start DESC LIMIT ?
"""
TOTALS = """
SELECT client, sum(down_bytes), sum(up_bytes), sum(down_packets), sum(up_packets) FROM usage
WHERE resolution = ? AND start >= ? AND start < ? {chosen} GROUP BY client
"""
BY_UPLINK = """
SELECT uplink, sum(down_bytes), sum(up_bytes), sum(down_packets), sum(up_packets) FROM usage
WHERE resolution = ? AND start >= ? AND start < ? {chosen} GROUP BY uplink
"""
OLDEST = "SELECT start FROM usage WHERE resolution = ? ORDER BY start LIMIT 1"
SERVICES = """
SELECT {by}, service, sum(down_bytes), sum(up_bytes) FROM service_usage
WHERE resolution = ? AND start >= ? AND start < ? {chosen} GROUP BY {by}, service LIMIT ?
"""
OLDEST_KEPT = """
WITH RECURSIVE newest_first(start, number) AS (
    SELECT (SELECT start FROM usage WHERE resolution = :r AND start <= :newest ORDER BY start DESC LIMIT 1), 1
    UNION ALL
    SELECT (SELECT u.start FROM usage u WHERE u.resolution = :r AND u.start < n.start ORDER BY u.start DESC LIMIT 1),
        n.number + 1
    FROM newest_first n WHERE n.number < :kept AND n.start IS NOT NULL
)
SELECT start FROM newest_first WHERE number = :kept
"""


def give_numbers(connection: sqlite3.Connection, rows: Collection[HistoryRow], known: Numbers) -> Numbers:
    """`known`, and numbers for all that `rows` name for the first time."""
    services = (name for row in rows for name in row.services)
    uplinks = ((row.uplink, COUNTED_HERE) for row in rows)
    return row_numbers.give(connection, (row.client for row in rows), services, uplinks, known)


def add(connection: sqlite3.Connection, rows: Collection[HistoryRow], known: Numbers) -> None:
    """Adds rows to those there are; all that they name has its number."""
    connection.executemany(ADD_ROW, (_row_values(row, known) for row in rows))
    connection.executemany(ADD_SERVICE, (values for row in rows for values in _service_values(row, known)))


def rows(connection: sqlite3.Connection, of: RowRange, known: Numbers, choice: RowChoice) -> Iterator[HistoryRow]:
    """Rows by client and uplink, the oldest first, without services; those of several sources one after another."""
    chosen, wanted = condition(choice, known)
    found = connection.execute(f"{ROWS} {chosen} ORDER BY start", (*_values(of), *wanted))
    for start, client, uplink, *counters, estimated in found:
        who, where = known.client(client), known.uplink(uplink)
        yield HistoryRow(of.resolution, start, who, Counters(*counters), bool(estimated), uplink=where)


def periods(
    connection: sqlite3.Connection, of: RowRange, limit: int, known: Numbers, choice: RowChoice
) -> tuple[HistoryPeriod, ...]:
    """The last `limit` buckets, the newest first."""
    chosen, wanted = condition(choice, known)
    found = connection.execute(PERIODS.format(chosen=chosen), (*_values(of), *wanted, limit)).fetchall()
    return tuple(HistoryPeriod(start, Counters(*counters), bool(estimated)) for start, *counters, estimated in found)


def sums(connection: sqlite3.Connection, of: RowRange, known: Numbers, choice: RowChoice) -> Sums:
    """What was used in these rows, by client, and by client and service."""
    chosen, wanted = condition(choice, known)
    found = connection.execute(TOTALS.format(chosen=chosen), (*_values(of), *wanted)).fetchall()
    usage: dict[ClientKey, Counters] = {}
    for client, *counters in found:
        key = known.client(client)
        usage[key] = usage.get(key, Counters()) + Counters(*counters)
    services: dict[ClientKey, dict[str, Volume]] = {}
    for client, service, volume in _services(connection, "client", of, known, choice):
        services.setdefault(known.client(client), {})[service] = volume
    return Sums(usage, services)


def by_uplink(
    connection: sqlite3.Connection, of: RowRange, known: Numbers, choice: RowChoice
) -> Mapping[str, Counters]:
    """What was used in these rows, by uplink; empty for those that are not known."""
    chosen, wanted = condition(choice, known)
    used: dict[str, Counters] = {}
    for uplink, *counters in connection.execute(BY_UPLINK.format(chosen=chosen), (*_values(of), *wanted)).fetchall():
        name = known.uplink(uplink)
        used[name] = used.get(name, Counters()) + Counters(*counters)
    return used


def oldest(connection: sqlite3.Connection) -> Mapping[Resolution, int]:
    """When the oldest row of each resolution that has any begins."""
    found = {each: connection.execute(OLDEST, (number,)).fetchone() for each, number in RESOLUTIONS.items()}
    return {each: row[0] for each, row in found.items() if row}


def plan_intervals(connection: sqlite3.Connection) -> tuple[Interval, ...]:
    """Which plan each uplink had, the oldest first."""
    found = connection.execute("SELECT plan, uplink, began, ended FROM plan_intervals ORDER BY began, uplink, plan")
    return tuple(Interval(*each) for each in found)


def service_periods(
    connection: sqlite3.Connection, of: RowRange, known: Numbers, choice: RowChoice, limit: int
) -> Mapping[int, Mapping[str, Volume]]:
    """What buckets were for, by their start and service; at most the first `limit` sums."""
    found: dict[int, dict[str, Volume]] = {}
    for start, service, volume in _services(connection, "start", of, known, choice, limit):
        found.setdefault(start, {})[service] = volume
    return found


def prune(connection: sqlite3.Connection, newest: int) -> None:
    """Removes what is kept no longer once `newest`, the start of five minutes, is there."""
    for resolution, kept in KEPT.items():
        number = RESOLUTIONS[resolution]
        values = {"r": number, "newest": newest, "kept": kept}
        (oldest,) = connection.execute(OLDEST_KEPT, values).fetchone() or (None,)
        if oldest is not None:
            for table in ("usage", "service_usage"):
                connection.execute(f"DELETE FROM {table} WHERE resolution = ? AND start < ?", (number, oldest))  # noqa: S608


def condition(choice: RowChoice, known: Numbers) -> tuple[str, list[int]]:
    """The part of a WHERE clause, and its values."""
    clients = None if choice.clients is None else [known.clients[key] for key in choice.clients if key in known.clients]
    uplinks = None if choice.uplinks is None else known.of_uplinks(choice.uplinks)
    # A number that is lost on the card was given here, more likely than not: so those are named that are left out.
    imported = known.imported if choice.counted_here else ()
    parts = {"client IN": clients, "uplink IN": uplinks, "uplink NOT IN": imported or None}
    texts = [f"AND {name} ({', '.join('?' * len(of))})" for name, of in parts.items() if of is not None]
    return " ".join(texts), [*(clients or ()), *(uplinks or ()), *imported]


def _values(of: RowRange) -> tuple[int, int, int]:
    return RESOLUTIONS[of.resolution], of.since, of.until


def _row_values(row: HistoryRow, known: Numbers) -> Values:
    client, uplink = known.clients[row.client], known.uplinks[row.uplink, COUNTED_HERE]
    return RESOLUTIONS[row.resolution], row.start, client, uplink, *numbers(row.counters), row.estimated


def _service_values(row: HistoryRow, known: Numbers) -> Iterable[Values]:
    first = RESOLUTIONS[row.resolution], row.start, known.clients[row.client], known.uplinks[row.uplink, COUNTED_HERE]
    return ((*first, known.services[name], each.down_bytes, each.up_bytes) for name, each in row.services.items())


def _services(
    connection: sqlite3.Connection, by: str, of: RowRange, known: Numbers, choice: RowChoice, limit: int = ALL
) -> Iterator[tuple[int, str, Volume]]:
    """The column `by`, a service and its bytes. A number that nobody was given is left out: its bytes are `unnamed`."""
    chosen, wanted = condition(choice, known)
    found = connection.execute(SERVICES.format(by=by, chosen=chosen), (*_values(of), *wanted, limit)).fetchall()
    for each, service, down, up in found:
        if service in known.service_of:
            yield each, known.service_of[service], Volume(down, up)
