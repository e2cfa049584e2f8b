# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage: report. State + usage of today and of this month + Facts -> documents (JSON) and metrics. Pure.

Documents are dicts of JSON types that the control socket sends as they are. Each has `"version": 1`, `time` (ISO 8601
with zone) and `time_unix`. The version goes up when a name vanishes or changes its meaning; new names may come.

    usage     {"down_bytes": int, "up_bytes": int, "total_bytes": int, "down_packets": int, "up_packets": int}
    rate      {"down_bits_per_second": int, "up_bits_per_second": int}
    client    {"client": label, "key": str, "mac": str, "hostname": str, "addresses": [str],
               "now": rate, "today": usage, "month": usage, "total": usage}     total: since counting began
    flow      {"client", "key", "mac", "hostname", "protocol": "tcp", "protocol_number": 6,
               "remote_address", "remote_port", "client_address", "client_port", "wan_address", "wan_port",
               "down_bytes", "up_bytes", "total_bytes", "down_packets", "up_packets", "age_seconds", "idle_seconds"}

    status    {"program": {"version", "started", "started_unix", "uptime_seconds"},
               "wan": {"interface", "attached", "problems": [sentence]},
               "programs": [{"interface", "hook", "attached", "problem"}],
               "now": rate, "today": usage, "month": usage, "total": usage,
               "clients": {"count": int, "top": [client]},           count: without router and unattributed
               "tables": [{"name", "entries", "max_entries"}],
               "events": [{"reason", "packets", "bytes", "unattributed": bool}],    only those that are not zero
               "storage": {"problem": sentence or null, "unsaved_bytes": int}}
    clients   {"clients": [client]}, most bytes today first
    flows     {"count": int, "flows": [flow]}, count: how many `limit` was applied to
    history   {"by": "hour", "client": label or null for everyone,
               "rows": [usage + {"start", "start_unix", "estimated": bool}]}, oldest first

Metric names are those of INTERFACES.md. Both the clients' and the WAN's counters come from one Baseline, so that
sum(clients) = wan holds at every scrape.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from esimshaper.core.model import (
    ROUTER,
    UNATTRIBUTED,
    UNATTRIBUTED_REASONS,
    Attachment,
    Bucket,
    ClientKey,
    Counters,
    Event,
    Flow,
    HistoryRow,
    Hook,
    Identity,
    Metric,
    MetricType,
    Pending,
    Period,
    Protocol,
    Reason,
    Resolution,
    State,
    Usage,
)

Document = dict[str, Any]
"""What json.dumps takes."""

Samples = Mapping[tuple[str, ...], float]

DOCUMENT_VERSION = 1
TOP_CLIENTS = 5
WAN_HOOKS = (Hook.WAN_INGRESS, Hook.WAN_EGRESS)
NOTHING = Counters()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the daemon knows of itself. Times carry a zone; `now` is in the zone of the configuration.

    tick_seconds: how long the last tick took. tick_at: when it began (None before the first).
    config_ok, config_loaded: whether the last (re)load was accepted, and when one was last accepted.
    storage_problem: why history cannot be saved at the moment, for people; empty if it can.
    """

    now: datetime
    version: str
    wan_interface: str
    started: datetime
    config_ok: bool = True
    config_loaded: datetime | None = None
    tick_at: datetime | None = None
    tick_seconds: float = 0.0
    storage_problem: str = ""
    storage_failures: int = 0


def plus_pending(saved: Usage, pending: Mapping[Bucket, Pending], since: int) -> dict[ClientKey, Counters]:
    """Usage as saved since a moment (Unix seconds, the start of a bucket) plus what is booked but not yet saved."""
    usage = dict(saved)
    for bucket, amount in pending.items():
        if bucket.start >= since:
            usage[bucket.client] = usage.get(bucket.client, NOTHING) + amount.counters
    return usage


def find_clients(state: State, text: str) -> tuple[ClientKey, ...]:
    """The clients that a person means by `text`: a name, MAC, host name or address. Empty if there is none."""
    wanted = text.strip().lower()
    found = []
    for key in _known_keys(state):
        identity = _identity(state, key)
        names = {identity.label.lower(), key, identity.hostname.lower(), *identity.addresses} - {""}
        if wanted in names:
            found.append(key)
    return tuple(found)


# --- documents


def status_document(state: State, facts: Facts, today: Usage, month: Usage) -> Document:
    """See the module's docstring. `today` and `month` include what is pending."""
    clients = _client_entries(state, today, month)
    totals = state.baseline.totals if state.baseline else {}
    return _document(facts.now) | {
        "program": {
            "version": facts.version,
            "started": facts.started.isoformat(),
            "started_unix": int(facts.started.timestamp()),
            "uptime_seconds": max(0, int((facts.now - facts.started).total_seconds())),
        },
        "wan": _wan(facts.wan_interface, state.attachments),
        "programs": [
            {"interface": a.interface, "hook": a.hook.value, "attached": a.attached, "problem": a.problem}
            for a in state.attachments
        ],
        "now": _rate(_sum(state.rates.values())),
        "today": _usage(_sum(today.values())),
        "month": _usage(_sum(month.values())),
        "total": _usage(_sum(totals.values())),
        "clients": {
            "count": sum(entry["key"] not in (ROUTER, UNATTRIBUTED) for entry in clients),
            "top": [entry for entry in clients if entry["today"]["total_bytes"]][:TOP_CLIENTS],
        },
        "tables": [
            {"name": t.name, "entries": t.entries, "max_entries": t.max_entries}
            for t in (state.reading.tables if state.reading else ())
        ],
        "events": [
            {
                "reason": reason.label,
                "packets": event.packets,
                "bytes": event.bytes,
                "unattributed": reason in UNATTRIBUTED_REASONS,
            }
            for reason, event in _events(state).items()
            if event.packets
        ],
        "storage": {"problem": facts.storage_problem or None, "unsaved_bytes": state.unsaved_bytes},
    }


def clients_document(state: State, now: datetime, today: Usage, month: Usage) -> Document:
    """See the module's docstring. `today` and `month` include what is pending."""
    return _document(now) | {"clients": _client_entries(state, today, month)}


def flows_document(state: State, now: datetime, flows: Iterable[Flow], *, count: int) -> Document:
    """Flows as chosen, in their order. `count`: how many there were to choose from. See the module's docstring."""
    entries = [_flow(_identity(state, flow.client), flow) for flow in flows]
    return _document(now) | {"count": count, "flows": entries}


def history_document(
    now: datetime, resolution: Resolution, rows: Iterable[HistoryRow | Period], *, limit: int, client: str | None = None
) -> Document:
    """The last `limit` buckets that have usage, summed over clients. `client`: whose rows these are (None: all)."""
    buckets: dict[int, tuple[Counters, bool]] = {}
    for row in rows:
        counters, estimated = buckets.get(row.start, (NOTHING, False))
        buckets[row.start] = (counters + row.counters, estimated or row.estimated)
    return _document(now) | {
        "by": resolution.value,
        "client": client,
        "rows": [
            {"start": _iso(start, now.tzinfo), "start_unix": start, **_usage(counters), "estimated": estimated}
            for start, (counters, estimated) in sorted(buckets.items())[-limit:]
        ],
    }


def _document(now: datetime) -> Document:
    return {"version": DOCUMENT_VERSION, "time": now.isoformat(timespec="seconds"), "time_unix": int(now.timestamp())}


def _wan(interface: str, attachments: Sequence[Attachment]) -> Document:
    ours = {a.hook for a in attachments if a.interface == interface and a.attached}
    return {
        "interface": interface,
        "attached": all(hook in ours for hook in WAN_HOOKS),
        "problems": list(dict.fromkeys(a.problem for a in attachments if a.problem)),
    }


def _client_entries(state: State, today: Usage, month: Usage) -> list[Document]:
    totals = state.baseline.totals if state.baseline else {}
    entries = []
    for key in _known_keys(state) | today.keys() | month.keys():
        identity = _identity(state, key)
        entries.append(
            {
                **_names(identity),
                "addresses": list(identity.addresses),
                "now": _rate(state.rates.get(key, NOTHING)),
                "today": _usage(today.get(key, NOTHING)),
                "month": _usage(month.get(key, NOTHING)),
                "total": _usage(totals.get(key, NOTHING)),
            }
        )
    entries.sort(key=lambda e: (-e["today"]["total_bytes"], -e["month"]["total_bytes"], e["client"], e["key"]))
    return entries


def _flow(identity: Identity, flow: Flow) -> Document:
    return {
        **_names(identity),
        "protocol": protocol_name(flow.protocol),
        "protocol_number": flow.protocol,
        "remote_address": flow.remote_address,
        "remote_port": flow.remote_port,
        "client_address": flow.client_address,
        "client_port": flow.client_port,
        "wan_address": flow.wan_address,
        "wan_port": flow.wan_port,
        **_usage(flow.counters),
        "age_seconds": round(flow.age, 1),
        "idle_seconds": round(flow.idle, 1),
    }


def protocol_name(number: int) -> str:
    """`tcp` for 6; the number itself, as text, for protocols without a name in the vocabulary."""
    try:
        return Protocol(number).name.lower()
    except ValueError:
        return str(number)


def _names(identity: Identity) -> Document:
    return {
        "client": identity.label,
        "key": identity.key,
        "mac": _mac(identity.key),
        "hostname": identity.hostname,
    }


def _mac(key: ClientKey) -> str:
    """The MAC, or empty for pseudo-clients and for clients that are known by an address only."""
    parts = key.split(":")
    return key if len(parts) == 6 and all(len(part) == 2 for part in parts) else ""


def _usage(counters: Counters) -> Document:
    return {
        "down_bytes": counters.down_bytes,
        "up_bytes": counters.up_bytes,
        "total_bytes": counters.total_bytes,
        "down_packets": counters.down_packets,
        "up_packets": counters.up_packets,
    }


def _rate(per_second: Counters) -> Document:
    return {"down_bits_per_second": per_second.down_bytes * 8, "up_bits_per_second": per_second.up_bytes * 8}


def _iso(unix: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(unix, zone).isoformat()


# --- metrics


def metrics(state: State, facts: Facts) -> tuple[Metric, ...]:
    """All metric families of the meter, from one State."""
    return (*_traffic_metrics(state), *_kernel_metrics(state), *_self_metrics(state, facts))


def _traffic_metrics(state: State) -> tuple[Metric, ...]:
    wan = state.baseline.wan if state.baseline else {}
    infos = (_identity(state, key) for key in _known_keys(state))
    who: Samples = {(i.label, _mac(i.key), i.hostname): 1 for i in infos}
    return (
        *_both_ways("wan", "through the WAN", "interface", wan),
        *_both_ways("client", "of a client", "client", by_label(state)),
        _gauge("client_info", "Who a client is; always 1.", ("client", "mac", "hostname"), who),
    )


def _both_ways(prefix: str, what: str, label: str, counters: Mapping[str, Counters]) -> tuple[Metric, Metric]:
    down: Samples = {(value,): c.down_bytes for value, c in counters.items()}
    up: Samples = {(value,): c.up_bytes for value, c in counters.items()}
    side = f"{what}: IP-layer bytes as the carrier bills them."
    return (
        _counter(f"{prefix}_receive_bytes_total", f"Download {side}", (label,), down),
        _counter(f"{prefix}_transmit_bytes_total", f"Upload {side}", (label,), up),
    )


def _kernel_metrics(state: State) -> tuple[Metric, ...]:
    tables = state.reading.tables if state.reading else ()
    events = _events(state)
    attached: Samples = {(a.interface, a.hook.value): int(a.attached) for a in state.attachments}
    return (
        _gauge("program_attached", "Whether a program sits on its hook.", ("interface", "hook"), attached),
        _gauge("map_entries", "Used entries of a kernel map.", ("map",), {(t.name,): t.entries for t in tables}),
        _gauge("map_max_entries", "Size of a kernel map.", ("map",), {(t.name,): t.max_entries for t in tables}),
        _counter(
            "datapath_events_total",
            "Packets that took a named early exit of the kernel part, or met a named failure.",
            ("reason",),
            {(reason.label,): event.packets for reason, event in events.items()},
        ),
        _counter(
            "datapath_event_bytes_total",
            "Bytes of the packets in esimshaper_datapath_events_total.",
            ("reason",),
            {(reason.label,): event.bytes for reason, event in events.items()},
        ),
    )


def _self_metrics(state: State, facts: Facts) -> tuple[Metric, ...]:
    loaded, ticked = _moment(facts.config_loaded), _moment(facts.tick_at)
    ok, failures, unsaved = int(facts.config_ok), facts.storage_failures, state.unsaved_bytes
    return (
        _gauge("build_info", "The running version; always 1.", ("version",), {(facts.version,): 1}),
        _gauge("config_last_reload_successful", "Whether the last configuration was accepted.", (), {(): ok}),
        _gauge("config_last_reload_success_timestamp_seconds", "When one was last accepted.", (), loaded),
        _gauge("last_tick_timestamp_seconds", "When the kernel was last read.", (), ticked),
        _gauge("last_tick_duration_seconds", "How long the last tick took.", (), {(): facts.tick_seconds}),
        _counter("history_save_failures_total", "Saves of the history that failed.", (), {(): failures}),
        _gauge("history_unsaved_bytes", "Bytes that are booked but not yet saved.", (), {(): unsaved}),
    )


def _moment(time: datetime | None) -> Samples:
    return {(): time.timestamp()} if time else {}


def _counter(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    return Metric(f"esimshaper_{name}", text, MetricType.COUNTER, labels, samples)


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    return Metric(f"esimshaper_{name}", text, MetricType.GAUGE, labels, samples)


def by_label(state: State) -> dict[str, Counters]:
    """Totals by the label of metrics. Clients that share a label are added up: a sample may appear only once."""
    totals: dict[str, Counters] = {}
    for key, counters in (state.baseline.totals if state.baseline else {}).items():
        label = _identity(state, key).label
        totals[label] = totals.get(label, NOTHING) + counters
    return totals


# --- shared


def _known_keys(state: State) -> set[ClientKey]:
    totals = state.baseline.totals if state.baseline else {}
    return {*totals, *state.identities}


def _identity(state: State, key: ClientKey) -> Identity:
    return state.identities.get(key) or Identity(key)


def _events(state: State) -> dict[Reason, Event]:
    """All reasons, those that never came up as zeros."""
    counted = state.reading.events if state.reading else {}
    return {reason: counted.get(reason, Event()) for reason in Reason}


def _sum(counters: Iterable[Counters]) -> Counters:
    return sum(counters, NOTHING)
