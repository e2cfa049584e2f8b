# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of abnormal use. Pure: values only."""

WATCH = """
CREATE TABLE watch_clients (   -- what is normal for a client
    client TEXT NOT NULL PRIMARY KEY,
    hours INTEGER NOT NULL,    -- in which it moved anything
    hour INTEGER NOT NULL,     -- number of the running one since 1970
    told_first INTEGER,        -- when people were told of what is unsure, the last times; Unix time in seconds
    told_second INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE watch_peaks (     -- the most that a client moved, in bytes
    client TEXT NOT NULL,
    day INTEGER NOT NULL,      -- number since 1970; -1: the running hour, -2: the hour before
    minute INTEGER NOT NULL,
    five INTEGER NOT NULL,     -- minutes
    hour INTEGER NOT NULL,
    upload INTEGER NOT NULL,   -- in five minutes
    flat INTEGER NOT NULL,     -- in each five minutes of an hour
    PRIMARY KEY (client, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE watch_newcomers (
    client TEXT NOT NULL PRIMARY KEY,
    came INTEGER NOT NULL,
    bytes INTEGER NOT NULL     -- since then
) STRICT, WITHOUT ROWID;
CREATE TABLE watch_episodes (
    number INTEGER PRIMARY KEY,
    client TEXT NOT NULL,      -- empty: everyone
    kinds TEXT NOT NULL,       -- surge, upload, trickle, asleep, newcomer, pace, nobody-home; one a line
    since INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    until INTEGER NOT NULL,    -- 0: it goes on
    bytes INTEGER NOT NULL,
    told INTEGER NOT NULL,
    told_bytes INTEGER NOT NULL,
    allowance INTEGER NOT NULL,
    text TEXT NOT NULL,
    answer TEXT NOT NULL,      -- fine, cut, or empty
    minute INTEGER NOT NULL,   -- peaks, as above
    five INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    upload INTEGER NOT NULL,
    flat INTEGER NOT NULL
) STRICT;
CREATE TABLE watch_counts (
    kind TEXT NOT NULL PRIMARY KEY,
    alarms INTEGER NOT NULL    -- that people were ever told of
) STRICT, WITHOUT ROWID;
CREATE TABLE watch_mutes (
    number INTEGER PRIMARY KEY,
    kind TEXT,                 -- none: any
    client TEXT,               -- none: anybody
    until INTEGER NOT NULL
) STRICT;
CREATE TABLE watch_profiles (  -- of a quota and whom it is on
    quota TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    day INTEGER NOT NULL,      -- since 1 January of the year 1
    weight REAL NOT NULL,
    window INTEGER NOT NULL,
    used INTEGER NOT NULL,
    told INTEGER NOT NULL,
    today TEXT NOT NULL,       -- bytes of each hour of the clock, and those of the days before by their weight
    before TEXT NOT NULL,
    PRIMARY KEY (quota, kind, subject)
) STRICT, WITHOUT ROWID;
"""
