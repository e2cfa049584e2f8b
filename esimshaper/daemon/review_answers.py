# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers about services that wait, and what people say to them. Runs in HTTP threads."""

from collections.abc import Callable

from esimshaper.core import approval_commands
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import Subject
from esimshaper.core.model.requests import ServicesQuery
from esimshaper.core.model.review_requests import ReviewCommand, ReviewQuery, Word
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.review import review_document
from esimshaper.core.report.services import find_choice
from esimshaper.daemon.reports import Change, OnLoop
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.http.routes import BadParameter

_FLOWS = 1000
"""So many of the largest conversations are asked for their far ends."""


class ReviewAnswers:
    """`state`, `facts` and `change` are as in Answers; `find` gives the subject that a person calls so."""

    def __init__(
        self,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
        find: Callable[[str], Subject | None],
        on_loop: OnLoop,
        rules: Callable[[], Rules],
        meter: Meter,
    ) -> None:
        self._state, self._facts, self._change = state, facts, change
        self._find, self._on_loop, self._rules, self._meter = find, on_loop, rules, meter

    def answer(self, request: ReviewQuery | ReviewCommand) -> Document:
        """All that waits, once a command is carried out."""
        if isinstance(request, ReviewCommand):
            change = self._changed(request)
            self._on_loop(self._change(change))
        state = self._state()
        clients = tuple({client for (client, _), use in state.approval.kept.uses.items() if use.waits})
        flows = self._meter.flows(_FLOWS, clients, recent_first=False)[1] if clients else ()
        rules = self._rules()
        return review_document(state, self._facts(), rules, approval_commands.due(state, rules), flows)

    def _changed(self, said: ReviewCommand) -> Callable[[State], State]:
        """What the command does. Raises BadParameter."""
        rules, number, approved = self._rules(), said.number, said.word is Word.APPROVE
        if said.word is Word.FORGET:
            return lambda state: approval_commands.ask_again(state, rules, number)
        subject, end = self._find(said.subject), self._end(said.seconds)
        if number:
            return lambda state: approval_commands.answer(state, rules, number, subject, end, approved=approved)
        if subject is None:
            raise Unusable(f"say for whom `{said.service}` is meant", "For example `--to everyone`, or `--to tv`.")
        service = self._service(said.service)
        return lambda state: approval_commands.answer_service(state, rules, service, subject, end, approved=approved)

    def _end(self, seconds: int | None) -> int | None:
        return int(self._state().clock.time) + seconds if seconds else seconds

    def _service(self, written: str) -> str:
        try:
            return find_choice(self._state(), self._facts(), ServicesQuery("", "", written, "")).service
        except ValueError as error:
            raise BadParameter(str(error)) from None
