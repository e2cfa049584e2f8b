# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of the page: from the first visitor until nobody has looked for IDLE seconds. Owns the sockets of systemd.

systemd keeps the sockets open, so whoever comes while this process ends is answered by the next one.
"""

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from esimshaper.edge.host import clock, resident
from esimshaper.edge.http.inherited import serve_inherited, take_sockets
from esimshaper.edge.http.tls import Certificates
from esimshaper.web import safety
from esimshaper.web.app import App
from esimshaper.web.daemon import Daemon

IDLE = 600.0
"""Seconds without a request, after which it takes no more memory."""

OLD = 86400.0
"""Seconds after which a moment without requests is enough: the next process has the certificate of that day."""

MOMENT = 5.0

log = logging.getLogger(__name__)


class WebService:
    """`web_socket` is the daemon's; `credentials` a folder that has `certificate` and `key`, or does not."""

    def __init__(self, web_socket: Path, credentials: Path, now: Callable[[], float] = clock.monotonic) -> None:
        self._now = now
        self._began = self._used = now()
        self._end = threading.Event()
        self._app = App(Daemon(web_socket), self.note)
        files = [credentials / name for name in ("certificate", "key")]
        self._certificates = Certificates(*map(str, files)) if all(file.is_file() for file in files) else None

    def note(self) -> None:
        """Somebody looks."""
        self._used = self._now()

    def run(self) -> int:
        """The exit status: 1 if nobody has handed over a socket."""
        sockets = take_sockets()
        if not sockets:
            log.error("systemd has handed over no socket: systemctl start esimshaper-web-listen.service opens them")
            return 1
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end.set())
        listeners = [serve_inherited(self._app, each, safety.HEADERS, self._certificates) for each in sockets]
        has_rested = False
        while not self._end.wait(min(MOMENT, self.seconds_left())):
            if self.seconds_left() <= 0:
                break
            if not has_rested:  # the first visitor has what he came for
                resident.give_back()
                has_rested = True
        for listener in listeners:
            listener.stop()
        return 0

    def seconds_left(self) -> float:
        """Until nobody has looked for long enough."""
        patience = MOMENT if self._now() - self._began > OLD else IDLE
        return self._used + patience - self._now()
