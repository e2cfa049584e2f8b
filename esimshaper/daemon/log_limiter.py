# SPDX-License-Identifier: GPL-2.0-or-later
"""The rate limit of the journal: log records of the whole daemon -> those that are written, and sums of the others.

Owns what was logged lately. For any thread: HTTP workers log too.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator

from esimshaper.core import log_limit
from esimshaper.edge.host import clock, systemd

SUM_SECONDS = 10


class LogLimiter:
    """`admits` is for systemd.set_up_log. Suppressed records are summed up while `summing_up` is entered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._intervals: log_limit.Intervals[logging.LogRecord] = {}

    def admits(self, about: str, record: logging.LogRecord) -> bool:
        """Whether a record on that topic is written now. One that is not is suppressed, and counted."""
        with self._lock:
            self._intervals, admitted = log_limit.admit(self._intervals, about, record, clock.monotonic())
        return admitted

    @contextlib.asynccontextmanager
    async def summing_up(self) -> AsyncIterator[None]:
        """Writes sums of suppressed records when they are due, and the last ones at the end."""
        task = asyncio.create_task(self._sum_up_on())
        try:
            yield
        finally:
            task.cancel()
            self._sum_up(float("inf"))

    async def _sum_up_on(self) -> None:
        while True:
            await asyncio.sleep(SUM_SECONDS)
            self._sum_up(clock.monotonic())

    def _sum_up(self, now: float) -> None:
        with self._lock:
            self._intervals, sums = log_limit.sum_up(self._intervals, now)
        for number, last in sums:
            systemd.sum_up(number, last)
