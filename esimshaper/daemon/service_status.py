# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd hears of the daemon: that it is ready, that it has ticked (the watchdog), how it stands. Decides when.

Nothing but the end of a tick feeds the watchdog: no timer, no thread. So one that hangs ends us, and one that raises
does so by itself. What stands in `systemctl status` is written anew at once when something is wrong, or right
again, or somebody is limited; and once a minute for how much was used.
"""

import contextlib
from collections.abc import Iterable, Iterator

from esimshaper.core.model.state import State
from esimshaper.core.report import line as report_line
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.edge.host import systemd

MINUTE = 60.0


class ServiceStatus:
    """Remembers what was said."""

    def __init__(self) -> None:
        self._stands: tuple[str, str] | None = None
        self._said = ""
        self._due = 0.0

    def ready(self) -> None:
        """The first tick is done, and people can ask."""
        systemd.tell_manager(ready=True, status=self._said)

    def ticked(self, state: State, facts: DaemonFacts, problems: Iterable[str], now: float) -> None:
        """A tick did its work. `problems`: what could not be enforced, in sentences; `now`: CLOCK_MONOTONIC."""
        stands = report_line.troubles(state, facts, problems), report_line.limited(state, facts)
        status = ""
        if stands != self._stands or now >= self._due:
            trouble, limited = stands
            parts = [trouble or "counting", report_line.usage(state, facts), limited]
            line = f"{facts.wan_interface}: {'; '.join(part for part in parts if part)}"
            status = line if line != self._said else ""
            self._stands, self._said, self._due = stands, line, now + MINUTE
        systemd.tell_manager(ticked=True, status=status)

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Within, it is not ready."""
        systemd.tell_manager_of_reload()
        try:
            yield
        finally:
            systemd.tell_manager(ready=True)

    def stopping(self) -> None:
        """From now on nobody is answered."""
        systemd.tell_manager(stopping=True, status="saving what was counted; the kernel goes on")
