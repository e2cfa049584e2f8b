# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of what the data saver saved, as values, and back. Pure."""

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.measure import Key, MeasureState, Sample, Turn, Whose
from esimshaper.edge.history.rows import Fetch, Keys, Tables, is_client

MEASURE = """
CREATE TABLE measure (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    since INTEGER NOT NULL,     -- when measuring began, 0: it is off; Unix time in seconds
    day INTEGER NOT NULL        -- since 1 January of the year 1
) STRICT;
CREATE TABLE measure_samples (  -- what a client watched on a day: with the pace, and in turns without it
    day INTEGER NOT NULL,
    client TEXT NOT NULL,
    what TEXT NOT NULL,         -- the services of a pace
    held_bytes INTEGER NOT NULL,
    held_seconds REAL NOT NULL,
    free_bytes INTEGER NOT NULL,
    free_seconds REAL NOT NULL,
    PRIMARY KEY (day, client, what)
) STRICT, WITHOUT ROWID;
CREATE TABLE measure_turns (
    client TEXT NOT NULL,
    what TEXT NOT NULL,
    number INTEGER NOT NULL,    -- of turns that are over
    seconds REAL NOT NULL,      -- watched in the one of now
    PRIMARY KEY (client, what)
) STRICT, WITHOUT ROWID;
CREATE TABLE measure_saved (    -- as the estimate of each evening had it
    what TEXT NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

KEYS: Keys = {
    "measure": ("id",),
    "measure_samples": ("day", "client", "what"),
    "measure_turns": ("client", "what"),
    "measure_saved": ("what",),
}


def tables(kept: MeasureState) -> Tables:
    """All rows of the tables of KEYS."""
    return {
        "measure": {(1,): (kept.since, kept.day)} if kept != MeasureState() else {},
        "measure_samples": {tuple(key): tuple(each) for key, each in kept.samples.items()},
        "measure_turns": {tuple(whose): tuple(turn) for whose, turn in kept.turns.items()},
        "measure_saved": {(what,): (size,) for what, size in kept.saved.items()},
    }


def measure_from(rows: Fetch) -> MeasureState:
    """The MeasureState in the tables. Raises ValueError."""
    since, day = next((values for _, *values in rows("measure")), (0, 0))
    return MeasureState(
        since,
        day,
        {
            Key(of_day, ClientKey(client), what): Sample(*values)
            for of_day, client, what, *values in rows("measure_samples")
            if is_client(client)
        },
        {
            Whose(ClientKey(client), what): Turn(*values)
            for client, what, *values in rows("measure_turns")
            if is_client(client)
        },
        dict(rows("measure_saved")),
    )
