# SPDX-License-Identifier: GPL-2.0-or-later
"""What notify.sock answers, and the control socket about notices. Runs in HTTP threads, and delays no tick."""

import logging
import os
from collections.abc import Callable

from esimshaper.core import notice_commands
from esimshaper.core.model.channels import Channel
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.notify_requests import (
    ChannelsQuery,
    HomeQuery,
    JobsCommand,
    NotifyRequest,
    ProposalCommand,
    ResultCommand,
)
from esimshaper.core.model.outbox import DOWN, FRESH, Job
from esimshaper.core.model.requests import (
    AlarmsQuery,
    ClientsQuery,
    Command,
    NoNames,
    NotifyQuery,
    NotifyReportCommand,
    NotifyTestCommand,
    PlanQuery,
    Query,
    QuotasQuery,
    WebRequest,
)
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.core.report import notices as report
from esimshaper.core.report.frame import DaemonFacts, Document, new_document
from esimshaper.core.report.home import home_document
from esimshaper.daemon.bookings import Bookings
from esimshaper.daemon.reports import OnLoop
from esimshaper.daemon.storage import Storage
from esimshaper.daemon.weekly import two_weeks
from esimshaper.edge.host import systemd

SECONDS = 8
"""For a lease: two saves of a slow disk."""

log = logging.getLogger(__name__)


class NotifyAnswers:
    """`state`, `facts` and `rules` give the latest ones; `answer_others` answers all other requests of people."""

    def __init__(
        self,
        bookings: Bookings,
        storage: Storage,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        rules: Callable[[], Rules],
        on_loop: OnLoop,
        answer_others: Callable[[Query | Command | WebRequest], Document],
    ) -> None:
        self._bookings = bookings
        self._storage = storage
        self._state = state
        self._facts = facts
        self._rules = rules
        self._on_loop = on_loop
        self._answer_others = answer_others

    def answer(self, request: NotifyRequest) -> Document:
        """The document for the sender. Raises what control.Answer may raise."""
        match request:
            case ChannelsQuery():
                return report.channels_document(self._facts(), self._rules().notices)
            case HomeQuery():
                asked: tuple[Query, ...] = (ClientsQuery(), QuotasQuery(), PlanQuery(), AlarmsQuery(0))
                return home_document(self._facts(), *(self._answer_others(each) for each in asked))
            case JobsCommand():
                return self._jobs()
            case ResultCommand():
                return self._finish(request)
            case ProposalCommand():
                return self._judge(request)

    def answer_people(self, request: NoNames) -> Document:
        """The document for a person. Raises what control.Answer may raise."""
        match request:
            case NotifyTestCommand(channel):
                return self._test(channel)
            case NotifyReportCommand():
                return self._mail()
            case NotifyQuery():
                return report.notify_document(self._facts(), self._state().notices)
            case _:
                return self._answer_others(request)

    def _jobs(self) -> Document:
        # Most often there is nothing, and then nobody has to wait for the loop.
        taken: tuple[Job, ...] = ()
        if notice_commands.lease(self._state(), self._rules()).jobs:
            taken = self._on_loop(self._lease(), SECONDS)
        state, rules = self._state(), self._rules()
        jobs = [(each, notice_commands.lease_seconds(rules, each)) for each in taken]
        return report.jobs_document(state, self._facts(), jobs, notice_commands.again_seconds(state))

    async def _lease(self) -> tuple[Job, ...]:
        """Jobs with leases that are saved: what was taken from a daemon that is gone must be known after it."""
        taken = await self._changed(lambda state: notice_commands.lease(state, self._rules()))
        saved = notice_commands.saved_leases(self._bookings.saved, taken)
        # Without a disk, what has a key goes out all the same: that the disk is full is such a notice.
        kept = [each for each in taken if each.number in saved or self._repeats(each)]
        lost = [each.number for each in taken if each not in kept]
        if lost:
            await self._bookings.change(lambda state: notice_commands.give_back(state, lost))
        return tuple(kept)

    def _repeats(self, job: Job) -> bool:
        channel = self._channel(job.channel)
        return channel is not None and channel.kind.repeats

    def _finish(self, said: ResultCommand) -> Document:
        kept = self._state().notices.kept
        job = next((each for each in kept.jobs if each.number == said.number), None)
        before = kept.state_of(job.channel) if job else FRESH
        self._on_loop(self._bookings.change(lambda state: notice_commands.finish(state, self._rules(), said)))
        if job:
            after = self._state().notices.kept.state_of(job.channel)
            if after.impossible and not before.impossible:
                log.warning("notices by %s are not possible: %s", job.channel, after.error)
            elif after.failures >= DOWN > before.failures:
                log.warning("notices by %s have failed %d times: %s", job.channel, after.failures, after.error)
            elif not after.failures and before.failures >= DOWN:
                log.info("notices by %s go out again", job.channel)
        return new_document(self._facts().now) | {"id": said.number}

    def _judge(self, proposal: ProposalCommand) -> Document:
        """Books what a carrier's message says, or only notes it; the answer says which."""
        where = f"{proposal.source} from {proposal.sender}"
        try:
            command = notice_commands.correction(self._state(), self._rules(), proposal)
            self._answer_others(command)
        except Unusable as error:
            log.info("%s is only noted, as %s: %s", where, error.message, proposal.text)
            return new_document(self._facts().now) | {"booked": False, "why": error.message}
        log.info("%s corrects the plan: %s", where, proposal.text)
        return new_document(self._facts().now) | {"booked": True}

    def _test(self, channel: str) -> Document:
        host = os.uname().nodename
        made = self._on_loop(self._changed(lambda state: notice_commands.test(state, self._rules(), channel, host)))
        notice = Notice(NoticeKind.TEST, f"a test of the notices of {host}: the journal has it")
        systemd.announce(notice, {}, self._rules().wan)
        return new_document(self._facts().now) | {"jobs": [each.number for each in made]}

    def _mail(self) -> Document:
        sums = self._on_loop(two_weeks(self._storage, self._state(), self._rules()))
        if sums is None:
            raise Unusable("the history cannot be read now", "`esimshaper status` says why.")
        made = self._on_loop(self._changed(lambda state: notice_commands.mail_week(state, self._rules(), sums)))
        return new_document(self._facts().now) | {"jobs": [each.number for each in made]}

    async def _changed(self, act: Callable[[State], notice_commands.Leased]) -> tuple[Job, ...]:
        """Carries it out, and gives the jobs that were taken or made."""
        jobs: tuple[Job, ...] = ()

        def change(state: State) -> State:
            nonlocal jobs
            after = act(state)
            jobs = after.jobs
            return after.state

        await self._bookings.change(change)
        return jobs

    def _channel(self, name: str) -> Channel | None:
        return self._rules().notices.channel(name)
