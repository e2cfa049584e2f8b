# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the file of the history. Path in; a connection to a sound database of ours out, or why there is none.

A file that is damaged or not ours is moved aside, never deleted or repaired: counting goes on into a new file.
"""

import os
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from esimshaper.core.model.errors import Unusable
from esimshaper.edge.history.versions import SCHEMAS, VERSION

APPLICATION_ID = 0x6553494D  # "eSIM"
BUSY_SECONDS = 5.0
SMALLEST_BYTES = 512
"""The smallest page size of SQLite."""
JOURNAL_PAGES = 256
"""At about a megabyte the journal is merged into the database: after half an hour, or sooner on a busy router."""
CACHE_KIB = 256
"""Cache for pages of the database. SQLite's default of 2 MiB would fill in two days, and readers are rare."""
MAX_ASIDE = 5
"""Damaged files that are kept. Later ones replace the last, so that they do not fill a dying card."""

DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT}
"""Errors that mean damaged content. A constraint fails only where a damaged number no longer adds up."""

SENTENCES = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_READONLY: "the disk is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened or made",
    sqlite3.SQLITE_PERM: "this user may not use it",
    sqlite3.SQLITE_BUSY: "another program is using it",
    sqlite3.SQLITE_LOCKED: "another program is using it",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
}


STRANGE_FILES = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class HistoryError(Unusable):
    """The history cannot be read or written now; nothing in it has changed."""


class DamagedError(Exception):
    """The content of the file is not what it should be; the text says how."""


def connect(path: Path) -> tuple[sqlite3.Connection, str]:
    """A connection to the database at `path`, made if it is not there, and a sentence for people ("" if none).

    Raises HistoryError if the file cannot be used now, or if a newer version of this program has made it.
    """
    try:
        return _connect(path), ""
    except DamagedError as damage:
        return connect_anew(path, str(damage))


def connect_anew(path: Path, reason: str) -> tuple[sqlite3.Connection, str]:
    """As `connect`, after the present file was moved aside. Raises HistoryError."""
    try:
        place = _move_aside(path)
        return _connect(path), f"{path} was unusable ({reason}) and is now {place.name}; a new history was begun"
    except OSError as problem:
        sentence = f"{path} is damaged ({reason}) and cannot be moved aside: {problem.strerror}"
        raise HistoryError(sentence, "Make room, or move it away.") from problem
    except DamagedError as damage:
        raise HistoryError(f"A new {path} is damaged at once: {damage}", "Is the storage broken?") from damage


def explain(problem: Exception, path: Path) -> HistoryError | DamagedError:
    """The meaning of an exception of sqlite3."""
    code = getattr(problem, "sqlite_errorcode", None)
    primary = code & 0xFF if code is not None else None
    # SQLite also calls a file read-only whose header names a format that is not known.
    undeserved = primary == sqlite3.SQLITE_READONLY and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    # An error text of SQLite that quotes nonsense is nonsense itself.
    if primary in DAMAGE or undeserved or isinstance(problem, UnicodeDecodeError):
        return DamagedError(str(problem))
    sentence = SENTENCES.get(primary, "it cannot be used") if primary is not None else "it cannot be used"
    return HistoryError(
        f"{path}: {sentence} ({problem})", "Counting goes on without the history, and the daemon tries again by itself."
    )


def _connect(path: Path) -> sqlite3.Connection:
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_strange_files(path)
        # SQLite gives its journal the mode and owner of the database: nobody else may read who uses how much.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
        size = path.stat().st_size
        # Root may be the first to write in the service's folder. A link of the service's user there is not followed.
        if not os.geteuid():
            folder = path.parent.stat()
            os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)
    except OSError as problem:
        raise HistoryError(
            f"{path} cannot be opened: {problem.strerror}", "Is there room, and may we write?"
        ) from problem
    if 0 < size < SMALLEST_BYTES:
        raise DamagedError("it is too short")  # SQLite would take an empty file for a new one
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as problem:
        raise explain(problem, path) from problem
    connection.text_factory = _lenient_text
    try:
        _prepare(connection, path)
    except (sqlite3.Error, UnicodeError) as problem:
        connection.close()
        if getattr(problem, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # an unknown format or definition
            raise DamagedError(str(problem)) from problem
        raise explain(problem, path) from problem
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_strange_files(path: Path) -> None:
    """Raises HistoryError if the database or one of its journals is a pipe, socket or device; OSError as stat(2).

    SQLite would wait for ever at a pipe in the place of a journal, and opening some devices does something.
    """
    for suffix in ("", "-journal", "-wal", "-shm"):
        place = path.with_name(path.name + suffix)
        mode = place.stat().st_mode if place.exists() else 0
        what = next((words for is_one, words in STRANGE_FILES if is_one(mode)), "")
        if what:
            raise HistoryError(
                f"{place} is {what} and not a file", "Counting goes on without the history. Move it away."
            )


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check that the database is ours and sound, make the tables in an empty one, and set how it is written."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    tables = _tables(connection)
    if ours and version > VERSION:
        raise HistoryError(
            f"{path} was made by a newer version of esimshaper (format {version}; this one knows {VERSION}).",
            "Install the newer version again, or move the file away to begin a new history.",
        )
    if tables and not ours:
        raise DamagedError("it is another program's database")
    if tables and (version not in SCHEMAS or tables != _wanted_tables(version)):
        raise DamagedError("its tables are not those that they should be")
    answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise DamagedError(answer.splitlines()[-1])
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit is on the disk when it returns. Once a minute that costs little, and a power cut may cost no more than a
    # minute (DESIGN.md, "What happens when").
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {JOURNAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_PAGES * 4096}")
    connection.execute("BEGIN IMMEDIATE")  # raises now if the file cannot be written
    if not tables or version < VERSION:
        _make_tables(connection, range(version + 1 if tables else 1, VERSION + 1))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    merge_journal(connection)


def _lenient_text(text: bytes) -> str:
    """One bad bit in a name is no reason to give up a year of history."""
    return text.decode(errors="replace")


def merge_journal(connection: sqlite3.Connection) -> None:
    """Writes the journal into the database, and makes it empty. Raises sqlite3.Error."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _make_tables(connection: sqlite3.Connection, versions: Iterable[int]) -> None:
    for version in versions:
        for statement in SCHEMAS[version].split(";\n"):
            connection.execute(statement)


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    """Name and definition of everything in the schema."""
    return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())


def _wanted_tables(version: int) -> dict[str, str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        _make_tables(connection, range(1, version + 1))
        return _tables(connection)


def _move_aside(path: Path) -> Path:
    """The journals go with their database: beside a new one they would be taken for its own."""
    number = next(
        (n for n in range(1, MAX_ASIDE) if not path.with_name(f"{path.name}.corrupt-{n}").exists()), MAX_ASIDE
    )
    place = path.with_name(f"{path.name}.corrupt-{number}")
    for suffix in ("-wal", "-shm", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.replace(place.with_name(place.name + suffix))
    return place
