# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue in force, and its compiled form for the process that names conversations. Owns that file.

The file is written after all else: it says which maps are in use, and the numbers of its services are in them by then.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from esimshaper.core.model.services import Service
from esimshaper.core.services.compiled import compiled
from esimshaper.edge.bpf.compiler import Build
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.host import resident
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.settings_file import catalogue
from esimshaper.edge.settings_file.catalogue import CatalogueError

log = logging.getLogger(__name__)

MOST_TOLD = 5
"""So many services without a number are named."""


class Catalogue:
    """The services by name, of two with one name that of the owner. config: of the settings; state: of the history."""

    def __init__(self, meter: Meter, build: Build, config: Path, state: Path) -> None:
        self.services: Mapping[str, Service] = {}
        self._meter, self._build = meter, build
        self._owners = config.parent / catalogue.FOLDER
        self._file = catalogue_file.place(state)

    def begin(self) -> None:
        """Takes the files as they are now; with mistakes in those of the owner, ours are in force without them."""
        try:
            found = self.read()
        except CatalogueError as error:
            log.error("%s is left out until it is right:\n%s", self._owners, error)  # noqa: TRY400 - no fault of ours
            found = catalogue.read_services(None)
        self.take(found)
        resident.give_back()  # reading YAML takes some MiB, once

    def read(self) -> tuple[Service, ...]:
        """What the files say. Raises CatalogueError."""
        return catalogue.read_services(self._owners)

    def changes(self, services: tuple[Service, ...]) -> tuple[str, ...]:
        """What taking these would change, as sentences."""
        before, after = self.services, _by_name(services)
        names = [name for name in {**after, **before} if before.get(name) != after.get(name)]
        return (f"services of the catalogue that change: {', '.join(names)}",) if names else ()

    def take(self, services: tuple[Service, ...]) -> None:
        """Puts services in force. If the file cannot be written, names go on by the one before."""
        self.services = _by_name(services)
        try:
            if not self._build.services:
                catalogue_file.remove(self._file)
                return
            if nameless := self._meter.number_services(self.services):
                log.warning(
                    "bytes of %d services are counted as `other`, since more are in use, or were since the router was "
                    "started, than can be counted apart: %s",
                    len(nameless),
                    ", ".join([*nameless[:MOST_TOLD], *(["..."] if len(nameless) > MOST_TOLD else [])]),
                )
            catalogue_file.write(self._file, compiled(services) | self._place())
        except OSError as error:
            log.warning("the compiled catalogue cannot be written, so bytes may stay unnamed: %s", error)

    def _place(self) -> dict[str, object]:
        """Where the maps are: folders in that of all pins."""
        generation, programs = self._build.generation, self._build.programs
        return {"generation": generation.name, "programs": programs.name, "epoch": self._meter.epoch}


def _by_name(services: tuple[Service, ...]) -> Mapping[str, Service]:
    return MappingProxyType({each.name: each for each in reversed(services)})
