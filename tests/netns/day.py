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
from pathlib import Path

from esimshaper.daemon import verbs
from esimshaper.edge.host import clock

DAY = 24 * 3600
FAST, SLOW = 0.002, 0.1  # real seconds from tick to tick, while time passes and while it stands still


class CompressedDay:
    """Stands in for the functions of the one clock, but those that measure work and the kernel's own stamps."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._to_midnight = DAY - time.time() % DAY
        self._left = 0.0
        self._ahead = 0.0
        self._lock = threading.Lock()

    def install(self) -> None:
        clock.now, clock.boottime, clock.monotonic = self.now, self.boottime, self.monotonic
        clock.seconds_to_next = self.seconds_to_next

    def seconds_to_next(self, period: float) -> float:
        """The next tick comes `step` seconds after the last one, while time may pass."""
        with self._lock:
            going, passed = self._left > 0, min(self._step, self._left)
            self._left -= passed
            self._ahead += passed
            still = not self._left
        if going and still:
            sys.stdout.write("over\n")
            sys.stdout.flush()
        return SLOW if still else FAST

    def obey(self) -> None:
        for line in sys.stdin:
            with self._lock:
                self._left += float(line)

    def now(self) -> float:
        return time.time() + self._to_midnight + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self._ahead


def main(config: Path, step: float) -> None:
    day = CompressedDay(step)
    day.install()
    threading.Thread(target=day.obey, daemon=True).start()
    sys.exit(verbs.run(config, None))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
