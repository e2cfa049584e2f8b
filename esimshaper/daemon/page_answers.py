# SPDX-License-Identifier: GPL-2.0-or-later
"""What web.sock answers: PageRequests -> documents. Runs in HTTP threads, and delays no tick."""

import logging
from collections.abc import Callable
from pathlib import Path

from esimshaper.core import approval_commands, notice_commands, page_commands
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.name_requests import NamesQuery
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.page import AlreadyDone, TooSoon
from esimshaper.core.model.page_requests import (
    AskCommand,
    AskServiceCommand,
    AsksQuery,
    LimitsQuery,
    LoginCommand,
    LogoutCommand,
    MeQuery,
    OwnerCommand,
    OwnerQuery,
    PageQuery,
    PageRequest,
    Peer,
    SessionsQuery,
)
from esimshaper.core.model.requests import NotifyQuery, QuotasQuery
from esimshaper.core.model.rules import hierarchy_of
from esimshaper.core.model.units import format_size
from esimshaper.core.report import me, notices
from esimshaper.core.report import page as report
from esimshaper.core.report.frame import Document, known_clients, new_document
from esimshaper.core.report.held import held_of
from esimshaper.core.saver import queries
from esimshaper.core.settings.values import Settings
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.page_owner import Owner, too_soon
from esimshaper.daemon.reports import Change
from esimshaper.daemon.snapshots import Snapshot, Snapshots
from esimshaper.edge.history.database import KEPT
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.http.control import Declined, NotNow
from esimshaper.edge.lan.addresses import own_addresses
from esimshaper.edge.lan.neighbours import at_this_moment
from esimshaper.edge.settings_file.excerpt import limits_in

log = logging.getLogger(__name__)


class PageAnswers:
    """`settings` gives those in force, of the file at `config`; `answers` are those of the control socket."""

    def __init__(
        self,
        snapshots: Snapshots,
        settings: Callable[[], Settings],
        config: Path,
        answers: Answers,
        owner: Owner,
        change: Change,
    ) -> None:
        self._snapshots = snapshots
        self._settings = settings
        self._config = config
        self._answers = answers
        self._owner = owner
        self._change = change

    def answer(self, request: PageRequest) -> Document:
        """The document for a request. Raises what control.Answer may raise, and Declined."""
        shown, snapshot = self._shown(), self._snapshots.latest()
        match request:
            case PageQuery():
                return me.page_document(snapshot.state, snapshot.facts, shown, own_addresses(self._lan()))
            case MeQuery(peer):
                key = self._client(snapshot, peer)
                if key is None:
                    return me.nobody_document(snapshot.state, snapshot.facts)
                found = queries.findings(snapshot.state, self._answers.rules)
                return me.me_document(snapshot.state, snapshot.facts, shown, key, snapshot.used(key), found)
            case AskCommand():
                return self._ask(request, snapshot)
            case AskServiceCommand():
                return self._ask_service(request, snapshot)
            case LoginCommand(peer):
                return self._owner.log_in(request, self._who(snapshot, peer))
            case LogoutCommand(by):
                return self._owner.log_out(request, self._who(snapshot, by.peer))
            case OwnerQuery():
                return self._look(request, snapshot)
            case OwnerCommand(by):
                return self._owner.carry_out(request, self._who(snapshot, by.peer))

    def _look(self, owned: OwnerQuery, snapshot: Snapshot) -> Document:
        session = self._owner.session(owned.by, self._who(snapshot, owned.by.peer))
        match owned.query:
            case AsksQuery():
                return report.asks_document(snapshot.state, snapshot.facts)
            case SessionsQuery():
                live = page_commands.sessions(snapshot.state)
                return report.sessions_document(snapshot.state, snapshot.facts, live, session.number)
            case NamesQuery():
                return self._owner.names()
            case NotifyQuery():
                return notices.notify_document(snapshot.facts, snapshot.state.notices)
            case LimitsQuery():
                written = {"file": str(self._config), "written": limits_in(self._config)}
                return self._answers.answer(QuotasQuery()) | written
            case query:
                return self._answers.answer(query)

    def _ask(self, ask: AskCommand, snapshot: Snapshot) -> Document:
        key = self._client(snapshot, ask.peer)
        if key is None:
            raise Declined("403 Forbidden", "the router does not know which device asks")
        held = {each["what"] for each in held_of(snapshot.state, snapshot.facts, key)} if ask.service else set()
        if ask.service and ask.service not in held:
            raise Declined("409 Conflict", f"`{ask.service}` is not held back or paced for this device")
        try:
            self._answers.on_loop(
                self._change(lambda state: page_commands.ask(state, key, ask.bytes, ask.text, ask.request, ask.service))
            )
        except TooSoon as error:
            too_soon(error)
        except AlreadyDone:
            return new_document(snapshot.facts.now) | {"request": ask.request, "repeated": True}
        name = report.called(snapshot.state, snapshot.facts, key)
        label = snapshot.facts.names.get(key, key)
        known = fields(Message.PAGE_ASKED, client=label)
        what = ask.service or format_size(ask.bytes)
        said = f"{name} asks for {what}"
        about = Subject(SubjectKind.CLIENT, key)
        notice = Notice(
            NoticeKind.ASKED,
            said,
            about,
            data={"subject": about.written(label), "bytes": ask.bytes, "text": ask.text, "service": ask.service},
        )
        self._answers.on_loop(self._change(lambda state: notice_commands.tell(state, notice)))
        log.info("%s asks for %s: %s", name, what, ask.text or "no reason given", extra=known)
        return new_document(snapshot.facts.now) | {"request": ask.request, "repeated": False}

    def _ask_service(self, ask: AskServiceCommand, snapshot: Snapshot) -> Document:
        key = self._client(snapshot, ask.peer)
        if key is None:
            raise Declined("403 Forbidden", "the router does not know which device asks")
        facts = snapshot.facts
        whose = hierarchy_of(Subject(SubjectKind.CLIENT, key), facts.names, facts.groups)
        asks = page_commands.once(
            lambda state: approval_commands.ask(state, whose, key, ask.service), ask.request, "asked"
        )
        document = new_document(snapshot.facts.now) | {"request": ask.request}
        try:
            self._answers.on_loop(self._change(asks))
        except AlreadyDone:
            return document | {"repeated": True}
        name, label = report.called(snapshot.state, snapshot.facts, key), snapshot.facts.names.get(key, key)
        log.info("%s asks for %s", name, ask.service, extra=fields(Message.PAGE_ASKED, client=label))
        return document | {"repeated": False}

    def _client(self, snapshot: Snapshot, peer: Peer) -> ClientKey | None:
        """The device that has this address at this moment: an address that was handed on is of who has it now."""
        neighbour = at_this_moment(peer.address, self._lan())
        if neighbour:
            return ClientKey(neighbour.mac)
        # On a link without MACs a client is its address.
        own = ClientKey(peer.address)
        return own if own in known_clients(snapshot.state) else None

    def _who(self, snapshot: Snapshot, peer: Peer) -> str:
        """What a session is bound to: the device, or the address where the kernel knows no device."""
        return self._client(snapshot, peer) or peer.address

    def _lan(self) -> tuple[str, ...]:
        settings = self._settings()
        return tuple(map(settings.device, settings.lan.interfaces))

    def _shown(self) -> me.Shown:
        web = self._settings().web
        if web is None:
            raise NotNow("the page is off", "Write `web: {}` into the configuration, and reload.")
        return me.Shown(web.plan, web.names, web.tls is not None, KEPT)
