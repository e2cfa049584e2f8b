# SPDX-License-Identifier: GPL-2.0-or-later
"""Has a child write what dnsmasq reads, whenever that would be something else, and leaves a note for root.

One child at a time, beside the ticks; at most one a minute, but at once for what a person has changed.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import esimshaper
from esimshaper.core.model.services import Service
from esimshaper.core.model.withholding import (
    CANARIES,
    NOTHING_WITHHELD,
    AllowedName,
    BadLine,
    Metered,
    SaverSettings,
    Withheld,
)
from esimshaper.core.saver import allowing
from esimshaper.core.saver.withheld_services import names_of
from esimshaper.core.settings.values import Settings
from esimshaper.daemon.refusals import Refusals
from esimshaper.edge.dnsmasq import files
from esimshaper.edge.host import clock
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.host.paths import NAMES_REPORT

log = logging.getLogger(__name__)

PAUSE = 60.0
"""Seconds between two files: each costs dnsmasq its cache, and some tenths of a second."""

CHILD_SECONDS = 300

_MODULE = "esimshaper.block_lists"


@dataclass(frozen=True, slots=True)
class Wish:
    """What follows from the settings, from what people did by hand, and from decisions, at a moment."""

    saver: SaverSettings
    allowed: tuple[AllowedName, ...] = ()
    services: tuple[str, ...] = ()
    metered: bool = False


def metered_now(settings: Settings) -> bool:
    """Whether devices are to hear that the link is metered; of several uplinks the one in use counts."""
    if settings.saver.metered is not Metered.AUTO:
        return settings.saver.metered is Metered.ON
    return any(each.metered for each in settings.uplinks if each.name == settings.wan.shaped)


class Withholding:
    """withheld: what was written last. note: its path. state: the folder that names are kept in.

    report: of the process that names, which sees what DNS answers.
    """

    def __init__(self, note: Path, state: Path, report: Path = NAMES_REPORT) -> None:
        self.withheld = NOTHING_WITHHELD
        self._note = note
        self._kept = state / "dnsmasq" / "names"
        self._allowed_file = state / "dnsmasq" / "allowed.json"
        self._allowed = files.read_allowed(self._allowed_file)
        self._done: tuple[Any, ...] = ()
        self._at = -PAUSE
        self._by_hand: tuple[Any, ...] = ()
        self._running: asyncio.Task[None] | None = None
        self._refusals = Refusals(report)

    @property
    def allowed(self) -> tuple[AllowedName, ...]:
        """Names that are allowed by hand now."""
        return allowing.holding(self._allowed, clock.now())

    def allow(self, name: str, seconds: int | None) -> None:
        """Allows a name for so long, or (None) no more; `follow` puts it in force. Raises Unusable."""
        self._allowed = allowing.allow(self._allowed, name, seconds, clock.now())
        try:
            files.put_allowed(self._allowed_file, self._allowed)
        except OSError as error:
            log.warning("%s is allowed until a restart only: %s", name, error)

    async def written(self) -> None:
        """Returns once what was begun is written."""
        if self._running and not self._running.done():
            await asyncio.wait([self._running])

    def follow(self, wish: Wish, catalogue: Mapping[str, Service]) -> None:
        """Begins to write if something is new; each look-around calls it, and so does each act by hand."""
        if self._running and not self._running.done():
            return  # the next look-around, a few seconds on
        if wish.saver.is_idle:
            self._forget()
            return
        self._refusals.follow() if wish.saver.files else self._refusals.begin_anew()
        self.withheld = self._with_refusals(replace(self.withheld, is_wanted=bool(wish.saver.files)))
        of_lists = files.signature(wish.saver.block_names) if wish.saver.files else ""
        wanted, by_hand = (wish, of_lists), (wish.saver, wish.allowed, wish.metered)
        if wanted == self._done:
            return
        if by_hand == self._by_hand and clock.monotonic() - self._at < PAUSE:
            return
        self._done, self._by_hand, self._at = wanted, by_hand, clock.monotonic()
        self._running = asyncio.create_task(self._write(wish, catalogue))

    def _forget(self) -> None:
        """The settings want nothing: root takes away what there is, as soon as it hears of it."""
        if self._done:
            self._done, self._by_hand, self.withheld = (), (), NOTHING_WITHHELD
            self._refusals.begin_anew()
            self._note.unlink(missing_ok=True)

    async def _write(self, wish: Wish, catalogue: Mapping[str, Service]) -> None:
        try:
            report = await asyncio.to_thread(_order, wish, catalogue, self._kept) if wish.saver.files else {}
            problems = tuple(BadLine(*each) for each in report.get("problems", ()))
            names, is_wanted = report.get("names", 0), bool(wish.saver.files)
            self._take(Withheld(names, wish.services, problems, wish.metered, wish.allowed, is_wanted))
            files.put_note(self._note, {"metered": wish.metered, "at": clock.now()})
        except (OSError, ValueError, RuntimeError) as error:
            problems = (BadLine(wish.saver.files, 0, str(error)),)
            if problems != self.withheld.problems:  # it is tried each minute, and a full disk stays full
                log.warning("dnsmasq has the names of before: %s", error)
            self.withheld = replace(self.withheld, problems=problems)
            self._done = ()

    def _take(self, withheld: Withheld) -> None:
        if withheld.problems and withheld.problems != self.withheld.problems:
            first, *others = withheld.problems
            said = f"{first}; and {len(others)} more" if others else str(first)
            log.warning("the block lists of before stay in force: %s", said, extra=fields(Message.LIST_REFUSED))
        self.withheld = self._with_refusals(withheld)

    def _with_refusals(self, withheld: Withheld) -> Withheld:
        return replace(withheld, percent=self._refusals.percent, refused=self._refusals.refused)


def _order(wish: Wish, catalogue: Mapping[str, Service], kept: Path) -> dict[str, Any]:
    """What the child reports. Raises OSError, RuntimeError."""
    saver, of_services = wish.saver, names_of(wish.services, catalogue)
    canaries = (name for each in saver.canaries for name in CANARIES[each])
    order = {
        "lists": saver.block_names,
        "kept": str(kept),
        "files": saver.files,
        "withheld": (*of_services.withheld, *canaries),
        "allowed": (*saver.allow_names, *(each.name for each in wish.allowed), *of_services.kept),
    }
    path = os.pathsep.join(filter(None, (str(Path(esimshaper.__file__).parents[1]), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", _MODULE],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=False,
            timeout=CHILD_SECONDS,
            env=os.environ | {"PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the lists were not read within {CHILD_SECONDS} s") from None
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    report: dict[str, Any] = json.loads(done.stdout)
    return report
