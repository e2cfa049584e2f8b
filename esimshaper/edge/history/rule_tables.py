# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: what is kept of rules by service as rows of tables, and back. Pure."""

from esimshaper.core.model.decisions import (
    ByHand,
    DecisionKind,
    LowDataByHand,
    LowDataMode,
    LowSince,
    RulesState,
)
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.edge.history.rows import Fetch, Keys, Tables, is_client

RULES = """
CREATE TABLE service_by_hand ( -- what people decided for services; the newest first
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,        -- with `kind`, the subject
    what TEXT NOT NULL,        -- a service or a category
    decision TEXT NOT NULL,    -- allow, pace or block
    at INTEGER NOT NULL,       -- Unix time in seconds
    until INTEGER              -- empty: until it is taken back
) STRICT;
CREATE TABLE low_data (        -- low-data mode as people set it
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    mode TEXT NOT NULL,        -- on, off or auto
    at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE low_data_alone (  -- whom `auto` holds
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
-- the service or category that a device asked for; then `given` is in seconds
ALTER TABLE page_asks ADD COLUMN service TEXT NOT NULL DEFAULT '';
"""

KEYS: Keys = {"service_by_hand": ("number",), "low_data": ("kind", "name"), "low_data_alone": ("kind", "name")}


def tables(rules: RulesState) -> Tables:
    """All rows of the tables of KEYS."""
    return {
        "service_by_hand": {
            (number,): (*each.subject, each.what, each.kind.value, each.at, each.until)
            for number, each in enumerate(rules.hand)
        },
        "low_data": {tuple(each.subject): (each.mode.value, each.at) for each in rules.low_data},
        "low_data_alone": {tuple(each.subject): (each.at, each.why) for each in rules.automatic},
    }


def rules_from(rows: Fetch) -> RulesState:
    """The RulesState in the tables."""
    by_hand = sorted(rows("service_by_hand"))
    return RulesState(
        tuple(
            ByHand(_subject(kind, name), what, DecisionKind(decision), at, until)
            for _, kind, name, what, decision, at, until in by_hand
            if _is_possible(kind, name)
        ),
        tuple(
            LowDataByHand(_subject(kind, name), LowDataMode(mode), at)
            for kind, name, mode, at in rows("low_data")
            if _is_possible(kind, name)
        ),
        tuple(
            LowSince(_subject(kind, name), at, why)
            for kind, name, at, why in rows("low_data_alone")
            if _is_possible(kind, name)
        ),
    )


def _is_possible(kind: str, name: str) -> bool:
    """Whether no bit of a client was lost."""
    return kind != SubjectKind.CLIENT.value or is_client(name)


def _subject(kind: str, name: str) -> Subject:
    return Subject(SubjectKind(kind), name)
