# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page shows is of one moment: no byte twice or missing around a save, and one reading serves many viewers."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Bucket, Pending
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Booking
from esimshaper.core.saving import ledger
from esimshaper.daemon.snapshots import Snapshots
from esimshaper.edge.http.control import NotNow
from tests import synthetic_router
from tests.daemon.test_answers import Life
from tests.synthetic_router import ALICE, NOW, PIXEL, TOKYO

FIVE = int(NOW.timestamp()) // 300 * 300
SAVED = {Bucket(FIVE - 3600, ALICE): Pending(Counters(1_000), services={"line": Volume(900)})}
UNSAVED = {Bucket(FIVE, ALICE): Pending(Counters(10, 1)), Bucket(FIVE, PIXEL): Pending(Counters(500))}


class Viewed:
    """A daemon that has saved something, and not yet the rest."""

    def __init__(self, place: Path) -> None:
        self.life = Life(place)
        self.state = synthetic_router.state()
        self.state = replace(self.state, saving=replace(self.state.saving, pending=UNSAVED))
        self.bookings = SimpleNamespace(saves=0)
        self.facts = synthetic_router.facts()
        self.snapshots = Snapshots(
            self.life.storage,
            self.bookings,  # type: ignore[arg-type]
            lambda: self.state,
            lambda: self.facts,
            self.life.answers.on_loop,
            self.life.stopping,
        )
        self.on_loop(self.life.storage.open())
        self.save(SAVED)

    def on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.life.loop).result(300)

    def save(self, rows: dict[Bucket, Pending]) -> None:
        assert self.state.baseline
        self.on_loop(self.life.storage.save(Booking(ledger.rows(rows, TOKYO), self.state.baseline)))


@pytest.fixture
def viewed(tmp_path: Path) -> Iterator[Viewed]:
    made = Viewed(tmp_path)
    yield made
    made.life.end()


def test_saved_and_unsaved_bytes_are_added_up(viewed):
    used = viewed.snapshots.latest().used(ALICE)
    assert (used.today, used.month) == (Counters(1_010, 1), Counters(1_010, 1))
    assert dict(used.services) == {"line": Volume(900)}
    assert [counters.total_bytes for _, counters in used.hours] == [*[0] * 22, 1_000, 11]
    assert viewed.snapshots.latest().used(PIXEL).today == Counters(500)


def test_a_save_moves_bytes_and_adds_none(viewed):
    before = viewed.snapshots.latest().used(ALICE)
    viewed.save(UNSAVED)
    assert viewed.snapshots.latest().used(ALICE) == before, "it is in the database, and the state has not heard of it"
    viewed.state = replace(viewed.state, saving=replace(viewed.state.saving, pending={}))
    viewed.bookings.saves += 1
    assert viewed.snapshots.latest().used(ALICE) == before


def test_many_viewers_of_one_tick_are_one_reading(viewed):
    with ThreadPoolExecutor(8) as viewers:
        seen = list(viewers.map(lambda _: viewed.snapshots.latest(), range(20)))
    assert len({id(each) for each in seen}) == 1
    viewed.state = replace(viewed.state)
    assert viewed.snapshots.latest() is not seen[0]
    assert viewed.snapshots.latest().saved is seen[0].saved, "nothing is read again before it has changed"


def test_a_slow_disk_keeps_nobody_from_the_page(viewed):
    before = viewed.snapshots.latest().used(ALICE)
    viewed.life.hold_the_disk()
    viewed.state = replace(viewed.state)
    assert viewed.snapshots.latest().used(ALICE) == before


def test_nobody_is_answered_once_the_daemon_stops(viewed):
    viewed.life.stopping.begin()
    with pytest.raises(NotNow, match="the daemon is stopping"):
        viewed.snapshots.latest()
