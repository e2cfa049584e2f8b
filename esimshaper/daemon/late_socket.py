# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens a socket beside the control socket once the settings want it. Owns its listener.

Where the settings want it no more, the socket stays, and its answers say so: to close it may take seconds, which no
tick has.
"""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from esimshaper.core.model.errors import Unusable
from esimshaper.edge.http.server import Listener

log = logging.getLogger(__name__)


class LateSocket:
    """`serve` opens it at `path`, or raises Unusable. `listeners` are closed when the daemon stops. `lacking`: what
    there is not until it is open, for the journal.
    """

    def __init__(
        self, serve: Callable[[Path], Listener], path: Path, listeners: contextlib.ExitStack, lacking: str
    ) -> None:
        self._serve = serve
        self._path = path
        self._listeners = listeners
        self._lacking = lacking
        self._is_open = False
        self._problem = ""

    def follow(self, *, is_wanted: bool) -> None:
        """Opens the socket if it is wanted, or logs once why it cannot. Each look-around calls it again."""
        if self._is_open or not is_wanted:
            return
        try:
            listener = self._serve(self._path)
        except Unusable as error:
            self._fail(error)
            return
        self._is_open, self._problem = True, ""
        self._listeners.callback(self._path.unlink, missing_ok=True)
        self._listeners.callback(listener.stop)

    def _fail(self, error: Unusable) -> None:
        if error.message != self._problem:
            hint = error.hint
            log.error("%s: %s; esimshaper tries again. What to do: %s", self._lacking, error.message, hint)
        self._problem = error.message
