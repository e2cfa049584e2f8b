# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of settings that is about limits: the tree's `quotas`, and what else has rates and groups. Pure.

As in settings.py, each value is as the schema wants it, and a missing one (in a list: None) is not judged.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import (
    UNKNOWN_GROUP,
    Action,
    ActionKind,
    Direction,
    Period,
    PeriodUnit,
    Quota,
    Subject,
    SubjectKind,
)
from esimshaper.core.model.units import MAX_BYTES, format_size, parse_rate, parse_size
from esimshaper.core.settings.problem import Path, Problem

MAX_QUOTAS = 64
MAX_GROUPS = 31  # the kernel has room for one more: group/unknown
_RATES = range(8_000, 10 * 1000**3 + 1)
_YEARS = range(2000, 2101)
_GROUP_BYTES = 32  # of struct group_key in bpf/contract.h
_UNITS = {f"{unit.value}s": unit for unit in (PeriodUnit.HOUR, PeriodUnit.DAY, PeriodUnit.MONTH)}


@dataclass(frozen=True, slots=True)
class Known:
    """Whom a quota may name: the named clients, by name, and the groups."""

    macs: Mapping[str, ClientKey]
    groups: Collection[str]


def parse_subject(text: str, known: Known) -> Subject:
    """Who is meant by `everyone`, `each-client`, `client/NAME` or `group/NAME`, as in `for` and on the command line.

    Raises ValueError for other texts, and for a NAME that is not in `known`; the group `unknown` always is.
    """
    word, slash, name = text.partition("/")
    if text in (SubjectKind.EVERYONE.value, SubjectKind.EACH_CLIENT.value):
        return Subject(SubjectKind(text))
    if not slash or word not in (SubjectKind.CLIENT.value, SubjectKind.GROUP.value):
        raise ValueError(f"`{text}` is not everyone, each-client, client/NAME or group/NAME")
    if word == SubjectKind.GROUP.value:
        if name != UNKNOWN_GROUP and name not in known.groups:
            raise ValueError(f"no client is in the group `{name}`")
        return Subject(SubjectKind.GROUP, name)
    if name not in known.macs:
        raise ValueError(f"no client is named `{name}`")
    return Subject(SubjectKind.CLIENT, known.macs[name])


def parse_moment(text: str, zone: tzinfo) -> int:
    """Unix seconds of an ISO 8601 date or date and time; without a zone of its own it is a local time in `zone`.

    Raises ValueError for what is not in the calendar, for years that are surely mistyped, and for local times that
    `zone` skips or has twice; the text says what to write instead.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text}` is not in the calendar") from None
    if moment.year not in _YEARS:
        raise ValueError(f"`{text}` is not in the years {_YEARS[0]} to {_YEARS[-1]}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
        # In a gap or an overlap of local time the two values of `fold` give different offsets (PEP 495).
        first, second = (_with_offset(moment.replace(fold=fold)) for fold in (0, 1))
        if first > second:
            later = first.astimezone(zone).replace(tzinfo=None)
            raise ValueError(f"the clock in {zone} jumps over `{text}`; {later.isoformat()} is the same moment")
        if first < second:
            meant = f"{first.isoformat()} or {second.isoformat()}"
            raise ValueError(f"the clock in {zone} shows `{text}` twice; it is {meant}")
    return int(moment.timestamp())


def _with_offset(moment: datetime) -> datetime:
    """With its offset for a zone: times of one zone are compared without a look at their offsets."""
    return moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta()))


def quota_problems(tree: Mapping[str, Any], zone: Callable[[str], tzinfo | None]) -> Iterator[Problem]:
    """What is wrong in `quotas`; `zone` gives None for a name that this box does not know."""
    quotas = tree.get("quotas", ())
    if len(quotas) > MAX_QUOTAS:
        message = f"{len(quotas)} quotas are listed, but there is room for {MAX_QUOTAS}"
        yield Problem(("quotas", MAX_QUOTAS), message, "One quota can be for each-client or for a group.")
    clients = tree.get("clients", ())
    whole = all(client is not None and "name" in client for client in clients)
    known = known_subjects([client for client in clients if client is not None])
    names: set[str] = set()
    for position, quota in enumerate(quotas):
        if quota is None:
            continue
        path = ("quotas", position)
        if (name := quota.get("name")) is not None:
            yield from _name_problems((*path, "name"), name, names)
            names.add(name)
        # With a client whose name cannot be read, it is not known who does not exist.
        if whole and "for" in quota:
            yield from _subject_problems((*path, "for"), quota["for"], known)
        yield from _amount_problems(path, quota)
        yield from _period_problems(path, quota, tree.get("timezone"), zone)


def rate_problem(path: Path, block: Mapping[str, Any], key: str) -> Iterator[Problem]:
    """What is wrong with the rate `key` of `block`, if it is there."""
    if key in block:
        try:
            fitting = parse_rate(block[key]) in _RATES
            message = f"`{block[key]}` is not between 8kbit and 10gbit"
        except ValueError as error:
            fitting, message = False, str(error)
        if not fitting:
            yield Problem((*path, key), message, "Write it as 256kbit or 40mbit; the units are bits per second.")


def group_problems(clients: Sequence[Mapping[str, Any] | None]) -> Iterator[Problem]:
    """What is wrong with the groups of clients."""
    groups: set[str] = set()
    for position, client in enumerate(clients):
        name = client.get("group") if client is not None else None
        if name is None:
            continue
        path = ("clients", position, "group")
        if name == UNKNOWN_GROUP:
            hint = "Leave the group out, or choose another name."
            yield Problem(path, f"`{name}` is the group of all devices that are not listed here", hint)
        elif not name.isprintable():
            yield Problem(path, "the group's name has invisible characters", "Choose another name, such as kids.")
        elif len(name.encode(errors="replace")) > _GROUP_BYTES:
            hint = f"A group's name has room for {_GROUP_BYTES} bytes; letters beyond a to z take 2 to 4 each."
            yield Problem(path, f"the group's name `{name}` is too long", hint)
        if name not in groups and len(groups) == MAX_GROUPS:
            yield Problem(path, f"there are more than {MAX_GROUPS} groups", "Let clients share groups.")
            return
        groups.add(name)


def known_subjects(clients: Sequence[Mapping[str, Any]]) -> Known:
    """Whom quotas may name, by `clients` of the tree (`mac` in any spelling)."""
    macs = {each["name"]: ClientKey(each.get("mac", "")) for each in clients if "name" in each}
    return Known(macs, {each["group"] for each in clients if "group" in each})


def quotas_from(tree: Mapping[str, Any], known: Known, zone: Callable[[str], tzinfo]) -> tuple[Quota, ...]:
    """The quotas of a complete tree without problems."""
    return tuple(_quota(each, known, zone(each.get("timezone", tree["timezone"]))) for each in tree["quotas"])


def _quota(written: Mapping[str, Any], known: Known, zone: tzinfo) -> Quota:
    limit = parse_size(written["limit"])
    return Quota(
        name=written["name"],
        subject=parse_subject(written["for"], known),
        limit=limit,
        period=_period(written["period"], zone),
        zone=zone,
        action=_action(written["then"]),
        direction=Direction(written["direction"]),
        warn_at=tuple(_mark(each, limit) for each in written["warn_at"]),
        used=parse_size(written["used"]),
    )


def _period(written: str | Mapping[str, Any], zone: tzinfo) -> Period:
    if isinstance(written, str):
        return Period(PeriodUnit(written))
    word = next(each for each in _UNITS if each in written)
    return Period(_UNITS[word], int(written[word]), parse_moment(written["from"], zone))


def _action(written: str | Mapping[str, Any]) -> Action:
    if isinstance(written, str):
        return Action(ActionKind(written))
    return Action(ActionKind.THROTTLE, parse_rate(written["throttle"]))


def _mark(text: str, limit: int) -> int:
    """Bytes of a warn mark: an amount, or a percentage of `limit`, rounded up so that it is reached in truth."""
    if not text.endswith("%"):
        return parse_size(text)
    whole, _, decimals = text.removesuffix("%").partition(".")
    divisor: int = 100 * 10 ** len(decimals)
    return -(-limit * int(whole + decimals) // divisor)


def _name_problems(path: Path, name: str, names: Collection[str]) -> Iterator[Problem]:
    if not name.isprintable():
        yield Problem(path, "the quota's name has invisible characters", "Choose another name, for example daily.")
    elif name in names:
        yield Problem(path, f"the name `{name}` is used twice", "Give each quota a name of its own.")


def _subject_problems(path: Path, text: str, known: Known) -> Iterator[Problem]:
    try:
        parse_subject(text, known)
    except ValueError as error:
        hint = "Names and groups are what `clients` has; group/unknown is all devices that are not listed there."
        yield Problem(path, str(error), hint)


def _amount_problems(path: Path, quota: Mapping[str, Any]) -> Iterator[Problem]:
    limit = None
    for key, least in (("limit", 1), ("used", 0)):
        if key not in quota:
            continue
        try:
            size = parse_size(quota[key])
        except ValueError as error:
            yield Problem((*path, key), str(error), "Write whole bytes, for example 500MB or 1.5GB.")
            continue
        if not least <= size <= MAX_BYTES:
            message = f"`{quota[key]}` is not between {least}B and {MAX_BYTES // 1000**4}TB"
            yield Problem((*path, key), message, "Check the number and its unit.")
        elif key == "limit":
            limit = size
    if limit is not None:
        yield from _mark_problems((*path, "warn_at"), quota.get("warn_at", ()), limit)
    if isinstance(then := quota.get("then"), dict):
        yield from rate_problem((*path, "then"), then, "throttle")


def _mark_problems(path: Path, marks: Sequence[str | None], limit: int) -> Iterator[Problem]:
    before = 0
    for position, text in enumerate(marks):
        if text is None:
            continue
        here = (*path, position)
        try:
            mark = _mark(text, limit)
        except ValueError as error:
            yield Problem(here, str(error), "Write a percentage of the limit, such as 80%, or an amount.")
            continue
        if mark > limit:
            yield Problem(here, f"`{text}` is above the limit, {format_size(limit)}", "Warn at 100% or before it.")
        elif mark <= before:
            said = (
                f"`{text}` is not above the mark before it, {format_size(before)}" if before else f"`{text}` is nothing"
            )
            yield Problem(here, said, "Write the marks in rising order, for example [50%, 80%].")
        before = max(before, mark)


def _period_problems(
    path: Path, quota: Mapping[str, Any], default: str | None, zone: Callable[[str], tzinfo | None]
) -> Iterator[Problem]:
    name = quota.get("timezone", default)
    if "timezone" in quota:
        yield from zone_problem((*path, "timezone"), quota["timezone"], zone)
    period = quota.get("period")
    if not isinstance(period, dict) or "from" not in period or name is None:
        return
    if (rules := zone(name)) is None:
        return
    try:
        parse_moment(period["from"], rules)
    except ValueError as error:
        hint = "Write a date and time as 2026-11-01T09:00:00, with +09:00 behind it if it is of another time zone."
        yield Problem((*path, "period", "from"), str(error), hint)


def zone_problem(path: Path, name: str, zone: Callable[[str], tzinfo | None]) -> Iterator[Problem]:
    """What is wrong with the name of a time zone."""
    if zone(name) is None:
        hint = "Write it as in Asia/Tokyo; `timedatectl list-timezones` lists the names."
        yield Problem(path, f"`{name}` is not a time zone that this box knows", hint)
