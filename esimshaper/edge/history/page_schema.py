# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of the page. Pure: values only."""

PAGE = """
CREATE TABLE page_password (   -- of the owner, by scrypt
    id INTEGER PRIMARY KEY CHECK (id = 1),
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,
    cost INTEGER NOT NULL
) STRICT;
CREATE TABLE page_sessions (
    number INTEGER PRIMARY KEY,
    token TEXT NOT NULL,       -- its SHA-256
    who TEXT NOT NULL,         -- the client or address that it is bound to
    began INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE TABLE page_guesses (    -- wrong passwords since the last right one
    who TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    until INTEGER NOT NULL     -- no try before
) STRICT, WITHOUT ROWID;
CREATE TABLE page_failed (     -- when wrong passwords came, the last ones
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE page_asks (       -- the last question of each device
    number INTEGER PRIMARY KEY,
    client TEXT NOT NULL,
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    text TEXT NOT NULL,
    answered INTEGER,          -- empty: not yet
    given INTEGER NOT NULL
) STRICT;
CREATE TABLE page_names (
    client TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE page_done (       -- requests of the page that were carried out, so that none is twice
    request TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    said TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
