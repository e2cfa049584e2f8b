# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps the journal readable: log records of the whole daemon -> those that are told, and sums of the others.

Owns what was heard lately. For any thread: HTTP workers log too.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator

from esimshaper.core import log_limit
from esimshaper.edge.host import systemd

LOOK_SECONDS = 10


class LogLimiter:
    """`admits` is for service.set_up_log; what it holds back is summed up within `kept`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spells: log_limit.Spells[logging.LogRecord] = {}

    def admits(self, about: str, record: logging.LogRecord) -> bool:
        """Whether to tell it now."""
        with self._lock:
            self._spells, told = log_limit.heard(self._spells, about, record, time.monotonic())
        return told

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Tells sums when they are due, and the last ones at the end."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            self._sum_up(float("inf"))

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._sum_up(time.monotonic())

    def _sum_up(self, now: float) -> None:
        with self._lock:
            self._spells, sums = log_limit.ended(self._spells, now)
        for number, last in sums:
            systemd.sum_up(number, last)
