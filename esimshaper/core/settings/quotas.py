# SPDX-License-Identifier: GPL-2.0-or-later
"""The list `quotas` -> Quotas. Pure."""

from datetime import tzinfo

from esimshaper.core.model.limits import (
    EVERYONE,
    Action,
    ActionKind,
    Direction,
    Follow,
    Period,
    PeriodUnit,
    Quota,
    StepKind,
    SubjectKind,
)
from esimshaper.core.model.units import MAX_BYTES, format_size, parse_size
from esimshaper.core.settings.amounts import rate_from, size_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.hours import hours_from
from esimshaper.core.settings.periods import Zones, period_from, zone_from
from esimshaper.core.settings.scopes import scope_from
from esimshaper.core.settings.service_quotas import services_from
from esimshaper.core.settings.subjects import Known, subject_from

MAX_QUOTAS = 64
MAX_TALLIES = 25_000
"""Quotas for each-client, times clients: a tick that works all of them out anew takes some 170 ms on a slow machine."""


def quotas_from(tree: Block, known: Known | None, default: tzinfo | None, zones: Zones) -> tuple[Quota, ...]:
    """All quotas that a Quota can be made of, in their order. `default` is the time zone of quotas that name none."""
    quotas = tree.blocks("quotas")
    if len(quotas) > MAX_QUOTAS:
        message = f"{len(quotas)} quotas are listed, but there is room for {MAX_QUOTAS}"
        tree.refuse(("quotas", MAX_QUOTAS), message, "One quota can be for each-client or for a group.")
    names: set[str] = set()
    read = []
    for quota in quotas:
        name = _name(quota, names)
        zone = zone_from(quota, "timezone", zones) if quota.has("timezone") else default
        read.append(_quota(quota, name, zone, known))
    return tuple(filter(None, read))


def check_number(tree: Block, max_clients: int) -> None:
    """Adds a problem at the quota for each-client that is one too many for so many clients."""
    quotas = enumerate(tree.get("quotas", ()))
    each = [at for at, quota in quotas if quota and quota.get("for") == SubjectKind.EACH_CLIENT.value]
    room = MAX_TALLIES // max_clients
    if len(each) <= max(1, room):
        return
    message = (
        f"{len(each)} quotas for each-client, times {max_clients} clients, are {len(each) * max_clients} limits to "
        f"work out within a second, but there is room for {MAX_TALLIES}"
    )
    hint = (
        f"Set meter.max_clients to {MAX_TALLIES // len(each)} or less, or write quotas for a group or for one client."
    )
    tree.refuse(("quotas", each[max(1, room)], "for"), message, hint)


def _quota(quota: Block, name: str | None, zone: tzinfo | None, known: Known | None) -> Quota | None:
    if quota.has("follow"):
        return _following(quota, name, zone, known)
    for key in ("before", "step"):
        if quota.has(key):
            quota.refuse(key, f"`{key}` goes with `follow: plan` only", "Write `follow: plan`, or remove it.")
    subject, period, action = subject_from(quota, known), period_from(quota, zone), _action(quota)
    limit, used = size_from(quota, "limit", 1), size_from(quota, "used", 0)
    warnings = _warnings(quota, limit) if limit is not None else ()
    if name is None or subject is None or limit is None or period is None or zone is None or action is None:
        return None
    direction = Direction(quota.get("direction", Direction.BOTH))
    hours, scope, services = hours_from(quota, zone), scope_from(quota), services_from(quota)
    return Quota(
        name, subject, limit, period, zone, action, direction, warnings, used or 0, hours, None, scope, services
    )


def _following(quota: Block, name: str | None, zone: tzinfo | None, known: Known | None) -> Quota | None:
    """A quota that has its limit and its windows from a plan."""
    subject, action, before = subject_from(quota, known), _action(quota), size_from(quota, "before", 0)
    said = [key for key in ("limit", "period", "hours", "warn_at", "uplink", "service") if quota.get(key)]
    said += ["used"] if size_from(quota, "used", 0) else []
    said += ["direction"] if quota.get("direction", Direction.BOTH) != Direction.BOTH else []
    for key in said:
        quota.refuse(key, f"`{key}` does not go with `follow: plan`", "The plan says it: remove this line.")
    if subject is not None and subject != EVERYONE:
        message = "a plan is shared by all, so a quota that follows it is for everyone"
        quota.refuse("for", message, "Write `for: everyone`; limits of devices are quotas of their own.")
    if name is None or subject is None or zone is None or action is None:
        return None
    follow = Follow(quota.get("plan", ""), before or 0, StepKind(quota.get("step", StepKind.ANY)))
    return Quota(name, subject, MAX_BYTES, Period(PeriodUnit.MONTH), zone, action, follow=follow)


def _name(quota: Block, names: set[str]) -> str | None:
    """The quota's name, which is added to `names`. A wrong name, or one of `names`, adds a problem."""
    name = quota.name()
    if name is None:
        return None
    if not name.isprintable():
        hint = "Choose another name, for example daily."
        quota.refuse("name", "the quota's name has invisible characters", hint)
    elif name in names:
        quota.refuse("name", f"the name `{name}` is used twice", "Give each quota a name of its own.")
    names.add(name)
    return name


def _action(quota: Block) -> Action | None:
    written = quota.get("then")
    if isinstance(written, str):
        return Action(ActionKind(written))
    rate = rate_from(quota.block("then"), "throttle")
    return None if rate is None else Action(ActionKind.THROTTLE, rate)


def _warnings(quota: Block, limit: int) -> tuple[int, ...]:
    """The warnings in bytes: each above the one before it, and none above `limit`."""
    warnings: list[int] = []
    before = 0
    for position, text in enumerate(quota.get("warn_at", ())):
        where = ("warn_at", position)
        if text is None:
            continue
        hint = "Write a percentage of the limit, such as 80%, or an amount."
        warning = quota.parse_value(where, text, lambda text: _parse_warning(text, limit), hint)
        if warning is None:
            continue
        if warning > limit:
            quota.refuse(where, f"`{text}` is above the limit, {format_size(limit)}", "Warn at 100% or before it.")
        elif warning <= before:
            above = f"is not above the warning before it, {format_size(before)}" if before else "is not above 0"
            quota.refuse(where, f"`{text}` {above}", "Write the warnings in rising order, for example [50%, 80%].")
        warnings.append(warning)
        before = max(before, warning)
    return tuple(warnings)


def _parse_warning(text: str, limit: int) -> int:
    """Bytes of a warning: an amount, or a percentage of `limit`, rounded up: less would not be that percentage yet.

    Raises ValueError for parts of a byte.
    """
    if not text.endswith("%"):
        return parse_size(text)
    whole, _, decimals = text.removesuffix("%").partition(".")
    divisor: int = 100 * 10 ** len(decimals)
    return -(-limit * int(whole + decimals) // divisor)
