# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers about plans, and what it does to them. Runs in HTTP threads."""

from collections.abc import Callable
from datetime import UTC

from esimshaper.core import commands, plan_commands
from esimshaper.core.model.counts import Usage
from esimshaper.core.model.history import Resolution, RowChoice, RowRange
from esimshaper.core.model.identity import PSEUDO_KEYS
from esimshaper.core.model.requests import (
    PlanAddCommand,
    PlanCommand,
    PlanCorrectCommand,
    PlanResetCommand,
    PlanStartCommand,
    PlanSwitchCommand,
)
from esimshaper.core.model.state import State
from esimshaper.core.report.drift import LAG_SECONDS
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.plans import plans_document
from esimshaper.core.report.since import parse_since
from esimshaper.core.saving import booking as saving
from esimshaper.daemon.reloader import Reloader
from esimshaper.daemon.reports import Change, OnLoop
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.edge.http.routes import BadParameter

_FINE_SECONDS = 13 * 86400
"""Rows of five minutes are kept for two weeks; what is older is counted by the hour."""
_MOST_ROWS = 500_000


class PlanAnswers:
    """`state`, `facts` and `change` are as in Answers."""

    def __init__(
        self,
        storage: Storage,
        reloader: Reloader,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
        on_loop: OnLoop,
        stopping: Stopping,
    ) -> None:
        self._storage = storage
        self._reloader = reloader
        self._state = state
        self._facts = facts
        self._change = change
        self._on_loop = on_loop
        self._stopping = stopping

    def standing(self, today: Usage) -> Document:
        """How the plans stand. `today`: what each client used today."""
        clients = sum(1 for key, used in today.items() if used and key not in PSEUDO_KEYS)
        return plans_document(self._state(), self._facts(), clients)

    def carry_out(self, command: PlanCommand) -> Document:
        """Does what a person asks for; the answer says what was done, and how the plans stand then."""
        match command:
            case PlanStartCommand():
                at = self._moment(command.at)
                used = self._on_loop(self._used(command.plan, at))
                self._do(lambda state: plan_commands.start(state, self._reloader.rules, command, at, used))
            case PlanSwitchCommand():
                self._do(lambda state: plan_commands.switch(state, self._reloader.rules, command))
            case PlanAddCommand():
                until = self._end(command)
                self._do(lambda state: plan_commands.add(state, self._reloader.rules, command, until))
            case PlanResetCommand():
                self._do(lambda state: plan_commands.reset(state, self._reloader.rules, command.plan))
            case PlanCorrectCommand():
                at = self._moment(command.at)
                rows = self._on_loop(self._used(command.plan, at - LAG_SECONDS))
                since = {
                    "at": sum(size for moment, size in rows if moment >= at),
                    "before": sum(size for moment, size in rows if moment < at),
                }
                self._do(lambda state: plan_commands.correct(state, self._reloader.rules, command, at, since))
        return plans_document(self._state(), self._facts(), 1) | {"done": self._state().plans.kept.acted[-1].text}

    def _do(self, change: Callable[[State], State]) -> None:
        self._on_loop(self._change(change))

    def _moment(self, written: str) -> int:
        facts = self._facts()
        try:
            return parse_since(written, facts.now) if written else int(facts.now.timestamp())
        except ValueError as error:
            raise BadParameter(str(error)) from None

    def _end(self, command: PlanAddCommand) -> int | None:
        now = self._facts().now
        return commands.term(now.timestamp(), now.tzinfo or UTC, command.ends).until if command.ends else None

    async def _used(self, name: str, since: int) -> list[tuple[int, int]]:
        """What the uplinks of a plan used since then, by its time; of all uplinks, where it has none."""
        async with self._storage.lock:
            self._stopping.refuse()  # a last save may have been made while this waited for the lock
            state, now = self._state(), self._facts().now
            plan = plan_commands.plan_named(state, self._reloader.rules, name)
            own = [at for at, uplink in state.plans.kept.uplinks.items() if uplink.plan == plan.name]
            fine = now.timestamp() - since < _FINE_SECONDS
            rows_of = RowRange(Resolution.FIVE_MINUTES if fine else Resolution.HOUR, since, int(now.timestamp()) + 1)
            saved = await self._storage.some_rows((rows_of,), RowChoice(None, own or None), _MOST_ROWS)
            unsaved = [
                row
                for row in saving.unsaved_rows(self._state(), now.tzinfo or UTC)
                if row.resolution is rows_of.resolution and row.start >= since and (not own or row.uplink in own)
            ]
        sums: dict[int, int] = {}
        for row in (*saved, *unsaved):
            sums[row.start] = sums.get(row.start, 0) + row.counters.total_bytes
        return sorted(sums.items())
