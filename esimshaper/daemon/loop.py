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
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from esimshaper import __version__
from esimshaper.core import pipeline
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import Notice
from esimshaper.core.model.metrics import Metric
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.state import Booking, State
from esimshaper.core.report import metrics as report_metrics
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.settings.values import Settings
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.configuration import Configuration
from esimshaper.daemon.enforcer import Enforcer
from esimshaper.daemon.failsafe import Failsafe
from esimshaper.daemon.observer import Observer, present
from esimshaper.daemon.publisher import Publisher
from esimshaper.daemon.reloader import Reloader
from esimshaper.daemon.service_status import ServiceStatus
from esimshaper.daemon.storage import Storage
from esimshaper.edge.bpf.meter import Announcement
from esimshaper.edge.bpf.pins import Pins
from esimshaper.edge.host import systemd
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.host.paths import pins_root, state_directory
from esimshaper.edge.http import control
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.edge.tc.link_events import LinkEvents

TICK_SECONDS = 1.0
SLOW_TICKS = 10
"""Every so many ticks it is looked at what changes seldom, or costs more to look at."""

SAVE_PATIENCE = 1.5
"""Seconds that a person waits for a slow disk, twice at most: below ANSWER_SECONDS of the answers."""

log = logging.getLogger(__name__)


class Daemon:
    """Everything is attached, adopted and resumed when `serve` starts, and closed by `cleanup`.

    `may_build`: what is not in the kernel yet may be compiled and loaded from here.
    """

    def __init__(
        self,
        configuration: Configuration,
        socket: Path,
        cleanup: contextlib.ExitStack,
        guarding: Failsafe,
        *,
        may_build: bool,
    ) -> None:
        self._configuration = configuration
        self._socket = socket
        self._cleanup = cleanup
        self._guarding = guarding
        self._may_build = may_build
        self._state = State()
        self._started = datetime.now(configuration.zone)
        self._ticked: datetime | None = None
        self._tick_seconds = 0.0
        self._wake = asyncio.Event()
        self._look_around = True
        self._stopping = False
        self._saving: asyncio.Task[None] | None = None
        self._publisher = Publisher(self._metrics)
        self._manager = ServiceStatus()
        self._hung_up = asyncio.Event()

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT. SIGHUP: see Reloader."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._hung_up.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        await self._start(loop)
        ticks = 0
        while not self._stopping:
            self._wake.clear()
            if ticks % SLOW_TICKS == 0:
                self._look_around = True
            if self._look_around:
                self._follow_uplink()
                self._publisher.begin(self._configuration.settings.metrics)
            self._tick()
            self._manager.ticked(self._state, self._facts(), self._enforcer.problems, time.monotonic())
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_SECONDS - time.monotonic() % TICK_SECONDS)
        await self._finish()

    async def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pins = Pins(pins_root())
        self._cleanup.callback(self._pins.close)
        with contextlib.closing(TrafficControl(self._pins.markers)) as links:
            self._configuration.follow(present(self._configuration.settings, links))
        settings = self._configuration.settings
        self._guarding.begin(settings, self._pins.markers)
        self._storage = Storage(state_directory() / "history.db")
        self._observer = Observer(settings, self._pins, self._cleanup, may_build=self._may_build)
        self._enforcer = Enforcer(settings, self._observer.meter, self._cleanup)
        resumed = await self._attached(await self._opened())
        self._listen_to_kernel(loop)
        self._tick(resumed)
        reloader = Reloader(self._configuration, self._observer, self._publisher, self._manager, self._apply)
        answers = Answers(
            loop, self._storage, self._observer.meter, reloader, lambda: self._state, self._facts, self._change
        )
        self._socket.parent.mkdir(parents=True, exist_ok=True)
        answering = control.serve(answers.routes(), self._socket)
        self._cleanup.callback(self._socket.unlink, missing_ok=True)  # not before: only now is it ours
        self._cleanup.callback(answering.stop)
        self._publisher.begin(settings.metrics)
        self._cleanup.callback(self._publisher.stop)
        self._obeying = loop.create_task(reloader.obey(self._hung_up))
        self._manager.ready()

    def _metrics(self) -> tuple[Metric, ...]:
        return report_metrics.metrics(self._state, self._facts())

    def _listen_to_kernel(self, loop: asyncio.AbstractEventLoop) -> None:
        """A link that changed, or a client never seen before, does not wait for the next tick."""
        links = LinkEvents()
        self._cleanup.callback(links.close)

        def look() -> None:
            self._look_around = True
            if links.drain():  # else it was tc, which is most often ourselves: the next tick is soon enough
                self._wake.set()

        loop.add_reader(links.fd, look)
        ring = self._observer.meter.announcements(self._hear)
        self._cleanup.callback(ring.close)
        loop.add_reader(ring.fd, ring.consume)

    def _hear(self, announcement: Announcement) -> None:
        if announcement.client:
            client = self._rules.names.get(announcement.client, announcement.client)
            log.info("new client %s", client, extra=fields(Message.CLIENT_NEW, client=client))
            self._look_around = True  # for its addresses
        self._wake.set()

    async def _opened(self) -> State | None:
        """What was saved; None if the history cannot be opened now."""
        found = await self._storage.open()
        return pipeline.resume(*found, None if self._state == State() else self._state) if found else None

    async def _attached(self, opened: State | None) -> State | None:
        """Limits first, by what was saved, and then the programs: nothing passes that knows no limits."""
        told = self._enforcer.inherited
        state = pipeline.inherited(opened or self._state, self._rules, time.time(), self._observer.observe(), told)
        self._limit(state)
        self._observer.attach()
        self._sweep()
        if opened:
            return await self._with_predecessors(state)
        self._state = state
        return None

    def _limit(self, state: State) -> None:
        """Holds everybody to the limits that follow from `state`, which is not moved on."""
        for _ in ("groups and clients get their accounts", "policies name them"):
            seen = self._observer.observe()
            limited, outcome = pipeline.advance(state, self._rules, time.time(), seen)
            self._enforcer.enforce(outcome, seen, limited.verdicts, look_around=True)

    def _sweep(self) -> None:
        """What is ours and not wanted any more; shaping first, as it stands on a qdisc of the meter's."""
        self._enforcer.sweep()
        self._observer.sweep()

    def _apply(self, settings: Settings) -> None:
        """Other settings from this moment on. No packet sees anything in between: see `_attached`."""
        self._refuse_if_stopping()
        self._tick()  # what has moved was counted at the interfaces that were wanted until now
        self._configuration.take(self._observer.present(settings))
        self._put_in_force()

    def _follow_uplink(self) -> None:
        """A modem may come back under another name."""
        before = self._configuration.settings
        settings = self._observer.present(before)
        if settings is before:
            return
        self._tick()
        self._configuration.follow(settings)
        name = settings.wan.interface
        log.info("the uplink is %s now", name, extra=fields(Message.UPLINK_RENAMED, interface=name))
        self._put_in_force()

    def _put_in_force(self) -> None:
        settings = self._configuration.settings
        self._observer.configure(settings)
        self._enforcer.configure(settings)
        self._limit(self._state)
        self._observer.look_around()
        self._sweep()
        self._look_around = True
        self._tick()

    @property
    def _rules(self) -> pipeline.Rules:
        return self._configuration.rules

    async def _resumed(self) -> State | None:
        """What was saved, and what has moved since in maps of other sizes; None if the history cannot be opened now."""
        opened = await self._opened()
        return await self._with_predecessors(opened) if opened else None

    async def _with_predecessors(self, state: State) -> State:
        """Maps of other sizes are read for the last time and then removed.

        Only once history is open: until then everything in memory may still be given up for what was saved. Their bytes
        are in the state before the maps go; if they cannot be saved now, they are kept in memory and tried again.
        Removing the maps only after a save would count them twice if that save failed and a later one did not.
        """
        for generation, reading in self._observer.predecessors():
            seen = replace(self._observer.observe(), reading=reading)
            state, booking = pipeline.last(state, self._rules, time.time(), seen)
            if booking:
                state = replace(state, baseline=booking.baseline)
                state = self._told_of(state, booking, saved=await self._storage.save(booking))
                self._announce(booking.notices)
            self._pins.remove(generation)
            log.info("took over the counters of %s", generation.name)
        return state

    def _tick(self, resumed: State | None = None) -> None:
        """From `resumed` on, if given: nobody is shown a State that lacks what was counted since it was saved."""
        began = time.monotonic()
        look_around, self._look_around = self._look_around, False
        if look_around:
            self._observer.look_around()
        self._ticked = datetime.now(self._configuration.zone)
        seen = self._observe()
        self._state, outcome = pipeline.advance(resumed or self._state, self._rules, time.time(), seen)
        if outcome.booking:
            self._saving = asyncio.create_task(self._save(outcome.booking))
        self._enforcer.enforce(outcome, seen, self._state.verdicts, look_around=look_around)
        if look_around:
            self._guarding.follow(self._configuration.settings, seen.attachments)
        if outcome.new_groups or outcome.new_clients:
            self._wake.set()  # for their policies
        self._tick_seconds = time.monotonic() - began

    def _observe(self) -> Observation:
        """Counters first, class statistics after them: see stage queue_drops."""
        seen = self._observer.observe()
        return replace(seen, sent=self._enforcer.sent(seen.reading))

    async def _save(self, booking: Booking) -> None:
        """What people are told is told after it was saved that they were."""
        async with self._storage.lock:
            try:
                notices = await self._save_or_resume(booking)
            except Exception as error:  # noqa: BLE001 - whatever it is, `saving` must end, and be tried again
                self._storage.fail(error)
                self._state = pipeline.not_saved(self._state, self._rules)
                notices = booking.notices
        self._announce(notices)

    def _announce(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            systemd.announce(notice, self._rules.names, self._rules.wan)

    async def _save_or_resume(self, booking: Booking) -> tuple[Notice, ...]:
        """Those that may be told now."""
        if not self._storage.is_open:
            resumed = await self._resumed()
            if resumed:
                self._tick(resumed)  # it sees all that is in `booking`, and has its notices again
                return ()
        saved = await self._storage.save(booking)
        self._state = self._told_of(self._state, booking, saved=saved)  # the state has gone on meanwhile
        return booking.notices

    async def _change(self, change: Callable[[State], State]) -> None:
        """What a person set is in force with the next packet, and saved before they are told so.

        If it cannot be saved, or not in time, it is in force all the same; who is told to ask again would grant twice.
        """
        self._refuse_if_stopping()
        self._tick()  # what was granted belongs to the window of now, not to one that is over since the last tick
        self._state = change(self._state)
        self._tick()
        if self._state.urgent and self._saving:  # a save that began before has to end first
            await asyncio.wait([self._saving], timeout=SAVE_PATIENCE)
            self._tick()
        if self._saving:
            await asyncio.wait([self._saving], timeout=SAVE_PATIENCE)

    def _refuse_if_stopping(self) -> None:
        """The last save may be under way: what comes now would not be in it, or be saved twice."""
        if self._stopping:
            raise Unusable("the daemon is stopping", "Try again when it has started.")

    def _told_of(self, state: State, booking: Booking, *, saved: bool) -> State:
        return pipeline.saved(state, booking) if saved else pipeline.not_saved(state, self._rules)

    def _facts(self) -> DaemonFacts:
        return DaemonFacts(
            now=datetime.now(self._configuration.zone),
            version=__version__,
            wan_interface=self._rules.wan,
            started=self._started,
            config_ok=self._configuration.accepted,
            config_loaded=self._configuration.loaded,
            tick_at=self._ticked,
            tick_seconds=self._tick_seconds,
            storage_problem=self._storage.problem,
            storage_failures=self._storage.failures,
            metrics_problem=self._publisher.problem,
            quotas=self._rules.quotas,
            names=self._rules.names,
            groups=self._rules.groups,
        )

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _finish(self) -> None:
        """The last bytes are saved; what is in the kernel stays and goes on counting."""
        self._manager.stopping()
        self._obeying.cancel()
        while self._saving and not self._saving.done():  # one that resumes late may hand out another
            await self._saving
        resumed = None if self._storage.is_open else await self._resumed()
        seen = self._observe()
        self._state, _ = pipeline.advance(resumed or self._state, self._rules, time.time(), seen)
        booking = pipeline.final(self._state, self._rules)
        if booking:
            await self._storage.save(booking)
            self._announce(booking.notices)
        await self._storage.close()
        log.info("stopped; the kernel goes on counting")
