# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon's notify.sock that hands out what a test gives it, and letters for channels."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esimshaper.edge.http.server import Listener, listen_unix, plain
from esimshaper.lab.namespaces import wait_until
from esimshaper.notify.child import letter_of
from esimshaper.notify.letter import Letter
from esimshaper.notify.process import Sender

AT = "2026-11-30T12:00:00Z"


def job(number: int = 1, channel: str = "command", **more: Any) -> dict[str, Any]:
    """A job as the daemon hands it out: a download of tv."""
    data = {"bytes": 62_000_000}
    notice = {"id": 5, "at": AT, "kind": "surge", "client": "tv", "severity": "alarm", "data": data}
    told = {"id": number, "channel": channel, "attempt": 1, "deadline": 60, "key": f"surge/tv/{number}"}
    return {**told, "language": "en", "form": "one", "notices": [notice], **more}


def letter(**more: Any) -> Letter:
    return letter_of(job(**more), "long")


@dataclass
class StandIn:
    """A daemon with these channels."""

    path: Path
    channels: list[Mapping[str, Any]]
    waiting: list[Mapping[str, Any]] = field(default_factory=list)
    results: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    proposals: list[Mapping[str, Any]] = field(default_factory=list)
    read: list[Mapping[str, Any]] = field(default_factory=list)
    denies: bool = False
    asked: int = 0
    more: Callable[[str, Mapping[str, Any]], Mapping[str, Any] | None] = lambda path, body: None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listener: Listener | None = None

    def start(self) -> "StandIn":
        self._listener = listen_unix(self, self.path, None)
        return self

    def stop(self) -> None:
        if self._listener:
            self._listener.stop()
            self.path.unlink(missing_ok=True)
        self._listener = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length)) if length else {}
        with self._lock:
            document = self.answer(environ["PATH_INFO"], body)
        status = "400 Bad Request" if "error" in document else "200 OK"
        return plain(start_response, status, "application/json", json.dumps(document).encode())

    def answer(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if path == "/v1/notify/jobs":
            self.asked += 1
            handed, self.waiting = self.waiting, []
            return {"jobs": handed, "again": 0.2}
        if path == "/v1/notify/channels":
            return {"channels": self.channels, "read": self.read, "revision": 1}
        if path == "/v1/notify/result":
            self.results[body["id"]] = body
            return {"error": "there is no such job"} if self.denies else {"version": 1}
        if path == "/v1/notify/proposal":
            self.proposals.append(body)
            return {"version": 1}
        return self.more(path, body) or {"error": f"there is no {path}"}

    def deliver(self, sender: Sender, *jobs: Mapping[str, Any]) -> list[str]:
        """The results of the jobs, once the sender has told all of them."""
        self.waiting.extend(jobs)
        wanted = {each["id"] for each in jobs}
        step_until(sender, "all results", lambda: wanted <= self.results.keys())
        return [self.results[each["id"]]["result"] for each in jobs]


def step_until(sender: Sender, what: str, is_so: Callable[[], bool], timeout: float = 30) -> None:
    """Lets a sender work until something is so."""

    def look() -> bool:
        if not is_so():
            sender.step(0.1)
        return is_so()

    wait_until(what, look, timeout)
