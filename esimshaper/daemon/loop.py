# SPDX-License-Identifier: GPL-2.0-or-later
"""The tick, and what starts and stops around it. Owns the event loop and the State.

One thread runs all of it but three things: SQLite works in a thread of its own, so that a slow card delays nothing, and
the two HTTP servers answer from immutable values or ask the loop.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from esimshaper import __version__
from esimshaper.core import pipeline, report_metrics
from esimshaper.core.report_words import Facts
from esimshaper.core.settings import Settings
from esimshaper.core.state import Booking, State
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.enforcer import Enforcer
from esimshaper.daemon.observer import Observer
from esimshaper.daemon.places import pins_root, state_directory
from esimshaper.daemon.storage import Storage
from esimshaper.edge import control, metrics, service
from esimshaper.edge.meter import Announcement
from esimshaper.edge.pins import Pins
from esimshaper.edge.traffic_control import LinkEvents

TICK_SECONDS = 1.0
SLOW_TICKS = 10
"""Every so many ticks it is looked at what changes seldom, or costs more to look at."""

log = logging.getLogger(__name__)


def rules_of(settings: Settings) -> pipeline.Rules:
    """What core needs to know of the settings."""
    names = {client.mac: client.name for client in settings.clients}
    groups = {client.mac: client.group for client in settings.clients if client.group}
    return pipeline.Rules(settings.wan.interface, ZoneInfo(settings.timezone), names, groups, settings.quotas)


class Daemon:
    """Everything is attached, adopted and resumed when `serve` starts, and closed by `cleanup`."""

    def __init__(self, settings: Settings, socket: Path, cleanup: contextlib.ExitStack) -> None:
        self._settings = settings
        self._socket = socket
        self._cleanup = cleanup
        self._zone = ZoneInfo(settings.timezone)
        self._rules = rules_of(settings)
        self._state = State()
        self._started = datetime.now(self._zone)
        self._ticked: datetime | None = None
        self._tick_seconds = 0.0
        self._wake = asyncio.Event()
        self._links_changed = False
        self._stopping = False
        self._saving: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        await self._start(loop)
        ticks = 0
        while not self._stopping:
            look_around = ticks % SLOW_TICKS == 0 or self._links_changed
            if look_around:
                self._links_changed = False
                self._observer.look_around()
            self._wake.clear()
            self._tick(look_around=look_around)
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_SECONDS - time.monotonic() % TICK_SECONDS)
        await self._finish()

    async def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        pins = Pins(pins_root())
        self._cleanup.callback(pins.close)
        self._storage = Storage(state_directory() / "history.db")
        await self._resume()
        self._observer = Observer(self._settings, pins, self._cleanup)
        self._enforcer = Enforcer(self._settings, self._observer.meter, self._cleanup)
        await self._book_predecessors(pins)
        self._listen_to_kernel(loop)
        self._observer.look_around()
        self._tick(look_around=True)
        self._observer.attach()
        answers = Answers(
            loop, self._storage, self._observer.meter, self._rules, lambda: self._state, self._facts, self._change
        )
        self._socket.parent.mkdir(parents=True, exist_ok=True)
        self._cleanup.callback(self._socket.unlink, missing_ok=True)
        self._cleanup.callback(control.serve(answers.routes(), self._socket).stop)
        listen = self._settings.metrics.listen
        served = metrics.serve(lambda: report_metrics.metrics(self._state, self._facts()), listen.address, listen.port)
        self._cleanup.callback(served.stop)
        log.info("counting on %s; metrics at http://%s/metrics", self._settings.wan.interface, served.address)
        service.tell_manager(ready=True, status=f"counting on {self._settings.wan.interface}")

    def _listen_to_kernel(self, loop: asyncio.AbstractEventLoop) -> None:
        """A link that changed, or a client never seen before, does not wait for the next tick."""
        links = LinkEvents()
        self._cleanup.callback(links.close)

        def look() -> None:
            links.drain()
            self._links_changed = True
            self._wake.set()

        loop.add_reader(links.fd, look)
        ring = self._observer.meter.announcements(self._hear)
        self._cleanup.callback(ring.close)
        loop.add_reader(ring.fd, ring.consume)

    def _hear(self, announcement: Announcement) -> None:
        if announcement.client:
            log.info("new client %s", self._rules.names.get(announcement.client, announcement.client))
        self._wake.set()

    async def _resume(self) -> None:
        found = await self._storage.open()
        if found:
            self._state = pipeline.resume(*found, None if self._state == State() else self._state)

    async def _book_predecessors(self, pins: Pins) -> None:
        """Maps of other sizes are read for the last time and then removed.

        Their bytes are in the state before the maps go; if they cannot be saved now, they are kept in memory and tried
        again. Removing the maps only after a save would count them twice if that save failed and a later one did not.
        """
        for generation, reading in self._observer.predecessors():
            seen = replace(self._observer.observe(), reading=reading)
            self._state, _ = pipeline.advance(self._state, self._rules, time.time(), seen)
            booking = pipeline.final(self._state, self._rules, clean=True)
            if booking:
                self._state = replace(self._state, baseline=booking.baseline, saving=booking)
                await self._save(booking)
            pins.remove(generation)
            log.info("took over the counters of %s", generation.name)

    def _tick(self, *, look_around: bool = False) -> None:
        began = time.monotonic()
        self._ticked = datetime.now(self._zone)
        seen = self._observer.observe()
        self._state, outcome = pipeline.advance(self._state, self._rules, time.time(), seen)
        if outcome.booking:
            self._saving = asyncio.create_task(self._save(outcome.booking))
        self._enforcer.enforce(outcome, seen.reading, self._state.verdicts, look_around=look_around)
        self._tick_seconds = time.monotonic() - began

    async def _save(self, booking: Booking) -> None:
        """What people are told is told after it was saved that they were."""
        await self._store(booking)
        for notice in booking.notices:
            service.announce(notice, self._rules.names, self._settings.wan.interface)

    async def _change(self, change: Callable[[State], State]) -> None:
        """What a person set is in force with the next packet, and saved before they are told so.

        If it cannot be saved it is in force all the same; the status says what is wrong with the disk.
        """
        self._state = change(self._state)
        if self._saving:
            await asyncio.wait([self._saving])
        self._tick()
        if self._saving:
            await asyncio.wait([self._saving])

    async def _store(self, booking: Booking) -> None:
        async with self._storage.lock:
            if not self._storage.is_open:
                await self._resume()
            if not self._storage.is_open:
                self._state = pipeline.not_saved(self._state, self._rules)
            elif self._state.saving is not booking:
                pass  # what was saved before has taken the state's place; the next tick counts on from there
            elif await self._storage.save(booking):
                self._state = pipeline.saved(self._state, booking)
            else:
                self._state = pipeline.not_saved(self._state, self._rules)

    def _facts(self) -> Facts:
        return Facts(
            now=datetime.now(self._zone),
            version=__version__,
            wan_interface=self._settings.wan.interface,
            started=self._started,
            config_loaded=self._started,
            tick_at=self._ticked,
            tick_seconds=self._tick_seconds,
            storage_problem=self._storage.problem,
            storage_failures=self._storage.failures,
            quotas=self._rules.quotas,
            names=self._rules.names,
            groups=self._rules.groups,
        )

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _finish(self) -> None:
        """The last bytes are saved; what is in the kernel stays and goes on counting."""
        service.tell_manager(stopping=True, status="saving")
        if self._saving:
            await self._saving
        if not self._storage.is_open:
            await self._resume()
        self._state, _ = pipeline.advance(self._state, self._rules, time.time(), self._observer.observe())
        booking = pipeline.final(self._state, self._rules)
        if booking:
            await self._storage.save(booking)
        await self._storage.close()
        log.info("stopped; the kernel goes on counting")
