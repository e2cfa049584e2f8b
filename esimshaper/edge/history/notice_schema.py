# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of the outbox. Pure: values only."""

NOTICES = """
CREATE TABLE notices (         -- what is told by channels, beside the journal
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,       -- Unix time in seconds
    kind TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,      -- its name at that time, or empty
    severity TEXT NOT NULL,    -- info, warning, alarm
    alarm INTEGER NOT NULL,    -- number of the episode, or 0
    text TEXT NOT NULL,
    data TEXT NOT NULL,        -- JSON
    expires INTEGER NOT NULL
) STRICT;
CREATE TABLE notice_deliveries (
    notice INTEGER NOT NULL,
    channel TEXT NOT NULL,
    fate TEXT NOT NULL,        -- waiting, held, joined, sent, ...
    ripe INTEGER NOT NULL,     -- when it may go into a message
    job INTEGER NOT NULL,      -- that it is in, or 0
    PRIMARY KEY (notice, channel)
) STRICT, WITHOUT ROWID;
CREATE TABLE notice_jobs (     -- messages
    number INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    form TEXT NOT NULL,        -- one, group, digest, test
    notices TEXT NOT NULL,     -- their numbers, one a line
    key TEXT NOT NULL,         -- the same for each try
    born INTEGER NOT NULL,
    fate TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next INTEGER NOT NULL,     -- no try before
    doubt INTEGER NOT NULL,    -- of a try nobody knows whether it arrived
    error TEXT NOT NULL
) STRICT;
CREATE TABLE notice_channels (
    channel TEXT NOT NULL PRIMARY KEY,
    day INTEGER NOT NULL,      -- number of the day since 1 January of the year 1
    messages INTEGER NOT NULL, -- on that day
    failures INTEGER NOT NULL, -- in a row
    since INTEGER NOT NULL,
    error TEXT NOT NULL,
    impossible INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE notice_counts (   -- of all times
    channel TEXT NOT NULL,
    result TEXT NOT NULL,
    notices INTEGER NOT NULL,
    PRIMARY KEY (channel, result)
) STRICT, WITHOUT ROWID;
CREATE TABLE notice_numbers (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    notice INTEGER NOT NULL,   -- the next ones
    job INTEGER NOT NULL,
    day INTEGER NOT NULL,
    day_bytes INTEGER NOT NULL,
    week INTEGER NOT NULL      -- when the last digest of a week was made
) STRICT;
CREATE TABLE notice_uplinks (  -- that are missing
    uplink TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL,
    told INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
