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
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from esimshaper import __version__
from esimshaper.core import pipeline, report
from esimshaper.core.model import Booking, ClientKey, State
from esimshaper.core.settings import Settings
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.observer import Observer
from esimshaper.daemon.places import pins_root, state_directory
from esimshaper.daemon.storage import Storage
from esimshaper.edge import control, metrics, service
from esimshaper.edge.pins import Pins
from esimshaper.edge.traffic_control import LinkEvents

TICK_SECONDS = 1.0
SLOW_TICKS = 10
"""Every so many ticks it is looked at what changes seldom, or costs more to look at."""

log = logging.getLogger(__name__)


def policy_of(settings: Settings) -> pipeline.Policy:
    """What core needs to know of the settings."""
    names = {client.mac: client.name for client in settings.clients}
    return pipeline.Policy(settings.wan.interface, ZoneInfo(settings.timezone), names)


class Daemon:
    """Everything is attached, adopted and resumed when `serve` starts, and closed by `cleanup`."""

    def __init__(self, settings: Settings, socket: Path, cleanup: contextlib.ExitStack) -> None:
        self._settings = settings
        self._socket = socket
        self._cleanup = cleanup
        self._zone = ZoneInfo(settings.timezone)
        self._policy = policy_of(settings)
        self._state = State()
        self._started = datetime.now(self._zone)
        self._ticked: datetime | None = None
        self._tick_seconds = 0.0
        self._wake = asyncio.Event()
        self._stopping = False
        self._saving: asyncio.Task[None] | None = None
        self._told = ""

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        await self._start(loop)
        ticks = 0
        while not self._stopping:
            if ticks % SLOW_TICKS == 0 or self._wake.is_set():
                self._observer.look_around()
            self._wake.clear()
            self._tick()
            self._tell_manager()
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_SECONDS - time.monotonic() % TICK_SECONDS)
        await self._finish()

    async def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pins = Pins(pins_root())
        self._cleanup.callback(self._pins.close)
        self._storage = Storage(state_directory() / "history.db")
        self._observer = Observer(self._settings, self._pins, self._cleanup)
        resumed = await self._resumed()
        self._listen_to_kernel(loop)
        self._tick(resumed)
        answers = Answers(loop, self._storage, self._observer.meter, lambda: self._state, self._facts)
        self._socket.parent.mkdir(parents=True, exist_ok=True)
        answering = control.serve(answers.routes(), self._socket)
        self._cleanup.callback(self._socket.unlink, missing_ok=True)  # not before: only now is it ours
        self._cleanup.callback(answering.stop)
        listen = self._settings.metrics.listen
        served = metrics.serve(lambda: report.metrics(self._state, self._facts()), listen.address, listen.port)
        self._cleanup.callback(served.stop)
        log.info("metrics at http://%s/metrics", served.address)
        self._tell_manager(ready=True)

    def _listen_to_kernel(self, loop: asyncio.AbstractEventLoop) -> None:
        """A link that changed, or a client never seen before, does not wait for the next tick."""
        links = LinkEvents()
        self._cleanup.callback(links.close)

        def look() -> None:
            links.drain()
            self._wake.set()

        loop.add_reader(links.fd, look)
        ring = self._observer.meter.announcements(self._announce)
        self._cleanup.callback(ring.close)
        loop.add_reader(ring.fd, ring.consume)

    def _announce(self, client: ClientKey) -> None:
        log.info("new client %s", self._policy.names.get(client, client))
        self._wake.set()

    async def _resumed(self) -> State | None:
        """What was saved, and what has moved since in maps of other sizes; None if the history cannot be opened now."""
        found = await self._storage.open()
        if not found:
            return None
        return await self._with_predecessors(pipeline.resume(*found, None if self._state == State() else self._state))

    async def _with_predecessors(self, state: State) -> State:
        """Maps of other sizes are read for the last time and then removed.

        Only once history is open: until then everything in memory may still be given up for what was saved. Their bytes
        are in the state before the maps go; if they cannot be saved now, they are kept in memory and tried again.
        Removing the maps only after a save would count them twice if that save failed and a later one did not.
        """
        for generation, reading in self._observer.predecessors():
            seen = replace(self._observer.observe(), reading=reading)
            state, _ = pipeline.advance(state, self._policy, time.time(), seen)
            booking = pipeline.final(state, self._policy, clean=True)
            if booking:
                state = replace(state, baseline=booking.baseline)
                state = self._told_of(state, booking, saved=await self._storage.save(booking))
            self._pins.remove(generation)
            log.info("took over the counters of %s", generation.name)
        return state

    def _tick(self, resumed: State | None = None) -> None:
        """From `resumed` on, if given: nobody is shown a State that lacks what was counted since it was saved."""
        began = time.monotonic()
        self._ticked = datetime.now(self._zone)
        seen = self._observer.observe()
        self._state, outcome = pipeline.advance(resumed or self._state, self._policy, time.time(), seen)
        if outcome.booking:
            self._saving = asyncio.create_task(self._save(outcome.booking))
        self._tick_seconds = time.monotonic() - began

    async def _save(self, booking: Booking) -> None:
        async with self._storage.lock:
            try:
                await self._save_or_resume(booking)
            except Exception as error:  # noqa: BLE001 - whatever it is, `saving` must end, and be tried again
                self._storage.fail(error)
                self._state = pipeline.not_saved(self._state, self._policy)

    async def _save_or_resume(self, booking: Booking) -> None:
        if not self._storage.is_open:
            resumed = await self._resumed()
            if resumed:
                self._tick(resumed)  # it sees all that is in `booking`
                return
        saved = await self._storage.save(booking)
        self._state = self._told_of(self._state, booking, saved=saved)  # the state has gone on meanwhile

    def _told_of(self, state: State, booking: Booking, *, saved: bool) -> State:
        return pipeline.saved(state, booking) if saved else pipeline.not_saved(state, self._policy)

    def _facts(self) -> report.Facts:
        return report.Facts(
            now=datetime.now(self._zone),
            version=__version__,
            wan_interface=self._settings.wan.interface,
            started=self._started,
            config_loaded=self._started,
            tick_at=self._ticked,
            tick_seconds=self._tick_seconds,
            storage_problem=self._storage.problem,
            storage_failures=self._storage.failures,
        )

    def _tell_manager(self, *, ready: bool = False) -> None:
        """Each change once."""
        missing = dict.fromkeys(a.problem for a in self._state.attachments if not a.attached)
        status = f"not everything is counted: {'; '.join(missing)}" if missing else "counting"
        if ready or status != self._told:
            service.tell_manager(ready=ready, status=f"{self._settings.wan.interface}: {status}")
        self._told = status

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _finish(self) -> None:
        """The last bytes are saved; what is in the kernel stays and goes on counting."""
        service.tell_manager(stopping=True, status="saving")
        while self._saving and not self._saving.done():  # one that resumes late may hand out another
            await self._saving
        resumed = None if self._storage.is_open else await self._resumed()
        seen = self._observer.observe()
        self._state, _ = pipeline.advance(resumed or self._state, self._policy, time.time(), seen)
        booking = pipeline.final(self._state, self._policy)
        if booking:
            await self._storage.save(booking)
        await self._storage.close()
        log.info("stopped; the kernel goes on counting")
