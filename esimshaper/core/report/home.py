# SPDX-License-Identifier: GPL-2.0-or-later
"""What a home automation shows: some numbers of each client, quota and plan, out of the documents of people. Pure."""

from collections.abc import Mapping
from typing import Any

from esimshaper.core.report.frame import DaemonFacts, Document, new_document

MOST = 100
"""Of each list: a home automation keeps each as an entity of its own."""

Given = Mapping[str, Any]


def home_document(facts: DaemonFacts, clients: Given, quotas: Given, plans: Given, alarms: Given) -> Document:
    """The documents of ClientsQuery, QuotasQuery, PlanQuery and AlarmsQuery go in. Names are those for people."""
    opened: dict[str, list[str]] = {}
    for each in alarms["open"]:
        opened.setdefault(each["key"], []).extend(each["kinds"])
    return new_document(facts.now) | {
        "clients": [_client(each, opened) for each in clients["clients"][:MOST]],
        "quotas": [_quota(each) for each in quotas["quotas"][:MOST]],
        "plans": [_plan(each) for each in plans["plans"][:MOST] if each["begun"] and not each["is_over"]],
        "alarms": len(alarms["open"]),
    }


def _client(client: Given, alarms: Mapping[str, list[str]]) -> Given:
    return {
        "name": client["client"],
        "key": client["key"],
        "today_bytes": client["today"]["total_bytes"],
        "level": client["state"]["level"],
        "reason": client["state"]["reason"],
        "alarms": alarms.get(client["key"], []),
    }


def _quota(quota: Given) -> Given:
    kept = ("quota", "subject", "used_bytes", "limit_bytes", "left_bytes", "renews")
    return {name: quota[name] for name in kept}


def _plan(plan: Given) -> Given:
    return {name: plan[name] for name in ("name", "used_bytes", "left_bytes", "cost", "currency", "ends")}
