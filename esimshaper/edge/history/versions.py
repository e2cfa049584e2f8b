# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of each version of the database. Pure: values only."""

from esimshaper.edge.history.approval_schema import APPROVAL
from esimshaper.edge.history.measure_tables import MEASURE
from esimshaper.edge.history.notice_schema import NOTICES
from esimshaper.edge.history.page_schema import PAGE
from esimshaper.edge.history.plan_schema import PLANS
from esimshaper.edge.history.rule_tables import RULES
from esimshaper.edge.history.watch_schema import WATCH

SCHEMAS = {
    1: """
CREATE TABLE history (
    resolution TEXT NOT NULL,  -- 5min, hour, day, month
    start INTEGER NOT NULL,    -- Unix time in seconds
    client TEXT NOT NULL,
    down_bytes INTEGER NOT NULL,
    up_bytes INTEGER NOT NULL,
    down_packets INTEGER NOT NULL,
    up_packets INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    PRIMARY KEY (resolution, start, client)
) STRICT, WITHOUT ROWID;
CREATE TABLE baseline (
    kind TEXT NOT NULL,        -- account, client, wan
    name TEXT NOT NULL,
    owner TEXT,                -- of an account
    down_bytes INTEGER NOT NULL,
    up_bytes INTEGER NOT NULL,
    down_packets INTEGER NOT NULL,
    up_packets INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE reading (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,       -- unsigned 64 bits do not fit an INTEGER
    boottime REAL NOT NULL,
    clean INTEGER NOT NULL
) STRICT;
CREATE TABLE clients (
    key TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    first_seen INTEGER,        -- start of the five minutes in which it first and last moved anything
    last_seen INTEGER
) STRICT, WITHOUT ROWID;
""",
    2: """
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    time REAL NOT NULL,        -- Unix time of the reading, in seconds
    sure INTEGER NOT NULL
) STRICT;
CREATE TABLE budgets (
    account INTEGER PRIMARY KEY,
    both INTEGER NOT NULL,
    download INTEGER NOT NULL,
    upload INTEGER NOT NULL
) STRICT;
CREATE TABLE tallies (
    quota TEXT NOT NULL,
    kind TEXT NOT NULL,        -- of the subject: everyone, client, group
    subject TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    used INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    warned INTEGER NOT NULL,
    reached INTEGER NOT NULL,
    other_start INTEGER NOT NULL,
    other_used INTEGER NOT NULL,
    PRIMARY KEY (quota, kind, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE grants (
    number INTEGER PRIMARY KEY,
    quota TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE TABLE overrides (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    manual TEXT NOT NULL,      -- block, allow
    until INTEGER,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE unsent (          -- of the tc classes of an account
    account INTEGER PRIMARY KEY,
    link INTEGER NOT NULL,     -- of what they had sent
    bytes INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    surplus INTEGER,
    dropped INTEGER NOT NULL,
    unsent INTEGER NOT NULL
) STRICT;
CREATE TABLE levels (
    client TEXT NOT NULL PRIMARY KEY,
    level TEXT NOT NULL
) STRICT, WITHOUT ROWID;
""",
    3: """
CREATE TABLE uplink (          -- bytes that were charged, and did not leave the uplink
    id INTEGER PRIMARY KEY CHECK (id = 1),
    corrected INTEGER NOT NULL,
    estimated INTEGER NOT NULL -- of these
) STRICT;
CREATE TABLE uplink_waiting (  -- bytes that are left out of the history, as they had not left yet
    account INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT;
""",
    4: """
CREATE TABLE coming (          -- what was set by hand for later
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    manual TEXT NOT NULL,      -- block, allow, grant
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    until INTEGER
) STRICT;
""",
    5: """
CREATE TABLE happenings (      -- what people look up afterwards
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,       -- Unix time in seconds
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    subjects TEXT NOT NULL,    -- kind/id of each, one a line
    quota TEXT NOT NULL
) STRICT;
""",
    6: """
CREATE TABLE acts (            -- the last ones by hand, to undo them
    number INTEGER PRIMARY KEY,
    act TEXT NOT NULL,         -- block, allow, unblock, grant, revoke, correct, restart
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    quota TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    until INTEGER,
    over_plan INTEGER NOT NULL,
    begins INTEGER,
    before TEXT,               -- what was set on the subject: block, allow
    before_until INTEGER,
    moved_anchor INTEGER,      -- of the restart that was made, and of the one before it
    moved_at INTEGER,
    earlier_anchor INTEGER,
    earlier_at INTEGER
) STRICT;
CREATE TABLE act_changes (     -- what an act added to a tally
    act INTEGER NOT NULL,
    number INTEGER NOT NULL,
    quota TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    used INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (act, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE act_dropped (     -- what was to come, and was taken back by an act
    act INTEGER NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    manual TEXT NOT NULL,
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (act, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE restarts (        -- of the windows of a quota, by hand
    quota TEXT NOT NULL PRIMARY KEY,
    anchor INTEGER NOT NULL,   -- of the configuration, for which it holds
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
""",
    7: """
CREATE TABLE services (        -- numbers in service_history, each given once
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE service_clients (
    number INTEGER PRIMARY KEY,
    client TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE service_history ( -- of the bytes in history, what has a name; the rest is `unnamed`
    resolution INTEGER NOT NULL,  -- 1 to 4: 5min, hour, day, month
    start INTEGER NOT NULL,
    client INTEGER NOT NULL,
    service INTEGER NOT NULL,
    down_bytes INTEGER NOT NULL,  -- below zero where a name took away bytes of an earlier bucket
    up_bytes INTEGER NOT NULL,
    PRIMARY KEY (resolution, start, client, service)
) STRICT, WITHOUT ROWID;
CREATE TABLE service_counters ( -- of the kernel, as booked
    account INTEGER NOT NULL,
    number INTEGER NOT NULL,   -- of the service in the kernel
    down_bytes INTEGER NOT NULL,
    up_bytes INTEGER NOT NULL,
    PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE service_totals (  -- since the kernel's maps were made
    client TEXT NOT NULL,
    service TEXT NOT NULL,
    down_bytes INTEGER NOT NULL,
    up_bytes INTEGER NOT NULL,
    PRIMARY KEY (client, service)
) STRICT, WITHOUT ROWID;
""",
    8: """
CREATE TABLE usage_clients (   -- numbers in the tables of usage, each given once
    number INTEGER PRIMARY KEY,
    client TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE uplinks (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,        -- empty: not known
    source TEXT NOT NULL,      -- what was read in with `import` is of its own; empty: counted here
    UNIQUE (name, source)
) STRICT;
CREATE TABLE usage (
    resolution INTEGER NOT NULL,  -- 1 to 4: 5min, hour, day, month
    start INTEGER NOT NULL,
    client INTEGER NOT NULL,
    uplink INTEGER NOT NULL,
    down_bytes INTEGER NOT NULL,
    up_bytes INTEGER NOT NULL,
    down_packets INTEGER NOT NULL,
    up_packets INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    PRIMARY KEY (resolution, start, client, uplink)
) STRICT, WITHOUT ROWID;
CREATE TABLE service_usage (   -- of the bytes in usage, what has a name; the rest is `unnamed`
    resolution INTEGER NOT NULL,
    start INTEGER NOT NULL,
    client INTEGER NOT NULL,
    uplink INTEGER NOT NULL,
    service INTEGER NOT NULL,
    down_bytes INTEGER NOT NULL,  -- below zero where a name took away bytes of an earlier bucket
    up_bytes INTEGER NOT NULL,
    PRIMARY KEY (resolution, start, client, uplink, service)
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_intervals (  -- which plan an uplink had
    plan TEXT NOT NULL,
    uplink TEXT NOT NULL,
    began INTEGER NOT NULL,    -- Unix time in seconds
    ended INTEGER,             -- empty: it is the plan of now
    PRIMARY KEY (plan, uplink, began)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_clients SELECT number, client FROM service_clients;
INSERT OR IGNORE INTO usage_clients (client) SELECT DISTINCT client FROM history;
INSERT INTO uplinks VALUES (1, '', '');
INSERT INTO usage
    SELECT CASE resolution WHEN '5min' THEN 1 WHEN 'hour' THEN 2 WHEN 'day' THEN 3 ELSE 4 END, start, number, 1,
        down_bytes, up_bytes, down_packets, up_packets, estimated
    FROM history JOIN usage_clients USING (client) WHERE resolution IN ('5min', 'hour', 'day', 'month')
    ORDER BY 1, 2, 3;
INSERT INTO service_usage
    SELECT resolution, start, client, 1, service, down_bytes, up_bytes FROM service_history;
DROP TABLE service_history;
DROP TABLE service_clients;
DROP TABLE history;
""",
    9: PLANS,
    10: """
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL         -- of this history, in exports
) STRICT;
INSERT INTO identity VALUES (1, lower(hex(randomblob(8))));
""",
    11: """
CREATE TABLE plan_acts (       -- what was done to plans by hand, to undo it
    number INTEGER PRIMARY KEY,
    act TEXT NOT NULL          -- JSON: what was said, and the rows of the tables of plans as they were before
) STRICT;
""",
    12: WATCH,
    13: PAGE,
    14: NOTICES,
    15: """
-- bit/s of an alarm that slows
ALTER TABLE overrides ADD COLUMN rate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE acts ADD COLUMN before_rate INTEGER NOT NULL DEFAULT 0;
""",
    16: """
CREATE TABLE notice_choices (  -- by hand, in place of the settings
    channel TEXT NOT NULL PRIMARY KEY,  -- empty: the choice is of the quiet hours
    choice TEXT NOT NULL
) STRICT, WITHOUT ROWID;
""",
    17: APPROVAL,
    18: RULES,
    19: MEASURE,
}
"""What each version of the format adds to the one before, or has in its place; doing so upgrades an older file.

`warned` of tallies is in bytes. Older programs wrote how many warnings were announced, which is less than any
warning in bytes. So the last warning of a window comes once more after such an upgrade.
"""
VERSION = max(SCHEMAS)
