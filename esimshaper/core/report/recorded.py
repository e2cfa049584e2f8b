# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of history, saved and not saved yet, as the document of `esimshaper history` takes them. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from esimshaper.core.model.history import HistoryPeriod, HistoryRow
from esimshaper.core.model.requests import HistoryQuery
from esimshaper.core.model.services import Volume, services_sum
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import Document
from esimshaper.core.report.history import history_document, with_clients, with_services

Services = Mapping[int, Mapping[str, Volume]]
Place = Callable[[int], int | None]
"""The beginning of the period that a row belongs to, by its own; None where it belongs to none."""


class Recorded(NamedTuple):
    """`periods`: saved sums of all clients. `rows`, `services`: what of them each client used, or what it was for.

    `unsaved`: rows of what is not saved yet.
    """

    periods: tuple[HistoryPeriod, ...] = ()
    unsaved: tuple[HistoryRow, ...] = ()
    rows: tuple[HistoryRow, ...] = ()
    services: Services = MappingProxyType({})

    def placed(self, place: Place) -> "Recorded":
        """The same with the beginnings of the periods that rows belong to."""
        services: dict[int, Mapping[str, Volume]] = {}
        for start, volumes in self.services.items():
            there = place(start)
            if there is not None:
                services[there] = services_sum(services.get(there, {}), volumes)
        return Recorded(
            tuple(replace(each, start=there) for each in self.periods if (there := place(each.start)) is not None),
            tuple(_moved(self.unsaved, place)),
            tuple(_moved(self.rows, place)),
            services,
        )

    def plus(self, other: "Recorded") -> "Recorded":
        """Both together."""
        services = {
            start: services_sum(self.services.get(start, {}), other.services.get(start, {}))
            for start in {**self.services, **other.services}
        }
        return Recorded(
            (*self.periods, *other.periods), (*self.unsaved, *other.unsaved), (*self.rows, *other.rows), services
        )


def recorded_document(state: State, query: HistoryQuery, now: datetime, since: int, found: Recorded) -> Document:
    """The document of `found`; `now` has the zone of its periods."""
    periods: tuple[HistoryPeriod | HistoryRow, ...] = (*found.periods, *found.unsaved)
    document = history_document(now, query.by, periods, limit=query.limit, client=query.client or None, since=since)
    document |= {"uplink": query.uplink or None, "plan": query.plan or None, "zone": str(now.tzinfo)}
    if query.by_service and periods:
        return with_services(document, query.by, now.tzinfo, found.services, found.unsaved)
    if query.each and periods:
        return with_clients(document, state, now, query.by, (*found.rows, *found.unsaved))
    return document


def _moved(rows: Iterable[HistoryRow], place: Place) -> Iterable[HistoryRow]:
    for row in rows:
        there = place(row.start)
        if there is not None:
            yield row if there == row.start else replace(row, start=there)
