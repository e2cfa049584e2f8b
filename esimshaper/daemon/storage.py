# SPDX-License-Identifier: GPL-2.0-or-later
"""The history in a thread of its own, so that a slow or full disk delays nothing else. Owns that thread.

Each save tries a failing disk again. Until one works, everything stays in memory and in the maps of the kernel.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from esimshaper.core.model.counts import Counters, Usage
from esimshaper.core.model.happenings import Happening
from esimshaper.core.model.history import (
    ALL_ROWS,
    HistoryPeriod,
    HistoryRow,
    Resolution,
    RowChoice,
    RowRange,
    Sums,
)
from esimshaper.core.model.identity import Identity
from esimshaper.core.model.plan_state import Interval
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Baseline, Booking
from esimshaper.core.model.transfer import Cursor, Page, Transferred
from esimshaper.edge.history.database import History, HistoryError
from esimshaper.edge.host.messages import Message, fields

log = logging.getLogger(__name__)
T = TypeVar("T")


class Storage:
    """`problem`: why nothing is saved at the moment, for people. `failures`: how often saving failed.

    A save holds `lock` until the State knows the result. A reader holds it too, and so sees no byte twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._history: History | None = None
        self.lock = asyncio.Lock()
        self.problem = ""
        self.failures = 0

    @property
    def is_open(self) -> bool:
        return self._history is not None

    async def open(self) -> tuple[Baseline | None, tuple[Identity, ...]] | None:
        """The saved Baseline and identities; None if the database cannot be opened now (see `problem`)."""
        try:
            history = await self._do(lambda: History(self._path))
        except HistoryError as error:
            self.fail(error)
            return None
        if history.notes:
            log.warning("%s", history.notes, extra=fields(Message.HISTORY_ANEW))
        self._history = history
        self._recover()
        return history.load(), history.identities()

    async def save(self, booking: Booking) -> bool:
        """Saves a booking; whether it is safe now. A failure that lasts is logged once, not each minute."""
        history = self._history
        if history is None:
            return False
        try:
            await self._do(lambda: history.save(booking))
        except HistoryError as error:
            self.fail(error)
            return False
        self._recover()
        return True

    async def totals(self, resolution: Resolution, start: int) -> Usage:
        """Saved usage by client in one bucket; none while the database cannot be read."""
        return await self._ask(lambda history: history.totals(resolution, start), {})

    async def periods(self, of: RowRange, limit: int, choice: RowChoice) -> tuple[HistoryPeriod, ...]:
        """The last saved buckets of a range; none while the database cannot be read."""
        return await self._ask(lambda history: history.periods(of, limit, choice), ())

    async def all_periods(self, ranges: Iterable[RowRange], choice: RowChoice) -> tuple[HistoryPeriod, ...]:
        """All saved buckets of some ranges; none while the database cannot be read."""
        return await self._ask(lambda history: history.all_periods(ranges, choice), ())

    async def some_rows(self, ranges: Iterable[RowRange], choice: RowChoice, limit: int) -> tuple[HistoryRow, ...]:
        """The first `limit` saved rows of some ranges; none while the database cannot be read."""
        return await self._ask(lambda history: history.some_rows(ranges, choice, limit), ())

    async def by_uplink(self, parts: Iterable[RowRange], choice: RowChoice) -> tuple[Mapping[str, Counters], ...]:
        """Saved sums of each range by uplink; none while the database cannot be read."""
        return await self._ask(lambda history: history.by_uplink(parts, choice), ())

    async def kept(self) -> tuple[Mapping[Resolution, int], tuple[Interval, ...]]:
        """When the oldest row of each resolution begins, and which plans the uplinks had; nothing as above."""
        return await self._ask(lambda history: history.kept(), ({}, ()))

    async def sums(self, parts: Iterable[RowRange], choice: RowChoice = ALL_ROWS) -> tuple[Sums, ...]:
        """Saved sums of each range; none while the database cannot be read."""
        return await self._ask(lambda history: history.sums(parts, choice), ())

    async def service_periods(
        self, ranges: Iterable[RowRange], choice: RowChoice, limit: int
    ) -> Mapping[int, Mapping[str, Volume]]:
        """What saved buckets were for, of each range the first `limit` sums; none while the database cannot be read."""

        def ask(history: History) -> Mapping[int, Mapping[str, Volume]]:
            return {
                start: found for of in ranges for start, found in history.service_periods(of, choice, limit).items()
            }

        return await self._ask(ask, {})

    async def page(self, after: Cursor | None, since: int, until: int, choice: RowChoice) -> Page:
        """Some saved rows for an export. Raises HistoryError while the database cannot be read."""
        return await self._must(lambda history: history.page(after, since, until, choice))

    async def put(self, rows: Collection[Transferred]) -> None:
        """Takes in rows of an import. Raises HistoryError if they cannot be saved: then none is."""
        await self._must(lambda history: history.put(rows))

    async def happenings(self, since: int) -> tuple[Happening, ...]:
        """All saved happenings since then; none while the database cannot be read."""
        return await self._ask(lambda history: history.happenings(since), ())

    async def rows_of(self, wanted: Mapping[str, Iterable[RowRange]]) -> Mapping[str, tuple[HistoryRow, ...]]:
        """The saved rows of some ranges, by the names that ask for them; none while the database cannot be read."""

        def of(history: History) -> Mapping[str, tuple[HistoryRow, ...]]:
            return {name: tuple(row for part in parts for row in history.rows(*part)) for name, parts in wanted.items()}

        return await self._ask(of, {}) if wanted else {}

    async def close(self) -> None:
        if self._history:
            await self._do(self._history.close)
        self._worker.shutdown()

    async def _ask(self, question: Callable[[History], T], otherwise: T) -> T:
        history = self._history
        if history is None:
            return otherwise
        try:
            return await self._do(lambda: question(history))
        except HistoryError as error:
            self.fail(error)
            return otherwise

    async def _must(self, work: Callable[[History], T]) -> T:
        history = self._history
        if history is None:
            raise HistoryError("The history cannot be opened.", self.problem)
        return await self._do(lambda: work(history))

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def fail(self, error: Exception) -> None:
        """Notes a failure. One that lasts is logged once, an unexpected one with its traceback."""
        self.failures += 1
        expected = isinstance(error, HistoryError)
        problem = str(error) if expected else f"{type(error).__name__}: {error}"
        if not self.problem:
            trace = None if expected else error
            text, known = "history cannot be saved: %s; counting goes on from memory", fields(Message.HISTORY_FAILING)
            log.error(text, problem, exc_info=trace, extra=known)
        self.problem = problem

    def _recover(self) -> None:
        if self.problem:
            log.info("history is saved again, nothing was lost", extra=fields(Message.HISTORY_WORKING))
        self.problem = ""
