# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds for services, and what that holds back -> the documents of `rules` and `low-data`. Pure.

The frame is as in documents.py.

rules     {"counted": bool, false where services are not counted, "client": as written, or null for all,
           "held": [held], in the order of the layers, "low_data": low}
held      {"clients": [names of a client], "services": [name], "categories": [those of which all services are meant],
           "decision": "allow" | "pace" | "block", "rate_bits_per_second": int or null,
           "layer": "hand" | "low-data" | "rules" | "approval" | "saver", "why": str,
           "since" + "since_unix", "until" + "until_unix": null where there is none, "metered_only": bool}
low       {"mode": of the settings, "from_percent": int, "ahead": bool, "hold": [name],
           "video_bits_per_second": int or null,
           "on": [{"subject", "since" + "since_unix", "why": str}], "by_hand": [{"subject", "mode", "at" + "at_unix"}]}
low_data  low + {"held_back": [{names of a client, "service", "titles", "category", "since" + "since_unix",
                                "refused_packets": int, so many tries ended,
                                "estimate_bytes": what it would have been, by what the client used before}];
                               what was neither used then nor tried now is left out
                 "estimate_seconds": so much time before is looked at, "security": bool: updates wait}
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from esimshaper.core.model.counts import Event
from esimshaper.core.model.decisions import Decision, DecisionKind, LayerName, LowSince
from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.limits import Subject
from esimshaper.core.model.services import NO_VOLUME, ServiceUsage, name_of_number
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, identity, moment, names, new_document
from esimshaper.core.report.services import titles_of
from esimshaper.core.report.subjects import subject_label

DAYS = 14
"""Before low-data mode began: what a client used then is what it would have used since."""
UPDATES = "updates"


class Before(NamedTuple):
    """What was used in so many `seconds` before low-data mode began, which was `at`, in Unix seconds."""

    at: int
    seconds: int
    used: ServiceUsage


_ORDER = list(LayerName)


def rules_document(state: State, facts: DaemonFacts, chosen: Collection[ClientKey] | None, client: str) -> Document:
    """See the module's docstring. `chosen`: only these clients, None for all."""
    counted = bool(state.meter.reading and state.meter.reading.service_names)
    held = _held(state, facts, chosen)
    return new_document(facts.now) | {
        "counted": counted,
        "client": client or None,
        "held": held,
        "low_data": _low(state, facts),
    }


def decided_document(state: State, facts: DaemonFacts, subject: Subject, what: str) -> Document:
    """The answer to a decision by hand: {"subject", "service", "decision": "block", "allow" or null, "until"}."""
    found = [each for each in state.rules.kept.hand if (each.subject, each.what) == (subject, what)]
    return new_document(facts.now) | {
        "subject": subject_label(state, subject, facts),
        "service": what,
        "decision": found[0].kind.value if found else None,
        **moment("until", found[0].until if found else None, facts.now.tzinfo),
    }


def low_data_document(state: State, facts: DaemonFacts, before: Before | None) -> Document:
    """See the module's docstring. `before`: None where low-data mode holds nobody."""
    held_back = list(_held_back(state, facts, before)) if before else []
    return new_document(facts.now) | {
        **_low(state, facts),
        "held_back": sorted(held_back, key=lambda each: -each["estimate_bytes"]),
        "estimate_seconds": before.seconds if before else 0,
        "security": any(each["category"] == UPDATES for each in held_back),
    }


def began(state: State) -> int | None:
    """When low-data mode began that holds longest; None where it holds nobody."""
    return min((each.at for each in _on(state) if each.at), default=None)


def _on(state: State) -> Iterable[LowSince]:
    own = state.rules.own
    return [since for _, since in own.low_data if since] if own else []


def _held(state: State, facts: DaemonFacts, chosen: Collection[ClientKey] | None) -> list[Document]:
    reading, decisions = state.meter.reading, state.rules.decisions or {}
    if reading is None:
        return []
    # Clients of one row are one entry, or 253 devices would be as many tables.
    clients: dict[int, list[ClientKey]] = {}
    rows: dict[int, Mapping[int, Decision]] = {}
    for account, owner in reading.owners.items():
        row = decisions.get(account)
        if row and (chosen is None or owner in chosen):
            rows[id(row)] = row
            clients.setdefault(id(row), []).append(owner)
    parts: dict[Decision, dict[ClientKey, list[int]]] = {}
    for key, row in rows.items():
        for number, decision in row.items():
            for client in clients[key]:
                parts.setdefault(decision, {}).setdefault(client, []).append(number)
    found = [entry for decision, whose in parts.items() for entry in _entries(state, facts, decision, whose)]
    return sorted(found, key=lambda each: _ORDER.index(LayerName(each["layer"])))


def _entries(
    state: State, facts: DaemonFacts, decision: Decision, whose: Mapping[ClientKey, list[int]]
) -> Iterable[Document]:
    """One for all clients with the same services."""
    by_services: dict[tuple[int, ...], list[ClientKey]] = {}
    for client, numbers in whose.items():
        by_services.setdefault(tuple(sorted(numbers)), []).append(client)
    reading, zone = state.meter.reading, facts.now.tzinfo
    known = reading.service_names if reading else {}
    for row, clients in by_services.items():
        services = sorted(name_of_number(number, known) for number in row)
        yield {
            "clients": [names(identity(state, client, facts)) for client in clients],
            "services": services,
            "categories": whole_categories(services, facts, known.values()),
            "decision": decision.kind.value,
            "rate_bits_per_second": decision.rate or None,
            "layer": decision.layer.value,
            "why": decision.why,
            **moment("since", decision.since, zone),
            **moment("until", decision.until, zone),
            "metered_only": decision.metered_only,
        }


def whole_categories(services: Collection[str], facts: DaemonFacts, known: Iterable[str]) -> list[str]:
    """The categories of which all services are in `services`."""
    members: dict[str, set[str]] = {}
    for name in known:
        if (service := facts.catalogue.get(name)) and service.category:
            members.setdefault(service.category, set()).add(name)
    return sorted(category for category, own in members.items() if own <= set(services))


def _low(state: State, facts: DaemonFacts) -> Document:
    wanted, zone = facts.low_data, facts.now.tzinfo
    return {
        "mode": wanted.mode.value,
        "from_percent": wanted.percent,
        "ahead": wanted.ahead,
        "hold": list(wanted.hold),
        "video_bits_per_second": wanted.video or None,
        "on": [
            {
                "subject": subject_label(state, each.subject, facts),
                **moment("since", each.at or None, zone),
                "why": each.why,
            }
            for each in _on(state)
        ],
        "by_hand": [
            {
                "subject": subject_label(state, each.subject, facts),
                "mode": each.mode.value,
                **moment("at", each.at, zone),
            }
            for each in state.rules.kept.low_data
        ],
    }


def _held_back(state: State, facts: DaemonFacts, before: Before) -> Iterable[Document]:
    reading, decisions = state.meter.reading, state.rules.decisions or {}
    if reading is None:
        return
    now, zone = int(facts.now.timestamp()), facts.now.tzinfo
    for account, client in reading.owners.items():
        if client in PSEUDO_KEYS:
            continue
        used = before.used.get(client, {})
        for number, decision in decisions.get(account, {}).items():
            name = name_of_number(number, reading.service_names)
            volume = used.get(name, NO_VOLUME)
            refused = reading.refused.get(account, {}).get(number, Event())
            if decision.layer is not LayerName.LOW_DATA or decision.kind is not DecisionKind.BLOCK:
                continue
            if not volume and not refused.packets:
                continue
            held = max(0, now - (decision.since or before.at))
            service = facts.catalogue.get(name)
            yield {
                **names(identity(state, client, facts)),
                "service": name,
                "titles": titles_of(name, facts.catalogue),
                "category": service.category if service else None,
                **moment("since", decision.since, zone),
                "refused_packets": refused.packets,
                "estimate_bytes": max(0, volume.total_bytes) * held // before.seconds,
            }
