# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page knows of the daemon: requests over web.sock. Owns one connection at a time.

A request for something that is being asked already, or was within the last second, gets the same answer. So it costs
the daemon the same, however many people look.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esimshaper.edge import control_client
from esimshaper.edge.host import clock

Document = Mapping[str, Any]

PATIENCE = 4.0  # seconds
FRESH = 1.0  # seconds: the daemon ticks as often
KEPT = 64  # documents; beyond, none is kept
MAX_DOCUMENT = 4 * 1024 * 1024


class Stopped(Exception):  # noqa: N818 - it is shown, not a fault
    """Nobody answers. `asked`: the request was sent, so it may have been done."""

    def __init__(self, *, asked: bool) -> None:
        super().__init__("the daemon does not answer")
        self.asked = asked


class Denial(Exception):  # noqa: N818 - the same
    """The daemon's answer is no: an HTTP status, a sentence (may be empty) and the document."""

    def __init__(self, status: int, document: Document) -> None:
        super().__init__(status)
        self.status = status
        self.document = document
        self.sentence = str(document.get("error", ""))


@dataclass(slots=True)
class _Kept:
    """An answer and the moment that it came, under a lock that one asker holds while it asks."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    at: float = float("-inf")
    outcome: Document | Denial | Stopped | None = None


class Daemon:
    """The daemon behind a socket. May be called from any thread. All methods raise Stopped and Denial."""

    def __init__(self, path: Path, now: Callable[[], float] = clock.monotonic) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], _Kept] = {}

    def get(self, target: str, token: str = "") -> Document:
        """The document at a path with its query, at most FRESH old, for the one session that `token` stands for."""
        kept = self._place((target, token))
        with kept.lock:
            if self._now() - kept.at >= FRESH:
                kept.outcome = self._outcome(target, token)
                kept.at = self._now()
            outcome = kept.outcome
        if isinstance(outcome, Exception):
            raise outcome.with_traceback(None)
        return outcome or {}

    def post(self, target: str, body: Mapping[str, Any], token: str = "") -> Document:
        """Does something, and forgets what was known before it."""
        try:
            return self._ask("POST", target, token, json.dumps(body).encode())
        finally:
            with self._lock:
                self._kept.clear()

    def _place(self, key: tuple[str, str]) -> _Kept:
        with self._lock:
            if key not in self._kept and len(self._kept) >= KEPT:
                self._kept.clear()  # nothing is older than a second anyway
            return self._kept.setdefault(key, _Kept())

    def _outcome(self, target: str, token: str) -> Document | Denial | Stopped:
        try:
            return self._ask("GET", target, token, None)
        except (Denial, Stopped) as outcome:
            return outcome

    def _ask(self, method: str, target: str, token: str, body: bytes | None) -> Document:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            status, answer = control_client.exchange(
                self._path, method, target, body, PATIENCE, most=MAX_DOCUMENT, headers=headers
            )
            document = json.loads(answer)
        except (FileNotFoundError, ConnectionRefusedError, PermissionError, BlockingIOError):
            raise Stopped(asked=False) from None
        except (OSError, ValueError):
            raise Stopped(asked=True) from None
        if not isinstance(document, dict):
            raise Stopped(asked=True)
        if status != control_client.HTTP_OK:
            raise Denial(status, document)
        return document
