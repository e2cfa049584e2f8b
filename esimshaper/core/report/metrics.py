# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> metric families of one moment. Pure.

Dashboards hold on to the names and labels, so they never change. The counters of clients and of the WAN come from one
State, so sum(clients) = wan holds at every scrape (R7).
"""

from collections.abc import Mapping
from datetime import datetime

from esimshaper.core.model.counts import NOTHING, Counters, Event, Reason
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import ClientState, Level, Subject, SubjectKind
from esimshaper.core.model.metrics import Metric, MetricType, ServiceMetrics
from esimshaper.core.model.services import NO_VOLUME, ServiceUsage, Volume
from esimshaper.core.model.state import State
from esimshaper.core.report import alarms, saver, slow, uplink_drops, uplinks
from esimshaper.core.report.frame import DaemonFacts, identity, known_clients, mac_of, strayed_bytes, wasted_bytes
from esimshaper.core.report.notices import channel_standing
from esimshaper.core.report.plans import cost_of, end_of
from esimshaper.core.report.quotas import limit_of, usages, used_of
from esimshaper.core.report.services import category_of, is_counted, with_unnamed
from esimshaper.core.report.subjects import subject_label

Samples = Mapping[tuple[str, ...], float]


def metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    """All metric families, from one State."""
    return (
        *_traffic_metrics(state, facts),
        *_service_metrics(state, facts),
        *_limit_metrics(state, facts),
        *_plan_metrics(state, facts),
        *_rule_metrics(state, facts),
        *_alarm_metrics(state),
        _counter(
            "saved_bytes_total",
            "What the data saver saved, as far as it is known, up to the end of yesterday.",
            ("mechanism", "how"),
            saver.saved_ever(state),
        ),
        *_notice_metrics(state, facts),
        *_kernel_metrics(state),
        *_self_metrics(state, facts),
    )


def _wan_metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    """Of one uplink by its interface; of several each by its own."""
    booked = state.meter.booked
    if len(facts.uplinks) == 1 or not booked:
        return _both_ways("wan", "through the WAN", "interface", booked.wan if booked else {})
    interfaces = {each.name: each.interfaces[0] for each in facts.uplinks}
    totals = uplinks.totals(state, facts)
    carried: dict[tuple[str, ...], Counters] = {(interfaces[name], name): each for name, each in totals.items()}
    return _ways_of("wan", "through the WAN", ("interface", "uplink"), carried)


def _traffic_metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    infos = (identity(state, key) for key in known_clients(state))
    who: Samples = {(i.label, mac_of(i.key), i.hostname): 1 for i in infos}
    return (
        *_wan_metrics(state, facts),
        *_both_ways("client", "of a client", "client", by_label(state)),
        _gauge("client_info", "Who a client is; always 1.", ("client", "mac", "hostname"), who),
        _gauge(
            "link_held_bits_per_second",
            "What the link is held to while its carrier is slow, by the plan or as measured; else without samples.",
            ("uplink", "direction"),
            slow.held_rates(state, facts),
        ),
        _counter(
            "uplink_dropped_bytes_total",
            "Uploads that a queue or a driver of the uplink dropped: not billed, so in no other count.",
            ("how",),
            uplink_drops.samples(state),
        ),
    )


def _service_metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    """Of all clients by service, and where the settings ask for it, of each client by service."""
    everyone: dict[tuple[str, ...], Volume] = {}
    clients: dict[tuple[str, ...], Volume] = {}
    for key, volumes in _served(state).items():
        label = identity(state, key).label
        for service, volume in volumes.items():
            labels = service, category_of(service, facts.catalogue) or ""
            everyone[labels] = everyone.get(labels, NO_VOLUME) + volume
            clients[label, service] = clients.get((label, service), NO_VOLUME) + volume
    down = {labels: volume.down_bytes for labels, volume in everyone.items()}
    up = {labels: volume.up_bytes for labels, volume in everyone.items()}
    by_service = ("service", "category")
    side = "of a service, all clients together: IP-layer bytes as the carrier bills them."
    families = (
        _counter("service_receive_bytes_total", f"Download {side}", by_service, down),
        _counter("service_transmit_bytes_total", f"Upload {side}", by_service, up),
    )
    if facts.service_metrics is not ServiceMetrics.CLIENTS:
        return families
    ways = [("receive", labels, volume.down_bytes) for labels, volume in clients.items()]
    ways += [("transmit", labels, volume.up_bytes) for labels, volume in clients.items()]
    samples = {(*labels, way): size for way, labels, size in ways if size}
    text = "Bytes of a client for a service; those that are zero are left out."
    return (*families, _counter("client_service_bytes_total", text, ("client", "service", "direction"), samples))


def _rule_metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    """What holds for services, by the layer that decided so, and whom low-data mode holds."""
    reading, decisions = state.meter.reading, state.rules.decisions
    held: dict[tuple[str, ...], float] = {}
    for account in reading.owners if reading and decisions else ():
        for decision in decisions.get(account, {}).values() if decisions else ():
            labels = decision.layer.value, decision.kind.value
            held[labels] = held.get(labels, 0) + 1
    own = state.rules.own.low_data if state.rules.own else ()
    low: Samples = {(subject_label(state, subject, facts),): 1.0 for subject, since in own if since}
    text = "Services of clients for which something is decided, each service of each client once."
    return (
        _gauge("service_decisions", text, ("layer", "decision"), held),
        _gauge("low_data", "1 for each subject whom low-data mode holds.", ("subject",), low),
    )


def _served(state: State) -> ServiceUsage:
    """Totals by client and service, with `unnamed`: their sum is that of clients, and none ever falls."""
    if not (state.meter.booked and is_counted(state)):
        return {}
    served = state.meter.booked.served
    return {client: with_unnamed(counters, served.get(client, {})) for client, counters in state.totals.items()}


def _both_ways(prefix: str, what: str, label: str, counters: Mapping[str, Counters]) -> tuple[Metric, Metric]:
    return _ways_of(prefix, what, (label,), {(value,): each for value, each in counters.items()})


def _ways_of(
    prefix: str, what: str, labels: tuple[str, ...], counters: Mapping[tuple[str, ...], Counters]
) -> tuple[Metric, Metric]:
    down: Samples = {values: each.down_bytes for values, each in counters.items()}
    up: Samples = {values: each.up_bytes for values, each in counters.items()}
    side = f"{what}: IP-layer bytes as the carrier bills them."
    return (
        _counter(f"{prefix}_receive_bytes_total", f"Download {side}", labels, down),
        _counter(f"{prefix}_transmit_bytes_total", f"Upload {side}", labels, up),
    )


def _limit_metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    limit: dict[tuple[str, ...], float] = {}
    used: dict[tuple[str, ...], float] = {}
    start: dict[tuple[str, ...], float] = {}
    reset: dict[tuple[str, ...], float] = {}
    for each in usages(state, facts):
        # Clients that share a label are added up, as in `by_label`; the windows of one quota are the same.
        labels = (each.quota.name, subject_label(state, each.tally.subject, facts))
        limit[labels] = limit.get(labels, 0) + limit_of(each)
        used[labels] = used.get(labels, 0) + used_of(each)
        start[labels] = each.tally.window.start
        reset[labels] = each.tally.window.end
    lost: Samples = {(label,): size for label, size in wasted_by_label(state).items()}
    strayed: Samples = {(label,): size for label, size in _by_label(state, strayed_bytes(state)).items()}
    subject = ("quota", "subject")
    of_services: Samples = {
        (each.name, name): 1 for each in facts.quotas if each.services for name in each.services.names
    }
    return (
        _gauge("client_state", "How a client stands: 1 for one of its states.", ("client", "state"), _states(state)),
        _counter("client_wasted_bytes_total", "Billed, then dropped by a block.", ("client",), lost),
        _counter("client_strayed_bytes_total", "Of its flows, received by another device.", ("client",), strayed),
        _gauge("quota_limit_bytes", "Limit of this period, with what was granted by hand.", subject, limit),
        _gauge("quota_used_bytes", "Used of it in this period.", subject, used),
        _gauge(
            "quota_scope",
            "1 for each uplink, or the plan, that a quota names.",
            ("quota", "uplink", "plan"),
            _scopes(facts),
        ),
        _gauge(
            "quota_service", "1 for each service or category that a quota names.", ("quota", "service"), of_services
        ),
        _gauge("quota_start_timestamp_seconds", "When this period began.", subject, start),
        _gauge("quota_reset_timestamp_seconds", "When the next period begins.", subject, reset),
    )


def _scopes(facts: DaemonFacts) -> Samples:
    named = ((quota.name, quota.scope) for quota in facts.quotas if quota.scope)
    return {(name, uplink, scope.plan): 1 for name, scope in named for uplink in scope.uplinks or ("",)}


def _plan_metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    kept = state.plans.kept.tallies
    known = [(plan, kept[plan.name]) for plan in facts.plans if plan.name in kept]
    counts = ((plan.name, tally, tally.main_count(plan)) for plan, tally in known)
    used: Samples = {(name,): count.used if count else tally.counted for name, tally, count in counts}
    left: Samples = {(plan.name,): tally.left for plan, tally in known if tally.left is not None}
    cost: Samples = {(plan.name,): float(cost_of(plan, tally)) for plan, tally in known}
    ends: Samples = {(plan.name,): end for plan, tally in known if (end := end_of(tally)) is not None}
    return (
        _gauge("plan_used_bytes", "Used of the plan in the present window of its main meter.", ("plan",), used),
        _gauge("plan_left_bytes", "Left before it gets slower, stops or costs by the byte.", ("plan",), left),
        _gauge("plan_cost", "Paid and owed until now, in the currency of the plan.", ("plan",), cost),
        _gauge("plan_end_timestamp_seconds", "When the plan ends or renews itself.", ("plan",), ends),
    )


def _alarm_metrics(state: State) -> tuple[Metric, ...]:
    learning: Samples = {(label,): 1 for label in alarms.learning(state)}
    return (
        _counter("alarms_total", "Abnormal use that people were told of.", ("kind",), alarms.alarms_told(state)),
        _gauge("alarm_open", "1 while it goes on.", ("client", "kind"), alarms.open_alarms(state)),
        _gauge("watch_learning", "1 while it is not known what is usual for it.", ("client",), learning),
    )


def _notice_metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    told: Samples = {(name, what): each for (name, what), each in state.notices.kept.counts.items()}
    standing = [channel_standing(state.notices.kept, each, facts) for each in facts.notices.channels]
    waiting: Samples = {(each["name"],): each["waiting"] for each in standing}
    text = "Notices by what became of them; a try that failed counts each time."
    return (
        _counter("notices_total", text, ("channel", "result"), told),
        _gauge("notices_waiting", "Notices that are still to come.", ("channel",), waiting),
    )


def _states(state: State) -> Samples:
    """All three states of each client: one that the client has left falls to 0 and does not vanish.

    Clients that share a label have a 1 for the state of each of them.
    """
    samples: dict[tuple[str, ...], float] = {}
    for key in sorted(known_clients(state)):
        standing = state.limits.states.get(Subject(SubjectKind.CLIENT, key), ClientState())
        label = identity(state, key).label
        for level in Level:
            samples[label, level.value] = max(samples.get((label, level.value), 0), int(level is standing.level))
    return samples


def wasted_by_label(state: State) -> dict[str, int]:
    """Bytes that were billed and then dropped, by the label of metrics; as all totals, zero when an epoch begins."""
    return _by_label(state, wasted_bytes(state))


def _by_label(state: State, by_client: Mapping[ClientKey, int]) -> dict[str, int]:
    sizes = {identity(state, key).label: 0 for key in known_clients(state)}
    for key, size in by_client.items():
        label = identity(state, key).label
        sizes[label] = sizes.get(label, 0) + size
    return sizes


def _kernel_metrics(state: State) -> tuple[Metric, ...]:
    tables = state.meter.reading.tables if state.meter.reading else ()
    happened = events(state)
    attached: Samples = {(a.interface, a.hook.value): int(a.attached) for a in state.meter.attachments}
    detour = state.meter.detour
    way: Samples = {(): int(not detour.interfaces)} if detour.has_way else {}
    return (
        _gauge("default_route_counted", "Whether devices reach the Internet by counted interfaces only.", (), way),
        _gauge("program_attached", "Whether a program sits on its hook.", ("interface", "hook"), attached),
        _gauge("map_entries", "Used entries of a kernel map.", ("map",), {(t.name,): t.entries for t in tables}),
        _gauge("map_max_entries", "Size of a kernel map.", ("map",), {(t.name,): t.max_entries for t in tables}),
        _counter(
            "datapath_events_total",
            "Packets that took a named early exit of the kernel part, or met a named failure.",
            ("reason",),
            {(reason.label,): event.packets for reason, event in happened.items()},
        ),
        _counter(
            "datapath_event_bytes_total",
            "Bytes of the packets in esimshaper_datapath_events_total.",
            ("reason",),
            {(reason.label,): event.bytes for reason, event in happened.items()},
        ),
    )


def _self_metrics(state: State, facts: DaemonFacts) -> tuple[Metric, ...]:
    loaded, ticked = _moment(facts.config_loaded), _moment(facts.tick_at)
    ok, failures, unsaved = int(facts.config_ok), facts.storage_failures, state.saving.unsaved_bytes
    sure = int(state.clock.trusted)
    return (
        _gauge("build_info", "The running version; always 1.", ("version",), {(facts.version,): 1}),
        _gauge("config_last_reload_successful", "Whether the last configuration was accepted.", (), {(): ok}),
        _gauge("config_last_reload_success_timestamp_seconds", "When one was last accepted.", (), loaded),
        _gauge("clock_sure", "Whether periods go by a clock that was synchronised at least once.", (), {(): sure}),
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
    for key, counters in state.totals.items():
        label = identity(state, key).label
        totals[label] = totals.get(label, NOTHING) + counters
    return totals


def events(state: State) -> dict[Reason, Event]:
    """All reasons; one that never came up is zero."""
    counted = state.meter.reading.events if state.meter.reading else {}
    return {reason: counted.get(reason, Event()) for reason in Reason}
