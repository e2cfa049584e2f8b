# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's life: start, a tick each second and at each event, stop. Owns the event loop.

One thread runs all of it but three things: SQLite works in a thread of its own, so that a slow card delays nothing, and
the HTTP servers answer from immutable values or ask the loop.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from esimshaper import __version__
from esimshaper.core.model.metrics import Metric
from esimshaper.core.model.shaping import Side
from esimshaper.core.modems import own_counts
from esimshaper.core.report import metrics as report_metrics
from esimshaper.core.report import uplinks
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.daemon import startup
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.chronicle import Chronicle
from esimshaper.daemon.configuration import Configuration
from esimshaper.daemon.failsafe import Failsafe
from esimshaper.daemon.late_socket import LateSocket
from esimshaper.daemon.name_answers import NameAnswers
from esimshaper.daemon.notify_answers import NotifyAnswers
from esimshaper.daemon.page_answers import PageAnswers
from esimshaper.daemon.page_desk import PageDesk
from esimshaper.daemon.page_note import PageNote
from esimshaper.daemon.page_owner import Owner
from esimshaper.daemon.publisher import Publisher
from esimshaper.daemon.reloader import Reloader
from esimshaper.daemon.service_status import ServiceStatus
from esimshaper.daemon.snapshots import Snapshots
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.weekly import WeeklyDigest
from esimshaper.daemon.withholding import Wish, Withholding, metered_now
from esimshaper.edge.bpf.meter import Announcement
from esimshaper.edge.dnsmasq import files
from esimshaper.edge.host import clock
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.host.paths import page_note, state_directory
from esimshaper.edge.http import control, notify, page
from esimshaper.edge.http.server import Listener
from esimshaper.edge.tc.link_events import LinkEvents

TICK_SECONDS = 1.0
SLOW_TICKS = 10
"""Each of so many ticks also looks at what changes seldom, or costs more to look at."""

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
        failsafe: Failsafe,
        chronicle: Chronicle,
        *,
        may_build: bool,
    ) -> None:
        self._configuration = configuration
        self._socket = socket
        self._cleanup = cleanup
        self._failsafe = failsafe
        self._chronicle = chronicle
        self._may_build = may_build
        self._started = clock.local(configuration.zone)
        self._wake = asyncio.Event()
        self._reload_wanted = asyncio.Event()
        self._stopping = Stopping()
        self._publisher = Publisher(self._metrics)
        self._status = ServiceStatus()
        self._listeners = contextlib.ExitStack()
        self._withholding = Withholding(socket.with_name(files.NOTE), state_directory())
        self._compared: own_counts.Comparisons = {}

    async def serve(self) -> None:
        """Runs until SIGTERM or SIGINT; SIGHUP reloads. Raises FailedOperation or Unusable if it cannot start."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload_wanted.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        self._parts = await startup.start(
            self._configuration,
            self._failsafe,
            self._cleanup,
            self._stopping,
            self._wake.set,
            may_build=self._may_build,
        )
        self._listen_to_kernel(loop)
        self._parts.ticker.told = self._chronicle.take
        log.info("esimshaper %s has started", __version__, extra=fields(Message.STARTED))
        self._parts.ticker.tick(self._parts.resumed)
        try:
            reloading = self._open_to_people(loop)
            await self._tick_until_stopped()
            await self._finish(reloading)
        finally:
            # Also where a tick has failed: nobody may ask a loop that has ended, and who waits for it gets a sentence.
            self._stopping.begin()
            await asyncio.to_thread(self._listeners.close)

    def _listen_to_kernel(self, loop: asyncio.AbstractEventLoop) -> None:
        """A link that changed, or a client never seen before, does not wait for the next tick."""
        ticker = self._parts.ticker
        links = LinkEvents()
        self._cleanup.callback(links.close)

        def look() -> None:
            ticker.look_around = True
            if links.drain():  # else it was tc, which is most often ourselves: the next tick is soon enough
                self._wake.set()

        loop.add_reader(links.fd, look)
        ring = self._parts.observer.meter.announcements(self._hear)
        self._cleanup.callback(ring.close)
        loop.add_reader(ring.fd, ring.consume)

    def _hear(self, announcement: Announcement) -> None:
        if announcement.client:
            client = self._configuration.rules.names.get(announcement.client, announcement.client)
            log.info("new client %s", client, extra=fields(Message.CLIENT_NEW, client=client))
            self._parts.ticker.look_around = True  # for its addresses
        self._wake.set()

    def _open_to_people(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Task[None]":
        """Opens the control socket and the metrics once there is a state to show. The task that obeys SIGHUP."""
        parts = self._parts
        reloader = Reloader(
            self._configuration, parts.observer, self._publisher, self._status, parts.bookings, parts.catalogue
        )
        answers = Answers(
            loop,
            parts.storage,
            parts.observer.meter,
            reloader,
            lambda: parts.ticker.state,
            self._facts,
            parts.bookings.change,
            self._stopping,
        )
        self._socket.parent.mkdir(parents=True, exist_ok=True)
        self._cleanup.callback(self._listeners.close)
        desk = PageDesk(
            answers,
            lambda: parts.ticker.state,
            self._facts,
            parts.bookings.change,
            lambda: self._configuration.settings,
        )
        notices = NotifyAnswers(
            parts.bookings,
            parts.storage,
            lambda: parts.ticker.state,
            self._facts,
            lambda: self._configuration.rules,
            answers.on_loop,
            desk.answer,
        )
        names = NameAnswers(self._withholding, self._facts, self._follow_names, answers.on_loop, notices.answer_people)
        listener = control.serve(names.answer, self._socket)
        self._listeners.callback(self._socket.unlink, missing_ok=True)  # not before: only now is it ours
        self._listeners.callback(listener.stop)
        page_answers = self._page_answers(answers, names)
        self._page_note = PageNote(page_note())
        self._page = self._late_socket(partial(page.serve, page_answers.answer), page.SOCKET_NAME, "no page")
        self._notify = self._late_socket(partial(notify.serve, notices.answer), notify.SOCKET_NAME, "no notices")
        self._follow_settings()
        self._weekly = WeeklyDigest(
            parts.bookings, parts.storage, lambda: parts.ticker.state, lambda: self._configuration.rules
        )
        self._publisher.begin(self._configuration.settings.metrics)
        self._listeners.callback(self._publisher.stop)
        reloading = loop.create_task(reloader.obey(self._reload_wanted))
        self._status.ready()
        return reloading

    def _late_socket(self, serve: Callable[[Path], Listener], name: str, lacking: str) -> LateSocket:
        return LateSocket(serve, self._socket.with_name(name), self._listeners, lacking)

    def _follow_settings(self) -> None:
        settings = self._configuration.settings
        self._page_note.follow(settings)
        self._page.follow(is_wanted=settings.web is not None)
        self._notify.follow(is_wanted=bool(settings.notices.channels or settings.notices.read))
        self._follow_names()

    def _follow_names(self) -> None:
        settings = self._configuration.settings
        wish = Wish(settings.saver, self._withholding.allowed, metered=metered_now(settings))
        self._withholding.follow(wish, self._parts.catalogue.services)

    def _page_answers(self, answers: Answers, names: NameAnswers) -> PageAnswers:
        parts = self._parts
        snapshots = Snapshots(
            parts.storage, parts.bookings, lambda: parts.ticker.state, self._facts, answers.on_loop, self._stopping
        )
        owner = Owner(
            lambda: parts.ticker.state,
            self._facts,
            parts.bookings.change,
            answers.on_loop,
            answers.with_change,
            names.answer,
        )
        return PageAnswers(
            snapshots,
            lambda: self._configuration.settings,
            self._configuration.path,
            answers,
            owner,
            parts.bookings.change,
        )

    async def _tick_until_stopped(self) -> None:
        ticker, ticks = self._parts.ticker, 0
        while not self._stopping:
            self._wake.clear()
            if ticks % SLOW_TICKS == 0 or self._parts.observer.is_uplink_unsure:
                ticker.look_around = True
            if ticker.look_around:
                ticker.follow_uplink()
                self._follow_settings()
                self._weekly.follow()
                self._publisher.begin(self._configuration.settings.metrics)
            ticker.tick()
            facts = self._facts()
            self._hear_own_counts(facts)
            self._status.report_tick(ticker.state, facts, self._parts.enforcer.problems, clock.monotonic())
            ticks += 1
            with contextlib.suppress(TimeoutError):
                wait = min(clock.seconds_to_next(TICK_SECONDS), ticker.seconds_to_switch())
                await asyncio.wait_for(self._wake.wait(), wait)

    def _hear_own_counts(self, facts: DaemonFacts) -> None:
        """Compares what modems have counted with what we have at the same uplink, where that has one interface."""
        device = self._configuration.settings.device
        carried = uplinks.totals(self._parts.ticker.state, facts)
        alone = [each for each in facts.uplinks if each.name in carried and len(each.interfaces) == 1]
        ours = {device(each.interfaces[0]): carried[each.name].total_bytes for each in alone}
        self._compared = own_counts.compare(self._compared, facts.modems, ours, clock.now())

    def _metrics(self) -> tuple[Metric, ...]:
        return report_metrics.metrics(self._parts.ticker.state, self._facts())

    def _facts(self) -> DaemonFacts:
        configuration, rules, parts = self._configuration, self._configuration.rules, self._parts
        settings = configuration.settings
        return DaemonFacts(
            now=clock.local(configuration.zone),
            version=__version__,
            wan_interface=rules.wan,
            started=self._started,
            config_ok=configuration.accepted,
            config_loaded=configuration.loaded,
            tick_at=parts.ticker.at,
            tick_seconds=parts.ticker.seconds,
            storage_problem=parts.storage.problem,
            storage_failures=parts.storage.failures,
            metrics_problem=self._publisher.problem,
            quotas=parts.ticker.state.plans.quotas(rules.quotas),
            curfews=rules.curfews,
            names=rules.names,
            groups=rules.groups,
            wan_device=settings.device(rules.wan),
            stacked=tuple(str(each) for each in settings.wan.stacked),
            catalogue=parts.catalogue.services,
            service_metrics=settings.services.metrics,
            trips=settings.trips,
            modems=parts.observer.ways.modems,
            plans=rules.plans,
            wan_found_by=settings.wan.found_by,
            own_counts=own_counts.latest(self._compared),
            shaped=settings.wan.shaped,
            link={Side.DOWNLOAD: settings.wan.download, Side.UPLOAD: settings.wan.upload},
            uplinks=rules.uplinks,
            watch=rules.watch,
            notices=rules.notices,
            withheld=self._withholding.withheld,
            low_data=rules.low_data,
        )

    def _stop(self) -> None:
        self._stopping.begin()
        self._wake.set()

    async def _finish(self, reloading: "asyncio.Task[None]") -> None:
        """Saves the last bytes; what is in the kernel stays and goes on counting."""
        self._status.stopping()
        reloading.cancel()
        log.info("esimshaper stops; the kernel goes on counting", extra=fields(Message.STOPPED))  # saved with the rest
        await self._parts.bookings.finish()
        # People hear that the daemon is stopping for as long as the last save takes. The listeners then end before the
        # thread of the history and the loop do: requests under way need both.
        await asyncio.to_thread(self._listeners.close)
        await self._parts.storage.close()
