# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's reports to systemd: ready, watchdog, status. Decides when each is sent.

A new status is sent at once when something fails or works again or another client is limited; otherwise once a minute,
as the usage in it changes all the time.
"""

import contextlib
from collections.abc import Iterable, Iterator

from esimshaper.core.model.state import State
from esimshaper.core.report import line as report_line
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.edge.host import systemd

MINUTE = 60.0


class ServiceStatus:
    """Remembers the status that was sent last."""

    def __init__(self) -> None:
        self._urgent: tuple[str, str] | None = None
        self._sent = ""
        self._due = 0.0
        self._is_stopping = False

    def ready(self) -> None:
        """The first tick is done, and the control socket is open."""
        systemd.tell_manager(ready=True, status=self._sent)

    def report_tick(self, state: State, facts: DaemonFacts, problems: Iterable[str], now: float) -> None:
        """A tick did its work. `problems`: what could not be enforced, in sentences; `now`: CLOCK_MONOTONIC."""
        urgent = report_line.troubles(state, facts, problems), report_line.limited_clients(state, facts)
        status = ""
        if urgent != self._urgent or now >= self._due:
            trouble, limited_clients = urgent
            parts = [trouble or "counting", report_line.usage(state, facts), limited_clients]
            line = f"{facts.wan_interface}: {'; '.join(part for part in parts if part)}"
            status = line if line != self._sent else ""
            self._urgent, self._sent, self._due = urgent, line, now + MINUTE
        # No timer and no thread feeds the watchdog (R22), so a tick that hangs ends the daemon. A tick that raises ends
        # it anyway.
        systemd.tell_manager(ticked=True, status=status)

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """While entered, systemd knows the daemon as reloading."""
        systemd.tell_manager_of_reload()
        try:
            yield
        finally:
            if not self._is_stopping:  # which is the last that systemd hears
                systemd.tell_manager(ready=True)

    def stopping(self) -> None:
        """From now on no request is carried out."""
        self._is_stopping = True
        systemd.tell_manager(stopping=True, status="saving what was counted; the kernel goes on")
