# SPDX-License-Identifier: GPL-2.0-or-later
"""The loop of the process that names conversations. Owns the maps of one generation at a time, as the daemon does.

    ring of heads -> LiveNames -> names of conversations: flow_names, then name_flows
                                  bindings of addresses: bindings
    compiled catalogue (the daemon writes it last, when it starts and reloads) -> which maps, which services

No logging and no asyncio: each would be some MiB that a process has for its whole life.
"""

import contextlib
import select
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esimshaper.core.model.services import Binding, Head, Naming
from esimshaper.core.services.catalogue import catalogue_of
from esimshaper.core.services.compiled import services_of
from esimshaper.core.services.live import LiveNames
from esimshaper.core.services.quic import Cipher
from esimshaper.edge.bpf.libbpf import Ring
from esimshaper.edge.bpf.names import NamesMaps, Rename
from esimshaper.edge.host import clock, resident
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.names.catalogue_file import CatalogueFile

IDLE_SECONDS = 1.0
REPORT_SECONDS = 60.0
AT_ONCE = 32
HANG_SECONDS = 10.0
"""The kernel ends a process that has used so much processor without coming round; systemd then starts it again."""

TRIES = 3
"""A word that another CPU changes all the time is left after some tries of the kernel; so is a flow that is gone."""

TOLD = 10
"""So many failures are told of in a life."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What is used while one daemon's maps are: where they are, the maps, and all that was learned from them."""

    place: tuple[object, ...]
    maps: NamesMaps
    heads: Ring
    names: LiveNames

    def close(self) -> None:
        self.heads.close()
        self.maps.close()


class NamesService:
    """pins: folder of all generations. catalogue: the file of the compiled catalogue. report: a file for `doctor`."""

    def __init__(self, pins: Path, catalogue: Path, cipher: Cipher, report: Path | None = None) -> None:
        self._pins, self._cipher, self._report = pins, cipher, report
        self._began = self._reported = clock.monotonic()
        self._file = CatalogueFile(catalogue)
        self._work: _Work | None = None
        self._failures = 0
        self._is_to_follow = False
        self._is_rested = False
        self._is_alone = False  # in a process that does nothing else

    def run(self) -> None:
        """Runs until the process is killed, by the kernel too if it hangs."""
        self._is_alone = True
        resident.give_back()
        while True:
            self._come_round()
            self.step(IDLE_SECONDS)

    def step(self, seconds: float) -> None:
        """Waits for packets, so many seconds at most, and names what has come."""
        if self._file.has_changed() or self._is_to_follow:
            self._follow(self._file.read())
        work = self._work
        ready, _, _ = select.select([work.heads.fd] if work else [], [], [], seconds)
        if ready:
            self._is_rested = False
        elif not self._is_rested:
            self._is_rested = True
            resident.give_back()
        if work:
            work.heads.consume()
            work.names.expire(clock.monotonic())
            self._hand_over(work)
            if clock.monotonic() >= self._reported + REPORT_SECONDS:
                self._write_report(work)
                resident.give_back()

    def close(self) -> None:
        """Closes the maps; nothing is named any more."""
        if self._work:
            self._work.close()
        self._work = None

    def _follow(self, document: dict[str, Any] | None) -> None:
        """Uses the maps and the services that the daemon uses by now; where that fails, it is tried again."""
        self._is_to_follow = False
        if document is None:
            self.close()
            return
        try:
            place = document["generation"], document["programs"], document["epoch"]
            catalogue = catalogue_of(services_of(document))
            if self._work and self._work.place == place:
                self._work.names.change(catalogue, self._work.maps.numbers())
            else:
                # Account numbers are others in other maps, so nothing that was learned is of use there.
                self.close()
                generation = self._pins / place[0]
                with contextlib.ExitStack() as opened:
                    maps = NamesMaps(generation, generation / place[1])
                    opened.callback(maps.close)
                    names = LiveNames(catalogue, maps.numbers(), self._cipher)
                    self._work = _Work(place, maps, maps.heads(self._take), names)
                    opened.pop_all()
                _say(f"naming conversations by {generation.name}")
                self._write_report(self._work)  # `doctor` may ask within the first minute
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._tell("conversations are not named for now", error)
            self.close()
            self._is_to_follow = True
        resident.give_back()

    def _take(self, head: Head) -> None:
        work = self._work
        if work is None:
            return
        try:
            work.names.take(head, clock.monotonic())
        except Exception as error:  # noqa: BLE001 - a mistake of ours costs one name, and not all of them
            self._tell("a packet could not be read", error)
        if max(len(work.names.namings), len(work.names.bindings)) >= AT_ONCE:
            self._hand_over(work)  # what is held back meanwhile has no bound

    def _come_round(self) -> None:
        if self._is_alone:
            signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)

    def _hand_over(self, work: _Work) -> None:
        """Gives the kernel what was found out."""
        namings, bindings = work.names.namings, work.names.bindings
        work.names.namings, work.names.bindings = [], []
        try:
            for binding in bindings:  # first: so the next conversation is named even where this one is gone
                _bind(work.maps, binding)
            _name(work.maps, namings)
        except OSError as error:
            self._tell("the kernel did not take a name", error)

    def _write_report(self, work: _Work) -> None:
        """Says how much was seen: numbers, and no names."""
        self._reported = clock.monotonic()
        if self._report:
            document = {"version": 1, "seconds": self._reported - self._began, "tally": dict(work.names.tally)}
            try:
                catalogue_file.replace(self._report, document)
            except OSError as error:
                self._tell("the report for `esimshaper doctor` was not written", error)

    def _tell(self, what: str, error: Exception) -> None:
        self._failures += 1
        if self._failures <= TOLD:
            _say(f"{what}: {error!r}")


def _name(maps: NamesMaps, namings: list[Naming]) -> None:
    for each in namings:
        if each.name:
            maps.note(each.flow, each.account, each.how, each.name)
    renames = [Rename(each.flow, each.account, each.number, each.final) for each in namings]
    for at in range(0, len(renames), AT_ONCE):
        for _ in range(TRIES):
            if not maps.name(renames[at : at + AT_ONCE]):
                break


def _bind(maps: NamesMaps, binding: Binding) -> None:
    if binding.number is None:
        maps.unbind(binding.address, binding.account)
    else:
        maps.bind(binding.address, binding.account, binding.number, shared=binding.shared)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
