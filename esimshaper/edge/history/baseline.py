# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: a Baseline as rows of tables, and back. Pure; each room of the core has tables of its own."""

from esimshaper.core.model.state import Baseline
from esimshaper.edge.history import (
    approval_tables,
    clock_tables,
    limit_tables,
    measure_tables,
    meter_tables,
    notice_tables,
    page_tables,
    plan_tables,
    rule_tables,
    watch_tables,
)
from esimshaper.edge.history.rows import Fetch, Keys, Tables

KEYS: Keys = {
    **meter_tables.KEYS,
    **clock_tables.KEYS,
    **limit_tables.KEYS,
    **plan_tables.KEYS,
    **watch_tables.KEYS,
    **page_tables.KEYS,
    **notice_tables.KEYS,
    **approval_tables.KEYS,
    **rule_tables.KEYS,
    **measure_tables.KEYS,
}
"""The tables that a Baseline is kept in; their columns are in versions.py."""


def tables(baseline: Baseline | None) -> Tables:
    """All rows of each table of KEYS."""
    if baseline is None:
        return {name: {} for name in KEYS}
    return {
        **meter_tables.tables(baseline.meter),
        **clock_tables.tables(baseline.clock),
        **limit_tables.tables(baseline.limits),
        **plan_tables.tables(baseline.plans),
        **watch_tables.tables(baseline.watch),
        **page_tables.tables(baseline.page),
        **notice_tables.tables(baseline.notices),
        **approval_tables.tables(baseline.approval),
        **rule_tables.tables(baseline.rules),
        **measure_tables.tables(baseline.measure),
    }


def baseline_from(rows: Fetch) -> Baseline | None:
    """The Baseline in the tables, None if there is none; `rows` gives those of one table. Raises ValueError."""
    meter = meter_tables.meter_from(rows)
    if meter is None:
        return None
    limits, plans = limit_tables.limits_from(rows), plan_tables.plans_from(rows)
    watch, page = watch_tables.watch_from(rows), page_tables.page_from(rows)
    clock, outbox = clock_tables.clock_from(rows, meter.boottime), notice_tables.notices_from(rows)
    approval, ruled = approval_tables.approval_from(rows), rule_tables.rules_from(rows)
    measure = measure_tables.measure_from(rows)
    return Baseline(meter, clock, limits, plans, watch, page, outbox, approval, ruled, measure)
