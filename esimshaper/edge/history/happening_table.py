# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the table of happenings, which is no part of the Baseline: rows are added, and old ones go.

Like buckets of usage, rows are counted, and no time decides: a clock that was once ahead pushes out nothing.
"""

import sqlite3
from collections.abc import Iterable

from esimshaper.core.model.happenings import Happening
from esimshaper.core.model.limits import Subject, SubjectKind

KEPT = 10_000
"""Rows: weeks of a family, some days of a campsite; two megabytes."""

_ADD = "INSERT INTO happenings (at, kind, text, subjects, quota) VALUES (?, ?, ?, ?, ?)"
_PRUNE = "DELETE FROM happenings WHERE number <= (SELECT max(number) FROM happenings) - ?"
_LAST = "SELECT at, kind, text, subjects, quota FROM happenings WHERE at >= ? ORDER BY number"


def add(connection: sqlite3.Connection, happenings: Iterable[Happening]) -> None:
    """Adds rows, within the transaction of the caller. Raises sqlite3.Error."""
    rows = [(each.at, each.kind, each.text, _written(each.subjects), each.quota) for each in happenings]
    if rows:
        connection.executemany(_ADD, rows)
        connection.execute(_PRUNE, (KEPT,))


def since(connection: sqlite3.Connection, moment: int) -> tuple[Happening, ...]:
    """All that happened at `moment` (Unix seconds) or later, in its order. Raises sqlite3.Error."""
    found = connection.execute(_LAST, (moment,)).fetchall()
    return tuple(Happening(at, kind, text, _subjects(written), quota) for at, kind, text, written, quota in found)


def _written(subjects: Iterable[Subject]) -> str:
    return "\n".join(f"{subject.kind.value}/{subject.id}" for subject in subjects)


def _subjects(written: str) -> tuple[Subject, ...]:
    """Those that can be read: a bad bit on the card costs a subject, and not the list."""
    pairs = (line.partition("/") for line in written.split("\n"))
    known = {kind.value for kind in SubjectKind}
    return tuple(Subject(SubjectKind(kind), name) for kind, _, name in pairs if kind in known)
