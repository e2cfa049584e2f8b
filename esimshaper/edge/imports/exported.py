# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of `esimshaper export` -> records, as replays take them. Pure.

An export has the same bytes by five minutes, hours, days and months, and says beside the whole of a client what was for
which service. Each time is taken from the finest rows that it has, each byte once; a record is at the end of
its bucket.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from esimshaper.core.model.recorded import Recorded

NEEDED = ("resolution", "start", "client", "uplink", "service", "down_bytes", "up_bytes")
LENGTHS = {"day": 86_400, "hour": 3_600, "5min": 300}
"""Seconds, the longest first; rows by month are left out, as nobody can say when in it."""


class Row(NamedTuple):
    """As much of a row as matters here; the bytes of a service are among those of the row without one."""

    resolution: str
    start: float
    client: str
    uplink: str
    service: str
    down: int
    up: int


def records_of(rows: Callable[[], Iterable[Row]]) -> Iterator[Recorded]:
    """The records in the order of their times. `rows` reads all rows anew, those of one resolution in their order."""
    begins: dict[str, float] = {}
    for row in rows():
        begins[row.resolution] = min(row.start, begins.get(row.resolution, row.start))
    until = {name: min([begins[each] for each in finer if each in begins], default=float("inf"))
             for name, finer in _finer().items()}  # fmt: skip
    for resolution, length in LENGTHS.items():
        mine = (row for row in rows() if row.resolution == resolution and row.start + length <= until[resolution])
        for start, bucket in groupby(mine, key=lambda row: row.start):
            yield from _records(start + length, bucket)


def _finer() -> Mapping[str, list[str]]:
    names = list(LENGTHS)
    return {name: names[number + 1 :] for number, name in enumerate(names)}


def _records(at: float, rows: Iterable[Row]) -> Iterator[Recorded]:
    """One for each client, uplink and service, and for what none of the services has."""
    sums: dict[tuple[str, str, str], tuple[int, int]] = {}
    for row in rows:
        down, up = max(0, row.down), max(0, row.up)
        parts = [((row.client, row.uplink, row.service), down, up)]
        if row.service:
            parts.append(((row.client, row.uplink, ""), -down, -up))
        for key, more_down, more_up in parts:
            before = sums.get(key, (0, 0))
            sums[key] = before[0] + more_down, before[1] + more_up
    for (client, uplink, service), (down, up) in sums.items():
        if down > 0 or up > 0:
            yield Recorded(at, client, max(0, down), max(0, up), service, uplink)
