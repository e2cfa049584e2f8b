# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of plans, as version 9 of the database has them. Pure: values only."""

PLANS = """
CREATE TABLE plans (           -- what was counted of each plan
    plan TEXT NOT NULL PRIMARY KEY,
    bought INTEGER NOT NULL,   -- Unix time in seconds, as all times here
    life_start INTEGER,
    life_end INTEGER,          -- 4611686018427387904 for no end
    paid TEXT NOT NULL,        -- exact decimals
    price TEXT NOT NULL,       -- of the terms, and what the end follows from: as they were
    lifetime TEXT NOT NULL,
    is_over INTEGER NOT NULL,
    lapsed INTEGER NOT NULL,
    round_unit INTEGER NOT NULL,
    round_last INTEGER NOT NULL,
    round_used INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    roamed INTEGER NOT NULL,
    free INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    credit INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    began REAL NOT NULL,       -- boot time of the first byte, while no clock was right
    unsure INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    told TEXT NOT NULL         -- keys of notices, one a line
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_moments (
    plan TEXT NOT NULL,
    event TEXT NOT NULL,       -- install, purchase, first-use
    at INTEGER NOT NULL,
    PRIMARY KEY (plan, event)
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_meters (
    plan TEXT NOT NULL,
    label TEXT NOT NULL,
    window_start INTEGER,
    window_end INTEGER,
    anchor INTEGER,
    used INTEGER NOT NULL,
    closed TEXT NOT NULL,      -- what earlier windows cost
    is_over INTEGER NOT NULL,
    PRIMARY KEY (plan, label)
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_carried (    -- what earlier windows of a meter left
    plan TEXT NOT NULL,
    label TEXT NOT NULL,
    number INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    further INTEGER NOT NULL,  -- windows in which it can still be used
    PRIMARY KEY (plan, label, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_days (       -- label: of the meter that asks for it; empty for forecasts
    plan TEXT NOT NULL,
    label TEXT NOT NULL,
    day INTEGER NOT NULL,      -- since 1 January of the year 1
    bytes INTEGER NOT NULL,
    PRIMARY KEY (plan, label, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_lots (
    plan TEXT NOT NULL,
    number INTEGER NOT NULL,
    left_bytes INTEGER,        -- none: unlimited
    until INTEGER,             -- none: as long as the plan
    size INTEGER,
    price TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (plan, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_corrections (
    plan TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    figure INTEGER NOT NULL,   -- of the carrier
    half INTEGER NOT NULL,     -- of what it was rounded to
    window INTEGER NOT NULL,
    ours INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    lowest INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    added INTEGER NOT NULL,
    PRIMARY KEY (plan, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE plan_uplinks (
    uplink TEXT NOT NULL PRIMARY KEY,
    plan TEXT NOT NULL,
    iccid TEXT NOT NULL,       -- that was seen last
    by_hand INTEGER NOT NULL,
    waits INTEGER NOT NULL,
    unknown TEXT NOT NULL,
    home INTEGER NOT NULL,     -- bytes that wait
    away INTEGER NOT NULL,
    down INTEGER NOT NULL,
    since REAL NOT NULL,
    lost INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
