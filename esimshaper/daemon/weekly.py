# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the digest of a week once it is due, out of what history has. On the loop's thread; owns one task."""

import asyncio
import logging
from collections.abc import Callable

from esimshaper.core import notice_commands
from esimshaper.core.model.history import Sums
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.daemon.bookings import Bookings
from esimshaper.daemon.storage import Storage
from esimshaper.edge.http.control import NotNow

log = logging.getLogger(__name__)


async def two_weeks(storage: Storage, state: State, rules: Rules) -> tuple[Sums, ...] | None:
    """What was used on each of the days that a digest is made of; None while the history cannot be read."""
    ranges = notice_commands.week_ranges(state, rules)
    async with storage.lock:
        sums = await storage.sums(ranges)
    return sums if len(sums) == len(ranges) else None


class WeeklyDigest:
    """`state` and `rules` give the latest ones."""

    def __init__(
        self, bookings: Bookings, storage: Storage, state: Callable[[], State], rules: Callable[[], Rules]
    ) -> None:
        self._bookings = bookings
        self._storage = storage
        self._state = state
        self._rules = rules
        self._task: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Begins to make it if it is due. Each look-around calls it again."""
        is_busy = self._task is not None and not self._task.done()
        if not is_busy and self._storage.is_open and notice_commands.week_due(self._state(), self._rules()):
            self._task = asyncio.get_running_loop().create_task(self._make())

    async def _make(self) -> None:
        try:
            sums = await two_weeks(self._storage, self._state(), self._rules())
            if sums is not None:
                await self._bookings.change(lambda state: notice_commands.tell_week(state, self._rules(), sums))
        except NotNow:
            log.debug("the digest of the week is made after the next start")
