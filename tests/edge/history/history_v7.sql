PRAGMA application_id = 1699957069;
PRAGMA user_version = 7;
BEGIN TRANSACTION;
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
INSERT INTO "act_changes" VALUES(3,0,'plan','everyone','',-5,-1099511627776,7,NULL);
INSERT INTO "act_changes" VALUES(3,1,'d','everyone','',0,0,-7,4294967296);
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
INSERT INTO "act_dropped" VALUES(2,0,'everyone','','grant',8589934592,5,NULL);
INSERT INTO "act_dropped" VALUES(2,1,'everyone','','allow over plan',17179869184,0,NULL);
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
INSERT INTO "acts" VALUES(0,'unblock','client','02:00:00:00:00:10',1800000000,'',0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "acts" VALUES(1,'allow','everyone','',1800000000,'plan',1099511627776,8589934592,1,4294967296,'block',NULL,0,7,1,2);
INSERT INTO "acts" VALUES(2,'allow','everyone','',1800000000,'plan',1099511627776,8589934592,1,4294967296,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "acts" VALUES(3,'allow','everyone','',1800000000,'plan',1099511627776,8589934592,1,4294967296,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "baseline" VALUES('account','2','02:00:00:00:00:10',1099511627776,2,3,4);
INSERT INTO "baseline" VALUES('client','02:00:00:00:00:10',NULL,1099511627776,2,3,4);
INSERT INTO "baseline" VALUES('wan','wwan0',NULL,1099511627776,2,3,4);
CREATE TABLE budgets (
    account INTEGER PRIMARY KEY,
    both INTEGER NOT NULL,
    download INTEGER NOT NULL,
    upload INTEGER NOT NULL
) STRICT;
INSERT INTO "budgets" VALUES(2,1099511627778,1099511627776,2);
INSERT INTO "budgets" VALUES(1025,5,3,2);
CREATE TABLE clients (
    key TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    first_seen INTEGER,        -- start of the five minutes in which it first and last moved anything
    last_seen INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "clients" VALUES('02:00:00:00:00:10','alice-phone','pixel',1800000300,1800000300);
INSERT INTO "clients" VALUES('02:00:00:00:00:11','','',1800000300,1800000300);
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    time REAL NOT NULL,        -- Unix time of the reading, in seconds
    sure INTEGER NOT NULL
) STRICT;
INSERT INTO "clock" VALUES(1,1800000000.25,1);
CREATE TABLE coming (          -- what was set by hand for later
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    manual TEXT NOT NULL,      -- block, allow, grant
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    until INTEGER
) STRICT;
INSERT INTO "coming" VALUES(0,'client','02:00:00:00:00:10','grant',4294967296,1099511627776,NULL);
INSERT INTO "coming" VALUES(1,'everyone','','block',8589934592,0,8589934593);
CREATE TABLE grants (
    number INTEGER PRIMARY KEY,
    quota TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
INSERT INTO "grants" VALUES(0,'daily','client','02:00:00:00:00:10',5,4294967296);
INSERT INTO "grants" VALUES(1,'daily','client','02:00:00:00:00:10',5,4294967296);
CREATE TABLE happenings (      -- what people look up afterwards
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,       -- Unix time in seconds
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    subjects TEXT NOT NULL,    -- kind/id of each, one a line
    quota TEXT NOT NULL
) STRICT;
INSERT INTO "happenings" VALUES(1,1800000000,'limit','used up','everyone/','plan');
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
INSERT INTO "history" VALUES('5min',1800000000,'02:00:00:00:00:10',1000,100,2,1,0);
INSERT INTO "history" VALUES('5min',1800000000,'02:00:00:00:00:11',1000,100,2,1,0);
INSERT INTO "history" VALUES('5min',1800000300,'02:00:00:00:00:10',1000,100,2,1,0);
INSERT INTO "history" VALUES('5min',1800000300,'02:00:00:00:00:11',1000,100,2,1,0);
INSERT INTO "history" VALUES('day',1800000000,'02:00:00:00:00:10',1000,100,2,1,0);
INSERT INTO "history" VALUES('day',1800000000,'02:00:00:00:00:11',1000,100,2,1,0);
INSERT INTO "history" VALUES('day',1800000300,'02:00:00:00:00:10',1000,100,2,1,0);
INSERT INTO "history" VALUES('day',1800000300,'02:00:00:00:00:11',1000,100,2,1,0);
INSERT INTO "history" VALUES('hour',1800000000,'02:00:00:00:00:10',1000,100,2,1,0);
INSERT INTO "history" VALUES('hour',1800000000,'02:00:00:00:00:11',1000,100,2,1,0);
INSERT INTO "history" VALUES('hour',1800000300,'02:00:00:00:00:10',1000,100,2,1,0);
INSERT INTO "history" VALUES('hour',1800000300,'02:00:00:00:00:11',1000,100,2,1,0);
INSERT INTO "history" VALUES('month',1800000000,'02:00:00:00:00:10',1000,100,2,1,0);
INSERT INTO "history" VALUES('month',1800000000,'02:00:00:00:00:11',1000,100,2,1,0);
INSERT INTO "history" VALUES('month',1800000300,'02:00:00:00:00:10',1000,100,2,1,0);
INSERT INTO "history" VALUES('month',1800000300,'02:00:00:00:00:11',1000,100,2,1,0);
CREATE TABLE levels (
    client TEXT NOT NULL PRIMARY KEY,
    level TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "levels" VALUES('02:00:00:00:00:10','blocked');
INSERT INTO "levels" VALUES('02:00:00:00:00:11','throttled');
CREATE TABLE overrides (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    manual TEXT NOT NULL,      -- block, allow
    until INTEGER,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
INSERT INTO "overrides" VALUES('client','02:00:00:00:00:10','allow',NULL);
INSERT INTO "overrides" VALUES('group','living-room','block',4294967296);
CREATE TABLE reading (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,       -- unsigned 64 bits do not fit an INTEGER
    boottime REAL NOT NULL,
    clean INTEGER NOT NULL
) STRICT;
INSERT INTO "reading" VALUES(1,'18446744073709551615',1234.5,0);
CREATE TABLE restarts (        -- of the windows of a quota, by hand
    quota TEXT NOT NULL PRIMARY KEY,
    anchor INTEGER NOT NULL,   -- of the configuration, for which it holds
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "restarts" VALUES('plan',2147483648,4294967296);
CREATE TABLE service_clients (
    number INTEGER PRIMARY KEY,
    client TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "service_clients" VALUES(1,'02:00:00:00:00:10');
INSERT INTO "service_clients" VALUES(2,'02:00:00:00:00:11');
CREATE TABLE service_counters ( -- of the kernel, as booked
    account INTEGER NOT NULL,
    number INTEGER NOT NULL,   -- of the service in the kernel
    down_bytes INTEGER NOT NULL,
    up_bytes INTEGER NOT NULL,
    PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "service_counters" VALUES(2,3,1099511627776,1);
CREATE TABLE service_history ( -- of the bytes in history, what has a name; the rest is `unnamed`
    resolution INTEGER NOT NULL,  -- 1 to 4: 5min, hour, day, month
    start INTEGER NOT NULL,
    client INTEGER NOT NULL,
    service INTEGER NOT NULL,
    down_bytes INTEGER NOT NULL,  -- below zero where a name took away bytes of an earlier bucket
    up_bytes INTEGER NOT NULL,
    PRIMARY KEY (resolution, start, client, service)
) STRICT, WITHOUT ROWID;
INSERT INTO "service_history" VALUES(1,1800000000,1,1,900,10);
INSERT INTO "service_history" VALUES(1,1800000000,1,2,5,5);
INSERT INTO "service_history" VALUES(1,1800000000,2,1,900,10);
INSERT INTO "service_history" VALUES(1,1800000000,2,2,5,5);
INSERT INTO "service_history" VALUES(1,1800000300,1,1,900,10);
INSERT INTO "service_history" VALUES(1,1800000300,1,2,5,5);
INSERT INTO "service_history" VALUES(1,1800000300,2,1,900,10);
INSERT INTO "service_history" VALUES(1,1800000300,2,2,5,5);
INSERT INTO "service_history" VALUES(2,1800000000,1,1,900,10);
INSERT INTO "service_history" VALUES(2,1800000000,1,2,5,5);
INSERT INTO "service_history" VALUES(2,1800000000,2,1,900,10);
INSERT INTO "service_history" VALUES(2,1800000000,2,2,5,5);
INSERT INTO "service_history" VALUES(2,1800000300,1,1,900,10);
INSERT INTO "service_history" VALUES(2,1800000300,1,2,5,5);
INSERT INTO "service_history" VALUES(2,1800000300,2,1,900,10);
INSERT INTO "service_history" VALUES(2,1800000300,2,2,5,5);
INSERT INTO "service_history" VALUES(3,1800000000,1,1,900,10);
INSERT INTO "service_history" VALUES(3,1800000000,1,2,5,5);
INSERT INTO "service_history" VALUES(3,1800000000,2,1,900,10);
INSERT INTO "service_history" VALUES(3,1800000000,2,2,5,5);
INSERT INTO "service_history" VALUES(3,1800000300,1,1,900,10);
INSERT INTO "service_history" VALUES(3,1800000300,1,2,5,5);
INSERT INTO "service_history" VALUES(3,1800000300,2,1,900,10);
INSERT INTO "service_history" VALUES(3,1800000300,2,2,5,5);
INSERT INTO "service_history" VALUES(4,1800000000,1,1,900,10);
INSERT INTO "service_history" VALUES(4,1800000000,1,2,5,5);
INSERT INTO "service_history" VALUES(4,1800000000,2,1,900,10);
INSERT INTO "service_history" VALUES(4,1800000000,2,2,5,5);
INSERT INTO "service_history" VALUES(4,1800000300,1,1,900,10);
INSERT INTO "service_history" VALUES(4,1800000300,1,2,5,5);
INSERT INTO "service_history" VALUES(4,1800000300,2,1,900,10);
INSERT INTO "service_history" VALUES(4,1800000300,2,2,5,5);
CREATE TABLE service_totals (  -- since the kernel's maps were made
    client TEXT NOT NULL,
    service TEXT NOT NULL,
    down_bytes INTEGER NOT NULL,
    up_bytes INTEGER NOT NULL,
    PRIMARY KEY (client, service)
) STRICT, WITHOUT ROWID;
INSERT INTO "service_totals" VALUES('02:00:00:00:00:10','youtube',1099511627776,1);
CREATE TABLE services (        -- numbers in service_history, each given once
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "services" VALUES(1,'youtube');
INSERT INTO "services" VALUES(2,'hidden');
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
INSERT INTO "tallies" VALUES('daily','client','02:00:00:00:00:10',0,8589934592,1099511627776,5,1099511627776,2,1,-7,2199023255552);
INSERT INTO "tallies" VALUES('plan','everyone','',-8589934592,0,-1500,0,0,0,0,0,0);
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
CREATE TABLE uplink (          -- bytes that were charged, and did not leave the uplink
    id INTEGER PRIMARY KEY CHECK (id = 1),
    corrected INTEGER NOT NULL,
    estimated INTEGER NOT NULL -- of these
) STRICT;
INSERT INTO "uplink" VALUES(1,0,0);
CREATE TABLE uplink_waiting (  -- bytes that are left out of the history, as they had not left yet
    account INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT;
COMMIT;
