# SPDX-License-Identifier: GPL-2.0-or-later
"""The loop of the process that tells people. Owns nothing but what it waits for.

    the daemon: jobs with leases  ->  a child for each  ->  what became of it  ->  the daemon

The daemon may be killed and started again meanwhile: what it has not heard is said once it is back, and jobs that it
does not hear of end by their leases. Nothing is imported here that speaks to the world: children do that, and end.
"""

import logging
import os
from collections import deque
from pathlib import Path

from esimshaper.core.model.results import Result
from esimshaper.edge.host import clock, resident
from esimshaper.notify.deliveries import Deliveries
from esimshaper.notify.helpers import Helpers
from esimshaper.notify.jobs import Channels, Daemon, DeniedError, Handed, Job, NoDaemonError, Outcome

MOST_CHILDREN = 6
"""At once. Each takes 15 to 40 MB for a moment; more jobs than that wait for their turn within their leases."""

MOST_WAITING = 200
SOONEST, LATEST = 0.2, 60.0
"""Seconds between two questions to the daemon, whatever it says."""

RETRY_SECONDS = 2.0
LOOK_SECONDS = 30.0

log = logging.getLogger(__name__)


class Sender:
    """`socket`: where the daemon hands out jobs."""

    def __init__(self, socket: Path) -> None:
        self._socket, self._daemon = socket, Daemon(socket)
        self._channels = Channels()
        self._deliveries, self._helpers = Deliveries(), Helpers()
        self._waiting: deque[tuple[Job, float]] = deque(maxlen=MOST_WAITING)
        self._unsaid: deque[tuple[int, Outcome]] = deque(maxlen=MOST_WAITING)
        self._ask_at = self._looked = float("-inf")
        self._problem, self._has_rested, self._is_over = "", False, False
        self._wakes, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def run(self) -> None:
        """Runs until `end` is called."""
        while not self._is_over:
            self.step(LATEST)
        self.close()

    def end(self) -> None:
        """Lets `run` return. It may be called from a signal's handler."""
        self._is_over = True
        os.write(self._wake, b"x")

    def close(self) -> None:
        """Kills what is being delivered, and tells the daemon of it."""
        self._helpers.end()
        self._unsaid.extend(self._deliveries.end())
        self._say()
        os.close(self._wakes)
        os.close(self._wake)

    def step(self, seconds: float) -> None:
        """Asks the daemon if it is time to, and waits for deliveries, so many seconds at most."""
        if clock.monotonic() >= self._ask_at:
            self._ask()
        self._begin()
        self._rest()
        for over in self._deliveries.wait(min(seconds, self._ask_at - clock.monotonic()), self._wakes):
            self._unsaid.append(over)
        self._say()

    def _ask(self) -> None:
        now = clock.monotonic()
        handed = Handed(again=RETRY_SECONDS)
        try:
            # Without a channel in the settings there is no socket, and nothing to complain of.
            if not self._socket.exists():
                self._leave(now)
            elif self._say():
                handed = self._daemon.jobs()
                self._look(now, handed.jobs)
                self._waiting.extend((each, now) for each in handed.jobs if each.id not in self._deliveries)
                self._tell("")
        except NoDaemonError as error:
            self._tell(str(error))
            handed = Handed(again=RETRY_SECONDS)
        self._ask_at = now + min(max(handed.again, SOONEST), LATEST)

    def _look(self, now: float, jobs: tuple[Job, ...]) -> None:
        """Reads how people are reached, before each delivery and now and then."""
        if jobs or now >= self._looked + LOOK_SECONDS:
            self._channels, self._looked = self._daemon.channels(), now
        self._helpers.follow(self._channels)

    def _leave(self, now: float) -> None:
        """Without a socket for a while nobody wants a home to be told, or carriers to be read."""
        if now >= self._looked + LOOK_SECONDS:
            self._helpers.follow(Channels())  # what waits here for its turn still goes to its channel

    def _begin(self) -> None:
        """Starts what has its turn. A job whose lease is over meanwhile has never been tried."""
        while self._waiting and len(self._deliveries) < MOST_CHILDREN:
            job, received = self._waiting.popleft()
            if clock.monotonic() >= received + job.deadline:
                self._unsaid.append((job.id, Outcome(Result.FAILED, "others took all of its time")))
                continue
            channel = self._channels.by_name.get(job.channel)
            outcome = self._deliveries.begin(job, channel, received) if channel else _GONE
            if outcome:
                self._unsaid.append((job.id, outcome))

    def _say(self) -> bool:
        """Tells the daemon what became of jobs; whether it has heard all."""
        while self._unsaid:
            job, outcome = self._unsaid[0]
            try:
                self._daemon.report(job, outcome)
            except DeniedError as error:
                log.warning("the daemon does not want to know what became of job %s: %s", job, error)
            except NoDaemonError:
                return False
            self._unsaid.popleft()
        return True

    def _rest(self) -> None:
        """Lets go of what the start has needed, once."""
        if not self._has_rested:
            resident.give_back()
            self._has_rested = True

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("nothing can be told for now: %s", problem) if problem else log.info("the daemon is there")
        self._problem = problem


_GONE = Outcome(Result.IMPOSSIBLE, "the settings have no such channel any more")
