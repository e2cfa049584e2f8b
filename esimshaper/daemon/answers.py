# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers: Requests -> documents. Runs in HTTP threads, and asks the loop for the State."""

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from datetime import UTC
from typing import Any, TypeVar

from esimshaper.core import commands
from esimshaper.core.model.counts import Usage
from esimshaper.core.model.history import COUNTED_ROWS, Resolution, RowChoice, Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Quota, Subject
from esimshaper.core.model.notice_requests import LeastCommand, QuietCommand
from esimshaper.core.model.requests import (
    AlarmFineCommand,
    AlarmMuteCommand,
    AlarmSlowCommand,
    AlarmsQuery,
    ClientsQuery,
    Command,
    CorrectCommand,
    EventsQuery,
    ExportQuery,
    FlowsQuery,
    GrantCommand,
    HistoryQuery,
    ImportCommand,
    OverrideCommand,
    PlanQuery,
    Query,
    QuotasQuery,
    ReloadCommand,
    ReportQuery,
    RestartCommand,
    RevokeCommand,
    ServicesQuery,
    StatusQuery,
    SubjectsQuery,
    UndoCommand,
)
from esimshaper.core.model.review_requests import ReviewCommand, ReviewQuery
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.saver_requests import SaverQuery
from esimshaper.core.model.service_requests import (
    LowDataCommand,
    LowDataQuery,
    RulesQuery,
    ServiceCommand,
    ServiceQuery,
    ServiceRequest,
)
from esimshaper.core.model.state import State
from esimshaper.core.report import acts as report_acts
from esimshaper.core.report import documents
from esimshaper.core.report import quotas as report_quotas
from esimshaper.core.report.events import events_document
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.services import Choice, find_choice, services_document
from esimshaper.core.report.since import parse_since
from esimshaper.core.report.subjects import (
    find_many,
    find_quota,
    find_subject,
    nobody,
    subjects_document,
    with_ancestors,
)
from esimshaper.core.saving import booking as saving
from esimshaper.daemon.alarm_answers import AlarmAnswers
from esimshaper.daemon.choice_answers import ChoiceAnswers
from esimshaper.daemon.plan_answers import PlanAnswers
from esimshaper.daemon.reloader import Reloader
from esimshaper.daemon.reports import Change, Reports
from esimshaper.daemon.review_answers import ReviewAnswers
from esimshaper.daemon.saver_answers import saver_answer
from esimshaper.daemon.service_answers import ServiceAnswers
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.http.control import NotNow, Refused
from esimshaper.edge.http.routes import BadParameter
from esimshaper.edge.lan import conntrack
from esimshaper.edge.settings_file import SettingsError

ANSWER_SECONDS = 4
"""Below the deadline of the HTTP server, so that the answer is still a sentence."""

RELOAD_SECONDS = 60
"""A thousand clients with classes of their own, made anew at another uplink, take a small box some ten."""

T = TypeVar("T")


class Answers:
    """`state` and `facts` give the latest ones, on any thread; `change` is a Change."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        storage: Storage,
        meter: Meter,
        reloader: Reloader,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
        stopping: Stopping,
    ) -> None:
        self._loop = loop
        self._storage = storage
        self._meter = meter
        self._reloader = reloader
        self._state = state
        self._facts = facts
        self._change = change
        self._stopping = stopping
        self._plans = PlanAnswers(storage, reloader, state, facts, change, self.on_loop, stopping)
        self._alarms = AlarmAnswers(state, facts, change, self._one_of, self.on_loop)
        self._choices = ChoiceAnswers(state, facts, change, self.on_loop)
        self._review = ReviewAnswers(state, facts, change, self._one_of, self.on_loop, lambda: reloader.rules, meter)
        self._reports = Reports(storage, state, facts, self._chosen, self.on_loop, stopping)
        parts = (state, facts, change, self._subject, self._chosen, self.on_loop, stopping)
        self._by_service = ServiceAnswers(storage, reloader, *parts)

    def with_change(self, change: Change) -> "Answers":
        """The same, which changes the State by another Change."""
        parts = (self._loop, self._storage, self._meter, self._reloader, self._state, self._facts)
        return Answers(*parts, change, self._stopping)

    @property
    def rules(self) -> Rules:
        """Those in force."""
        return self._reloader.rules

    def refuse_if_stopping(self) -> None:
        """Raises NotNow once the daemon stops."""
        self._stopping.refuse()

    def answer(self, request: Query | Command) -> Document:
        """The document for a request, once a command is carried out. Raises what control.Answer may raise."""
        self._stopping.refuse()
        match request:
            case StatusQuery():
                state, facts, today, month = self._now_and_used()
                return documents.status_document(state, facts, today.usage, month, today.services)
            case ClientsQuery(client):
                state, facts, today, month = self._now_and_used()
                chosen = self._chosen(state, client)
                return documents.clients_document(state, facts, today.usage, month, chosen, today.services)
            case QuotasQuery(subject):
                of = self._subject(subject) if subject else None
                return report_quotas.quotas_document(self._state(), self._facts(), of)
            case SubjectsQuery():
                return subjects_document(self._state(), self._facts())
            case FlowsQuery():
                return self._flows(request)
            case ServicesQuery():
                return self.on_loop(self._services(request))
            case HistoryQuery():
                return self._reports.history(request)
            case ReportQuery():
                return self._reports.report(request)
            case PlanQuery():
                _, _, today, _ = self._now_and_used()
                return self._plans.standing(today.usage)
            case ExportQuery():
                return self._reports.export(request)
            case EventsQuery():
                return self.on_loop(self._events(request))
            case _:
                return self._carry_out(request)

    def _carry_out(self, command: Command | AlarmsQuery | ReviewQuery | ServiceQuery | SaverQuery) -> Document:
        match command:
            case GrantCommand():
                return self._grant(command)
            case RevokeCommand():
                return self._revoke(command)
            case OverrideCommand():
                return self._override(command)
            case CorrectCommand():
                return self._correct(command)
            case RestartCommand():
                return self._restart(command)
            case UndoCommand():
                return self._undo(command)
            case ReloadCommand():
                return self._reload(command)
            case AlarmsQuery() | AlarmFineCommand() | AlarmMuteCommand() | AlarmSlowCommand():
                return self._alarms.answer(command)
            case QuietCommand() | LeastCommand():
                return self._choices.answer(command)
            case (ReviewQuery() | ReviewCommand() | SaverQuery()) | (
                RulesQuery() | LowDataQuery() | ServiceCommand() | LowDataCommand()
            ):
                return self._of_services(command)
            case ImportCommand():
                return self._reports.take_in(command)
            case _:
                return self._plans.carry_out(command)

    def _of_services(self, request: ReviewQuery | ReviewCommand | SaverQuery | ServiceRequest) -> Document:
        match request:
            case ReviewQuery() | ReviewCommand():
                return self._review.answer(request)
            case SaverQuery():
                return saver_answer(self._state(), self._facts(), self.rules)
            case _:
                return self._by_service.answer(request)

    def _flows(self, query: FlowsQuery) -> Document:
        state = self._state()
        chosen = self._chosen(state, query.client)
        count, flows = self._meter.flows(query.limit, chosen, recent_first=query.recent_first)
        return documents.flows_document(state, self._facts(), conntrack.behind_nat(flows), count=count)

    def _grant(self, command: GrantCommand) -> Document:
        subject, size, when = self._subject(command.subject), command.bytes, self._term(command)
        self.on_loop(self._change(lambda state: commands.grant(state, self._reloader.rules, subject, size, *when)))
        return report_quotas.grant_document(self._state(), self._facts(), subject, size, *when)

    def _revoke(self, command: RevokeCommand) -> Document:
        subject, size = self._subject(command.subject), command.bytes
        self.on_loop(self._change(lambda state: commands.revoke(state, self._reloader.rules, subject, size)))
        return report_quotas.revoke_document(self._state(), self._facts(), subject, size)

    def _override(self, command: OverrideCommand) -> Document:
        subject, when = self._subject(command.subject), self._term(command)
        self.on_loop(self._change(lambda state: commands.override(state, subject, command.kind, *when)))
        return report_quotas.override_document(self._state(), self._facts(), subject, when.at)

    def _correct(self, command: CorrectCommand) -> Document:
        quota, client, size = self._quota(command.quota), self._one_of(command.client), command.bytes
        self.on_loop(self._change(lambda state: commands.correct(state, self._reloader.rules, quota, client, size)))
        return report_acts.usage_document(self._state(), self._facts(), quota, client)

    def _restart(self, command: RestartCommand) -> Document:
        quota, client = self._quota(command.quota), self._one_of(command.client)
        self.on_loop(self._change(lambda state: commands.restart(state, self._reloader.rules, quota, client)))
        return report_acts.usage_document(self._state(), self._facts(), quota, client)

    def _undo(self, command: UndoCommand) -> Document:
        done: list[commands.Undone] = []

        def undo(state: State) -> State:
            done.append((commands.redo if command.redo else commands.undo)(state, self._reloader.rules))
            return done[-1].state

        self.on_loop(self._change(undo))
        document = report_acts.redo_document if command.redo else report_acts.undo_document
        return document(self._state(), self._facts(), done[-1].act, changed=done[-1].changed)

    def _reload(self, command: ReloadCommand) -> Document:
        reloading = self._reloader.plan() if command.dry_run else self._reloader.reload()
        try:
            plan = self.on_loop(reloading, RELOAD_SECONDS)
        except SettingsError as error:
            sentence = "the edited configuration is refused; the previous one stays in force"
            raise Refused(sentence, {"problems": error.documents}) from None
        return documents.reload_document(self._facts(), plan.changes, plan.notes, applied=not command.dry_run)

    def _subject(self, written: str) -> Subject:
        try:
            return find_subject(self._state(), written, self._facts())
        except ValueError as error:
            raise BadParameter(str(error)) from None

    def _quota(self, written: str) -> Quota:
        try:
            return find_quota(self._state(), written, self._facts())
        except ValueError as error:
            raise BadParameter(str(error)) from None

    def _one_of(self, client: str) -> Subject | None:
        return self._subject(client) if client else None

    def _term(self, command: GrantCommand | OverrideCommand) -> commands.Term:
        """By the clock of the last reading; the wall clock may have been set since."""
        state, now = self._state(), self._facts().now
        since = state.clock.time if state.baseline else now.timestamp()
        return commands.term(since, now.tzinfo or UTC, command.end, command.at)

    def _now_and_used(self) -> tuple[State, DaemonFacts, Sums, Usage]:
        state, today, month = self.on_loop(self._usage())
        return state, self._facts(), today, month

    async def _usage(self) -> tuple[State, Sums, Usage]:
        """The state with today's and this month's usage at one moment, saved and unsaved together."""
        async with self._storage.lock:
            self._stopping.refuse()  # a last save may have been made while this waited for the lock
            day, month = saving.day_and_month(self._facts().now)
            today = saving.today(day)
            saved_day = await self._storage.sums(today.parts, COUNTED_ROWS)
            saved_month = await self._storage.totals(Resolution.MONTH, month)
            state = self._state()
            used_this_month = documents.plus_pending(saved_month, state.saving.pending, month)
            return state, saving.used_since(today, saved_day, state), used_this_month

    async def _services(self, query: ServicesQuery) -> Document:
        async with self._storage.lock:
            self._stopping.refuse()  # as above
            facts = self._facts()
            choice, zone = self._choice(query), facts.now.tzinfo or UTC
            past = saving.past_since(self._since(query.since or "today"), facts.now.timestamp(), zone)
            saved = await self._storage.sums(past.parts, RowChoice(choice.clients))
            used = saving.used_since(past, saved, self._state(), choice.clients)
            return services_document(self._state(), facts, past.begin, used, choice)

    def _choice(self, query: ServicesQuery) -> Choice:
        try:
            return find_choice(self._state(), self._facts(), query)
        except ValueError as error:
            raise BadParameter(str(error)) from None

    def _since(self, written: str) -> int:
        try:
            return parse_since(written, self._facts().now)
        except ValueError as error:
            raise BadParameter(str(error)) from None

    async def _events(self, query: EventsQuery) -> Document:
        async with self._storage.lock:
            self._stopping.refuse()  # as above
            facts = self._facts()
            since = self._since(query.since) if query.since else 0
            subjects = with_ancestors(self._subject(query.subject), facts) if query.subject else None
            happened = (*await self._storage.happenings(since), *self._state().saving.happenings)
            return events_document(self._state(), facts, saving.chosen(happened, since, subjects), limit=query.limit)

    def _chosen(self, state: State, wanted: str) -> tuple[ClientKey, ...] | None:
        """The clients of that name; None for all, where no name was given."""
        if not wanted:
            return None
        found = find_many(state, wanted, self._facts())
        if not found:
            raise BadParameter(nobody(state, wanted, self._facts()))
        return found

    def on_loop(self, coroutine: Coroutine[Any, Any, T], seconds: float = ANSWER_SECONDS) -> T:
        """Runs a coroutine on the loop, from another thread. Raises NotNow."""
        try:
            answer = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise Stopping.error() from None
        try:
            return answer.result(seconds)
        except TimeoutError:
            answer.cancel()
            self._stopping.refuse()
            raise NotNow("the disk is slow, ask again") from None
        except concurrent.futures.CancelledError:  # the loop has ended
            raise Stopping.error() from None
