# SPDX-License-Identifier: GPL-2.0-or-later
"""The digest of a week: when it is due, which days it is of, and its notice with the numbers of its plot. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from esimshaper.core.model.channels import Weekly
from esimshaper.core.model.history import Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.notices import Data, Notice, NoticeKind, moment_text
from esimshaper.core.model.time_of_day import moments_of
from esimshaper.core.model.units import format_size

LATE_SECONDS = 86400
"""A box that was off at that time makes up for it within a day."""
DAYS = 7
TOP = 5


class Days(NamedTuple):
    """Days in a row: their dates, and when each begins (Unix seconds), and the one after them."""

    dates: tuple[date, ...]
    edges: tuple[int, ...]


def due(weekly: Weekly | None, last: int, now: float, zone: tzinfo) -> int | None:
    """The moment of the digest that is to be made now; `last`: of the one that was made last. None: not now."""
    if weekly is None:
        return None
    today = datetime.fromtimestamp(now, zone).date()
    days = (today - timedelta(days=back) for back in range(2))
    moments = [moments_of(day, weekly.minute, zone)[0] for day in days if day.weekday() == weekly.weekday]
    past = max((each for each in moments if each <= now), default=None)
    return past if past is not None and past > last and now - past < LATE_SECONDS else None


def days_before(now: float, zone: tzinfo) -> Days:
    """The last two weeks of whole days."""
    today = datetime.fromtimestamp(now, zone).date()
    dates = tuple(today - timedelta(days=back) for back in range(2 * DAYS, -1, -1))
    return Days(dates[:-1], tuple(moments_of(each, 0, zone)[0] for each in dates))


def notice(
    days: Days, sums: Sequence[Sums], alarms: int, names: Mapping[ClientKey, str], zone: tzinfo, at: int
) -> Notice:
    """The digest of the last of two weeks. sums: what was used on each day of both; names: of clients, for people."""
    by_day = [sum(each.total_bytes for each in day.usage.values()) for day in sums]
    total, before = sum(by_day[DAYS:]), sum(by_day[:DAYS])
    clients: dict[str, int] = {}
    services: dict[str, int] = {}
    for day in sums[DAYS:]:
        for key, used in day.usage.items():
            name = names.get(key, key)
            clients[name] = clients.get(name, 0) + used.total_bytes
        for served in day.services.values():
            for name, volume in served.items():
                services[name] = services.get(name, 0) + volume.total_bytes
    data: Data = {
        "since": moment_text(days.edges[DAYS], zone),
        "until": moment_text(days.edges[-1], zone),
        "days": [[each.isoformat(), size] for each, size in zip(days.dates[DAYS:], by_day[DAYS:], strict=True)],
        "total": total,
        "total_before": before or None,
        "top": _largest(clients),
        "services": _largest(services),
        "alarms": alarms,
    }
    return Notice(NoticeKind.WEEK, f"the last week: {format_size(total)}", at=at, data=data)


def _largest(sizes: Mapping[str, int]) -> list[list[str | int]]:
    ordered = sorted(sizes.items(), key=lambda each: -each[1])
    return [[name, size] for name, size in ordered[:TOP] if size > 0]
