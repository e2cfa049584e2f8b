# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs and what became of them, and the daemon's socket, where the sender asks for the one and says the other.

    POST /v1/notify/jobs      -> jobs, each with a lease that ends at its deadline
    GET  /v1/notify/channels  -> how each channel is reached
    GET  /v1/notify/home      -> how clients, quotas, plans and alarms stand
    POST /v1/notify/result    <- what became of a job
    POST /v1/notify/proposal  <- what a carrier has told

It owns one connection at a time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esimshaper.core.model.results import MOST_CHARACTERS, MOST_STEPS, Result
from esimshaper.edge import control_client

Document = Mapping[str, Any]

PATIENCE = 5.0  # seconds that the daemon may take
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result, with what went wrong, each step on the way, and the bytes that it took on the wire."""

    result: Result
    error: str = ""
    steps: tuple[str, ...] = ()
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """`document` is all that the daemon says of it, for the child. `deadline`: seconds from when it was handed out."""

    id: int
    channel: str
    deadline: float
    document: Document


@dataclass(frozen=True, slots=True)
class Handed:
    """Jobs, and in how many seconds the daemon wants to be asked again."""

    jobs: tuple[Job, ...] = ()
    again: float = 60.0


@dataclass(frozen=True, slots=True)
class Channels:
    """Each channel by its name, and the rules by which messages of a carrier are read."""

    by_name: Mapping[str, Document] = field(default_factory=dict)
    read: Sequence[Document] = ()


class NoDaemonError(Exception):
    """Nobody answers at the socket, or not what was asked for."""


class DeniedError(NoDaemonError):
    """The daemon answers that it will not."""


class Daemon:
    """The daemon behind `path`. Each method raises NoDaemonError and DeniedError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def jobs(self) -> Handed:
        """Takes what is to be sent; it is ours until its deadline."""
        document = self._ask("POST", "/v1/notify/jobs", {})
        try:
            return Handed(tuple(map(_job, document["jobs"])), float(document["again"]))
        except (KeyError, TypeError, ValueError):
            raise NoDaemonError("the daemon hands out what is no job") from None

    def channels(self) -> Channels:
        """How people are reached, as the settings say now."""
        document = self._ask("GET", "/v1/notify/channels")
        try:
            by_name = {str(each["name"]): each for each in document["channels"]}
        except (KeyError, TypeError):
            raise NoDaemonError("the daemon names what is no channel") from None
        return Channels(by_name, document.get("read") or ())

    def home(self) -> Document:
        """How clients, quotas, plans and alarms stand, for a home automation."""
        return self._ask("GET", "/v1/notify/home")

    def report(self, job: int, outcome: Outcome) -> None:
        """Says what became of a job."""
        body = {
            "id": job,
            "result": outcome.result.value,
            "error": outcome.error[:MOST_CHARACTERS],
            "steps": [each[:MOST_CHARACTERS] for each in outcome.steps[:MOST_STEPS]],
            "bytes": outcome.bytes,
        }
        self._ask("POST", "/v1/notify/result", body)

    def propose(self, proposal: Document) -> None:
        """Says what a carrier has told."""
        self._ask("POST", "/v1/notify/proposal", proposal)

    def _ask(self, method: str, target: str, body: Document | None = None) -> Document:
        sent = None if body is None else json.dumps(body).encode()
        try:
            status, answer = control_client.exchange(self._path, method, target, sent, PATIENCE, most=MOST_BYTES)
            document = json.loads(answer)
        except (OSError, ValueError) as error:
            raise NoDaemonError(f"the daemon does not answer: {error}") from None
        if status != control_client.HTTP_OK or not isinstance(document, dict):
            said = document.get("error") if isinstance(document, dict) else "what is no document"
            raise DeniedError(f"the daemon answers {method} {target} with {status}: {said}")
        return document


def _job(document: Document) -> Job:
    return Job(int(document["id"]), str(document["channel"]), float(document["deadline"]), document)
