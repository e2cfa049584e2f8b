# SPDX-License-Identifier: GPL-2.0-or-later
"""State + usage of today and of this month + DaemonFacts -> documents (JSON) and metrics. Pure.

Beside it: quotas.py (documents of limits), metrics.py, subjects.py (names that people write), frame.py, line.py.

Documents are dicts of JSON types that the control socket sends as they are. Each has `"version": 1`, `time` (ISO 8601
with zone) and `time_unix`. The version goes up when a name vanishes or changes its meaning; new names may come.

    usage     {"down_bytes": int, "up_bytes": int, "total_bytes": int, "down_packets": int, "up_packets": int}
    rate      {"down_bits_per_second": int, "up_bits_per_second": int}
    client    {"client": label, "key": str, "mac": str, "hostname": str, "addresses": [str],
               "now": rate, "today": usage, "month": usage, "total": usage,     total: since counting began
               "services": {"now": name or null, "today": name or null,         the busiest ones
                            "unnamed_bytes", "hidden_bytes"},                   of today; null if not counted
               "wasted_bytes": int, billed, then dropped by a block; "state": state as in quotas.py}
    flow      {"client", "key", "mac", "hostname", "protocol": "tcp", "protocol_number": 6,
               "remote_address", "remote_port", "client_address", "client_port", "wan_address", "wan_port",
               "down_bytes", "up_bytes", "total_bytes", "down_packets", "up_packets", "age_seconds", "idle_seconds",
               "name": host or null, "service", "category": str or null, "how": as of `explain`}

    status    {"program": {"version", "started", "started_unix", "uptime_seconds"},
               "wan": {"interface", "device": the kernel's name of it, "attached", "problems": [sentence],
                       "found_by": who has named it, null if the settings do,
                       "stacked": [sentence], on interfaces that are counted at another one
                       "detour": {"interfaces": [name], "problem": sentence or null}},  ways out that are not counted
               "uplinks": [{"name", "interface", "metered": bool, "attached", "total": usage}],
               "modems": [modem], as in modems.py; "slow": [slow], as in slow.py
               "programs": [{"interface", "hook", "attached", "problem"}],
               "tunnels": {"inside_bytes": claimed by clients, "outside_bytes": seen on the WAN,
                           "problem": sentence or null},
               "uplink_drops": {"bytes": uploads that did not leave, not counted; "estimated_bytes": of these,
                                "means": "tap", "counters", "nothing" or null, "sentence": sentence or null},
               "strays": [{"client", "client_called", "to", "to_called", "bytes"}],     downloads that `client` asked
                                                         for and another device got; and how people call the two
               "now": rate, "today": usage, "month": usage, "total": usage,
               "services": {"unnamed_bytes", "hidden_bytes"},    of today; null if services are not counted
               "clients": {"count": int, "top": [client]},           count: devices that have moved bytes
               "tables": [{"name", "entries", "max_entries"}],
               "events": [{"reason", "packets", "bytes", "unattributed": bool,
                           "words": what stands behind the bytes if so, else null}],    only those that are not zero
               "quotas": {"count": int, "top": [quota]},    the shared ones, and clients that were warned or are out
               "plans": [plan], those in use, as in plans.py
               "by_hand": [by_hand], "coming": [coming], "curfews": [curfew], "reserve": reserve, "saved": [saved],
                                                                   these and quota as in quotas.py
               "configuration": {"accepted": bool, "loaded", "loaded_unix"},    accepted: false after a refused reload
               "clock": {"problem": sentence or null},             why periods wait to renew
               "storage": {"problem": sentence or null, "unsaved_bytes": int},
               "metrics": {"problem": sentence or null},
               "notices": {"problems": [sentence of a channel that has trouble]}}
    clients   {"clients": [client], most bytes today first
               "coming": [coming], "quotas": [quota]}         those that are for everyone
    flows     {"count": int, "flows": [flow]}, count: of flows before `limit` was applied
    reload    {"applied": bool, "changes": [sentence], "notes": [sentence]}, changes: as sentences;
                                                             notes: changes that cannot be made yet
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from types import MappingProxyType

from esimshaper.core.model.counts import (
    NOTHING,
    UNATTRIBUTED_IN_WORDS,
    UNATTRIBUTED_REASONS,
    Counters,
    Event,
    Reason,
    Usage,
    sum_of,
)
from esimshaper.core.model.flows import Flow, Protocol
from esimshaper.core.model.history import Bucket, Pending
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, UNATTRIBUTED, ClientKey, Identity
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.reading import Attachment, Detour, Hook, Reading, Tunnels
from esimshaper.core.model.services import Service, ServiceUsage
from esimshaper.core.model.state import State
from esimshaper.core.model.units import format_size
from esimshaper.core.report import modems, plans, slow, uplink_drops
from esimshaper.core.report.frame import (
    DaemonFacts,
    Document,
    identity,
    iso,
    known_clients,
    moment,
    names,
    new_document,
    usage_entry,
    wasted_bytes,
)
from esimshaper.core.report.metrics import events
from esimshaper.core.report.notices import notice_problems
from esimshaper.core.report.quotas import (
    coming_entries,
    curfew_entries,
    glance,
    override_entries,
    plan_entries,
    reserve_entry,
    state_entry,
)
from esimshaper.core.report.saver import saved_entries
from esimshaper.core.report.services import category_of, nameless, services_in_short
from esimshaper.core.report.uplinks import is_attached, uplink_entries

TOP_CLIENTS = 5
LEAST_ASTRAY = 1_000_000
"""Bytes inside tunnels from which on a wrong port is suspected; a tunnel that does not answer yet takes less."""


def plus_pending(saved: Usage, pending: Mapping[Bucket, Pending], since: int) -> dict[ClientKey, Counters]:
    """Usage since a moment (Unix seconds, the start of a bucket): saved usage, and pending usage beside it."""
    usage = dict(saved)
    for bucket, amount in pending.items():
        if bucket.start >= since:
            usage[bucket.client] = usage.get(bucket.client, NOTHING) + amount.counters
    return usage


# --- documents


def status_document(
    state: State, facts: DaemonFacts, today: Usage, month: Usage, services: ServiceUsage = MappingProxyType({})
) -> Document:
    """See the module's docstring. `today` and `month` include what is pending. `services`: as in clients_document."""
    clients = _client_entries(state, facts.now, today, month, services)
    return new_document(facts.now) | {
        "program": {
            "version": facts.version,
            "started": facts.started.isoformat(),
            "started_unix": int(facts.started.timestamp()),
            "uptime_seconds": max(0, int((facts.now - facts.started).total_seconds())),
        },
        "wan": _wan(facts, state.meter.attachments, state.meter.detour),
        "uplinks": uplink_entries(state, facts),
        "modems": modems.entries(state, facts),
        "slow": slow.entries(state, facts),
        "programs": [
            {"interface": a.interface, "hook": a.hook.value, "attached": a.attached, "problem": a.problem}
            for a in state.meter.attachments
        ],
        "tunnels": _tunnels(state.meter.reading),
        "uplink_drops": uplink_drops.entry(state),
        "strays": _strays(state),
        "now": _rate(sum_of(state.rates.by_client.values())),
        "today": usage_entry(sum_of(today.values())),
        "month": usage_entry(sum_of(month.values())),
        "total": usage_entry(sum_of(state.totals.values())),
        "services": nameless(entry["services"] for entry in clients),
        "clients": {
            "count": sum(entry["key"] not in BUILT_IN_CLIENTS for entry in clients if _has_moved(entry)),
            "top": [entry for entry in clients if entry["today"]["total_bytes"]][:TOP_CLIENTS],
        },
        "tables": _tables(state.meter.reading),
        "events": _events(state),
        "quotas": glance(state, facts),
        "plans": plans.in_short(state, facts),
        "by_hand": override_entries(state, facts),
        "coming": coming_entries(state, facts),
        "curfews": curfew_entries(state, facts),
        "reserve": reserve_entry(state),
        "saved": saved_entries(state),
        "configuration": _configuration(facts),
        "clock": {"problem": _clock_problem(state, facts.now.tzinfo)},
        "storage": {"problem": facts.storage_problem or None, "unsaved_bytes": state.saving.unsaved_bytes},
        "metrics": {"problem": facts.metrics_problem or None},
        "notices": {"problems": notice_problems(state.notices.kept, facts)},
    }


def _events(state: State) -> list[Document]:
    return [
        {
            "reason": reason.label,
            "packets": event.packets,
            "bytes": event.bytes,
            "unattributed": reason in UNATTRIBUTED_REASONS,
            "words": UNATTRIBUTED_IN_WORDS.get(reason.label),
        }
        for reason, event in events(state).items()
        if event.packets
    ]


def _clock_problem(state: State, zone: tzinfo | None) -> str | None:
    if not state.clock.waits:
        return None
    return (
        f"the clock was not set since the start, so time goes on from {iso(int(state.clock.time), zone)} by what the "
        "box was running; what ends meanwhile does not renew before a time service has set it (its questions pass a "
        "block). `timedatectl` shows whether one runs; until then `sudo esimshaper allow everyone --over-plan` opens"
    )


def _configuration(facts: DaemonFacts) -> Document:
    loaded = int(facts.config_loaded.timestamp()) if facts.config_loaded else None
    return {"accepted": facts.config_ok, **moment("loaded", loaded, facts.now.tzinfo)}


def clients_document(
    state: State,
    facts: DaemonFacts,
    today: Usage,
    month: Usage,
    chosen: Collection[ClientKey] | None = None,
    services: ServiceUsage = MappingProxyType({}),
) -> Document:
    """See the module's docstring. `today` and `month` include what is pending. `chosen`: these alone (None: all).

    `services`: what today's bytes were for, but `unnamed`.
    """
    entries = _client_entries(state, facts.now, today, month, services)
    subjects = None if chosen is None else frozenset(Subject(SubjectKind.CLIENT, key) for key in chosen)
    return new_document(facts.now) | {
        "quotas": plan_entries(state, facts),
        "clients": [each for each in entries if chosen is None or each["key"] in chosen],
        "coming": coming_entries(state, facts, subjects),
    }


def flows_document(state: State, facts: DaemonFacts, flows: Iterable[Flow], *, count: int) -> Document:
    """The chosen flows, in their order. `count`: of all flows before the choice. See the module's docstring."""
    entries = [_flow(identity(state, flow.client), flow, facts.catalogue) for flow in flows]
    return new_document(facts.now) | {"count": count, "flows": entries}


def reload_document(facts: DaemonFacts, changes: Iterable[str], notes: Iterable[str], *, applied: bool) -> Document:
    """See the module's docstring."""
    return new_document(facts.now) | {"applied": applied, "changes": list(changes), "notes": list(notes)}


def _tables(reading: Reading | None) -> list[Document]:
    tables = reading.tables if reading else ()
    return [{"name": each.name, "entries": each.entries, "max_entries": each.max_entries} for each in tables]


def _wan(facts: DaemonFacts, attachments: Sequence[Attachment], detour: Detour) -> Document:
    interface = facts.wan_interface
    return {
        "interface": interface,
        "device": facts.wan_device or interface,
        "attached": is_attached(interface, attachments),
        "found_by": facts.wan_found_by or None,
        "problems": list(dict.fromkeys(_sentence(a, attachments) for a in attachments if a.problem)),
        "stacked": list(facts.stacked),
        "detour": {"interfaces": list(detour.interfaces), "problem": detour.sentence or None},
    }


def _sentence(missing: Attachment, attachments: Sequence[Attachment]) -> str:
    """What is wrong, and what comes of it where that is not plain: an interface that counts, but looks only once."""
    counts = any(a.attached and a.interface == missing.interface for a in attachments)
    if missing.attached or missing.hook is not Hook.LAN_EGRESS or not counts:
        return missing.problem
    return (
        f"{missing.problem}, so nothing looks there at who gets a download: a forwarded port of a blocked device, for "
        "example, goes on (see: esimshaper doctor)"
    )


def _tunnels(reading: Reading | None) -> Document:
    """Bytes inside tunnels and outside, and the sentence about what does not fit together there."""
    seen = reading.tunnels if reading else Tunnels()
    inside, outside = sum_of(seen.inner.values()).total_bytes, seen.outer.total_bytes
    unknown = reading.events.get(Reason.TRANSLATED_UNKNOWN, Event(0, 0)).bytes if reading else 0
    problem = None
    if inside >= LEAST_ASTRAY and outside < inside // 2:
        problem = (
            f"of {format_size(inside)} that passed inside tunnels only {format_size(outside)} were seen at the uplink "
            "under the ports in wan.tunnels: a port is wrong, or the tunnel takes another way. Until that is mended, "
            "the router gets what devices use inside, and their limits do not hold there"
        )
    elif outside - inside >= max(LEAST_ASTRAY, inside // 2):
        problem = (
            f"of {format_size(outside)} at the uplink under the ports in wan.tunnels only {format_size(inside)} passed "
            "inside tunnels: other traffic of this router has such a port too, and devices inside pay up to 25 % more. "
            "Write `protocol` and `peer` of the tunnel beside its port"
        )
    elif unknown >= LEAST_ASTRAY:
        problem = (
            f"{format_size(unknown)} came out of an interface that stands in wan.tunnels without a port, and went in "
            "by no packet that could be recognised: if it is a VPN, write its port; if it is a translator, it changes "
            "ports, or has a prefix of other than 96 bits. Until that is mended, `others` pays what leaves so"
        )
    return {"inside_bytes": inside, "outside_bytes": outside, "problem": problem}


def _strays(state: State) -> list[Document]:
    reading = state.meter.reading
    if reading is None:
        return []
    pairs = [(giver, moves) for giver, moves in reading.moves.items() if moves.strayed]
    return [
        {
            "client": asks.label,
            "client_called": asks.called,
            "to": gets.label,
            "to_called": gets.called,
            "bytes": moves.strayed,
        }
        for giver, moves in pairs
        for asks, gets in [
            [identity(state, reading.owners.get(each, UNATTRIBUTED)) for each in (giver, moves.strayed_to)]
        ]
    ]


def _client_entries(state: State, now: datetime, today: Usage, month: Usage, services: ServiceUsage) -> list[Document]:
    lost = wasted_bytes(state)
    entries = []
    for key in known_clients(state) | today.keys() | month.keys():
        who = identity(state, key)
        entries.append(
            {
                **names(who),
                "addresses": list(who.addresses),
                "state": state_entry(state, Subject(SubjectKind.CLIENT, key), now.tzinfo),
                "now": _rate(state.rates.by_client.get(key, NOTHING)),
                "today": usage_entry(today.get(key, NOTHING)),
                "month": usage_entry(month.get(key, NOTHING)),
                "total": usage_entry(state.totals.get(key, NOTHING)),
                "services": services_in_short(state, key, today.get(key, NOTHING), services.get(key, {})),
                "wasted_bytes": lost.get(key, 0),
            }
        )
    entries.sort(key=lambda e: (-e["today"]["total_bytes"], -e["month"]["total_bytes"], e["client"], e["key"]))
    return entries


def _has_moved(entry: Document) -> bool:
    """Whether the client has any bytes: a listed one that was never here has none."""
    return any(entry[when]["total_bytes"] for when in ("today", "month", "total"))


def _flow(who: Identity, flow: Flow, catalogue: Mapping[str, Service]) -> Document:
    return {
        **names(who),
        "protocol": protocol_name(flow.protocol),
        "protocol_number": flow.protocol,
        "remote_address": flow.remote_address,
        "remote_port": flow.remote_port,
        "client_address": flow.client_address,
        "client_port": flow.client_port,
        "wan_address": flow.wan_address,
        "wan_port": flow.wan_port,
        **usage_entry(flow.counters),
        "age_seconds": round(flow.age, 1),
        "idle_seconds": round(flow.idle, 1),
        "name": flow.name or None,
        "service": flow.service,
        "category": category_of(flow.service, catalogue),
        "how": flow.how.value,
    }


def protocol_name(number: int) -> str:
    """`tcp` for 6; the number itself, as text, for protocols without a name in the vocabulary."""
    try:
        return Protocol(number).name.lower()
    except ValueError:
        return str(number)


def _rate(per_second: Counters) -> Document:
    return {"down_bits_per_second": per_second.down_bytes * 8, "up_bits_per_second": per_second.up_bytes * 8}
