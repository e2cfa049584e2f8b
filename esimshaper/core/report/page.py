# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> what the owner sees of the page itself; and what was done on it, in words. Pure.

The frame is as in documents.py.

    ask       {"id": int, "client": key, "name": how people call it, "at" + "at_unix", "bytes", "text",
               "service": the service or category that it asks for in place of bytes, else "", "titles": of a service,
               "answer": null while it is open, else {"bytes": 0 for no, "seconds": of a service, 0 for no,
                                                      "at" + "at_unix"}}
    asks      {"asks": [ask], open ones first, then the newest,
               "last": act, as in acts.py, which the owner can take back; null for none,
               "services_waiting": how many services wait for the owner's word}
    session   {"id": int, "client": key or address, "name", "since" + "since_unix", "until" + "until_unix",
               "current": bool, it is the one that asks}
    sessions  {"sessions": [session]}
    limits    as quotas in quotas.py, and "file": where they are written; "written": the lines of that file
    done      {"request": id, "done": what was done, in words, "repeated": bool, it was done before}, beside the answer
              of the control socket; that is missing where a request of before the last start is repeated
    web       {"on": bool, "urls": [URL of each address and name], "password_set": bool, "sessions": [session],
               "asks_open": int, "wait_seconds": for how long nobody may try a password, 0 for none}
"""

from collections.abc import Iterable, Sequence

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import OverrideKind
from esimshaper.core.model.name_requests import AllowNameCommand
from esimshaper.core.model.notice_requests import LeastCommand, NoticeChoice, QuietCommand
from esimshaper.core.model.page import Ask, Session
from esimshaper.core.model.page_requests import AnswerCommand, NameCommand
from esimshaper.core.model.requests import (
    AlarmCommand,
    AlarmFineCommand,
    AlarmMuteCommand,
    AlarmSlowCommand,
    Command,
    GrantCommand,
    OverrideCommand,
    PlanAddCommand,
    PlanCorrectCommand,
    PlanSwitchCommand,
    RevokeCommand,
    UndoCommand,
)
from esimshaper.core.model.review_requests import ReviewCommand, Word
from esimshaper.core.model.service_requests import LowDataCommand, ServiceCommand
from esimshaper.core.model.state import State
from esimshaper.core.model.units import format_size
from esimshaper.core.report.acts import act_entry
from esimshaper.core.report.frame import DaemonFacts, Document, identity, known_clients, moment, new_document
from esimshaper.core.report.review import number_waiting
from esimshaper.core.report.services import titles_of


def called(state: State, facts: DaemonFacts, who: str) -> str:
    """How people call whom a session or a question is of; an address is called by itself."""
    key = ClientKey(who)
    return identity(state, key, facts).called if key in {*known_clients(state), *facts.names} else who


def ask_entry(state: State, facts: DaemonFacts, ask: Ask) -> Document:
    """An `ask` of the module's docstring."""
    zone = facts.now.tzinfo
    given = {"bytes": 0, "seconds": ask.given} if ask.service else {"bytes": ask.given}
    answer = {**given, **moment("at", ask.answered, zone)} if ask.answered is not None else None
    return {
        "id": ask.number,
        "client": ask.client,
        "name": called(state, facts, ask.client),
        **moment("at", ask.at, zone),
        "bytes": ask.bytes,
        "text": ask.text,
        "service": ask.service,
        "titles": titles_of(ask.service, facts.catalogue),
        "answer": answer,
    }


def open_asks(state: State) -> int:
    """How many questions wait for the owner."""
    return sum(each.answered is None for each in state.page.kept.asks)


def asks_document(state: State, facts: DaemonFacts) -> Document:
    """See the module's docstring."""
    asks = sorted(state.page.kept.asks, key=lambda each: (each.answered is not None, -each.number))
    acts = state.limits.kept.acts
    return new_document(facts.now) | {
        "asks": [ask_entry(state, facts, each) for each in asks],
        "last": act_entry(state, facts, acts[-1]) if acts else None,
        "services_waiting": number_waiting(state),
    }


def sessions_document(state: State, facts: DaemonFacts, sessions: Iterable[Session], own: int) -> Document:
    """See the module's docstring. `own`: the number of the one that asks."""
    return new_document(facts.now) | {"sessions": [_session(state, facts, each, own) for each in sessions]}


def _session(state: State, facts: DaemonFacts, session: Session, own: int) -> Document:
    zone = facts.now.tzinfo
    return {
        "id": session.number,
        "client": session.who,
        "name": called(state, facts, session.who),
        **moment("since", session.began, zone),
        **moment("until", session.until, zone),
        "current": session.number == own,
    }


def web_document(
    state: State, facts: DaemonFacts, urls: Sequence[str] | None, sessions: Iterable[Session], wait: int
) -> Document:
    """See the module's docstring. `urls`: None if the page is off."""
    return new_document(facts.now) | {
        "on": urls is not None,
        "urls": list(urls or ()),
        "password_set": state.page.kept.password is not None,
        "sessions": [_session(state, facts, each, 0) for each in sessions],
        "asks_open": open_asks(state),
        "wait_seconds": wait,
    }


def said_of(command: Command | NameCommand | AnswerCommand | AllowNameCommand) -> str:
    """What a command does, for the journal."""
    match command:
        case GrantCommand(subject, size):
            return f"grant {format_size(size)} to {subject}"
        case RevokeCommand(subject):
            return f"take back what was granted to {subject}"
        case OverrideCommand(subject, kind, end):
            return f"{_override(kind)} {subject}" + (f" for {end} s" if isinstance(end, int) else "")
        case UndoCommand(redo):
            return "redo" if redo else "undo"
        case PlanCorrectCommand() | PlanAddCommand() | PlanSwitchCommand():
            return _planned(command)
        case ReviewCommand():
            return _reviewed(command)
        case AlarmFineCommand() | AlarmSlowCommand() | AlarmMuteCommand():
            return _answered(command)
        case QuietCommand() | LeastCommand():
            return _chosen(command)
        case NameCommand() | AllowNameCommand():
            return _named(command)
        case AnswerCommand(number, size, seconds):
            yes = f"{seconds} s" if seconds else format_size(size)
            return f"answer question {number} with {yes if seconds or size else 'no'}"
        case ServiceCommand() | LowDataCommand():
            return _ruled(command)
        case _:
            return type(command).__name__


def _named(command: NameCommand | AllowNameCommand) -> str:
    match command:
        case NameCommand(client, name):
            return f"call {client} {name}" if name else f"take back the name of {client}"
        case AllowNameCommand(name, seconds):
            return f"have DNS answer for {name} for {seconds} s" if seconds else f"let lists count for {name} again"


def _planned(command: PlanCorrectCommand | PlanAddCommand | PlanSwitchCommand) -> str:
    match command:
        case PlanCorrectCommand(plan, figure):
            return f"correct the plan {plan} to {figure.amount} {figure.unit}".replace("  ", " ")
        case PlanAddCommand(plan, size):
            return f"add {format_size(size) if size else 'what the terms sell'} to the plan {plan}".rstrip()
        case PlanSwitchCommand(plan):
            return f"switch to the plan {plan}"


def _ruled(command: ServiceCommand | LowDataCommand) -> str:
    match command:
        case ServiceCommand(subject, what, kind, seconds):
            return f"{kind.value if kind else 'unblock'} {what} of {subject}" + (f" for {seconds} s" if seconds else "")
        case LowDataCommand(mode, subject):
            return f"low-data mode {mode.value if mode else 'as in the settings'} for {subject or 'everyone'}"


def _answered(command: AlarmCommand) -> str:
    match command:
        case AlarmFineCommand(number):
            return f"alarm {number} is fine"
        case AlarmSlowCommand(number, seconds):
            return f"slow the client of alarm {number} for {seconds} s"
        case AlarmMuteCommand(kind, client, seconds):
            what = f"{kind or 'all alarms'} of {client or 'everybody'}"
            return f"mute {what} for {seconds} s" if seconds else f"tell of {what} again"


def _chosen(command: NoticeChoice) -> str:
    match command:
        case QuietCommand(hours):
            return f"quiet hours {hours}" if hours else "quiet hours as in the settings"
        case LeastCommand(channel, least):
            return f"tell by {channel} from {least} on" if least else f"tell by {channel} as in the settings"


def _reviewed(command: ReviewCommand) -> str:
    what = command.service or f"service {command.number} of `review`"
    if command.word is Word.FORGET:
        return f"ask about {what} again"
    whose = f" for {command.subject}" if command.subject else ""
    lasts = {None: "", 0: ", always"}.get(command.seconds, f", for {command.seconds} s")
    return f"{command.word.value} {what}{whose}{lasts}"


def _override(kind: OverrideKind | None) -> str:
    return "clear" if kind is None else "allow" if kind.allows else "block"
