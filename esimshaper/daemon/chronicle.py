# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages of the daemon, from the moment they are logged to the tick that takes them. For any thread.

So `esimshaper events` has what the journal has, also where the journal is not kept, or may not be read.
"""

from collections import deque

from esimshaper.core.model.happenings import Told

MOST = 1000
"""Messages that wait for a tick; the oldest go first. The rate limit of the journal has passed them already."""


class Chronicle:
    """`hear` is for systemd.set_up_log."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque(maxlen=MOST)  # its appends and pops are atomic

    def hear(self, told: Told) -> None:
        """A message was written to the journal."""
        self._told.append(told)

    def take(self) -> tuple[Told, ...]:
        """All messages since this was asked last."""
        return tuple(self._told.popleft() for _ in range(len(self._told)))
