# SPDX-License-Identifier: GPL-2.0-or-later
"""Saved sums of a part of time, and what is not saved yet -> what was used in it. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from esimshaper.core.model.counts import NOTHING, Counters
from esimshaper.core.model.history import Bucket, Grouping, HistoryPeriod, Pending, RowChoice, Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import Volume, services_sum

T = TypeVar("T")

OF_UPLINKS = (Grouping.UPLINK, Grouping.PLAN, Grouping.TRIP)
"""What is added up by uplink; other reports by client and service, or by time."""


class Saved(NamedTuple):
    """Sums of each range of rows; as much as was asked for."""

    sums: tuple[Sums, ...] = ()
    by_uplink: tuple[Mapping[str, Counters], ...] = ()
    periods: tuple[HistoryPeriod, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What was used in one part: by client, by uplink, or by the beginning of a period.

    `begin`: of the first row that was added up.
    """

    begin: int
    sums: Sums = field(default_factory=Sums)
    by_uplink: Mapping[str, Counters] = field(default_factory=dict)
    periods: tuple[HistoryPeriod, ...] = ()


def found(
    by: Grouping, begin: int, part_of: Callable[[int], int | None], saved: Saved, unsaved: Mapping[Bucket, Pending]
) -> Found:
    """`part_of` says in which period a row is; `unsaved` has nothing but what was asked for."""
    if by.span:
        late = (HistoryPeriod(bucket.start, entry.counters, entry.estimated) for bucket, entry in unsaved.items())
        return Found(begin, periods=tuple(_in_periods((*saved.periods, *late), part_of)))
    if by in OF_UPLINKS:
        late_by_uplink = ({bucket.uplink: entry.counters} for bucket, entry in unsaved.items())
        return Found(begin, by_uplink=counters_sum((*saved.by_uplink, *late_by_uplink)))
    own = (Sums({at.client: each.counters}, {at.client: each.services}) for at, each in unsaved.items())
    return Found(begin, sums=together((*saved.sums, *own)))


def chosen(
    pending: Mapping[Bucket, Pending], part_of: Callable[[int], int | None], choice: RowChoice
) -> Mapping[Bucket, Pending]:
    """Of what is not saved yet, what lies in a part, and was chosen."""
    return {
        bucket: entry
        for bucket, entry in pending.items()
        if part_of(bucket.start) is not None and choice.has(bucket.client, bucket.uplink)
    }


def _in_periods(rows: Iterable[HistoryPeriod], part_of: Callable[[int], int | None]) -> Iterable[HistoryPeriod]:
    for row in rows:
        start = part_of(row.start)
        if start is not None:
            yield HistoryPeriod(start, row.counters, row.estimated)


def together(parts: Iterable[Sums]) -> Sums:
    """What was used in all of them."""
    all_of = tuple(parts)
    services: dict[ClientKey, Mapping[str, Volume]] = {}
    for part in all_of:
        for client, volumes in part.services.items():
            services[client] = services_sum(services.get(client, {}), volumes)
    return Sums(counters_sum(part.usage for part in all_of), services)


def counters_sum(parts: Iterable[Mapping[T, Counters]]) -> dict[T, Counters]:
    """The counters of each key, added up."""
    used: dict[T, Counters] = {}
    for part in parts:
        for key, counters in part.items():
            used[key] = used.get(key, NOTHING) + counters
    return used
