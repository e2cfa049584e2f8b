# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers about abnormal use, and what people say to it. Runs in HTTP threads."""

from collections.abc import Callable

from esimshaper.core import watch_commands
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.requests import (
    AlarmCommand,
    AlarmFineCommand,
    AlarmMuteCommand,
    AlarmSlowCommand,
    AlarmsQuery,
)
from esimshaper.core.model.state import State
from esimshaper.core.report.alarms import alarms_document
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.daemon.reports import Change, OnLoop
from esimshaper.edge.http.routes import BadParameter

_SHOWN = 20
"""Alarms that are over, in the answer to a command."""


class AlarmAnswers:
    """`state`, `facts` and `change` are as in Answers; `find` gives the subject that a person calls so."""

    def __init__(
        self,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
        find: Callable[[str], Subject | None],
        on_loop: OnLoop,
    ) -> None:
        self._state, self._facts, self._change = state, facts, change
        self._find, self._on_loop = find, on_loop

    def answer(self, request: AlarmsQuery | AlarmCommand) -> Document:
        """All alarms, once a command is carried out."""
        match request:
            case AlarmsQuery(limit):
                return alarms_document(self._state(), self._facts(), limit)
            case AlarmFineCommand(number):
                self._on_loop(self._change(lambda state: watch_commands.fine(state, number)))
            case AlarmSlowCommand(number, lasts):
                self._on_loop(self._change(lambda state: watch_commands.slow(state, number, lasts)))
            case AlarmMuteCommand(kind, client, seconds):
                key = self._client(client)
                self._on_loop(self._change(lambda state: watch_commands.mute(state, kind, key, seconds)))
        return alarms_document(self._state(), self._facts(), _SHOWN)

    def _client(self, written: str) -> ClientKey | None:
        subject = self._find(written)
        if subject and subject.kind is not SubjectKind.CLIENT:
            raise BadParameter(f"`{written}` is no client")
        return ClientKey(subject.id) if subject else None
