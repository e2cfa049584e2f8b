# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage -> ledger: which five minutes, hour, day and month bytes belong to. Pure.

In: Usage and the time of its reading. Out: Pending by Bucket, and from that the HistoryRows to be saved.

Bytes belong to the bucket in which they were read, also those that moved before its start: a tick is a second, and
where the gap was longer than a bucket the entry says `estimated`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType

from esimshaper.core.model.counts import NOTHING, Counters, Usage
from esimshaper.core.model.history import UNKNOWN_UPLINK, Bucket, HistoryRow, Pending, Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.proportion import in_proportion
from esimshaper.core.model.services import NO_VOLUME, UNNAMED, ServiceUsage, Volume, services_sum

BUCKET_SECONDS = 300
HOUR_SECONDS = 3600

FINE_BUCKETS = 24
HOURLY_BUCKETS = 48
"""While nothing can be saved, the newest FINE_BUCKETS stay as they are, HOURLY_BUCKETS become hours, the rest days."""

Book = Mapping[Bucket, Pending]


def book(
    pending: Book,
    usage: Usage,
    now: float,
    services: ServiceUsage = MappingProxyType({}),
    *,
    uplink: str = UNKNOWN_UPLINK,
    estimated: bool = False,
) -> Book:
    """`pending` with `usage` of an uplink, and what of it was for `services`, added at `now` (Unix seconds)."""
    start = bucket_start(now)
    entries = []
    for client in {**usage, **services}:
        entry = Pending(usage.get(client, NOTHING), estimated, _named(services.get(client, {})))
        entries.append((Bucket(start, client, uplink), entry))
    return _added(pending, entries)


def share_services(services: ServiceUsage, by_uplink: Mapping[str, Usage]) -> Mapping[str, ServiceUsage]:
    """`services` by uplink: those of a client in proportion to what each uplink carried for it, to the byte.

    Where none carried anything, as names come late, they are those of the first one.
    """
    if len(by_uplink) == 1:
        return dict.fromkeys(by_uplink, services)
    shared: dict[str, dict[ClientKey, Mapping[str, Volume]]] = {uplink: {} for uplink in by_uplink}
    for client, volumes in services.items():
        used = {uplink: moved for uplink, usage in by_uplink.items() if (moved := usage.get(client, NOTHING))}
        if len(used) < 2:
            shared[next(iter(used or by_uplink))][client] = volumes
            continue
        parts = {name: _shared(volume, used) for name, volume in volumes.items()}
        for uplink in used:
            shared[uplink][client] = {name: part[uplink] for name, part in parts.items() if part[uplink]}
    return shared


def _shared(volume: Volume, used: Mapping[str, Counters]) -> Mapping[str, Volume]:
    """The share of each uplink; a direction in which none carried anything goes by both together."""
    total = {uplink: moved.total_bytes for uplink, moved in used.items()}
    down = {uplink: moved.down_bytes for uplink, moved in used.items()}
    up = {uplink: moved.up_bytes for uplink, moved in used.items()}
    downs = in_proportion(volume.down_bytes, down if any(down.values()) else total)
    ups = in_proportion(volume.up_bytes, up if any(up.values()) else total)
    return {uplink: Volume(downs[uplink], ups[uplink]) for uplink in used}


def doubt(pending: Book, clients: Iterable[ClientKey], now: float, uplink: str = UNKNOWN_UPLINK) -> Book:
    """`pending` with a note at `now` that bytes of `clients` may be missing, though none are at hand."""
    return book(pending, {client: Counters() for client in clients}, now, uplink=uplink, estimated=True)


def take_off(pending: Book, saved: Iterable[HistoryRow]) -> Book:
    """The rest of `pending` once `saved`, rows that were made from an earlier state of it, are safe."""
    left = dict(pending)
    for row in saved:
        bucket = Bucket(row.start, row.client, row.uplink)
        if row.resolution is not Resolution.FIVE_MINUTES or bucket not in left:
            continue
        entry = left[bucket]
        rest = entry.counters - row.counters
        services = _without(entry.services, row.services)
        if rest or services or entry.estimated != row.estimated:
            left[bucket] = Pending(rest, entry.estimated, services)
        else:
            del left[bucket]
    return left


def rows(pending: Book, zone: tzinfo) -> tuple[HistoryRow, ...]:
    """Each entry in its five minutes, hour, day and month; days and months begin at midnight in `zone`."""
    sums: dict[tuple[Resolution, int, ClientKey, str], Pending] = {}
    begins = {start: starts(start, zone) for start in {bucket.start for bucket in pending}}
    for bucket, entry in pending.items():
        for resolution, start in begins[bucket.start].items():
            key = (resolution, start, bucket.client, bucket.uplink)
            sums[key] = _sum(sums[key], entry) if key in sums else entry
    return tuple(
        HistoryRow(resolution, start, client, entry.counters, entry.estimated, entry.services, uplink)
        for (resolution, start, client, uplink), entry in sums.items()
    )


def thin_out(pending: Book, zone: tzinfo) -> Book:
    """`pending` with old entries moved to the start of their hour or day: it stays small if nothing can be saved.

    Those five minutes then stand for all of the hour or day and are `estimated`; coarser rows stay right. Age is
    counted in buckets that exist, not in time: a clock that was once ahead would make everything look old.
    """
    newest_first = sorted({bucket.start for bucket in pending}, reverse=True)
    hours = {start: hour_start(start, zone) for start in newest_first[FINE_BUCKETS:]}
    old_hours = sorted(set(hours.values()), reverse=True)[HOURLY_BUCKETS:]
    days = {hour: day_start(hour, zone) for hour in old_hours}
    moves = {start: days.get(hour, hour) for start, hour in hours.items()}
    entries = []
    for bucket, entry in pending.items():
        start = moves.get(bucket.start, bucket.start)
        estimated = entry.estimated or start != bucket.start
        entries.append((replace(bucket, start=start), replace(entry, estimated=estimated)))
    return _added({}, entries)


def sum_bytes(moved: Iterable[Counters]) -> int:
    """Down and up together."""
    return sum(counters.total_bytes for counters in moved)


def bucket_start(now: float) -> int:
    """The five minutes that `now` lies in; all in Unix seconds."""
    return int(now // BUCKET_SECONDS) * BUCKET_SECONDS


def hour_start(start: int, zone: tzinfo) -> int:
    """The full hour on the clocks of `zone`; in India that is half past in UTC."""
    here = datetime.fromtimestamp(start, zone)
    on_the_clock = int(here.replace(tzinfo=UTC).timestamp())
    return start - on_the_clock % HOUR_SECONDS


def day_start(start: int, zone: tzinfo) -> int:
    """The first moment of the day in `zone`: one o'clock where the clocks skip midnight (fold=0 gives just that)."""
    here = datetime.fromtimestamp(start, zone)
    return _unix(datetime(here.year, here.month, here.day, tzinfo=zone))


def month_start(start: int, zone: tzinfo) -> int:
    """The first moment of the month in `zone`."""
    here = datetime.fromtimestamp(start, zone)
    return _unix(datetime(here.year, here.month, 1, tzinfo=zone))


def starts(start: int, zone: tzinfo) -> Mapping[Resolution, int]:
    """The beginnings of the five minutes, hour, day and month that `start` lies in."""
    return {
        Resolution.FIVE_MINUTES: bucket_start(start),
        Resolution.HOUR: hour_start(start, zone),
        Resolution.DAY: day_start(start, zone),
        Resolution.MONTH: month_start(start, zone),
    }


def _unix(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())


def _added(pending: Book, entries: Iterable[tuple[Bucket, Pending]]) -> Book:
    total = dict(pending)
    for bucket, entry in entries:
        total[bucket] = _sum(total[bucket], entry) if bucket in total else entry
    return total


def _sum(one: Pending, other: Pending) -> Pending:
    services = services_sum(one.services, other.services)
    return Pending(one.counters + other.counters, one.estimated or other.estimated, services)


def _named(services: Mapping[str, Volume]) -> Mapping[str, Volume]:
    """Without `unnamed`: it is what the others leave, so no sum can be wrong."""
    return {name: volume for name, volume in services.items() if name != UNNAMED}


def _without(services: Mapping[str, Volume], saved: Mapping[str, Volume]) -> Mapping[str, Volume]:
    rest = {name: services.get(name, NO_VOLUME) - saved.get(name, NO_VOLUME) for name in {**services, **saved}}
    return {name: volume for name, volume in rest.items() if volume}
