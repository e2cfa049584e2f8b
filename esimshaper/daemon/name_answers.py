# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers about names that DNS refuses. Runs in HTTP threads, and asks the loop."""

from collections.abc import Callable

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.name_requests import AllowNameCommand, NamesQuery
from esimshaper.core.model.requests import NoNames, Request
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.withheld import names_document
from esimshaper.daemon.reports import OnLoop
from esimshaper.daemon.withholding import Withholding

SECONDS = 60
"""A small processor needs some seconds for half a million names."""


class NameAnswers:
    """`follow` has the files written anew, if they would be others; `answer_others` answers all other requests."""

    def __init__(
        self,
        withholding: Withholding,
        facts: Callable[[], DaemonFacts],
        follow: Callable[[], None],
        on_loop: OnLoop,
        answer_others: Callable[[NoNames], Document],
    ) -> None:
        self._withholding = withholding
        self._facts = facts
        self._follow = follow
        self._on_loop = on_loop
        self._answer_others = answer_others

    def answer(self, request: Request) -> Document:
        """The document for a person. Raises what control.Answer may raise."""
        match request:
            case NamesQuery():
                return names_document(self._facts())
            case AllowNameCommand():
                self._on_loop(self._allow(request), SECONDS)
                return names_document(self._facts())
            case _:
                return self._answer_others(request)

    async def _allow(self, command: AllowNameCommand) -> None:
        if not self._facts().withheld.is_wanted:
            hint = "`dnsmasq` in the configuration lets esimshaper refuse names: man esimshaper.yaml"
            raise Unusable("no name is refused, as dnsmasq is left alone", hint)
        self._withholding.allow(command.name, command.seconds)
        await self._withholding.written()  # what was begun before knows nothing of it
        self._follow()
        await self._withholding.written()
