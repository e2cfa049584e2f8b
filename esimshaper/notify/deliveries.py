# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliveries: a child process for each job, which is killed at the job's deadline. Owns the children and their pipes.

    job, channel -> standard input of the child
    standard output -> {"step": "..."}, {"handed_over": true}, {"result": "sent"}: a line each

No time-out of a library bounds a whole conversation: a server that sends a byte a second holds each of them, and
the resolver of the C library knows none. So nothing but the child's end ends it.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

from esimshaper.core.model.results import MOST_CHARACTERS, MOST_STEPS, Result
from esimshaper.edge.host import clock
from esimshaper.notify.jobs import Document, Job, Outcome


def python(module: str) -> tuple[str, ...]:
    """The command that runs one of our modules as this process runs."""
    return (sys.executable, *(["-P"] if sys.flags.safe_path else []), "-m", module)


def written(document: Mapping[str, Any]) -> IO[bytes]:
    """A file for a child's standard input. A pipe would hold us up while the child does not read."""
    file = os.fdopen(os.memfd_create("given"), "w+b")
    file.write(json.dumps(document).encode())
    file.seek(0)
    return file


CHILD = python("esimshaper.notify.child")

MOST_SAID = 65_536
"""Bytes that a child may say. One that says more is killed."""

MARGIN = 0.1
"""The part of a lease that is left for saying what became of it."""


class Delivery:
    """A child that delivers one job. It begins when this is made."""

    def __init__(self, job: Job, channel: Document, deadline: float, command: Sequence[str] = CHILD) -> None:
        self.job = job
        self.deadline = deadline
        self._steps: list[str] = []
        self._handed_over = False
        self._said: Outcome | None = None
        self._bytes, self._rest = 0, b""
        told = {"job": job.document, "channel": channel, "seconds": max(1, int(deadline - clock.monotonic()) + 1)}
        with written(told) as given:
            self._child = subprocess.Popen(
                command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
            )
        self.output = _stream(self._child.stdout)
        os.set_blocking(self.output.fileno(), False)

    def read(self) -> bool:
        """Takes what the child has said; False once it says nothing any more."""
        got = self._take()
        return got is None or (bool(got) and self._bytes <= MOST_SAID)

    def _take(self) -> bytes | None:
        """What it has said since; None for nothing yet."""
        try:
            got = os.read(self.output.fileno(), MOST_SAID)
        except BlockingIOError:
            return None
        self._bytes += len(got)
        *lines, self._rest = (self._rest + got).split(b"\n")
        for line in lines:
            self._hear(line)
        return got

    def end(self) -> Outcome:
        """Kills what is left of it, and says what became of the job."""
        is_late = clock.monotonic() >= self.deadline
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)  # whatever it has started, too
        status = self._child.wait()
        while self._take():  # what it has said last
            pass
        self.output.close()
        if self._said:
            return self._said
        why = "it took longer than its time" if is_late else f"its process has ended ({_ended(status)})"
        result = Result.UNKNOWN if self._handed_over else Result.FAILED
        return Outcome(result, why, tuple(self._steps))

    def _hear(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            if "step" in said and len(self._steps) < MOST_STEPS:
                self._steps.append(str(said["step"])[:MOST_CHARACTERS])
            self._handed_over |= said.get("handed_over") is True
            if "result" in said:
                error, count = str(said.get("error", ""))[:MOST_CHARACTERS], int(said.get("bytes", 0))
                self._said = Outcome(Result(said["result"]), error, tuple(self._steps), count)
        except (ValueError, TypeError, AttributeError):
            return  # a library that prints


class Deliveries:
    """All deliveries that run, by the number of their job."""

    def __init__(self) -> None:
        self._running: dict[int, Delivery] = {}
        self._selector = selectors.DefaultSelector()

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, job: int) -> bool:
        return job in self._running

    def begin(self, job: Job, channel: Document, received: float) -> Outcome | None:
        """Starts a delivery; an outcome is said at once where no process can be made for it."""
        try:
            delivery = Delivery(job, channel, received + job.deadline * (1 - MARGIN))
        except OSError as error:
            return Outcome(Result.FAILED, f"no process could be made for it: {error}")
        self._running[job.id] = delivery
        self._selector.register(delivery.output, selectors.EVENT_READ, delivery)
        return None

    def wait(self, seconds: float, also: int) -> list[tuple[int, Outcome]]:
        """What has come to its end within so many seconds. It returns at once when the descriptor `also` has news."""
        self._selector.register(also, selectors.EVENT_READ)
        try:
            ready = self._selector.select(max(0.0, min(seconds, self._next_deadline() - clock.monotonic())))
        finally:
            self._selector.unregister(also)
        over = [key.data for key, _ in ready if key.data and not key.data.read()]
        now = clock.monotonic()
        over += [each for each in self._running.values() if now >= each.deadline and each not in over]
        return [self._end(each) for each in over]

    def end(self) -> list[tuple[int, Outcome]]:
        """Kills all that run."""
        return [self._end(each) for each in list(self._running.values())]

    def _next_deadline(self) -> float:
        return min((each.deadline for each in self._running.values()), default=float("inf"))

    def _end(self, delivery: Delivery) -> tuple[int, Outcome]:
        self._selector.unregister(delivery.output)
        del self._running[delivery.job.id]
        return delivery.job.id, delivery.end()


def _stream(pipe: Any) -> Any:  # noqa: ANN401 - Popen's own types say that it may be none
    assert pipe is not None  # noqa: S101
    return pipe


def _ended(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
