# SPDX-License-Identifier: GPL-2.0-or-later
"""The loop of the process that watches modems. Owns a connection to the system bus, and the report.

    signals of ModemManager, or a minute without any  ->  look: all modems, their SIMs and connections
                                                          -> Modem -> report (each 10 s, and when it changes)
    signals of NetworkManager's devices               ->  the same look: which of them it takes for metered

A signal says only that something has changed: what it is now is asked for. So nothing that was missed stays wrong.
"""

import select
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from esimshaper.core.model.modems import ModemsReport
from esimshaper.core.modems import links
from esimshaper.core.modems.connects import Connects, Found, follow
from esimshaper.core.modems.properties import BEARER, MODEM, NAME, SIM, Properties, modem_of
from esimshaper.edge.host import clock
from esimshaper.edge.modems import report_file
from esimshaper.edge.modems.bus import (
    BUS,
    MOST_SIGNALS,
    OBJECT_MANAGER,
    PROPERTIES,
    Bus,
    BusError,
    NotAnsweredError,
    RefusedError,
    Signal,
)
from esimshaper.edge.modems.report_file import MOST_LINKS, MOST_MODEMS

ROOT = "/org/freedesktop/ModemManager1"
LINKS_ROOT = "/org/freedesktop/NetworkManager"
MOST_BEARERS = 16
"""Of one modem, which has one or two."""

REPORT_SECONDS = 10.0
LOOK_SECONDS = 60.0
"""So often everything is asked for without a signal, for counts that nobody tells of."""

PAUSE_SECONDS = 0.5
"""Between two looks, however many signals come."""

RETRY_SECONDS = 10.0
"""After the bus, or ModemManager, did not answer."""


class ModemsService:
    """report: the file for the daemon. address: of the bus, by default that of the system."""

    def __init__(self, report: Path, address: str | None = None) -> None:
        self._file, self._address = report, address
        self._bus: Bus | None = None
        self._connects = Connects()
        self._dropped: set[str] = set()
        self._known, self._told = ModemsReport(), ModemsReport(problem="nothing was asked yet")
        self._reported = self._looked = self._retry_at = float("-inf")
        self._is_due, self._has_links = True, False

    def run(self) -> None:
        """Runs until the process is killed."""
        while True:
            self.step(REPORT_SECONDS)

    def step(self, seconds: float) -> None:
        """Waits for something to happen, so many seconds at most, and reports what has changed."""
        try:
            self._work(min(seconds, REPORT_SECONDS))
        except (BusError, NotAnsweredError) as error:
            self._give_up(str(error))
        except Exception as error:  # noqa: BLE001 - a mistake of ours costs one look, and not the process
            self._give_up(f"what the bus says could not be read: {error!r}")
        self._report()

    def close(self) -> None:
        """Leaves the bus; nothing is followed any more."""
        if self._bus:
            self._bus.close()
        self._bus = None

    def _work(self, seconds: float) -> None:
        now = clock.monotonic()
        if self._bus is None and now < self._retry_at:
            select.select([], [], [], min(seconds, self._retry_at - now))
            return
        bus = self._bus or self._open()
        due = self._looked + (PAUSE_SECONDS if self._is_due else LOOK_SECONDS)
        if now < due:
            self._hear(bus, bus.signals(min(seconds, due - now)))
        else:
            self._look(bus)

    def _give_up(self, problem: str) -> None:
        self.close()
        self._retry_at = clock.monotonic() + RETRY_SECONDS
        self._known = ModemsReport(problem=problem)

    def _open(self) -> Bus:
        self._bus = bus = Bus(self._address)
        bus.watch(NAME, {"path_namespace": ROOT})
        bus.watch(links.NAME, {"interface": PROPERTIES, "arg0": links.DEVICE})
        self._start_over(bus)
        self._has_links = bus.find_owner(links.NAME)
        return bus

    def _start_over(self, bus: Bus) -> None:
        """ModemManager has come, gone or was started again: the numbers of its objects begin anew."""
        is_there = bus.find_owner(NAME)
        self._connects = Connects(self._connects.counts)
        self._known = ModemsReport(manager=is_there)
        self._is_due = True

    def _hear(self, bus: Bus, signals: list[Signal]) -> None:
        moved = {each.body[0] for each in signals if each.sender == BUS and each.member == "NameOwnerChanged"}
        if NAME in moved:
            self._start_over(bus)
        if links.NAME in moved:
            self._has_links, self._is_due = bus.find_owner(links.NAME), True
        self._is_due |= any(each.sender in (NAME, links.NAME) for each in signals) or len(signals) == MOST_SIGNALS
        self._dropped.update(each.path for each in signals if _is_drop(each))

    def _look(self, bus: Bus) -> None:
        self._looked, self._is_due = clock.monotonic(), False
        metered = _metered(bus) if self._has_links else {}
        if not self._known.manager:
            self._known = ModemsReport(metered=metered)
            return
        dropped, self._dropped = self._dropped, set()
        self._connects, modems = follow(self._connects, _found(bus), dropped)
        self._known = ModemsReport(tuple(modems), manager=True, metered=metered)

    def _report(self) -> None:
        """Writes what is known where it is news, or the last report grows old."""
        now = clock.monotonic()
        if self._known == self._told and now < self._reported + REPORT_SECONDS:
            return
        if self._known.problem not in ("", self._told.problem):
            sys.stderr.write(f"modems are not watched for now: {self._known.problem}\n")
            sys.stderr.flush()
        self._told, self._reported = self._known, now
        try:
            report_file.write(self._file, self._known)
        except OSError as error:
            sys.stderr.write(f"the report was not written: {error}\n")


def _is_drop(signal: Signal) -> bool:
    """Whether a connection says that it is down. It may be up again by the time of the next look."""
    body = signal.body
    is_change = signal.sender == NAME and signal.member == "PropertiesChanged" and len(body) > 1 and body[0] == BEARER
    return is_change and isinstance(body[1], dict) and body[1].get("Connected") is False


def _found(bus: Bus) -> Iterator[Found]:
    """All modems as they are now."""
    (objects,) = bus.call(NAME, ROOT, OBJECT_MANAGER, "GetManagedObjects")
    there = [(path, interfaces) for path, interfaces in objects.items() if MODEM in interfaces]
    for _, interfaces in sorted(there, key=lambda each: str(each[0]))[:MOST_MODEMS]:
        yield _one(bus, interfaces)


def _one(bus: Bus, interfaces: Mapping[str, Properties]) -> Found:
    modem = interfaces[MODEM]
    sim = next(iter(_read(bus, NAME, [modem.get("Sim")], SIM).values()), {})
    bearers = _read(bus, NAME, modem.get("Bearers"), BEARER)
    up = frozenset(path for path, each in bearers.items() if each.get("Connected") is True)
    return Found(modem_of(interfaces, sim, bearers.values()), up)


def _metered(bus: Bus) -> dict[str, bool]:
    """What NetworkManager takes for metered; nothing where it does not say. No SIM is given up for that."""
    try:
        (paths,) = bus.call(links.NAME, LINKS_ROOT, links.NAME, "GetDevices")
        return links.metered_of(_read(bus, links.NAME, paths, links.DEVICE, MOST_LINKS).values())
    except (NotAnsweredError, RefusedError):
        return {}


def _read(bus: Bus, name: str, paths: Any, interface: str, most: int = MOST_BEARERS) -> dict[str, Properties]:  # noqa: ANN401 - whatever the peer sent
    """The properties of objects, by path. One that has just gone is left out."""
    wanted: Iterable[object] = paths[:most] if isinstance(paths, list) else ()
    found: dict[str, Properties] = {}
    for path in wanted:
        if not isinstance(path, str) or path == "/":  # D-Bus' way to say that there is none
            continue
        try:
            (found[path],) = bus.call(name, path, PROPERTIES, "GetAll", "s", (interface,))
        except RefusedError:
            continue
    return found
