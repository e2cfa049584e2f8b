# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts the edited file in the place of the settings in force: all of it or nothing (R19). One reload at a time.

read and validate -> what only this machine can tell -> (all is well) -> in force
                                   any problem: refused, and nothing has changed

Whatever can go wrong does so before anything is changed. From then on every tick wants the new settings, so there is no
half: a change that cannot be made at once (a modem that is not there yet) is made when it can, as after a start.
"""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import Service
from esimshaper.core.settings.changes import changes, needs_restart
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.values import Settings
from esimshaper.daemon.bookings import Bookings
from esimshaper.daemon.catalogue import Catalogue
from esimshaper.daemon.configuration import Configuration
from esimshaper.daemon.observer import Observer
from esimshaper.daemon.publisher import Publisher
from esimshaper.daemon.service_status import ServiceStatus
from esimshaper.edge import settings_file
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.http.control import NotNow
from esimshaper.edge.http.server import Listener
from esimshaper.edge.settings_file import Loaded, PlacedProblem, SettingsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """The effect of a file: `changes`, and `notes` on changes that cannot be made yet, as sentences."""

    settings: Settings
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    listener: Listener | None
    services: tuple[Service, ...]


class Reloader:
    """Runs on the loop's thread."""

    def __init__(
        self,
        configuration: Configuration,
        observer: Observer,
        publisher: Publisher,
        status: ServiceStatus,
        bookings: Bookings,
        catalogue: Catalogue,
    ) -> None:
        self._configuration = configuration
        self._observer = observer
        self._publisher = publisher
        self._status = status
        self._bookings = bookings
        self._catalogue = catalogue
        self._lock = asyncio.Lock()

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._configuration.rules

    async def obey(self, asked: asyncio.Event) -> None:
        """Reloads whenever it is `asked` for, until cancelled. Two requests before a reload begins are one reload."""
        while True:
            await asked.wait()
            asked.clear()
            try:
                await self.reload()
            except (SettingsError, NotNow):
                pass  # the one was logged; the other says that the daemon is stopping
            except Exception:
                log.exception("the configuration could not be read again")

    async def plan(self) -> Plan:
        """The effect of a reload now, which is not carried out. Raises SettingsError, with all problems."""
        async with self._lock:
            plan = await self._read_plan()
            await _stop(plan.listener)
            return plan

    async def reload(self) -> Plan:
        """Puts the file in force. Raises SettingsError, with all problems, and then nothing has changed."""
        async with self._lock:
            with self._status.reloading():
                return await self._reload()

    async def _reload(self) -> Plan:
        try:
            plan = await self._read_plan()
        except SettingsError as error:
            self._refuse(error)
            raise
        try:
            await self._bookings.change_settings(plan.settings)
        except BaseException:
            await _stop(plan.listener)
            raise
        self._catalogue.take(plan.services)
        self._configuration.categorise(self._catalogue.services)
        before = self._publisher.take(plan.settings.metrics, plan.listener)
        said = "; ".join(plan.changes) or "no changes"
        log.info("the configuration was read again: %s", said, extra=self._fields(Message.CONFIG_APPLIED))
        await _stop(before)
        return plan

    def _refuse(self, error: SettingsError) -> None:
        self._configuration.accepted = False
        text = "the edited configuration is refused; the previous one stays in force:\n%s"
        log.error(text, error, extra=self._fields(Message.CONFIG_REFUSED))

    def _fields(self, message: Message) -> dict[str, str]:
        return fields(message, config=str(self._configuration.path))

    async def _read_plan(self) -> Plan:
        """Makes the plan. A thread reads the files: a large one takes a small box a second."""
        loaded, unusable = await asyncio.to_thread(_read, self._configuration.path)
        services = await asyncio.to_thread(self._catalogue.read)
        new, old = self._observer.present(loaded.settings), self._configuration.settings
        obstacles, notes = self._observer.obstacles(new)
        problems = [loaded.placed(each) for each in (*needs_restart(old, new), *obstacles)]
        listener = None
        try:
            listener = self._publisher.offer(new.metrics)
        except Unusable as error:
            unusable = (loaded.placed(Problem(("metrics", "listen"), error.message, error.hint)), *unusable)
        if new.metrics == old.metrics:  # an edit elsewhere does not wait for the metrics, which are tried again
            notes = (*notes, *(each.message for each in unusable))
        else:
            problems += unusable
        if problems:
            await _stop(listener)
            raise SettingsError(problems)
        changed = changes(old.as_written, new.as_written, self._bookings.used)
        said = (*changed, *self._catalogue.changes(services), *await self._bookings.counted_back(new))
        return Plan(new, said, notes, listener, services)


def _read(path: Path) -> tuple[Loaded, tuple[PlacedProblem, ...]]:
    """The settings, and the problems of files that they name. Raises SettingsError."""
    loaded = settings_file.read_settings(path)
    try:
        loaded.check_files()
    except SettingsError as error:
        return loaded, error.problems
    return loaded, ()


async def _stop(listener: Listener | None) -> None:
    if listener:
        await asyncio.to_thread(listener.stop)
