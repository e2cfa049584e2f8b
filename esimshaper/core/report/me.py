# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> what one device may see of itself, and what the page needs beside it. Pure.

The frame is as in documents.py; `revision` is another number whenever anything of a document may be another, and
`zone` the name of the zone in which `time` and all moments are. Nothing in `me` is about one other device.

    page    {"password_set": bool, "hosts": [name or address that the page may be asked for, IPv6 in brackets],
             "clock": "ok" | "unset", "asks_open": int, "tls": bool, "revision", "zone"}
    me      {"client": key, or null where the kernel knows no device of ours at the address; then nothing else is told,
             "clock": as above, "name": how people call it, "group": name or null,
             "state": {"level": "ok" | "slow" | "stopped" | "unknown", "cause": what it comes of: "quota", "hand",
                       "hours", "allowed" (by hand), "not_counted", "" for nothing; "reason": the same in words,
                       "quota": name or "", and of it "limit_bytes", "period", "shared", else null;
                       "rate_bits_per_second": int or null, "until" + "until_unix",
                       "services": as of a state in quotas.py},
             "now": rate, "today": usage, "month": usage,
             "hours": [{"start" + "start_unix", "down_bytes", "up_bytes", "total_bytes"}], 24, the last one not over
             "quotas": [{"name", "shared": bool, it is of a group or of everyone; "subject": as in `for`, "period",
                         "limit_bytes", "granted_bytes", "used_bytes", "left_bytes", "renews" + "renews_unix",
                         "action": "block" | "throttle" | "notify", "rate_bits_per_second": int or null,
                         "reached": bool, "resting": bool, "uplinks", "plan", "services": as in quotas.py}],
                                                                            that limit this device, its own first
             "plan": {"name", "left_bytes", "limit_bytes": null for as much as you like, "used_bytes",
                      "ends" + "ends_unix", "rate": "full", "stop" or bit/s} or null, of the plan in use with least left
             "carrier": {"bits_per_second": what it gives all devices together, "until" + "until_unix": null if nobody
                         knows} or null where it is not known to be slow,
             "services": [{"service", "titles", "category", "total_bytes"}] of today, most first; null: not counted
             "alarms": [{"kinds": [str], "since" + "since_unix", "until" + "until_unix": null while it goes on, "bytes",
                         "answer": as in alarms.py}], of this device, of which the owner was told, newest first
             "held": [what approval holds back of this device, as in review.py],
             "held_back": [what else is blocked or paced for this device, as in held.py],
             "saver": [what the data saver holds of this device, an `own` of saver.py],
             "asked": what this device asked for last, an `ask` of page.py, or null,
             "recorded": [{"what": "names" | "address" | "hours" | "days" | "months" | "services" | "flows" | "events",
                           "seconds": how long it is kept, or null for ever}]}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from esimshaper.core.model.counts import NOTHING, Counters
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import ClientState, Level, QuotaUsage, Subject, SubjectKind
from esimshaper.core.model.measure import Finding
from esimshaper.core.model.rules import hierarchy_of
from esimshaper.core.model.services import UNNAMED, Volume
from esimshaper.core.model.state import State
from esimshaper.core.report import alarms, plans, quotas, review, saver, slow
from esimshaper.core.report.frame import DaemonFacts, Document, identity, moment, new_document, usage_entry
from esimshaper.core.report.held import held_of
from esimshaper.core.report.page import ask_entry, open_asks
from esimshaper.core.report.services import category_of, is_counted, named, titles_of
from esimshaper.core.report.subjects import subject_label

TOP_SERVICES = 8
SECONDS = {Resolution.FIVE_MINUTES: 300, Resolution.HOUR: 3600, Resolution.DAY: 86400}
"""Of one bucket."""

FLOW_SECONDS = 3600
"""About so long the kernel part remembers a conversation, in memory only."""

SHARED_IS_OUT = "a limit that is shared with others is used up"

_LEVELS = {Level.OPEN: "ok", Level.THROTTLED: "slow", Level.BLOCKED: "stopped"}


class Used(NamedTuple):
    """What one client used: today, of it by service but `unnamed`, this month, and by hour, each with its start."""

    today: Counters = NOTHING
    services: Mapping[str, Volume] = {}
    month: Counters = NOTHING
    hours: Sequence[tuple[int, Counters]] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the settings say of the page. plan: limits that are shared with others are shown.

    kept: how many buckets of each resolution are kept; one that is left out is kept for ever.
    """

    plan: bool = True
    names: tuple[str, ...] = ()
    has_tls: bool = False
    kept: Mapping[Resolution, int] | None = None


def revision_of(state: State) -> int:
    """Another one after each tick, and after a restart of the daemon too."""
    return int(state.clock.boottime * 1000)


def page_document(state: State, facts: DaemonFacts, shown: Shown, addresses: Sequence[str]) -> Document:
    """See the module's docstring. `addresses`: the router's own ones at the LAN."""
    hosts = [f"[{each}]" if ":" in each else each for each in addresses]
    return _begun(state, facts) | {
        "password_set": state.page.kept.password is not None,
        "hosts": [*shown.names, *hosts],
        "clock": _clock(state),
        "asks_open": open_asks(state),
        "tls": shown.has_tls,
    }


def nobody_document(state: State, facts: DaemonFacts) -> Document:
    """The `me` of an address that is no device of ours: that of a router behind this one, say, or of a VPN."""
    return _begun(state, facts) | {"client": None, "clock": _clock(state)}


def me_document(
    state: State, facts: DaemonFacts, shown: Shown, key: ClientKey, used: Used, findings: Sequence[Finding] = ()
) -> Document:
    """See the module's docstring. `findings`: of the data saver."""
    subject = Subject(SubjectKind.CLIENT, key)
    zone, held = facts.now.tzinfo, _holding(state, facts, subject)
    rate = state.rates.by_client.get(key, NOTHING)
    return _begun(state, facts) | {
        "client": key,
        "clock": _clock(state),
        "name": identity(state, key, facts).called,
        "group": facts.groups.get(key),
        "state": _state(state, facts, shown, subject, held),
        "now": {"down_bits_per_second": rate.down_bytes * 8, "up_bits_per_second": rate.up_bytes * 8},
        "today": usage_entry(used.today),
        "month": usage_entry(used.month),
        "hours": [{**moment("start", start, zone), **_bytes(counters)} for start, counters in used.hours],
        "quotas": [_quota(state, facts, each, subject) for each in held if shown.plan or each.tally.subject == subject],
        "plan": _plan(state, facts) if shown.plan else None,
        "carrier": _carrier(state, facts) if shown.plan else None,
        "services": _services(facts, used) if is_counted(state) else None,
        "alarms": alarms.of_client(state, facts, key),
        "held": review.held_of(state, facts, key),
        "held_back": held_of(state, facts, key),
        "saver": saver.of_client(facts, findings, key),
        "asked": _asked(state, facts, key),
        "recorded": _recorded(state, shown),
    }


def _begun(state: State, facts: DaemonFacts) -> Document:
    return new_document(facts.now) | {"revision": revision_of(state), "zone": str(facts.now.tzinfo)}


def _bytes(counters: Counters) -> Document:
    return {
        "down_bytes": counters.down_bytes,
        "up_bytes": counters.up_bytes,
        "total_bytes": counters.total_bytes,
    }


def _clock(state: State) -> str:
    return "unset" if state.clock.waits else "ok"


def _state(state: State, facts: DaemonFacts, shown: Shown, subject: Subject, held: Sequence[QuotaUsage]) -> Document:
    standing = state.limits.states.get(subject, ClientState())
    level, cause = _level(state, standing)
    at_fault = next((each for each in held if each.quota.name == standing.quota), None)
    shared = at_fault is not None and at_fault.tally.subject != subject
    told = at_fault if shown.plan or not shared else None
    return {
        "level": level,
        "cause": cause,
        "reason": standing.reason if told or not at_fault else SHARED_IS_OUT,
        "quota": standing.quota,
        "limit_bytes": quotas.limit_of(told) if told else None,
        "period": quotas.period_of(told.quota.period) if told else None,
        "shared": shared if at_fault else None,
        "rate_bits_per_second": standing.rate or None,
        **moment("until", standing.until, facts.now.tzinfo),
        "services": quotas.services_entries(standing, facts.now.tzinfo),
    }


def _level(state: State, standing: ClientState) -> tuple[str, str]:
    if not any(each.attached for each in state.meter.attachments):
        return "unknown", "not_counted"
    if standing.by_hours:
        return _LEVELS[standing.level], "hours"
    if standing.quota or not standing.reason:
        return _LEVELS[standing.level], "quota" if standing.quota else ""
    return _LEVELS[standing.level], "allowed" if standing.level is Level.OPEN else "hand"


def _holding(state: State, facts: DaemonFacts, subject: Subject) -> list[QuotaUsage]:
    """The quotas that hold a client: its own first, then those of its group and of everyone."""
    # Of a crowd most tallies are of others: they are left out before anything is looked up or sorted.
    above = hierarchy_of(subject, facts.names, facts.groups)
    ids = {each.id for each in above}
    order = {quota.name: number for number, quota in enumerate(facts.quotas)}
    mine = (each for each in state.limits.kept.tallies if each.subject.id in ids and each.subject in above)
    found = [QuotaUsage(facts.quotas[order[each.quota]], each) for each in mine if each.quota in order]
    return sorted(found, key=lambda each: (above.index(each.tally.subject), order[each.quota.name]))


def _quota(state: State, facts: DaemonFacts, each: QuotaUsage, subject: Subject) -> Document:
    limit, used = quotas.limit_of(each), quotas.used_of(each)
    return {
        "name": each.quota.name,
        "shared": each.tally.subject != subject,
        "subject": subject_label(state, each.tally.subject, facts),
        "period": quotas.period_of(each.quota.period),
        "limit_bytes": limit,
        "granted_bytes": each.tally.granted,
        "used_bytes": used,
        "left_bytes": max(0, limit - used),
        **moment("renews", each.tally.window.end, facts.now.tzinfo),
        "action": each.quota.action.kind.value,
        "rate_bits_per_second": each.quota.action.rate or None,
        "reached": each.tally.reached,
        "resting": each.quota.name in state.limits.resting,
        **quotas.scope_entry(each.quota),
    }


def _plan(state: State, facts: DaemonFacts) -> Document | None:
    in_use = plans.in_short(state, facts)
    if not in_use:
        return None
    least = min(in_use, key=lambda each: (each["left_bytes"] is None, each["left_bytes"] or 0))
    left, used = least["left_bytes"], least["used_bytes"]
    sizes = {"left_bytes": left, "limit_bytes": None if left is None else left + used, "used_bytes": used}
    return {"name": least["name"], **sizes, **{name: least[name] for name in ("ends", "ends_unix", "rate")}}


def _carrier(state: State, facts: DaemonFacts) -> Document | None:
    found = slow.of_all(state, facts)
    return {name: found[name] for name in ("bits_per_second", "until", "until_unix")} if found else None


def _services(facts: DaemonFacts, used: Used) -> list[Document]:
    volumes = named(used.today, used.services)
    ranked = sorted(volumes, key=lambda name: (name == UNNAMED, -volumes[name].total_bytes, name))[:TOP_SERVICES]
    return [
        {
            "service": name,
            "titles": titles_of(name, facts.catalogue),
            "category": category_of(name, facts.catalogue),
            "total_bytes": volumes[name].total_bytes,
        }
        for name in ranked
    ]


def _asked(state: State, facts: DaemonFacts, key: ClientKey) -> Document | None:
    mine = next((each for each in state.page.kept.asks if each.client == key), None)
    return ask_entry(state, facts, mine) if mine else None


def _recorded(state: State, shown: Shown) -> list[Document]:
    kept = shown.kept or {}
    seconds = {each: kept[each] * SECONDS[each] for each in kept if each in SECONDS}
    days = seconds.get(Resolution.DAY)
    found = {"names": None, "address": 0, "hours": seconds.get(Resolution.HOUR), "days": days, "months": None}
    found |= {"services": days, "flows": FLOW_SECONDS} if is_counted(state) else {"flows": FLOW_SECONDS}
    return [{"what": what, "seconds": how_long} for what, how_long in (found | {"events": None}).items()]
