# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers: parameters -> documents. Runs in HTTP threads, and asks the loop for the State."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC
from typing import Any, TypeVar

from esimshaper.core import pipeline
from esimshaper.core.meter import ledger
from esimshaper.core.model.counts import Usage
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import OverrideKind, Subject
from esimshaper.core.model.state import State
from esimshaper.core.model.units import MAX_BYTES, MAX_ROWS, MAX_SECONDS
from esimshaper.core.report import documents
from esimshaper.core.report import quotas as report_quotas
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.subjects import find_clients, find_subject, subjects_document
from esimshaper.daemon.reloader import Reloader
from esimshaper.daemon.storage import Storage
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.http.control import (
    BadParameter,
    NotNow,
    Params,
    Refused,
    Route,
    choice,
    flag,
    only,
    text,
    whole_number,
)
from esimshaper.edge.lan import conntrack
from esimshaper.edge.settings_file import SettingsError

ANSWER_SECONDS = 4
"""Below the deadline of the HTTP server, so that the answer is still a sentence."""

RELOAD_SECONDS = 60
"""A thousand clients with classes of their own, made anew at another uplink, take a small box some ten."""

Change = Callable[[Callable[[State], State]], Coroutine[Any, Any, None]]
"""On the loop: changes the State by what it is given, and comes back when that is saved and in force."""

T = TypeVar("T")


class Answers:
    """`state` and `facts` give the latest; they are called from the loop and from other threads. See Change."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        storage: Storage,
        meter: Meter,
        reloader: Reloader,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        change: Change,
    ) -> None:
        self._loop = loop
        self._storage = storage
        self._meter = meter
        self._reloader = reloader
        self._state = state
        self._change = change
        self._facts = facts

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/v1/status"): self._status,
            ("GET", "/v1/clients"): self._clients,
            ("GET", "/v1/flows"): self._flows,
            ("GET", "/v1/history"): self._history,
            ("GET", "/v1/quotas"): self._quotas,
            ("GET", "/v1/subjects"): self._subjects,
            ("POST", "/v1/grant"): self._grant,
            ("POST", "/v1/block"): lambda params: self._override(params, OverrideKind.BLOCK),
            ("POST", "/v1/allow"): lambda params: self._override(params, OverrideKind.ALLOW),
            ("POST", "/v1/clear"): lambda params: self._override(params, None),
            ("POST", "/v1/reload"): self._reload,
        }

    def _status(self, params: Params) -> Document:
        only(params)
        state, today, month = self._on_loop(self._usage())
        return documents.status_document(state, self._facts(), today, month)

    def _clients(self, params: Params) -> Document:
        only(params)
        state, today, month = self._on_loop(self._usage())
        return documents.clients_document(state, self._facts().now, today, month)

    def _flows(self, params: Params) -> Document:
        only(params, "limit", "order", "client")
        limit = whole_number(params, "limit", 20, 1, MAX_ROWS)
        recent = choice(params, "order", "bytes", ("bytes", "recent")) == "recent"
        state = self._state()
        count, flows = self._meter.flows(limit, self._chosen(state, params), recent_first=recent)
        return documents.flows_document(state, self._facts().now, conntrack.behind_nat(flows), count=count)

    def _history(self, params: Params) -> Document:
        only(params, "by", "limit", "client")
        words = [resolution.value for resolution in Resolution]
        resolution = Resolution(choice(params, "by", Resolution.DAY.value, words))
        limit = whole_number(params, "limit", 31, 1, MAX_ROWS)
        return self._on_loop(self._history_document(resolution, limit, params))

    def _quotas(self, params: Params) -> Document:
        only(params)
        return report_quotas.quotas_document(self._state(), self._facts())

    def _subjects(self, params: Params) -> Document:
        only(params)
        return subjects_document(self._state(), self._facts())

    def _grant(self, params: Params) -> Document:
        only(params, "subject", "bytes", "seconds")
        subject, size = self._subject(params), whole_number(params, "bytes", None, 1, MAX_BYTES)
        until = self._until(params)
        self._on_loop(self._change(lambda state: pipeline.grant(state, self._reloader.rules, subject, size, until)))
        return report_quotas.grant_document(self._state(), self._facts(), subject, size, until)

    def _override(self, params: Params, manual: OverrideKind | None) -> Document:
        only(params, "subject", *(["seconds"] if manual else []))
        subject, until = self._subject(params), self._until(params)
        self._on_loop(self._change(lambda state: pipeline.override(state, subject, manual, until)))
        return report_quotas.by_hand_document(self._state(), self._facts(), subject)

    def _reload(self, params: Params) -> Document:
        only(params, "dry_run")
        dry_run = flag(params, "dry_run")
        try:
            plan = self._on_loop(self._reloader.plan() if dry_run else self._reloader.reload(), RELOAD_SECONDS)
        except SettingsError as error:
            sentence = "the edited configuration is refused, the one before stays in force"
            raise Refused(sentence, {"problems": error.documents}) from None
        return documents.reload_document(self._facts(), plan.changes, plan.notes, applied=not dry_run)

    def _subject(self, params: Params) -> Subject:
        try:
            return find_subject(self._state(), text(params, "subject"), self._facts())
        except ValueError as error:
            raise BadParameter(str(error)) from None

    def _until(self, params: Params) -> int | None:
        """By the time that counts, which may be another than that of the wall clock."""
        if "seconds" not in params:
            return None
        seconds = whole_number(params, "seconds", None, 1, MAX_SECONDS)
        baseline = self._state().baseline
        return int(baseline.time if baseline else self._facts().now.timestamp()) + seconds

    async def _usage(self) -> tuple[State, Usage, Usage]:
        """The state with today's and this month's usage at one moment, saved and unsaved together."""
        async with self._storage.lock:
            now = self._facts().now
            moment, zone = int(now.timestamp()), now.tzinfo or UTC
            day, month = ledger.day_start(moment, zone), ledger.month_start(moment, zone)
            saved_day = await self._storage.totals(Resolution.DAY, day)
            saved_month = await self._storage.totals(Resolution.MONTH, month)
            pending = self._state().pending
            return (
                self._state(),
                documents.plus_pending(saved_day, pending, day),
                documents.plus_pending(saved_month, pending, month),
            )

    async def _history_document(self, resolution: Resolution, limit: int, params: Params) -> Document:
        async with self._storage.lock:
            facts = self._facts()
            chosen = self._chosen(self._state(), params)
            saved = await self._storage.periods(resolution, int(facts.now.timestamp()) + 1, limit, chosen)
            unsaved = [
                row
                for row in ledger.rows(self._state().pending, facts.now.tzinfo or UTC)
                if row.resolution is resolution and (chosen is None or row.client in chosen)
            ]
            label = params.get("client") or None
            return documents.history_document(facts.now, resolution, (*saved, *unsaved), limit=limit, client=label)

    def _chosen(self, state: State, params: Params) -> tuple[ClientKey, ...] | None:
        wanted = params.get("client", "")
        if not wanted:
            return None
        found = find_clients(state, wanted, self._facts())
        if not found:
            raise BadParameter(f"there is no client {wanted!r}; `esimshaper clients` lists them")
        return found

    def _on_loop(self, coroutine: Coroutine[Any, Any, T], seconds: float = ANSWER_SECONDS) -> T:
        answer = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return answer.result(seconds)
        except TimeoutError:
            answer.cancel()
            raise NotNow("the disk is slow, ask again") from None
