# SPDX-License-Identifier: GPL-2.0-or-later
"""Bookings into the history, and the State out of it: one save at a time, beside the ticks. On the loop's thread only.

A tick hands out a booking -> it is saved -> the state hears of it -> its notices are announced.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from esimshaper.core import commands, pipeline
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Baseline, Booking, State
from esimshaper.core.saving import booking as saving
from esimshaper.core.settings.values import Settings
from esimshaper.daemon.configuration import Configuration, rules_of
from esimshaper.daemon.observer import Observer
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.daemon.ticker import Ticker
from esimshaper.edge.bpf.pins import Pins
from esimshaper.edge.host import clock, systemd

SAVE_PATIENCE = 1.5
"""Seconds that a person waits for a slow disk, twice at most: below ANSWER_SECONDS of the answers."""

log = logging.getLogger(__name__)


class Bookings:
    """Saves what the ticks of `ticker` hand out. `saves`: how often the state heard of a save that has worked.

    saved: the Baseline of the last one of this process.
    """

    def __init__(
        self,
        ticker: Ticker,
        configuration: Configuration,
        observer: Observer,
        storage: Storage,
        pins: Pins,
        stopping: Stopping,
    ) -> None:
        self._ticker = ticker
        self._configuration = configuration
        self._observer = observer
        self._storage = storage
        self._pins = pins
        self._stopping = stopping
        self._saving: asyncio.Task[None] | None = None
        self.saves = 0
        self.saved: Baseline | None = None
        ticker.save = self.begin

    def begin(self, booking: Booking) -> None:
        """Begins to save; core hands out no other booking until this one was saved or failed."""
        self._saving = asyncio.create_task(self._save(booking))

    async def open(self) -> State | None:
        """The state that was saved last; None if the history cannot be opened now."""
        state = self._ticker.state
        saved = await self._storage.open()
        if not saved:
            return None
        resumed = commands.resume(*saved, None if state == State() else state)
        return commands.begin_quotas(resumed, self._rules, await self._rows(resumed, self._rules), self._rules.zone)

    async def take_over(self, state: State) -> State:
        """`state` and the last bytes of maps of other sizes, which are removed. The history must be open."""
        # Until the history is open, all that is in memory may still be given up for what was saved. Once it is, their
        # bytes are in the state before the maps go; if they cannot be saved now, they are kept in memory and tried
        # again. To remove the maps only after a save would count them twice if that save failed and a later one did
        # not.
        for generation, reading in self._observer.predecessors():
            seen = replace(self._observer.observe(), reading=reading)
            state, booking = pipeline.drain(state, self._rules, clock.now(), seen)
            if booking:
                state = replace(state, meter=replace(state.meter, booked=booking.baseline.meter))
                state = self._after(state, booking, saved=await self._storage.save(booking))
                self._announce(booking.notices)
            self._pins.remove(generation)
            log.info("took over the counters of %s", generation.name)
        return state

    async def change(self, change: Callable[[State], State]) -> None:
        """Puts in force what a person asks for, from the next packet on, and returns when that is saved.

        If it cannot be saved, or not in time, it is in force all the same. Raises NotNow while the daemon stops.
        """
        # A person who was asked to try again would grant twice; so a slow disk is no error here.
        self._stopping.refuse()
        self._ticker.tick()  # a grant belongs to the window of now, not to one that ended since the last tick
        self._ticker.state = change(self._ticker.state)
        self._ticker.tick()
        if self._ticker.state.saving.urgent and self._saving:  # a save that began before has to end first
            await asyncio.wait([self._saving], timeout=SAVE_PATIENCE)
            if self._stopping:  # the last save has this change in it, and no tick may come after it
                return
            self._ticker.tick()
        if self._saving:
            await asyncio.wait([self._saving], timeout=SAVE_PATIENCE)

    async def change_settings(self, settings: Settings) -> None:
        """Puts other settings in force; their new quotas begin with what history has. Raises NotNow."""
        self._stopping.refuse()
        async with self._storage.lock:  # what is saved and what is not are of one moment
            saved = await self._rows(self._ticker.state, rules_of(settings))
            self._stopping.refuse()
            self._ticker.change_settings(settings, saved)

    async def counted_back(self, settings: Settings) -> tuple[str, ...]:
        """What new quotas of `settings` would begin with, as sentences."""
        rules = rules_of(settings)
        async with self._storage.lock:
            state = self._ticker.state
            saved = await self._rows(state, rules)
            began = commands.begin_quotas(self._ticker.state, rules, saved, self._rules.zone)
            told = began.saving.notices[len(self._ticker.state.saving.notices) :]
            return tuple(f"quota {notice.quota}: {notice.text}" for notice in told)

    @property
    def used(self) -> Mapping[str, int]:
        """The bytes that count as used of each quota."""
        return commands.used_by_quota(self._ticker.state)

    async def _rows(self, state: State, rules: Rules) -> commands.Saved:
        wanted = commands.wanted_history(state, rules, self._rules.zone)
        return await self._storage.rows_of({name: ranges.all for name, ranges in wanted.items()})

    async def finish(self) -> None:
        """Saves all that was counted until now. No tick may come after it."""
        while self._saving and not self._saving.done():  # a save that opened the history late may hand out another
            await self._saving
        async with self._storage.lock:
            resumed = None if self._storage.is_open else await self._resume()
            state, _ = self._ticker.advance(resumed or self._ticker.state, self._ticker.observe_and_hear())
            self._ticker.state = state
            booking = saving.final(state, self._rules)
            if booking:
                await self._storage.save(booking)
                self._announce(booking.notices)

    @property
    def _rules(self) -> Rules:
        return self._configuration.rules

    async def _resume(self) -> State | None:
        opened = await self.open()
        self.saves += 1  # what was saved before can be read from now on
        return await self.take_over(opened) if opened else None

    async def _save(self, booking: Booking) -> None:
        async with self._storage.lock:
            try:
                notices = await self._save_or_resume(booking)
            except Exception as error:  # noqa: BLE001 - whatever it is, `saving` must end, and be tried again
                self._storage.fail(error)
                self._ticker.state = saving.note_not_saved(self._ticker.state, self._rules)
                notices = booking.notices
        self._announce(notices)  # only now: the history says that they were announced, so a restart repeats none

    async def _save_or_resume(self, booking: Booking) -> tuple[Notice, ...]:
        """The notices that may be announced now."""
        if not self._storage.is_open:
            resumed = await self._resume()
            if resumed:
                self._ticker.tick(resumed)  # it sees all that is in `booking`, and has its notices again
                return ()
        saved = await self._storage.save(booking)
        self._ticker.state = self._after(self._ticker.state, booking, saved=saved)  # ticks have gone on meanwhile
        return booking.notices

    def _after(self, state: State, booking: Booking, *, saved: bool) -> State:
        self.saves += saved
        self.saved = booking.baseline if saved else self.saved
        return saving.note_saved(state, booking) if saved else saving.note_not_saved(state, self._rules)

    def _announce(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            systemd.announce(notice, self._rules.names, self._rules.wan)
