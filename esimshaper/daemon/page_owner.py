# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is the owner, and what the owner does on the page: once for each request. Runs in HTTP threads.

A password is compared in the thread of who asks, one at a time; ticks go on meanwhile.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from esimshaper.core import page_commands
from esimshaper.core.model.decisions import DecisionKind
from esimshaper.core.model.name_requests import AllowNameCommand, NamesAsked, NamesQuery
from esimshaper.core.model.page import AlreadyDone, Session, TooSoon
from esimshaper.core.model.page_requests import (
    AnswerCommand,
    Credential,
    LoginCommand,
    LogoutCommand,
    NameCommand,
    OwnerCommand,
)
from esimshaper.core.model.requests import GrantCommand, UndoCommand
from esimshaper.core.model.service_requests import ServiceCommand
from esimshaper.core.model.state import State
from esimshaper.core.report import page as report
from esimshaper.core.report.frame import DaemonFacts, Document, moment, new_document
from esimshaper.core.report.subjects import find_subject
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.reports import Change, OnLoop
from esimshaper.edge.host import secret
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.http.control import Declined
from esimshaper.edge.http.routes import BadParameter

PATIENCE_SECONDS = 3.0
"""How long a password waits for the one before it."""

_MOST_ANSWERS = 64
_DENIED, _FORBIDDEN, _TOO_MANY = "401 Unauthorized", "403 Forbidden", "429 Too Many Requests"

log = logging.getLogger(__name__)


class Owner:
    """`state` and `facts` give the latest ones; `with_change` makes Answers that change the State by another Change."""

    def __init__(
        self,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
        on_loop: OnLoop,
        with_change: Callable[[Change], Answers],
        names: Callable[[NamesAsked], Document],
    ) -> None:
        self._state = state
        self._facts = facts
        self._change = change
        self._on_loop = on_loop
        self._with_change = with_change
        self._names = names
        self._one_password = threading.Lock()
        self._answers: OrderedDict[str, Document] = OrderedDict()  # of requests, as they were given
        self._answers_lock = threading.Lock()

    def log_in(self, command: LoginCommand, who: str) -> Document:
        """A session for the right password. `who`: the client or address that it is bound to. Raises Declined."""
        if self._state().page.kept.password is None:
            hint = "`sudo esimshaper web password` on the router sets it"
            raise Declined(_FORBIDDEN, f"there is no password yet: {hint}")
        self._refuse_soon(who)
        if not self._one_password.acquire(timeout=PATIENCE_SECONDS):
            raise Declined(_TOO_MANY, "others try passwords, too", {"seconds": 1})
        try:
            return self._compare(command, who)
        finally:
            self._one_password.release()

    def _compare(self, command: LoginCommand, who: str) -> Document:
        self._refuse_soon(who)
        # It counts as wrong before it is compared, so that nobody gets one more by ending the daemon in between.
        self._do(lambda state: page_commands.try_password(state, who))
        kept = self._state().page.kept.password
        if kept is None or not secret.is_right(command.password, kept):
            self._tell_of_guess(who, command)
            raise Declined(_DENIED, "that is not the password")
        token = secret.new_token()
        self._do(lambda state: page_commands.log_in(state, who, secret.token_hash(token)))
        session = page_commands.session_of(self._state(), secret.token_hash(token), who)
        self._tell("the owner has logged in on the page from %s (%s)", Message.PAGE_LOGIN, who, command.peer.address)
        facts = self._facts()
        until = moment("until", session.until if session else None, facts.now.tzinfo)
        return new_document(facts.now) | {"token": token, **until}

    def _refuse_soon(self, who: str) -> None:
        if seconds := page_commands.wait_seconds(self._state(), who):
            raise Declined(_TOO_MANY, "too many wrong passwords: wait before the next one", {"seconds": seconds})

    def _tell_of_guess(self, who: str, command: LoginCommand) -> None:
        text = "a wrong password on the page from %s (%s)"
        self._tell(text, Message.PAGE_GUESS, who, command.peer.address, logging.WARNING)
        if page_commands.is_besieged(self._state()):
            text = (
                "20 wrong passwords on the page within an hour, the last one from %s (%s): "
                "for now only devices that have logged in before can log in"
            )
            self._tell(text, Message.PAGE_BESIEGED, who, command.peer.address, logging.WARNING)

    def log_out(self, command: LogoutCommand, who: str) -> Document:
        """Ends the session, or all of them. Raises Declined."""
        self.session(command.by, who)
        token = secret.token_hash(command.by.token)
        if command.everyone:
            self._do(page_commands.log_out)
        else:
            self._do(lambda state: page_commands.leave(state, token))
        return new_document(self._facts().now)

    def names(self) -> Document:
        """What DNS refuses, as of now: a tap just before is in it."""
        return self._names(NamesQuery())

    def session(self, by: Credential, who: str) -> Session:
        """The session of a token that `who` shows. Raises Declined."""
        found = page_commands.session_of(self._state(), secret.token_hash(by.token), who) if by.token else None
        if found is None:
            raise Declined(_DENIED, "log in first")
        return found

    def carry_out(self, owned: OwnerCommand, who: str) -> Document:
        """Does what the owner asks for; a repeated request does nothing, and has the same answer. Raises Declined."""
        self.session(owned.by, who)
        said = report.said_of(owned.command)
        try:
            page_commands.refuse_done(self._state(), owned.request)
            if isinstance(owned.command, UndoCommand) and not self._state().limits.kept.acts:
                return new_document(self._facts().now) | {"request": owned.request, "undone": None, "repeated": False}
            document = self._first(owned, said)
        except AlreadyDone as already:
            return self._again(already)
        text = f"the owner, on the page from %s (%s): {said.replace('%', '%%')}"
        self._tell(text, Message.PAGE_ACT, who, owned.by.peer.address)
        return self._keep(owned.request, document | {"request": owned.request, "done": said, "repeated": False})

    def _first(self, owned: OwnerCommand, said: str) -> Document:
        match owned.command:
            case NameCommand(client, name):
                key = self._client(client)
                self._do(page_commands.once(lambda state: page_commands.name(state, key, name), owned.request, said))
                return new_document(self._facts().now)
            case AllowNameCommand():
                document = self._names(owned.command)  # again after a crash: the same, and no harm
                self._do(page_commands.once(lambda state: state, owned.request, said))
                return document
            case AnswerCommand():
                return self._answer(owned.command, owned.request, said)
            case command:

                def once(change: page_commands.Change) -> Coroutine[Any, Any, None]:
                    return self._change(page_commands.once(change, owned.request, said))

                return self._with_change(once).answer(command)

    def _answer(self, answer: AnswerCommand, request: str, said: str) -> Document:
        ask = page_commands.open_ask(self._state(), answer.number)

        def once(change: page_commands.Change) -> Coroutine[Any, Any, None]:
            def both(state: State) -> State:
                return page_commands.answer(change(state), answer.number, answer.seconds or answer.bytes)

            return self._change(page_commands.once(both, request, said))

        if bool(answer.seconds) != bool(ask.service) and (answer.seconds or answer.bytes):
            raise BadParameter("a question for a service is answered with seconds, one for data with bytes")
        if answer.seconds:
            allow = ServiceCommand(f"client/{ask.client}", ask.service, DecisionKind.ALLOW, answer.seconds)
            return self._with_change(once).answer(allow)
        if answer.bytes:
            return self._with_change(once).answer(GrantCommand(f"client/{ask.client}", answer.bytes, None))
        self._on_loop(once(lambda state: state))
        return report.asks_document(self._state(), self._facts())

    def _client(self, written: str) -> Any:  # noqa: ANN401 - a ClientKey
        try:
            subject = find_subject(self._state(), written, self._facts())
        except ValueError as error:
            raise BadParameter(str(error)) from None
        if subject.kind.value != "client":
            raise BadParameter(f"`{written}` is not one device")
        return subject.id

    def _again(self, already: AlreadyDone) -> Document:
        with self._answers_lock:
            known = self._answers.get(already.done.request)
        document = known or new_document(self._facts().now) | {"request": already.done.request}
        return document | {"done": already.done.said, "repeated": True}

    def _keep(self, request: str, document: Document) -> Document:
        with self._answers_lock:
            self._answers[request] = document
            while len(self._answers) > _MOST_ANSWERS:
                self._answers.popitem(last=False)
        return document

    def _do(self, change: page_commands.Change) -> None:
        self._on_loop(self._change(change))

    def _tell(self, text: str, message: Message, who: str, address: str, level: int = logging.INFO) -> None:
        name = report.called(self._state(), self._facts(), who)
        known = self._facts().names.get(who, who)  # type: ignore[call-overload]
        log.log(level, text, name, address, extra=fields(message, client=known if who != address else ""))


def too_soon(error: TooSoon) -> NoReturn:
    """Answers 429, with how long to wait."""
    raise Declined(_TOO_MANY, str(error), {"seconds": error.seconds}) from None
