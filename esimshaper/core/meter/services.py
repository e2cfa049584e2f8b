# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage of clients -> what of it was for which service; the sum is the client's, to the byte. Pure.

In: the Step, whose reading has what the kernel counted by service; Usage as billed; uploads that wait in queues.
Out: ServiceUsage, and the counts of the kernel as far as they are booked.

    kernel, since the last tick    billed    booked
    youtube +900, unnamed +100       1,000   as counted
    youtube +900, unnamed +100       1,040   the rest is unnamed: a tunnel's headers, what the LAN moved here
    youtube +900, unnamed +100         500   in proportion: our queue lost the rest, or it still waits there
    youtube +300, unnamed -300           0   as counted: a name came for what was booked already
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from esimshaper.core.model.counts import NOTHING, Usage
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.proportion import in_proportion
from esimshaper.core.model.services import (
    NO_VOLUME,
    NUMBER_UNNAMED,
    UNNAMED,
    ServiceCounts,
    ServiceUsage,
    Volume,
    name_of_number,
    services_sum,
)
from esimshaper.core.model.tick import Step


class Row(NamedTuple):
    """A counter of the kernel: an account's, for a service by its number."""

    account: Account
    number: int


Sizes = Mapping[Row, int]


@dataclass(frozen=True, slots=True)
class Attributed:
    """usage: by client and service. booked: what the kernel had counted by account, as far as that is booked."""

    usage: ServiceUsage = field(default_factory=dict)
    booked: ServiceCounts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """Totals that never fall, for Prometheus; `unnamed` is what they leave of the client's.

    behind: by how much they are less than what was booked; below zero: more.
    """

    totals: ServiceUsage = field(default_factory=dict)
    behind: ServiceUsage = field(default_factory=dict)


def attribute(step: Step, usage: Usage, waiting: Mapping[Account, int]) -> Attributed:
    """What `usage` was for. `waiting`: uploads that are left out of it, and may still leave."""
    reading = step.reading
    known: ServiceCounts = step.before.services if step.before else {}
    if not reading.services and not reading.service_names:  # services are not counted
        return Attributed(booked=known)
    # Most of a crowd, each second: rows that did not move are the same object, and so are those that were booked whole.
    moved = [account for account, rows in reading.services.items() if rows is not known.get(account)]
    if not moved and not usage:
        return Attributed(booked=known)
    accounts: dict[ClientKey, list[Account]] = {client: [] for client in usage}
    for account in moved:
        accounts.setdefault(reading.owners.get(account, UNATTRIBUTED), [])
    for account in reading.services:
        client = reading.owners.get(account, UNATTRIBUTED)
        if client in accounts:
            accounts[client].append(account)
    booked, used = dict(known), {}
    for client, own in accounts.items():
        counters = usage.get(client, NOTHING)
        billed = Volume(counters.down_bytes, counters.up_bytes)
        rows, volumes = _attribute(step, own, billed, sum(waiting.get(account, 0) for account in own))
        booked.update(rows)
        if volumes:
            used[client] = volumes
    return Attributed(used, booked)


def _attribute(
    step: Step, accounts: Sequence[Account], billed: Volume, waiting: int
) -> tuple[ServiceCounts, Mapping[str, Volume]]:
    """Of one client: the counts of its accounts that are booked then, and what was `billed` by service."""
    known: ServiceCounts = step.before.services if step.before else {}
    now = {account: step.reading.services[account] for account in accounts}
    wanted = {row: size for account in accounts for row, size in _moved(account, now, known)}
    lacking = sum(wanted.values(), NO_VOLUME) - billed
    new = _sum(now) - _sum({a: step.seen.services.get(a, {}) for a in accounts}) if step.seen and lacking else None
    down, up = (
        _share_out(
            {row: getattr(size, name) for row, size in wanted.items()},
            getattr(billed, name),
            None if new is None else getattr(new, name),
            waiting if name == "up_bytes" else 0,
        )
        for name in ("down_bytes", "up_bytes")
    )
    volumes: dict[str, Volume] = {}
    for row, size in wanted.items():
        service = name_of_number(row.number, step.reading.service_names)
        share = size - Volume(down.cut.get(row, 0), up.cut.get(row, 0))
        volumes[service] = volumes.get(service, NO_VOLUME) + share
    named = sum((volume for service, volume in volumes.items() if service != UNNAMED), NO_VOLUME)
    volumes[UNNAMED] = billed - named
    lent = Volume(max(0, min(-lacking.down_bytes, billed.down_bytes)), max(0, min(-lacking.up_bytes, billed.up_bytes)))
    owed = {row: Volume(down.owed.get(row, 0), up.owed.get(row, 0)) for row in {**down.owed, **up.owed}}
    return _booked(now, owed, lent), {name: volume for name, volume in volumes.items() if volume}


def _moved(account: Account, now: ServiceCounts, known: ServiceCounts) -> Iterator[tuple[Row, Volume]]:
    """What each service of an account has more than is booked; also of those that `now` leaves out, as zero."""
    before, rows = known.get(account, {}), now[account]
    for number in {**before, **rows}:
        counted, booked = rows.get(number, NO_VOLUME), before.get(number, NO_VOLUME)
        if counted is not booked and counted != booked:
            yield Row(account, number), counted - booked


def _sum(counts: ServiceCounts) -> Volume:
    return sum((volume for rows in counts.values() for volume in rows.values()), NO_VOLUME)


class _Shared(NamedTuple):
    """One direction: what each row does not get, and what of that it may get yet."""

    cut: Sizes
    owed: Sizes


def _share_out(wanted: Sizes, billed: int, new: int | None, waiting: int) -> _Shared:
    """`new`: what the kernel counted since the last reading, None if nobody knows."""
    lacking = sum(wanted.values()) - billed
    if lacking <= 0:
        return _Shared({}, {})
    positive = {row: size for row, size in wanted.items() if size > 0}
    cut = in_proportion(min(lacking, sum(positive.values())), positive)
    # Bytes that wait in a queue are billed once they leave, and those that passed between two counters with the next
    # reading: they stay owed to their services. What was owed longer than that was lost, and is forgotten.
    owed = sum(cut.values())
    return _Shared(cut, in_proportion(owed if new is None else min(owed, waiting + max(0, new - billed)), cut))


def _booked(now: ServiceCounts, owed: Mapping[Row, Volume], lent: Volume) -> ServiceCounts:
    """`now` without what is `owed`: the very same rows where nothing is.

    `lent`: what `unnamed` got beyond its count. It may belong to a service whose counter was read before the account's.
    """
    # So the next reading takes it back if it can: no more than was billed by this one can have passed in between.
    missing = {row: size for row, size in owed.items() if size}
    if lent and now:
        row = next((Row(a, NUMBER_UNNAMED) for a, rows in now.items() if NUMBER_UNNAMED in rows), None)
        row = row or Row(next(iter(now)), NUMBER_UNNAMED)
        missing[row] = missing.get(row, NO_VOLUME) - lent
    changed = {row.account: dict(now[row.account]) for row in missing}
    for row, size in missing.items():
        changed[row.account][row.number] = changed[row.account].get(row.number, NO_VOLUME) - size
    return {**now, **changed}


def publish(before: Published, usage: ServiceUsage) -> Published:
    """`before` with `usage`. A name that comes for bytes of before takes its share of the next ones."""
    if not usage:
        return before
    totals, behind = dict(before.totals), dict(before.behind)
    for client, volumes in usage.items():
        late = behind.pop(client, {})
        wanted = services_sum(late, volumes)
        new = _new_totals(wanted)
        known = totals.get(client, {})
        risen = {name: more for name, more in new.items() if name != UNNAMED and more}
        totals[client] = {**known, **{name: known.get(name, NO_VOLUME) + more for name, more in risen.items()}}
        if left := {name: rest for name, size in wanted.items() if (rest := size - new[name])}:
            behind[client] = left
    return Published(totals, behind)


def _new_totals(wanted: Mapping[str, Volume]) -> Mapping[str, Volume]:
    """The sum of `wanted` shared out, so that no share is below zero."""
    sums = sum(wanted.values(), NO_VOLUME)
    down, up = (
        in_proportion(
            max(0, getattr(sums, name)), {service: max(0, getattr(size, name)) for service, size in wanted.items()}
        )
        for name in ("down_bytes", "up_bytes")
    )
    return {service: Volume(down[service], up[service]) for service in wanted}
