# SPDX-License-Identifier: GPL-2.0-or-later
"""What is saved when a command, a slow disk and the end of the daemon meet. Real SQLite, a router without a kernel."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from esimshaper.core import pipeline
from esimshaper.core.commands import override
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.happenings import Told
from esimshaper.core.model.history import Resolution, RowRange
from esimshaper.core.model.limits import OverrideKind, Subject, SubjectKind
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.state import Booking, Outcome, State
from esimshaper.daemon.bookings import Bookings
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.edge.history.database import History
from esimshaper.edge.http.control import NotNow
from tests.core.test_pipeline import ALICE, BOB, NOW, POLICY, seen


class Ticker:
    """Counts 1,000 bytes at the first tick after `moves`, and folds `advance` as the real one does."""

    save: Callable[[Booking], None]

    def __init__(self) -> None:
        self.state = State()
        self.down, self.boottime = 0, 1000

    def moves(self) -> None:
        self.down += 1000

    def tick(self, resumed: State | None = None) -> None:
        self.state, outcome = self.advance(resumed or self.state, self.observe())
        if outcome.booking:
            self.save(outcome.booking)

    def observe(self) -> Observation:
        self.boottime += 1
        return seen(self.boottime, self.down)

    def observe_and_hear(self) -> Observation:
        return replace(self.observe(), told=(Told("stopped", "esimshaper stops"),))

    def advance(self, state: State, observation: Observation) -> tuple[State, Outcome]:
        return pipeline.advance(state, POLICY, NOW + self.boottime, observation)


class Life:
    """A daemon's Bookings from its first tick to its end."""

    def __init__(self, place: Path) -> None:
        self.path = place / "history.db"
        self.storage, self.stopping, self.ticker = Storage(self.path), Stopping(), Ticker()
        configuration = SimpleNamespace(rules=POLICY)
        observer = SimpleNamespace(predecessors=list)
        self.bookings = Bookings(
            self.ticker,  # type: ignore[arg-type]
            configuration,  # type: ignore[arg-type]
            observer,  # type: ignore[arg-type]
            self.storage,
            None,  # type: ignore[arg-type]
            self.stopping,
        )

    async def begin(self) -> None:
        self.ticker.tick(await self.bookings.open())
        await self.settle()

    async def settle(self) -> None:
        while self.ticker.state.saving.booking:
            await asyncio.sleep(0)

    def block(self, who: str) -> "asyncio.Task[None]":
        subject = Subject(SubjectKind.CLIENT, who)
        change = self.bookings.change(lambda state: override(state, subject, OverrideKind.BLOCK, None))
        return asyncio.create_task(change)

    async def end(self) -> None:
        self.stopping.begin()
        await self.bookings.finish()
        await self.storage.close()

    def saved(self) -> tuple[Counters, set[str]]:
        """What the history has of all clients, and who is blocked."""
        with contextlib.closing(History(self.path)) as history:
            totals = history.totals(Resolution.MONTH, _month(history))
            overrides = history.load().limits.overrides
        return sum(totals.values(), Counters()), {each.subject.id for each in overrides}


def _month(history: History) -> int:
    (period,) = {each.start for each in history.periods(RowRange(Resolution.MONTH, 0, 2**40), 10)}
    return period


@contextlib.contextmanager
def busy_disk(path: Path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_command_that_waits_for_a_save_while_the_daemon_stops_is_saved_and_no_byte_twice(tmp_path: Path) -> None:
    async def scene() -> Life:
        life = Life(tmp_path)
        await life.begin()
        with busy_disk(life.path):
            life.ticker.moves()
            first, second = life.block(ALICE), life.block(BOB)  # the second waits for the save of the first
            await asyncio.sleep(0.1)
            assert life.ticker.state.saving.urgent
            end = asyncio.create_task(life.end())
            await asyncio.sleep(0)
        await asyncio.gather(first, second, end)
        return life

    life = asyncio.run(scene())
    assert life.saved() == (seen(0, 1000).reading.accounts[2], {ALICE, BOB})


def test_a_command_that_comes_after_the_end_has_begun_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def scene() -> Life:
        life = Life(tmp_path)
        await life.begin()
        life.ticker.moves()
        life.stopping.begin()
        before = life.ticker.state
        with pytest.raises(NotNow, match="the daemon is stopping"):
            await life.block(ALICE)
        assert life.ticker.state is before
        await life.end()
        return life

    assert asyncio.run(scene()).saved() == (seen(0, 1000).reading.accounts[2], set())


def test_that_the_daemon_stops_is_in_the_last_save(tmp_path: Path) -> None:
    async def scene() -> Life:
        life = Life(tmp_path)
        await life.begin()
        await life.end()
        return life

    with contextlib.closing(History(asyncio.run(scene()).path)) as history:
        assert [each.text for each in history.happenings(0)] == ["esimshaper stops"]
