PRAGMA application_id = 1699957069;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
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
INSERT INTO "baseline" VALUES('account','0','unattributed',0,0,0,0);
INSERT INTO "baseline" VALUES('account','2','02:00:00:00:00:10',1000,200,3,2);
INSERT INTO "baseline" VALUES('client','02:00:00:00:00:10',NULL,1000,200,3,2);
INSERT INTO "baseline" VALUES('wan','wwan0',NULL,1000,200,3,2);
CREATE TABLE clients (
    key TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    first_seen INTEGER,        -- start of the five minutes in which it first and last moved anything
    last_seen INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "clients" VALUES('02:00:00:00:00:10','alice-phone','pixel',1800000000,1800000000);
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
INSERT INTO "history" VALUES('5min',1800000000,'02:00:00:00:00:10',1000,200,3,2,0);
INSERT INTO "history" VALUES('day',1800000000,'02:00:00:00:00:10',1000,200,3,2,0);
INSERT INTO "history" VALUES('hour',1800000000,'02:00:00:00:00:10',1000,200,3,2,0);
INSERT INTO "history" VALUES('month',1800000000,'02:00:00:00:00:10',1000,200,3,2,1);
CREATE TABLE reading (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,       -- unsigned 64 bits do not fit an INTEGER
    boottime REAL NOT NULL,
    clean INTEGER NOT NULL
) STRICT;
INSERT INTO "reading" VALUES(1,'18446744073709551615',1234.5,1);
COMMIT;
