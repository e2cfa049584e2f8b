# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings in force and edited ones -> what would change, in words; and what only a restart can change. Pure.

    quota daily: limit 500 MB -> 1.00 GB
    client tv: new (02:00:00:00:00:11, group living-room)
    wan.interface: wwan0 -> wwan1

Clients are compared by their MAC address, so a new name is shown as one. Quotas are compared by their name, under which
usage is stored too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from esimshaper.core.model.approval import Approval
from esimshaper.core.model.channels import Weekly
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Action, ActionKind, Follow, Quota, StepKind, Subject
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.saver import Pace
from esimshaper.core.model.time_of_day import Hours
from esimshaper.core.model.trips import Trip
from esimshaper.core.model.units import format_endpoint, format_rate, format_size, write_duration, write_size
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.model.watch import Reaction
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.values import Client, Listen, Settings, Tunnel, Wan, shaped_at

_LISTS = ("clients", "quotas", "blocks", "wan", "plans", "trips", "rules", "saver.paces")
_NONE = "none"
_WHOLE = Listen | Hours | Weekly | Approval
_NO_UPLINK = Uplink("", "")
NOTHING: Mapping[str, int] = MappingProxyType({})
Names = Mapping[ClientKey, str]


def changes(old: Settings, new: Settings, used: Mapping[str, int] = NOTHING) -> tuple[str, ...]:
    """A line for each value that differs in `new`. `used`: bytes that count as used of each quota, by its name."""
    of_quotas = _quotas(old, new, used)
    return (
        *_values("", old, new),
        *_wan(old.wan, new.wan),
        *_clients(old.clients, new.clients),
        *of_quotas,
        *_blocks(old, new),
        *_rules(old, new),
        *_plans(old.plans, new.plans),
        *_trips(old.trips, new.trips),
        *_paces(old, new),
    )


def needs_restart(old: Settings, new: Settings) -> tuple[Problem, ...]:
    """The settings that differ and that fix the layout or the size of maps in the kernel."""
    # New maps would have to be filled while packets are still counted in the old ones. A restart can do that: it takes
    # over the counts of the old maps.
    made_for = (
        (("lan", "mark_mask"), _mask(old.lan.mark_mask), _mask(new.lan.mark_mask)),
        (("meter", "max_clients"), old.meter.max_clients, new.meter.max_clients),
        (("meter", "max_flows"), old.meter.max_flows, new.meter.max_flows),
        (("wan",), _apart(old), _apart(new)),
        (("quotas",), _scopes(old), _scopes(new)),
        (("services", "names"), _switch(old.services.names), _switch(new.services.names)),
    )
    follows = old.lan.mark_mask != new.lan.mark_mask  # without max_clients in the file, its default depends on the mask
    return tuple(
        Problem(
            path,
            f"{'.'.join(path)} cannot change while the daemon runs ({before} -> {after})",
            f"This needs `systemctl restart esimshaper`, which loses nothing; or {_back_to(before)}, and reload.",
        )
        for path, before, after in made_for
        if before != after and not (follows and path[-1] == "max_clients")
    )


def _values(where: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - any block of the settings
    """The values that differ, but for the lists, by their names in the file."""
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        name = f"{where}{field.name}"
        if before == after or name in _LISTS:
            continue
        if type(before) is type(after) and is_dataclass(before) and not isinstance(before, _WHOLE):
            yield from _values(f"{name}.", before, after)
        else:
            yield f"{name}: {_written(name, before)} -> {_written(name, after)}"


def _wan(old: Wan, new: Wan) -> Iterator[str]:
    """What differs of the one uplink; of a list, each uplink by its name."""
    if not old.listed and not new.listed:
        yield from _values("wan.", old, new)
        return
    yield from _values("wan.", *(replace(shaped_at(each, _NO_UPLINK), name="", listed=()) for each in (old, new)))
    before, after = ({each.name: each for each in wan.uplinks} for wan in (old, new))
    for name, each in after.items():
        if name in before:
            yield from _values(f"uplink {name}: ", _comparable(before[name]), _comparable(each))
            if _metered(before[name]) != _metered(each):
                yield f"uplink {name}: metered: {_metered(before[name])} -> {_metered(each)}"
        else:
            yield f"uplink {name}: new ({each.interface})"
    yield from (f"uplink {name}: removed" for name in before if name not in after)


def _comparable(uplink: Uplink) -> Uplink:
    return replace(uplink, interfaces=(), found_by="", metered=True, asks=False)


def _metered(uplink: Uplink) -> str:
    return "auto" if uplink.asks else "yes" if uplink.metered else "no"


def _written(name: str, value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{kind} {_reaction(each)}" for kind, each in value.items()) or _NONE
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value))) or _NONE
    if value is None or value in ((), ""):
        return _NONE
    if isinstance(value, Tunnel | Approval):
        return _tunnel(value) if isinstance(value, Tunnel) else _approval(value)
    if isinstance(value, Hours):
        return value.written
    if isinstance(value, Listen):
        return format_endpoint(value.address, value.port)
    if isinstance(value, tuple):
        return ", ".join(_written(name, each) for each in value)
    if isinstance(value, bool):
        if name == "web.plan":
            return "shown" if value else "hidden"
        return _switch(value) if name == "services.names" else "yes" if value else "no"
    if isinstance(value, int):
        if name.endswith(("download", "upload", "low_data.video")):
            return format_rate(value)
        sizes = {"lan.mark_mask": _mask(value), "router.reserve": format_size(value)}
        return {**sizes, "watch.newcomer": format_size(value), "notices.day_bytes": format_size(value)}.get(
            name, str(value)
        )
    return str(value)


def _approval(approval: Approval) -> str:
    above = f"{approval.percent}%" if approval.percent else format_size(approval.above)
    first = ", in the first day too" if approval.first_day else ""
    lasts = write_duration(approval.lasts)
    whose = _subject(approval.subject, {})
    return f"above {above} for {whose}, {format_rate(approval.rate)}, answers for {lasts}{first}"


def _reaction(reaction: Reaction) -> str:
    what = f"throttle {format_rate(reaction.rate)}" if reaction.rate else "block"
    return f"{what} {write_duration(reaction.seconds)}"


def _tunnel(tunnel: Tunnel) -> str:
    said = f"{tunnel.interface} with port {tunnel.port}" if tunnel.port else f"{tunnel.interface} without a port"
    said += f" of {tunnel.protocol}" if tunnel.protocol else ""
    return f"{said} to {tunnel.peer}" if tunnel.peer else said


def _mask(mask: int) -> str:
    return f"{mask:#010x}" if mask else _NONE


def _apart(settings: Settings) -> str:
    return ", ".join(settings.wan.counted_apart) or "one uplink"


def _scopes(settings: Settings) -> str:
    return "; ".join(each.written for each in settings.scopes) or _NONE


def _scope(quota: Quota) -> str:
    return quota.scope.written if quota.scope else "all metered uplinks"


def _services(quota: Quota) -> str:
    return quota.services.written if quota.services else "everything"


def _switch(on: bool) -> str:  # noqa: FBT001 - the value of a setting
    return "on" if on else "off"


def _back_to(value: object) -> str:
    return "take it out again" if value == _NONE else f"write {value} again"


def _clients(old: Sequence[Client], new: Sequence[Client]) -> Iterator[str]:
    before, after = ({client.key: client for client in clients} for clients in (old, new))
    for client in new:
        known = before.get(client.key)
        if known is None:
            yield f"client {client.name}: new ({client.key}{f', group {client.group}' if client.group else ''})"
            continue
        if known.name != client.name:
            yield f"client {known.name}: renamed to {client.name}"
        if known.group != client.group:
            yield f"client {client.name}: group {known.group or _NONE} -> {client.group or _NONE}"
        if known.first != client.first:
            yield f"client {client.name}: {'goes first now' if client.first else 'goes first no more'}"
    for client in old:
        if client.key not in after:
            yield f"client {client.name}: removed; the device is counted under its address {client.key}"


def _quotas(old: Settings, new: Settings, used: Mapping[str, int]) -> Iterator[str]:
    before, after = ({quota.name: quota for quota in settings.quotas} for settings in (old, new))
    earlier, names = ({client.key: client.name for client in settings.clients} for settings in (old, new))
    for quota in new.quotas:
        known = before.get(quota.name)
        if known is None:
            yield f"quota {quota.name}: new, {_in_short(quota, names)}"
        elif known != quota and (said := list(_of_quota(known, quota, {**earlier, **names}, used.get(quota.name, 0)))):
            yield f"quota {quota.name}: {', '.join(said)}"
    for quota in old.quotas:
        if quota.name not in after:
            yield f"quota {quota.name}: removed, with its usage"


def _blocks(old: Settings, new: Settings) -> Iterator[str]:
    names = {client.key: client.name for client in (*old.clients, *new.clients)}
    for kept, there, word in ((old.blocks, new.blocks, "new"), (new.blocks, old.blocks, "removed")):
        for each in there:
            if each not in kept:
                yield f"block of {_subject(each.subject, names)} at {_hours(each.hours)}: {word}"


def _rules(old: Settings, new: Settings) -> Iterator[str]:
    names = {client.key: client.name for client in (*old.clients, *new.clients)}
    for kept, there, word in ((old.rules, new.rules, "new"), (new.rules, old.rules, "removed")):
        for each in there:
            if each not in kept:
                then = f"pace {format_rate(each.rate)}" if each.rate else each.kind.value
                yield f"rule for {_subject(each.subject, names)}, {each.written}: {word} ({then})"
    if old.rules != new.rules and sorted(map(repr, old.rules)) == sorted(map(repr, new.rules)):
        yield "rules: in another order"


def _plans(old: Sequence[Plan], new: Sequence[Plan]) -> Iterator[str]:
    before, after = ({plan.name: plan for plan in plans} for plans in (old, new))
    for plan in new:
        known = before.get(plan.name)
        if known is None:
            yield f"plan {plan.name}: new"
        elif known != plan:
            names = ", ".join(
                field.name for field in fields(plan) if getattr(known, field.name) != getattr(plan, field.name)
            )
            yield f"plan {plan.name}: other terms ({names}); what was counted stays"
    for plan in old:
        if plan.name not in after:
            yield f"plan {plan.name}: removed, with what it counted"


def _trips(old: Sequence[Trip], new: Sequence[Trip]) -> Iterator[str]:
    before, after = {trip.name: trip for trip in old}, {trip.name: trip for trip in new}
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield f"trip {name}: {'removed' if name not in after else 'changed' if name in before else 'new'}"


def _paces(old: Settings, new: Settings) -> Iterator[str]:
    names = {client.key: client.name for client in (*old.clients, *new.clients)}
    before, after = (", ".join(_pace(each, names) for each in one.saver.paces) or _NONE for one in (old, new))
    if before != after:
        yield f"saver.pace: {before} -> {after}"


def _pace(pace: Pace, names: Names) -> str:
    return f"{pace} for {_subject(pace.subject, names)}"


def _hours(hours: Hours | None) -> str:
    return f"{hours.written} ({hours.zone})" if hours else "any time"


def _in_short(quota: Quota, names: Names) -> str:
    if quota.follow:
        return f"{_followed(quota.follow)}, then {_action(quota.action)}"
    period = f"{format_size(quota.limit)} per {_period(quota)} for {_subject(quota.subject, names)}"
    at = f" at {quota.scope.written}" if quota.scope else ""
    of = f" of {quota.services.written}" if quota.services else ""
    return f"{period}{at}{of}, then {_action(quota.action)}"


def _of_quota(old: Quota, new: Quota, names: Names, used: int) -> Iterator[str]:
    pairs = {
        "for": (_subject(old.subject, names), _subject(new.subject, names)),
        "limit": _sizes((old.limit,), (new.limit,)),
        "period": (_period(old), _period(new)),
        "timezone": (str(old.zone), str(new.zone)),
        "direction": (old.direction.value, new.direction.value),
        "warn_at": _sizes(old.warn_at, new.warn_at),
        "then": (_action(old.action), _action(new.action)),
        "hours": (_hours(old.hours), _hours(new.hours)),
        "follow": (_followed(old.follow), _followed(new.follow)),
        "at": (_scope(old), _scope(new)),
        "of": (_services(old), _services(new)),
    }
    yield from (f"{key} {before} -> {after}" for key, (before, after) in pairs.items() if before != after)
    if old.period != new.period and used:
        yield f"{format_size(used)} used so far stay (`esimshaper restart {new.name}` begins at nothing)"
    if old.used != new.used:
        correct = f"`esimshaper correct {new.name} {write_size(new.used)}` sets it"
        yield f"used {format_size(new.used)} has no effect, as the quota counts already ({correct})"


def _sizes(old: Sequence[int], new: Sequence[int]) -> tuple[str, str]:
    """Both sizes for people, to the byte where rounding would hide the difference."""
    before, after = (", ".join(map(format_size, sizes)) or _NONE for sizes in (old, new))
    if before == after and old != new:
        before, after = (", ".join(f"{size} B" for size in sizes) for sizes in (old, new))
    return before, after


def _subject(subject: Subject, names: Names) -> str:
    return subject.written(names.get(ClientKey(subject.id), subject.id))


def _period(quota: Quota) -> str:
    """The period; where it counts from a moment, that is written as in the file, by the clock of the quota's zone."""
    period = quota.period
    if period.anchor is None:
        return period.unit.value
    began = datetime.fromtimestamp(period.anchor, quota.zone)
    return f"{period.count} {period.unit.value}s from {began:%Y-%m-%dT%H:%M:%S}"


def _followed(follow: Follow | None) -> str:
    if follow is None:
        return _NONE
    steps = {StepKind.ANY: "the next step"}.get(follow.step, f"the next step of {follow.step}")
    return f"{format_size(follow.before)} before {steps} of {follow.plan or 'the plan'}"


def _action(action: Action) -> str:
    return f"throttle {format_rate(action.rate)}" if action.kind is ActionKind.THROTTLE else action.kind.value
