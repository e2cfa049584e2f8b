# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers about rules by service, and what people decide for services. Runs in HTTP threads."""

from collections.abc import Callable
from datetime import UTC

from esimshaper.core import service_commands
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject
from esimshaper.core.model.service_requests import (
    LowDataCommand,
    LowDataQuery,
    RulesQuery,
    ServiceCommand,
    ServiceRequest,
)
from esimshaper.core.model.services import NO_VOLUME
from esimshaper.core.model.state import State
from esimshaper.core.report import rules as report_rules
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.saving import booking as saving
from esimshaper.daemon.reloader import Reloader
from esimshaper.daemon.reports import Change, OnLoop
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage

_HOUR, _DAY = 3600, 86400


class ServiceAnswers:
    """`state`, `facts` and `change` are as in Answers; `find` gives the subject that a person calls so."""

    def __init__(
        self,
        storage: Storage,
        reloader: Reloader,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
        find: Callable[[str], Subject],
        chosen: Callable[[State, str], tuple[ClientKey, ...] | None],
        on_loop: OnLoop,
        stopping: Stopping,
    ) -> None:
        self._storage, self._reloader, self._stopping = storage, reloader, stopping
        self._state, self._facts, self._change = state, facts, change
        self._find, self._chosen, self._on_loop = find, chosen, on_loop

    def answer(self, request: ServiceRequest) -> Document:
        """What holds, once a command is carried out."""
        match request:
            case RulesQuery(client):
                state = self._state()
                return report_rules.rules_document(state, self._facts(), self._chosen(state, client), client)
            case ServiceCommand():
                return self._decide(request)
            case LowDataCommand(mode, subject):
                whose = self._find(subject) if subject else EVERYONE
                self._on_loop(self._change(lambda state: service_commands.switch_low_data(state, whose, mode)))
            case LowDataQuery():
                pass
        return self._on_loop(self._low_data())

    def _decide(self, command: ServiceCommand) -> Document:
        subject, what, kind = self._find(command.subject), command.what, command.kind

        def decided(state: State) -> State:
            if kind is None:
                return service_commands.clear(state, subject, what)
            until = int(state.clock.time) + command.seconds if command.seconds else None
            return service_commands.decide(state, self._reloader.rules, subject, what, kind, until)

        self._on_loop(self._change(decided))
        return report_rules.decided_document(self._state(), self._facts(), subject, what)

    async def _low_data(self) -> Document:
        async with self._storage.lock:
            self._stopping.refuse()  # a last save may have been made while this waited for the lock
            state, facts = self._state(), self._facts()
            at = report_rules.began(state)
            before = await self._before(at, state, facts) if at else None
            return report_rules.low_data_document(state, facts, before)

    async def _before(self, at: int, state: State, facts: DaemonFacts) -> report_rules.Before:
        """What was used in the days before, as far as the history goes back."""
        oldest, _ = await self._storage.kept()
        begin = max(at - report_rules.DAYS * _DAY, min(oldest.get(Resolution.DAY, at), at))
        now, zone = facts.now.timestamp(), facts.now.tzinfo or UTC
        sums = []
        for since in (begin, at):
            past = saving.past_since(since, now, zone)
            saved = await self._storage.sums(past.parts)
            sums.append(saving.used_since(past, saved, state).services)
        all_of, later = sums
        used = {
            client: {name: size - later.get(client, {}).get(name, NO_VOLUME) for name, size in volumes.items()}
            for client, volumes in all_of.items()
        }
        return report_rules.Before(at, max(_HOUR, at - begin), used)
