# SPDX-License-Identifier: GPL-2.0-or-later
"""A history as large as it gets: its size, how long a year takes to add up, what a day writes. In: a Place. Out: Rows.

20 clients use each of 3 uplinks for 15 services, all the time: more than any home. A quick run has a tenth of them.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import process
from bench.place import Place
from bench.rows import Row, aim, number
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryRow, Resolution, RowRange
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Baseline, Booked, Booking
from esimshaper.edge.history.database import History
from tests.five_years import SECONDS, START, write_five_years

CLIENTS, UPLINKS, SERVICES = 20, ("cellular", "hotel", "cable"), 15
SIZE_AIM, SECONDS_AIM = 300, 1
YEAR = [RowRange(Resolution.DAY, START, START + 365 * 86400)]


def rows(place: Place) -> Iterator[Row]:
    """Five years, then a day."""
    part = 10 if place.quick else 1
    path = place.disk / "past" / "history.db"
    write_five_years(path, CLIENTS // part)
    detail = f"{CLIENTS} clients, {len(UPLINKS)} uplinks, {SERVICES} services, all the time"
    yield aim("five years of history", path.stat().st_size * part / 1e6, "MB", SIZE_AIM, detail)
    with contextlib.closing(History(path)) as history:
        questions: dict[str, Callable[[], object]] = {
            "client and service": lambda: history.sums(YEAR),
            "uplink": lambda: history.by_uplink(YEAR),
            "day": lambda: history.all_periods(YEAR),
        }
        for what, ask in questions.items():
            began = time.perf_counter()
            ask()
            yield aim(f"a year of days by {what}", (time.perf_counter() - began) * part, "s", SECONDS_AIM)
    yield written(place.disk / "day" / "history.db", 15 if place.quick else 120)


def written(path: Path, saves: int) -> Row:
    """A day of saves, one a minute. What the file system adds is not in it."""
    clients = [ClientKey(f"02:00:00:00:00:{client:02x}") for client in range(CLIENTS)]
    services = {f"service-{number_}": Volume(300_000, 9_000) for number_ in range(SERVICES)}
    with contextlib.closing(History(path)) as history:
        before = 0
        for minute in range(saves + 1):
            now = START + 60 * minute
            booked = [
                HistoryRow(
                    each, now // SECONDS[each] * SECONDS[each], client, Counters(5_000_000, 150_000, 5000, 900),
                    services=services, uplink=uplink,
                )
                for each in Resolution
                for client in clients
                for uplink in UPLINKS
            ]  # fmt: skip
            history.save(Booking(tuple(booked), Baseline(Booked(7, {}, {}, boottime=float(minute)))))
            before = before or process.written("self")
        each = (process.written("self") - before) / saves
    detail = f"{number(each / 1024)} KiB for each of 1,440 saves"
    return Row("written in a day of these clients", each * 1440 / 2**20, "MiB", detail=detail)
