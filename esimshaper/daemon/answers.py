# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers: parameters -> documents. Runs in HTTP threads, and asks the loop for the State."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC
from typing import Any, TypeVar

from esimshaper.core import ledger, report
from esimshaper.core.model import ClientKey, Resolution, State, Usage
from esimshaper.daemon.storage import Storage
from esimshaper.edge import conntrack
from esimshaper.edge.control import BadParameter, NotNow, Route, choice, only, whole_number
from esimshaper.edge.meter import Meter

ANSWER_SECONDS = 4
"""Below the deadline of the HTTP server, so that the answer is still a sentence."""

MAX_ROWS = 100_000

Params = Mapping[str, str]
T = TypeVar("T")


class Answers:
    """`state` and `facts` give the latest; they are called from the loop and from other threads."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        storage: Storage,
        meter: Meter,
        state: Callable[[], State],
        facts: Callable[[], report.Facts],
    ) -> None:
        self._loop = loop
        self._storage = storage
        self._meter = meter
        self._state = state
        self._facts = facts

    def routes(self) -> dict[str, Route]:
        return {
            "/v1/status": self._status,
            "/v1/clients": self._clients,
            "/v1/flows": self._flows,
            "/v1/history": self._history,
        }

    def _status(self, params: Params) -> report.Document:
        only(params)
        state, today, month = self._on_loop(self._usage())
        return report.status_document(state, self._facts(), today, month)

    def _clients(self, params: Params) -> report.Document:
        only(params)
        state, today, month = self._on_loop(self._usage())
        return report.clients_document(state, self._facts().now, today, month)

    def _flows(self, params: Params) -> report.Document:
        only(params, "limit", "order", "client")
        limit = whole_number(params, "limit", 20, 1, MAX_ROWS)
        recent = choice(params, "order", "bytes", ("bytes", "recent")) == "recent"
        state = self._state()
        count, flows = self._meter.flows(limit, self._chosen(state, params), recent_first=recent)
        return report.flows_document(state, self._facts().now, conntrack.behind_nat(flows), count=count)

    def _history(self, params: Params) -> report.Document:
        only(params, "by", "limit", "client")
        words = [resolution.value for resolution in Resolution]
        resolution = Resolution(choice(params, "by", Resolution.DAY.value, words))
        limit = whole_number(params, "limit", 31, 1, MAX_ROWS)
        return self._on_loop(self._history_document(resolution, limit, params))

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
                report.plus_pending(saved_day, pending, day),
                report.plus_pending(saved_month, pending, month),
            )

    async def _history_document(self, resolution: Resolution, limit: int, params: Params) -> report.Document:
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
            return report.history_document(facts.now, resolution, (*saved, *unsaved), limit=limit, client=label)

    def _chosen(self, state: State, params: Params) -> tuple[ClientKey, ...] | None:
        text = params.get("client", "")
        if not text:
            return None
        found = report.find_clients(state, text)
        if not found:
            raise BadParameter(f"there is no client {text!r}; `esimshaper clients` lists them")
        return found

    def _on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        answer = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return answer.result(ANSWER_SECONDS)
        except TimeoutError:
            answer.cancel()
            raise NotNow("the disk is slow, ask again") from None
