# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of approval. Pure: values only."""

APPROVAL = """
CREATE TABLE approval (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    since INTEGER NOT NULL,    -- when it was switched on, 0: it is off; Unix time in seconds
    audited INTEGER NOT NULL,  -- when the list of a week was made last
    number INTEGER NOT NULL    -- of the next question
) STRICT;
CREATE TABLE approval_clients (
    client TEXT NOT NULL PRIMARY KEY,
    came INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE approval_uses (   -- what a client did with a service
    client TEXT NOT NULL,
    service TEXT NOT NULL,
    first INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    day INTEGER NOT NULL,      -- since 1 January of the year 1
    down INTEGER NOT NULL,     -- bytes of that day
    up INTEGER NOT NULL,
    hours INTEGER NOT NULL,    -- a bit for each hour of that day's clock
    all_down INTEGER NOT NULL, -- bytes ever
    all_up INTEGER NOT NULL,
    days INTEGER NOT NULL,     -- on which it was used
    heavy INTEGER NOT NULL,    -- when a day of it was beyond the threshold last; 0: never
    known INTEGER NOT NULL,    -- it was used before
    waits INTEGER NOT NULL,    -- since then; 0: it does not
    number INTEGER NOT NULL,   -- of the question
    asked INTEGER NOT NULL,    -- when the client asked for it; 0: it did not
    PRIMARY KEY (client, service)
) STRICT, WITHOUT ROWID;
CREATE TABLE approval_answers (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,        -- of the subject: client, group, everyone
    subject TEXT NOT NULL,
    service TEXT NOT NULL,
    approved INTEGER NOT NULL,
    at INTEGER NOT NULL,
    until INTEGER              -- none: always
) STRICT;
"""
