# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: rows of used bytes out for an export, page by page, and in from an import.

Each history has a name of its own, made with it, by which its rows are known in others. A row that comes in takes the
place of the one that the same source has sent before. What this history has counted itself is never replaced: it may
only have become more since. Each function works within the transaction of its caller, and may raise sqlite3.Error.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping

from esimshaper.core.model.history import Resolution, RowChoice
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.transfer import Cursor, Page, Transferred
from esimshaper.edge.history import row_numbers
from esimshaper.edge.history.row_numbers import COUNTED_HERE, RESOLUTIONS, Numbers
from esimshaper.edge.history.rows import Values
from esimshaper.edge.history.usage_tables import condition

PAGE_ROWS = 500
"""A page ends with the bucket in which this is reached; a bucket of many clients makes it longer."""

BEGIN = Cursor(1, -(2**62))
_BY_NUMBER: Mapping[int, Resolution] = {number: each for each, number in RESOLUTIONS.items()}
_LAST = max(_BY_NUMBER)
_END = "SELECT start FROM usage WHERE resolution = ? AND start > ? AND start < ? ORDER BY start LIMIT 1 OFFSET ?"
_NEWEST = "SELECT max(start) FROM usage WHERE resolution = ? AND start > ? AND start < ?"
_USAGE = """
SELECT start, client, uplink, 0, down_bytes, up_bytes, down_packets, up_packets, estimated FROM usage
WHERE resolution = ? AND start > ? AND start <= ? {chosen}
"""
_SERVICES = """
SELECT start, client, uplink, service, down_bytes, up_bytes, 0, 0, 0 FROM service_usage
WHERE resolution = ? AND start > ? AND start <= ? {chosen}
"""
_PUT_USAGE = "INSERT OR {} INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_SERVICE = "INSERT OR {} INTO service_usage VALUES (?, ?, ?, ?, ?, ?, ?)"


def name(connection: sqlite3.Connection) -> str:
    """The name of this history."""
    (found,) = connection.execute("SELECT name FROM identity").fetchone() or ("",)
    return str(found)


def page(
    connection: sqlite3.Connection, known: Numbers, own: str, after: Cursor, since: int, until: int, choice: RowChoice
) -> Page:
    """The rows after a place whose start lies in [since, until), in an order that is the same in each history."""
    number, start = after.number, max(after.start, since - 1)
    ends = (number, start, until)
    (end,) = connection.execute(_END, (*ends, PAGE_ROWS)).fetchone() or (None,)
    if end is None:
        (end,) = connection.execute(_NEWEST, ends).fetchone()
        following = Cursor(number + 1, since - 1) if number < _LAST else None
    else:
        following = Cursor(number, end)
    if end is None:
        return Page((), following)
    chosen, wanted = condition(choice, known)
    values = (number, start, end, *wanted)
    found = [
        _transferred(row, number, known, own)
        for query in (_USAGE, _SERVICES)
        for row in connection.execute(query.format(chosen=chosen), values)
    ]
    return Page(tuple(sorted((row for row in found if row), key=_order)), following)


def put(connection: sqlite3.Connection, rows: Collection[Transferred], known: Numbers, own: str) -> Numbers:
    """Takes rows in; the numbers with those of all that they name."""
    sources = {row.source: COUNTED_HERE if row.source == own else row.source for row in rows}
    new = row_numbers.give(
        connection,
        (row.client for row in rows),
        (row.service for row in rows if row.service),
        ((row.uplink, sources[row.source]) for row in rows),
        known,
    )
    for source in set(sources.values()):
        how = "IGNORE" if source == COUNTED_HERE else "REPLACE"
        of = [row for row in rows if sources[row.source] == source]
        connection.executemany(_PUT_USAGE.format(how), _usage_values(of, new, source))
        connection.executemany(_PUT_SERVICE.format(how), _service_values(of, new, source))
    return new


def _usage_values(rows: Iterable[Transferred], known: Numbers, source: str) -> Iterator[Values]:
    for row in rows:
        if not row.service:
            counts = row.down_bytes, row.up_bytes, row.down_packets, row.up_packets, row.estimated
            yield *_key(row, known, source), *counts


def _service_values(rows: Iterable[Transferred], known: Numbers, source: str) -> Iterator[Values]:
    for row in rows:
        if row.service:
            yield *_key(row, known, source), known.services[row.service], row.down_bytes, row.up_bytes


def _key(row: Transferred, known: Numbers, source: str) -> tuple[int, int, int, int]:
    return RESOLUTIONS[row.resolution], row.start, known.clients[row.client], known.uplinks[row.uplink, source]


def _transferred(row: Values, number: int, known: Numbers, own: str) -> Transferred | None:
    start, client, uplink, service, down, up, downs, ups, estimated = row
    if service and service not in known.service_of:
        return None  # a number that is lost on the card: its bytes are `unnamed`
    way, source = known.uplink_of.get(uplink, ("", COUNTED_HERE))
    who = ClientKey(known.client(client))
    what = known.service_of[service] if service else ""
    resolution, doubt = _BY_NUMBER[number], bool(estimated)
    return Transferred(resolution, start, who, way, source or own, what, down, up, downs, ups, doubt)


def _order(row: Transferred) -> tuple[int, str, str, str, str]:
    return row.start, row.client, row.uplink, row.source, row.service
