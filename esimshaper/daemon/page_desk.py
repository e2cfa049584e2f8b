# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers about the page: where it is, who is logged in; the password. Runs in HTTP threads.

All other requests it hands on.
"""

import logging
from collections.abc import Callable

from esimshaper.core import page_commands
from esimshaper.core.model.requests import Command, Query, WebLogoutCommand, WebPasswordCommand, WebQuery, WebRequest
from esimshaper.core.model.state import State
from esimshaper.core.model.units import format_endpoint
from esimshaper.core.report import page as report
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.subjects import find_clients
from esimshaper.core.settings.values import WEB_PORT, Settings
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.reports import Change
from esimshaper.edge.host import secret
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.http.routes import BadParameter
from esimshaper.edge.lan.addresses import own_addresses

_HTTPS_PORT = 443

log = logging.getLogger(__name__)


class PageDesk:
    """`state`, `facts` and `settings` give the latest ones; `answers` has those to all other requests."""

    def __init__(
        self,
        answers: Answers,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
        settings: Callable[[], Settings],
    ) -> None:
        self._answers = answers
        self._state = state
        self._facts = facts
        self._change = change
        self._settings = settings

    def answer(self, request: Query | Command | WebRequest) -> Document:
        """The document for a request. Raises what control.Answer may raise."""
        match request:
            case WebQuery():
                pass
            case WebPasswordCommand(password):
                kept = secret.hashed(password)
                self._do(lambda state: page_commands.set_password(state, kept))
                log.info("the password of the page was set; all sessions end", extra=fields(Message.PAGE_ACT))
            case WebLogoutCommand(client):
                self._log_out(client)
            case _:
                return self._answers.answer(request)
        self._answers.refuse_if_stopping()
        state = self._state()
        wait = page_commands.wait_seconds(state, "")
        return report.web_document(state, self._facts(), self._urls(), page_commands.sessions(state), wait)

    def _log_out(self, client: str) -> None:
        state = self._state()
        sessions = page_commands.sessions(state)
        found = {*find_clients(state, client, self._facts()), client} if client else {each.who for each in sessions}
        if client and not found & {each.who for each in sessions}:
            raise BadParameter(f"nobody is logged in from `{client}`; `esimshaper web` shows who is")
        for who in found:
            self._do(lambda state, who=who: page_commands.log_out(state, who=who))  # type: ignore[misc]
        whose = f"those of {client}" if client else "all of them"
        log.info("sessions of the page have ended: %s", whose, extra=fields(Message.PAGE_ACT))

    def _urls(self) -> tuple[str, ...] | None:
        """Where the page is, by name first; None if it is off."""
        settings = self._settings()
        web = settings.web
        if web is None:
            return None
        lan = map(settings.device, settings.lan.interfaces)
        ends = [(each.address, each.port) for each in web.listen] or [(each, WEB_PORT) for each in own_addresses(lan)]
        scheme, usual = ("https", _HTTPS_PORT) if web.tls else ("http", WEB_PORT)
        ports = list(dict.fromkeys(port for _, port in ends)) or [WEB_PORT]
        by_name = [(name, port) for name in web.names for port in ports[:1]]

        def written(host: str, port: int) -> str:
            bare = f"[{host}]" if ":" in host else host
            return f"{scheme}://{bare if port == usual else format_endpoint(host, port)}/"

        return tuple(written(*each) for each in (*ends, *by_name))

    def _do(self, change: page_commands.Change) -> None:
        self._answers.on_loop(self._change(change))
