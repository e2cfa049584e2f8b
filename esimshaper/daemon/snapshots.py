# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page shows, at one moment: the state, and what was saved. For any thread; many viewers cost as much as one.

What is saved is read again only after a save, or when an hour begins, and not while something is being saved.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from esimshaper.core.model.counts import NOTHING, Counters, Usage, sum_of
from esimshaper.core.model.history import COUNTED_ROWS, Resolution, RowRange, Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.report.me import Used
from esimshaper.core.saving import booking as saving
from esimshaper.daemon.bookings import Bookings
from esimshaper.daemon.reports import OnLoop
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage

HOURS = 24
HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved of the day, the month and the last hours that began then. after: so many saves."""

    after: int
    day: int
    month: int
    hours: tuple[int, ...]
    today: Sums
    this_month: Usage
    by_hour: tuple[Sums, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything of one tick."""

    state: State
    facts: DaemonFacts
    saved: Saved

    def used(self, client: ClientKey) -> Used:
        """What a client used, saved and unsaved together."""
        saved, state = self.saved, self.state
        own = Sums({client: saved.today.usage.get(client, NOTHING)}, {client: saved.today.services.get(client, {})})
        today = saving.used_since(saving.today(saved.day), (own,), state, (client,))
        unsaved = saving.unsaved_of(state, client)
        by_hour = _by_hour(unsaved, saved.hours)
        return Used(
            today.usage.get(client, NOTHING),
            today.services.get(client, {}),
            saved.this_month.get(client, NOTHING) + sum_of(each for at, each in unsaved if at >= saved.month),
            [
                (start, sum(by_hour.get(start, ()), each.usage.get(client, NOTHING)))
                for start, each in zip(saved.hours, saved.by_hour, strict=True)
            ],
        )


def _by_hour(unsaved: Iterable[tuple[int, Counters]], hours: Sequence[int]) -> Mapping[int, Sequence[Counters]]:
    """What belongs to which of these hours, by its start."""
    found: dict[int, list[Counters]] = defaultdict(list)
    for at, counters in unsaved:
        begun = bisect_right(hours, at)
        if begun and at < hours[begun - 1] + HOUR_SECONDS:
            found[hours[begun - 1]].append(counters)
    return found


class Snapshots:
    """`state` and `facts` give the latest ones; `saves` how often something was saved, each on the loop."""

    def __init__(
        self,
        storage: Storage,
        bookings: Bookings,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        on_loop: OnLoop,
        stopping: Stopping,
    ) -> None:
        self._storage = storage
        self._bookings = bookings
        self._state = state
        self._facts = facts
        self._on_loop = on_loop
        self._stopping = stopping
        self._saved: Saved | None = None
        self._last: Snapshot | None = None
        self._reading = asyncio.Lock()

    def latest(self) -> Snapshot:
        """The snapshot of now. Called in other threads than the loop's. Raises NotNow."""
        self._stopping.refuse()
        last = self._last
        if last is not None and last.state is self._state():  # each tick and each save makes another one
            return last
        return self._on_loop(self._take())

    async def _take(self) -> Snapshot:
        async with self._reading:  # who comes while another one reads has the same answer
            facts = self._facts()
            if self._saved is None or not self._is_of_now(self._saved, facts):
                async with self._storage.lock:
                    self._stopping.refuse()  # a last save may have been made while this waited for the lock
                    facts = self._facts()
                    self._saved = await self._read(facts)
            # Nothing waits from here on: the state, and what was saved before it, are of one moment.
            state, last = self._state(), self._last
            if last is None or last.state is not state or last.saved is not self._saved:
                self._last = last = Snapshot(state, facts, self._saved)
            return last

    def _is_of_now(self, saved: Saved, facts: DaemonFacts) -> bool:
        hours = saving.last_hours(facts.now, HOURS)
        of = (saved.after, saved.day, saved.month, saved.hours)
        return of == (self._bookings.saves, *saving.day_and_month(facts.now), hours)

    async def _read(self, facts: DaemonFacts) -> Saved:
        day, month = saving.day_and_month(facts.now)
        hours = saving.last_hours(facts.now, HOURS)
        after = self._bookings.saves
        (today,) = await self._storage.sums(saving.today(day).parts, COUNTED_ROWS) or (Sums(),)
        this_month = await self._storage.totals(Resolution.MONTH, month)
        ranges = [RowRange(Resolution.HOUR, start, start + 1) for start in hours]
        by_hour = await self._storage.sums(ranges, COUNTED_ROWS) or tuple(Sums() for _ in hours)
        return Saved(after, day, month, hours, today, this_month, _each(by_hour, hours))


def _each(found: Sequence[Sums], hours: Sequence[int]) -> tuple[Sums, ...]:
    """What was found of each hour, without services, which the page shows of the day only."""
    return tuple(Sums(each.usage) for each, _ in zip(found, hours, strict=True))
