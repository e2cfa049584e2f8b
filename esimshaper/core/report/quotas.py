# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> the documents of quotas and overrides. Pure.

The frame is as in documents.py. `x` + `x_unix` stands for a moment: ISO 8601 and Unix seconds, or two nulls.

    state     {"level": "open" | "throttled" | "blocked", "reason": words, "quota": name of the quota at fault,
               "rate_bits_per_second": int or null, "until" + "until_unix", "by_hours": bool,
               "uplinks": names of those where it stands so, empty for all,
               "services": [{"quota", "services": names of services and categories, "level", "reason",
                             "rate_bits_per_second", "until" + "until_unix"}], those that are held more than the rest}
              level open with a reason: allowed by hand; a reason and no quota: by hand, or by_hours (curfew).
    quota     {"quota": name, "subject": "everyone" | "client/NAME" | "group/NAME",
               "client", "key", "mac", "hostname"            of a client, else empty
               "period": "day" | "30 days" ..., "direction": "both" | "download" | "upload",
               "began" + "began_unix", "renews" + "renews_unix",
               "limit_bytes": with "granted_bytes" in it, "used_bytes", "left_bytes",
               "action": "block" | "throttle" | "notify", "rate_bits_per_second": int or null,
               "warned": bool, "reached": bool, "state": state of the subject,
               "hours": as written, empty for always, "resting": bool, not in these hours now,
               "uplinks": names, "plan": name             what it looks at; both empty: all uplinks that are metered
               "services": names of services and categories, empty for all that its subject moves}
    curfew    {"subject", "hours": as written, "blocked": bool, "until" + "until_unix"}     blocks of the configuration
    reserve   {"limit_bytes", "used_bytes", "left_bytes"} or null    of the router, while it is blocked
    by_hand   {"subject", "setting": "block" | "allow" | "throttle" (by an alarm), "rate_bits_per_second": of that, else
               null, "by_alarm": bool, "over_plan": bool, "until" + "until_unix"}
              over_plan: an allow that lifts the quotas of everyone, too
    coming    {"subject", "setting": "block" | "allow" | "grant", "over_plan", "bytes": of a grant, "at" + "at_unix",
               "until" + "until_unix"}                           set by hand for later

    quotas    {"subject": whose they are, or null, "quotas": [quota], "by_hand": [by_hand], "coming": [coming],
               "curfews": [curfew], "reserve": reserve,
               "grants": [{"quota", "subject", "bytes", "until" + "until_unix"}]}  those that end before their period
              everyone first, then groups, then clients; each in the order of the configuration, of each-client the
              most used first
    Beside a `subject` of these stands `called`: the host name of a device without a configured name, or null. Answers
    to commands have `typed` as well: how a command can name it.

    grant     {"subject", "bytes", "at" + "at_unix": null for at once, "until" + "until_unix",
               "quotas": [quota] of the subject, "state": state,
               "held_by": subject whose quota or order by hand is the reason of the state, if it is another, or null}
    revoke    {"subject", "bytes" or null for all, "quotas", "state", "held_by": as in grant}
    block     {"subject", "setting": "block" | "allow" or null, "over_plan": bool, "at" + "at_unix": null for at once,
               "until" + "until_unix", "state": state, "plans": names of the quotas of everyone,
               "held_by": as in grant,
               "but": [by_hand]}                             of those below, for whom the other setting holds
              for allow and clear too
"""

import math
from collections.abc import Iterable, Sequence
from datetime import tzinfo

from esimshaper.core.model.identity import OTHERS, ROUTER, ClientKey, Identity
from esimshaper.core.model.limits import (
    EVERYONE,
    ActionKind,
    ClientState,
    Level,
    Override,
    OverrideKind,
    Period,
    Quota,
    QuotaUsage,
    Subject,
    SubjectKind,
)
from esimshaper.core.model.rules import hierarchy_of
from esimshaper.core.model.scope import Scope
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, identity, moment, names, new_document
from esimshaper.core.report.subjects import subject_entry, subject_label, typed_entry, with_ancestors

TOP_QUOTAS = 8
_OTHERS = Subject(SubjectKind.CLIENT, OTHERS)
_ROUTER = Subject(SubjectKind.CLIENT, ROUTER)


def quotas_document(state: State, facts: DaemonFacts, of: Subject | None = None) -> Document:
    """See the module's docstring. `of`: only what holds this subject, that is its own limits and those above it."""
    kept, zone = state.limits.kept, facts.now.tzinfo
    holding = None if of is None else with_ancestors(of, facts)
    ends = {(each.quota, each.subject): each.window.end for each in kept.tallies}
    grants = [
        {
            "quota": grant.quota,
            "subject": subject_label(state, grant.subject, facts),
            "bytes": grant.bytes,
            **moment("until", grant.until, zone),
        }
        for grant in kept.grants
        if _is_among(grant.subject, holding) and grant.until < ends.get((grant.quota, grant.subject), math.inf)
    ]
    return new_document(facts.now) | {
        "subject": None if of is None else subject_label(state, of, facts),
        "quotas": entries(
            state, facts, (each for each in usages(state, facts) if _is_among(each.tally.subject, holding))
        ),
        "by_hand": override_entries(state, facts, holding),
        "coming": coming_entries(state, facts, holding),
        "curfews": curfew_entries(state, facts, holding),
        "reserve": reserve_entry(state),
        "grants": grants,
    }


def _is_among(subject: Subject, chosen: frozenset[Subject] | None) -> bool:
    return chosen is None or subject in chosen


def grant_document(
    state: State, facts: DaemonFacts, subject: Subject, size: int, until: int | None = None, at: int | None = None
) -> Document:
    """The answer after `size` bytes were granted from `at` (None: at once) to `until` (None: the end of each period).

    Both are in Unix seconds.
    """
    own = [each for each in usages(state, facts) if each.tally.subject == subject]
    return new_document(facts.now) | {
        **typed_entry(state, subject, facts),
        "bytes": size,
        **moment("at", at, facts.now.tzinfo),
        **moment("until", until, facts.now.tzinfo),
        "quotas": entries(state, facts, own),
        "state": state_entry(state, subject, facts.now.tzinfo),
        "held_by": held_by(state, facts, subject),
    }


def held_by(state: State, facts: DaemonFacts, subject: Subject) -> str | None:
    """Whose quota or order by hand throttles or blocks the subject, as in `for`; None if its own does, or none."""
    standing = state_entry(state, subject, None)
    if standing["reason"] and not standing["quota"] and not standing["by_hours"]:
        ordered = {each.subject for each in state.limits.kept.overrides}
        above = hierarchy_of(subject, facts.names, facts.groups)
        nearest = next((each for each in above if each in ordered), subject)
        return subject_label(state, nearest, facts) if nearest != subject else None
    quota = next((each for each in facts.quotas if each.name == standing["quota"]), None)
    if quota is None or quota.subject.kind is SubjectKind.EACH_CLIENT or quota.subject == subject:
        return None
    return subject_label(state, quota.subject, facts)


def revoke_document(state: State, facts: DaemonFacts, subject: Subject, size: int | None) -> Document:
    """The answer after `size` bytes (None: all) of the grants of `subject` were taken back."""
    document = grant_document(state, facts, subject, 0, None)
    for key in ("at", "at_unix", "until", "until_unix"):
        del document[key]
    return document | {"bytes": size}


def override_document(state: State, facts: DaemonFacts, subject: Subject, at: int | None = None) -> Document:
    """The answer after a subject was blocked or allowed, from `at` on (None: at once), or that was taken back."""
    kept = state.limits.kept
    ahead = [each for each in kept.coming if each.subject == subject and each.at == at and each.kind]
    now = [each for each in kept.overrides if each.subject == subject]
    mine = ahead[0] if ahead else now[0] if now else None
    kind = mine.kind if mine else None
    below = [
        each for each in kept.overrides if each.subject != subject and subject in with_ancestors(each.subject, facts)
    ]
    return new_document(facts.now) | {
        **typed_entry(state, subject, facts),
        "setting": _setting(kind) if kind else None,
        "over_plan": kind is OverrideKind.ALLOW_OVER_PLAN,
        **moment("at", ahead[0].at if ahead else None, facts.now.tzinfo),
        **moment("until", mine.until if mine else None, facts.now.tzinfo),
        "state": state_entry(state, subject, facts.now.tzinfo),
        "held_by": held_by(state, facts, subject),
        "plans": [quota.name for quota in facts.quotas if quota.subject == EVERYONE and not quota.services],
        "but": [_override_entry(state, facts, each) for each in below if kind and each.kind.allows != kind.allows],
    }


def _setting(kind: OverrideKind) -> str:
    said = OverrideKind.ALLOW if kind.allows else OverrideKind.BLOCK
    return str(said.value)


def glance(state: State, facts: DaemonFacts) -> Document:
    """For the status: quotas that clients share, and those of clients that were warned or have nothing left."""
    every = usages(state, facts)
    shared = [each for each in every if each.quota.subject.kind in (SubjectKind.EVERYONE, SubjectKind.GROUP)]
    single = [each for each in every if each not in shared and (each.tally.warned or each.tally.reached)]
    chosen = [*shared, *sorted(single, key=lambda each: -_share(each))][:TOP_QUOTAS]
    return {"count": len(every), "top": entries(state, facts, chosen)}


def plan_entries(state: State, facts: DaemonFacts) -> list[Document]:
    """The quotas that are for everyone, and for all that they move."""
    of_all = (each for each in usages(state, facts) if each.tally.subject == EVERYONE and not each.quota.services)
    return entries(state, facts, of_all)


def usages(state: State, facts: DaemonFacts) -> Sequence[QuotaUsage]:
    """Each tally with its quota: first those that clients share, then those of a client; of each-client the most used
    first, else in the order of the configuration.

    The tally of `others` is left out while `others` has moved nothing.
    """
    order = {quota.name: number for number, quota in enumerate(facts.quotas)}
    found = [
        QuotaUsage(facts.quotas[order[tally.quota]], tally)
        for tally in state.limits.kept.tallies
        if tally.quota in order and (tally.used or tally.subject != _OTHERS)
    ]
    return sorted(found, key=lambda each: (_rank(each), order[each.quota.name], -_share(each), each.tally.subject.id))


def _rank(each: QuotaUsage) -> int:
    """The plan stays in sight, however many clients there are."""
    return {SubjectKind.EVERYONE: 0, SubjectKind.GROUP: 1}.get(each.tally.subject.kind, 2)


def limit_of(each: QuotaUsage) -> int:
    """Bytes that may be used in this window."""
    return each.quota.limit + each.tally.granted


def used_of(each: QuotaUsage) -> int:
    """Bytes used in this window. A tally may be a packet below zero for a moment; that is 0 here."""
    return max(0, each.tally.used)


def entries(state: State, facts: DaemonFacts, chosen: Iterable[QuotaUsage]) -> list[Document]:
    """A `quota` of the module's docstring for each."""
    return [_entry(state, facts, each) for each in chosen]


def override_entries(state: State, facts: DaemonFacts, chosen: frozenset[Subject] | None = None) -> list[Document]:
    """A `by_hand` of the module's docstring for each setting that is in force, or for those of `chosen` subjects."""
    return [
        _override_entry(state, facts, override)
        for override in state.limits.kept.overrides
        if _is_among(override.subject, chosen)
    ]


def coming_entries(state: State, facts: DaemonFacts, chosen: frozenset[Subject] | None = None) -> list[Document]:
    """A `coming` of the module's docstring for each act by hand that has not begun, or for those of `chosen`."""
    return [
        {
            **subject_entry(state, each.subject, facts),
            "setting": _setting(each.kind) if each.kind else "grant",
            "over_plan": each.kind is OverrideKind.ALLOW_OVER_PLAN,
            "bytes": each.bytes,
            **moment("at", each.at, facts.now.tzinfo),
            **moment("until", each.until, facts.now.tzinfo),
        }
        for each in state.limits.kept.coming
        if _is_among(each.subject, chosen)
    ]


def curfew_entries(state: State, facts: DaemonFacts, chosen: frozenset[Subject] | None = None) -> list[Document]:
    """A `curfew` of the module's docstring for each block of the configuration, or for those of `chosen` subjects."""
    ends = state.limits.curfews
    return [
        {
            **subject_entry(state, each.subject, facts),
            "hours": each.hours.written,
            "blocked": each.subject in ends,
            **moment("until", ends.get(each.subject), facts.now.tzinfo),
        }
        for each in facts.curfews
        if _is_among(each.subject, chosen)
    ]


def reserve_entry(state: State) -> Document | None:
    """The `reserve` of the module's docstring, of the quota that leaves the least of it."""
    kept = state.limits.kept
    if state.limits.states.get(_ROUTER, ClientState()).level is not Level.BLOCKED or not kept.reserve:
        return None
    used_up = {each.quota for each in kept.tallies if each.reached and each.subject in (EVERYONE, _ROUTER)}
    blocking = [each for each in kept.reserve if each.quota in used_up] or kept.reserve
    least = min(blocking, key=lambda each: each.allowed - each.used)
    used = max(0, least.used)
    return {"limit_bytes": least.allowed, "used_bytes": used, "left_bytes": max(0, least.allowed - used)}


def state_entry(state: State, subject: Subject, zone: tzinfo | None) -> Document:
    """The `state` of the module's docstring; a subject without one is open."""
    standing = state.limits.states.get(subject, ClientState())
    return {
        "level": standing.level.value,
        "reason": standing.reason,
        "quota": standing.quota,
        "rate_bits_per_second": standing.rate or None,
        **moment("until", standing.until, zone),
        "by_hours": standing.by_hours,
        "uplinks": sorted(standing.uplinks),
        "services": services_entries(standing, zone),
    }


def services_entries(standing: ClientState, zone: tzinfo | None) -> list[Document]:
    """The `services` of a `state` of the module's docstring."""
    return [
        {
            "quota": each.quota,
            "services": list(each.services.names),
            "level": each.level.value,
            "reason": each.reason,
            "rate_bits_per_second": each.rate or None,
            **moment("until", each.until, zone),
        }
        for each in standing.services
    ]


def _entry(state: State, facts: DaemonFacts, each: QuotaUsage) -> Document:
    quota, tally, zone = each.quota, each.tally, facts.now.tzinfo
    limit, used = limit_of(each), used_of(each)
    client = tally.subject.kind is SubjectKind.CLIENT
    who = identity(state, ClientKey(tally.subject.id), facts) if client else Identity(ClientKey(""))
    return {
        "quota": quota.name,
        "subject": subject_label(state, tally.subject, facts),
        **names(who),
        "period": period_of(quota.period),
        "direction": quota.direction.value,
        **moment("began", tally.window.start, zone),
        **moment("renews", tally.window.end, zone),
        "limit_bytes": limit,
        "granted_bytes": tally.granted,
        "used_bytes": used,
        "left_bytes": max(0, limit - used),
        "action": quota.action.kind.value,
        "rate_bits_per_second": quota.action.rate if quota.action.kind is ActionKind.THROTTLE else None,
        "warned": tally.warned > 0,
        "reached": tally.reached,
        "state": state_entry(state, tally.subject, zone),
        "hours": quota.hours.written if quota.hours else "",
        **scope_entry(quota),
        "resting": quota.name in state.limits.resting,
    }


def scope_entry(quota: Quota) -> Document:
    """The uplinks that a quota looks at, or the plan; and the services."""
    scope, services = quota.scope or Scope(), quota.services.names if quota.services else ()
    return {"uplinks": list(scope.uplinks), "plan": scope.plan, "services": list(services)}


def _override_entry(state: State, facts: DaemonFacts, override: Override) -> Document:
    return {
        **subject_entry(state, override.subject, facts),
        "setting": "throttle" if override.rate else _setting(override.kind),
        "rate_bits_per_second": override.rate or None,
        "by_alarm": override.kind is OverrideKind.ALARM,
        "over_plan": override.kind is OverrideKind.ALLOW_OVER_PLAN,
        **moment("until", override.until, facts.now.tzinfo),
    }


def period_of(period: Period) -> str:
    """The length of a period, in words."""
    if period.anchor is None:
        return period.unit.value
    return f"{period.count} {period.unit.value}{'' if period.count == 1 else 's'}"


def _share(each: QuotaUsage) -> float:
    return each.tally.used / max(1, limit_of(each))
