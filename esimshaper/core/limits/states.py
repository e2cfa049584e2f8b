# SPDX-License-Identifier: GPL-2.0-or-later
"""Tallies -> client states: how each client, group and everyone stand, and why, in words. Pure.

The worst of what holds for a subject or for its ancestors counts; limits of some services only do not. An override
counts more than all quotas; but an allow leaves those of everyone in force, unless it is over the plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from types import MappingProxyType

from esimshaper.core.limits.hierarchy import override_for
from esimshaper.core.model.limits import (
    EVERYONE,
    ActionKind,
    ClientState,
    Direction,
    Level,
    Override,
    OverrideKind,
    QuotaUsage,
    ServicesState,
    Subject,
)
from esimshaper.core.model.rules import Hierarchy
from esimshaper.core.model.scope import Places
from esimshaper.core.model.units import format_moment, format_rate, format_size

OPEN = ClientState()
NOBODY: Mapping[Subject, int | None] = MappingProxyType({})
NOWHERE: Places = MappingProxyType({})

_LEVELS = {ActionKind.NOTIFY: Level.OPEN, ActionKind.THROTTLE: Level.THROTTLED, ActionKind.BLOCK: Level.BLOCKED}
_BADNESS = {level: number for number, level in enumerate(Level)}
_BY_HAND = {
    OverrideKind.BLOCK: "blocked by hand",
    OverrideKind.ALLOW: "allowed by hand",
    OverrideKind.ALLOW_OVER_PLAN: "allowed by hand over the plan",
    OverrideKind.ALARM: "blocked by an alarm",
}
_USED = {Direction.BOTH: "used", Direction.DOWNLOAD: "downloaded", Direction.UPLOAD: "uploaded"}


def states_of(
    hierarchies: Mapping[Subject, Hierarchy],
    held: Mapping[Subject, Sequence[QuotaUsage]],
    overrides: Mapping[Subject, Override],
    now: float,
    zone: tzinfo,
    curfews: Mapping[Subject, int | None] = NOBODY,
    places: Places = NOWHERE,
) -> Mapping[Subject, ClientState]:
    """The ClientState of each subject that has a chain. `held`: of all subjects in these chains.

    curfews: whom the hours of the settings block now, and until when. places: where the scopes of quotas are.
    """
    # Most of the time no limit is reached, and this is all there is to it.
    reached = {subject: usages for subject, usages in held.items() if any(each.tally.reached for each in usages)}
    found = {subject: [_by_quota(each, now, zone, places) for each in usages] for subject, usages in reached.items()}
    own = {subject: _worst(states) for subject, states in found.items()}
    limited = {
        subject: own_services for subject, each in reached.items() if (own_services := _services(each, now, zone))
    }

    def state(hierarchy: Hierarchy) -> ClientState:
        override = override_for(hierarchy, overrides)
        if override and not override.rate:
            plan = own.get(EVERYONE, OPEN) if override.kind is OverrideKind.ALLOW else OPEN
            return plan if plan.level is not Level.OPEN else _by_override(override, now, zone)
        if ends := [curfews[each] for each in hierarchy if each in curfews]:
            return _by_hours(ends, now, zone)
        if override:
            stands = _worst((_by_override(override, now, zone), *(own[each] for each in hierarchy if each in own)))
        else:
            stands = _worst(own[each] for each in hierarchy if each in own) if own else OPEN
        if not limited or stands.level is Level.BLOCKED:
            return stands
        services = tuple(one for each in hierarchy for one in limited.get(each, ()))
        return replace(stands, services=services) if services else stands

    return {subject: state(hierarchy) for subject, hierarchy in hierarchies.items()}


def _services(usages: Iterable[QuotaUsage], now: float, zone: tzinfo) -> tuple[ServicesState, ...]:
    """What quotas of some services hold of a subject now."""
    found = []
    for each in usages:
        quota, tally, level = each.quota, each.tally, _LEVELS[each.quota.action.kind]
        if quota.services and tally.reached and level is not Level.OPEN:
            reason, rate = _reason(each, f"{quota.name} ({quota.services.written})", "", now, zone), quota.action.rate
            found.append(ServicesState(quota.services, level, reason, quota.name, rate, tally.window.end))
    return tuple(found)


def _by_override(override: Override, now: float, zone: tzinfo) -> ClientState:
    blocked = not override.kind.allows
    words = _BY_HAND[override.kind]
    end = f" until {format_moment(override.until, now, zone)}" if override.until is not None else ""
    if override.rate:
        words = f"throttled to {format_rate(override.rate)} by an alarm"
        return ClientState(Level.THROTTLED, words + end, rate=override.rate, until=override.until)
    return ClientState(Level.BLOCKED if blocked else Level.OPEN, words + end, until=override.until)


def _by_hours(ends: Sequence[int | None], now: float, zone: tzinfo) -> ClientState:
    known = [end for end in ends if end is not None]
    until = max(known) if len(known) == len(ends) else None
    end = f" until {format_moment(until, now, zone)}" if until is not None else ""
    return ClientState(Level.BLOCKED, f"blocked{end} (hours)", until=until, by_hours=True)


def _by_quota(held: QuotaUsage, now: float, zone: tzinfo, places: Places) -> ClientState:
    quota, tally = held.quota, held.tally
    level = _LEVELS[quota.action.kind]
    uplinks = places.get(quota.scope, frozenset()) if quota.scope else frozenset()
    if not tally.reached or level is Level.OPEN or quota.services or (quota.scope and not uplinks):
        return OPEN
    reason = _reason(held, quota.name, f" at {', '.join(sorted(uplinks))}" if uplinks else "", now, zone)
    return ClientState(level, reason, quota.name, quota.action.rate, tally.window.end, uplinks=uplinks)


def _reason(held: QuotaUsage, name: str, at: str, now: float, zone: tzinfo) -> str:
    quota, tally = held.quota, held.tally
    rate = quota.action.rate
    what = f"throttled to {format_rate(rate)}" if quota.action.kind is ActionKind.THROTTLE else "blocked"
    used = f"{format_size(tally.used)} {_USED[quota.direction]} of {format_size(tally.allowed)}"
    return f"{name}: {used}, {what}{at} until {format_moment(tally.window.end, now, zone)}"


def _worst(states: Iterable[ClientState]) -> ClientState:
    """The highest level; of several what holds everywhere, then the slowest rate, then what lasts longest.

    What holds at some uplinks only names those of all at that level.
    """
    found = list(states)
    worst = max(
        found, key=lambda each: (_BADNESS[each.level], not each.uplinks, -each.rate, each.until or 0), default=OPEN
    )
    if not worst.uplinks:
        return worst
    return replace(worst, uplinks=frozenset().union(*(each.uplinks for each in found if each.level is worst.level)))
