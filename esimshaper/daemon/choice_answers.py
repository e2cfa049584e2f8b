# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers to choices about notices. Runs in HTTP threads."""

from collections.abc import Callable
from datetime import UTC

from esimshaper.core import notice_commands
from esimshaper.core.model.notice_requests import NoticeChoice
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.notices import notify_document
from esimshaper.daemon.reports import Change, OnLoop


class ChoiceAnswers:
    """`state`, `facts` and `change` are as in Answers."""

    def __init__(
        self,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
        on_loop: OnLoop,
    ) -> None:
        self._state, self._facts, self._change, self._on_loop = state, facts, change, on_loop

    def answer(self, choice: NoticeChoice) -> Document:
        """How notices are told from now on. Raises Unusable."""
        facts = self._facts()
        zone = facts.now.tzinfo or UTC
        self._on_loop(self._change(lambda state: notice_commands.choose(state, facts.notices, choice, zone)))
        return notify_document(self._facts(), self._state().notices)
