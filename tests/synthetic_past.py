# SPDX-License-Identifier: GPL-2.0-or-later
"""Two months of the synthetic router in a real database, asked by the daemon's own answers. A part of synthetic_router.

Everybody sleeps at night, but the tv on some of them; the hotel has Wi-Fi in the last week, and the plan changes then.
"""

import asyncio
import atexit
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Bucket, Pending
from esimshaper.core.model.requests import Request
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Booking
from esimshaper.core.report.frame import Document
from esimshaper.core.saving import ledger
from esimshaper.daemon.answers import Answers
from tests import synthetic_router as router
from tests.daemon.test_answers import Life

DAYS = 60
CELL, HOTEL = "cellular", "hotel"
_SHARES = {"youtube": 45, "icloud": 15, "line": 5, "os-updates": 8, "hidden": 4}
"""Percent of the bytes of each client; the rest is unnamed."""


def used() -> dict[Bucket, Pending]:
    """What was used, by five minutes; the same each time."""
    clients = [key for key in router.state().names.identities if ":" in key]
    found: dict[Bucket, Pending] = {}
    for back in range(DAYS):
        for hour in range(24):
            at = int((router.NOW - timedelta(days=back, hours=hour)).timestamp()) // 3600 * 3600
            for number, client in enumerate(clients):
                size = _size(back, (router.NOW - timedelta(hours=hour)).hour, number)
                if size:
                    uplink = HOTEL if back < 7 and number % 2 else CELL
                    found[Bucket(at, client, uplink)] = _entry(size)
    return found


def _size(back: int, hour: int, number: int) -> int:
    if 1 <= hour < 7:
        return 90_000_000 if number == 1 and back % 9 == 4 and hour == 3 else 0
    return (back * 7 + hour * 13 + number * 5) % 11 * (12 - number) * 300_000 if number < 12 else 0


def _entry(size: int) -> Pending:
    services = {name: Volume(size * share // 100, size * share // 2000) for name, share in _SHARES.items()}
    return Pending(Counters(size, size // 12, size // 1200, size // 2400), services=services)


@cache
def answer(place: Path | None) -> Callable[[Request], Document]:
    """Answers of a daemon that has counted all of `used`; `place` is for its database."""
    place = place or Path(tempfile.mkdtemp(prefix="esimshaper-past-"))
    life = Life(place)
    state = replace(router.state(), saving=replace(router.state().saving, pending={}))
    life.answers = Answers(life.loop, life.storage, None, None, lambda: state, router.facts, None, life.stopping)  # type: ignore[arg-type]

    async def save() -> None:
        await life.storage.open()
        assert state.baseline
        await life.storage.save(Booking(ledger.rows(used(), router.TOKYO), state.baseline))

    asyncio.run_coroutine_threadsafe(save(), life.loop).result(300)
    change = int((router.NOW - timedelta(days=20)).timestamp())
    with closing(sqlite3.connect(place / "history.db")) as other:
        plans = [("docomo-30d", CELL, change - 86400 * 40, change), ("iij-10gb", CELL, change, None)]
        other.executemany("INSERT INTO plan_intervals VALUES (?, ?, ?, ?)", plans)
        other.commit()
    atexit.register(life.end)
    return life.answers.answer
