# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the database of used bytes, by client and time (SQLite). Bookings in; rows, sums and the last Baseline out.

Owns `history.db` and its journals in the state directory. Rows and the baseline that they lead up to are written in one
transaction (R17): whenever the process or the power goes, the two fit together.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.happenings import Happening
from esimshaper.core.model.history import (
    ALL_ROWS,
    COUNTED_ROWS,
    HistoryPeriod,
    HistoryRow,
    Resolution,
    RowChoice,
    RowRange,
    Sums,
)
from esimshaper.core.model.identity import ClientKey, Identity
from esimshaper.core.model.plan_state import Interval
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Baseline, Booking
from esimshaper.core.model.transfer import Cursor, Page, Transferred
from esimshaper.edge.history import happening_table, row_numbers, service_tables, transfer_tables, usage_tables
from esimshaper.edge.history.baseline import KEYS, baseline_from, tables
from esimshaper.edge.history.row_numbers import Numbers
from esimshaper.edge.history.rows import Rows, Values
from esimshaper.edge.history.schema import DamagedError, HistoryError, connect, connect_anew, explain, merge_journal
from esimshaper.edge.history.usage_tables import ALL, KEPT

__all__ = ["KEPT", "History", "HistoryError"]
SEE_CLIENT = """
INSERT INTO clients VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    name = excluded.name, hostname = excluded.hostname,
    first_seen = coalesce(first_seen, excluded.first_seen), last_seen = coalesce(excluded.last_seen, last_seen)
"""


class Seen(NamedTuple):
    """The saved names of a client, and the five minutes in which it last moved anything."""

    name: str = ""
    hostname: str = ""
    last_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """A copy of the rows that a save compares with, to write only the rows that change.

    `numbers`: those in rows of usage. `name`: of this history. `baseline_is_exact`: this process has written the
    baseline. One that was read may have lost a bit to the card.
    """

    baseline: Baseline | None
    clients: Mapping[ClientKey, Seen]
    numbers: Numbers = field(default_factory=Numbers)
    name: str = ""
    pruned_at: int | None = None
    baseline_is_exact: bool = False


class History:
    """An open database. For one thread at a time. Each method that uses the disk may raise HistoryError.

    After an error nothing has changed, and the next call may work. If the content turns out to be damaged, the file is
    moved aside, a new one is begun, and `notes` says so.
    """

    def __init__(self, path: Path) -> None:
        """The database at `path`, made if it is not there; a damaged or foreign file is moved aside (see `notes`).

        Raises HistoryError if it cannot be used now (disk full, read-only, locked), or if it is of a newer version.
        """
        self._path = path
        self.notes = ""
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._memory = Memory(None, {})
        self._connect()

    def close(self) -> None:
        """Merge the journal into the database and close it."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def load(self) -> Baseline | None:
        """The baseline that was saved last; None in a new database. Never raises: it was read when opening."""
        return self._memory.baseline

    def identities(self) -> tuple[Identity, ...]:
        """All clients ever seen, without addresses: those are of the moment. Never raises."""
        return tuple(Identity(key, seen.name, seen.hostname) for key, seen in self._memory.clients.items())

    def save(self, booking: Booking) -> None:
        """Add the rows to those there are, and keep the baseline and the clients' names: all of it, or nothing."""
        with self._transaction() as connection:
            numbers = usage_tables.give_numbers(connection, booking.rows, self._memory.numbers)
            usage_tables.add(connection, booking.rows, numbers)
            happening_table.add(connection, booking.happenings)
            self._save_baseline(connection, booking.baseline)
            clients = self._save_clients(connection, booking)
            newest = max((r.start for r in booking.rows if r.resolution is Resolution.FIVE_MINUTES), default=None)
            if newest is not None and newest != self._memory.pruned_at:
                usage_tables.prune(connection, newest)
        pruned_at = newest or self._memory.pruned_at
        self._memory = Memory(booking.baseline, clients, numbers, self._memory.name, pruned_at, baseline_is_exact=True)

    def rows(
        self, resolution: Resolution, since: int, until: int, clients: Collection[ClientKey] | None = None
    ) -> tuple[HistoryRow, ...]:
        """Rows that were counted here, of some clients or of all (None), whose start lies in [since, until).

        They come by uplink, the oldest first, and without services: `sums` and `service_periods` have these.
        """
        of = RowRange(resolution, since, until)
        with self._explained() as connection:
            return tuple(usage_tables.rows(connection, of, self._memory.numbers, RowChoice(clients, counted_here=True)))

    def periods(self, of: RowRange, limit: int, choice: RowChoice = ALL_ROWS) -> tuple[HistoryPeriod, ...]:
        """The last `limit` buckets of a range, summed; newest first."""
        with self._explained() as connection:
            return usage_tables.periods(connection, of, limit, self._memory.numbers, choice)

    def all_periods(self, ranges: Iterable[RowRange], choice: RowChoice = ALL_ROWS) -> tuple[HistoryPeriod, ...]:
        """All buckets of some ranges, summed."""
        with self._explained() as connection:
            numbers = self._memory.numbers
            return tuple(each for of in ranges for each in usage_tables.periods(connection, of, ALL, numbers, choice))

    def some_rows(self, ranges: Iterable[RowRange], choice: RowChoice, limit: int) -> tuple[HistoryRow, ...]:
        """The first `limit` rows of some ranges."""
        with self._explained() as connection:
            numbers = self._memory.numbers
            found = (row for of in ranges for row in usage_tables.rows(connection, of, numbers, choice))
            return tuple(islice(found, limit))

    def totals(self, resolution: Resolution, start: int) -> Mapping[ClientKey, Counters]:
        """The usage of each client in the bucket that begins at `start`, as counted here."""
        return self.sums([RowRange(resolution, start, start + 1)], COUNTED_ROWS)[0].usage

    def sums(self, parts: Iterable[RowRange], choice: RowChoice = ALL_ROWS) -> tuple[Sums, ...]:
        """What was used in the rows of each range."""
        with self._explained() as connection:
            return tuple(usage_tables.sums(connection, part, self._memory.numbers, choice) for part in parts)

    def service_periods(
        self, of: RowRange, choice: RowChoice = ALL_ROWS, limit: int = ALL
    ) -> Mapping[int, Mapping[str, Volume]]:
        """What buckets were for, summed, by their start; without `unnamed`. At most the first `limit` sums."""
        with self._explained() as connection:
            return usage_tables.service_periods(connection, of, self._memory.numbers, choice, limit)

    def by_uplink(self, parts: Iterable[RowRange], choice: RowChoice = ALL_ROWS) -> tuple[Mapping[str, Counters], ...]:
        """What was used in the rows of each range, by uplink; empty for those that are not known."""
        with self._explained() as connection:
            return tuple(usage_tables.by_uplink(connection, part, self._memory.numbers, choice) for part in parts)

    def kept(self) -> tuple[Mapping[Resolution, int], tuple[Interval, ...]]:
        """When the oldest row of each resolution begins; and which plans the uplinks had."""
        with self._explained() as connection:
            return usage_tables.oldest(connection), usage_tables.plan_intervals(connection)

    def page(self, after: Cursor | None, since: int, until: int, choice: RowChoice) -> Page:
        """Some rows whose start lies in [since, until), after a place (None: the first ones), for an export."""
        with self._explained() as connection:
            numbers, name = self._memory.numbers, self._memory.name
            begin = after or transfer_tables.BEGIN
            return transfer_tables.page(connection, numbers, name, begin, since, until, choice)

    def put(self, rows: Collection[Transferred]) -> None:
        """Takes in rows of an import: all of them, or nothing; a row that is there already stays, or is replaced."""
        with self._transaction() as connection:
            numbers = transfer_tables.put(connection, rows, self._memory.numbers, self._memory.name)
        self._memory = replace(self._memory, numbers=numbers)

    def happenings(self, since: int) -> tuple[Happening, ...]:
        """All that happened at `since` (Unix seconds) or later and is still kept, in its order."""
        with self._explained() as connection:
            return happening_table.since(connection, since)

    def _save_baseline(self, connection: sqlite3.Connection, baseline: Baseline) -> None:
        """Writes only the rows that differ: most accounts are idle most of the time, and flash wears out."""
        exact = self._memory.baseline_is_exact
        known = self._memory.baseline if exact else None
        if known:
            old, new = service_tables.without_same(known.meter, baseline.meter)
            known, baseline = replace(known, meter=old), replace(baseline, meter=new)
        before, after = tables(known), tables(baseline)
        for table, rows in after.items():
            if not exact:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name from KEYS
            _save_rows(connection, table, before[table], rows)

    def _save_clients(self, connection: sqlite3.Connection, booking: Booking) -> Mapping[ClientKey, Seen]:
        """Writes only clients with a new name or in new five minutes. Returns all clients as saved then."""
        moved = {
            row.client: row.start
            for row in sorted(booking.rows, key=lambda row: row.start)
            if row.resolution is Resolution.FIVE_MINUTES and row.counters
        }
        clients = dict(self._memory.clients)
        named = {identity.key: identity for identity in booking.identities}
        for key in named.keys() | moved.keys():
            before = clients.get(key, Seen())
            names: Identity | Seen = named.get(key, before)
            now = Seen(names.name, names.hostname, moved.get(key, before.last_seen))
            if key not in clients or now != before:
                connection.execute(SEE_CLIENT, (key, *now, now.last_seen))
                clients[key] = now
        return clients

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained() as connection:
            if connection.in_transaction:  # an earlier rollback failed
                connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # after some errors SQLite has rolled back by itself
                    connection.execute("ROLLBACK")
                with suppress(sqlite3.Error):  # the journal may be what fills the disk
                    merge_journal(connection)
                raise

    @contextmanager
    def _explained(self) -> Iterator[sqlite3.Connection]:
        """The connection; its errors become HistoryErrors. A damaged file is moved aside, and a new one begun."""
        # Somebody may have moved the file away, or taken the card out and put it back.
        if self._connection is None or _inode(self._path) != self._opened:
            self._connect()
        connection = self._connection
        if connection is None:
            raise HistoryError(f"{self._path} is not open.")
        try:
            yield connection
        except (sqlite3.Error, OverflowError, UnicodeError) as problem:
            trouble = explain(problem, self._path)
            if isinstance(trouble, DamagedError):
                self._connect(damage=str(trouble))
                trouble = HistoryError(self.notes, "It is saved into the new one by itself.")
            raise trouble from problem

    def _connect(self, damage: str = "") -> None:
        """Opens the database and fills Memory; `damage`: why the present file is of no use."""
        self.close()
        connection, notes = connect_anew(self._path, damage) if damage else connect(self._path)
        self.notes = notes or self.notes
        try:
            self._memory = _remembered(connection)
        except (sqlite3.Error, ValueError) as problem:
            connection.close()
            trouble = explain(problem, self._path) if isinstance(problem, sqlite3.Error) else problem
            if isinstance(trouble, HistoryError):
                raise trouble from problem
            if damage:
                raise HistoryError(f"{self._path} is damaged as soon as it is made: {problem}") from problem
            self._connect(damage=str(trouble))
        else:
            self._connection, self._opened = connection, _inode(self._path)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _remembered(connection: sqlite3.Connection) -> Memory:
    """Raises sqlite3.Error, ValueError."""
    found = connection.execute("SELECT key, name, hostname, last_seen FROM clients")
    clients = {ClientKey(key): Seen(name, hostname, last_seen) for key, name, hostname, last_seen in found}
    return Memory(_baseline(connection), clients, row_numbers.load(connection), transfer_tables.name(connection))


def _baseline(connection: sqlite3.Connection) -> Baseline | None:
    """Raises sqlite3.Error, ValueError."""

    def rows(table: str) -> Iterable[Values]:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608 - a name from KEYS

    return baseline_from(rows)


def _save_rows(connection: sqlite3.Connection, table: str, old: Rows, new: Rows) -> None:
    """Turn the rows `old` of `table` into `new`. The names in the statements are those of KEYS."""
    gone = [key for key in old if key not in new]
    changed = [(*key, *values) for key, values in new.items() if old.get(key) != values]
    where = " AND ".join(f"{column} = ?" for column in KEYS[table])
    connection.executemany(f"DELETE FROM {table} WHERE {where}", gone)  # noqa: S608
    if changed:
        places = ", ".join("?" * len(changed[0]))
        connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", changed)  # noqa: S608
