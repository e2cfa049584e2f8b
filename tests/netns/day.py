# SPDX-License-Identifier: GPL-2.0-or-later
"""The real daemon with a clock that is set forward before each tick, so that a day is over in less than a minute.

As a program in the router (`day.py CONFIG STEP`). Standard input: lines with seconds that may pass; standard output: a
line when they have. In between time stands still but for the time that passes anyway. It begins at a midnight of UTC.
All is as always (kernel, tc, SQLite, sockets, their deadlines), except what the daemon takes for the time of day and
for the time since boot.
"""

import sys
import threading
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from esimshaper import daemon
from esimshaper.daemon import loop, observer
from esimshaper.edge.bpf import meter

DAY = 24 * 3600
FAST, SLOW = 0.002, 0.1  # real seconds from tick to tick, while time passes and while it stands still


class Clock:
    """Stands in for the modules `time` and `datetime`."""

    CLOCK_BOOTTIME, CLOCK_MONOTONIC = time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC

    def __init__(self, step: float) -> None:
        self._step = step
        self._to_midnight = DAY - time.time() % DAY
        self._left = 0.0
        self._ahead = 0.0
        self._lock = threading.Lock()

    def tick(self) -> None:
        """The next tick comes `step` seconds after the last one, while time may pass."""
        with self._lock:
            going, passed = self._left > 0, min(self._step, self._left)
            self._left -= passed
            self._ahead += passed
            loop.TICK_SECONDS = FAST if self._left else SLOW
        if going and not self._left:
            sys.stdout.write("over\n")
            sys.stdout.flush()

    def obey(self) -> None:
        for line in sys.stdin:
            with self._lock:
                self._left += float(line)

    def time(self) -> float:
        return time.time() + self._to_midnight + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def clock_gettime(self, clock: int) -> float:
        return time.clock_gettime(clock) + self._ahead

    def clock_gettime_ns(self, clock: int) -> int:
        """Of the flow table, whose moments are the kernel's."""
        return time.clock_gettime_ns(clock)

    def now(self, zone: tzinfo) -> datetime:
        return datetime.now(zone) + timedelta(seconds=self._to_midnight + self._ahead)


def main(config: Path, step: float) -> None:
    clock = Clock(step)
    for module in (loop, observer, meter):
        module.time = clock
    loop.datetime = clock
    loop.TICK_SECONDS = SLOW
    tick = loop.Daemon._tick

    def later(*arguments: object) -> None:
        clock.tick()
        tick(*arguments)

    loop.Daemon._tick = later
    threading.Thread(target=clock.obey, daemon=True).start()
    sys.exit(daemon.run(config, None))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
