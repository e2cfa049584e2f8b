# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens notify.sock once the settings have a channel. Owns its listener.

Where all channels are taken out of the settings again, the socket stays, and has no jobs: to close it may take seconds,
which no tick has.
"""

import contextlib
import logging
from pathlib import Path

from esimshaper.core.model.channels import NoticeSettings
from esimshaper.core.model.errors import Unusable
from esimshaper.daemon.notify_answers import NotifyAnswers
from esimshaper.edge.http import notify

log = logging.getLogger(__name__)


class NotifySocket:
    """`path`: where the socket is. `listeners` are closed when the daemon stops."""

    def __init__(self, answers: NotifyAnswers, path: Path, listeners: contextlib.ExitStack) -> None:
        self._answers = answers
        self._path = path
        self._listeners = listeners
        self._is_open = False
        self._problem = ""

    def follow(self, settings: NoticeSettings) -> None:
        """Opens the socket if it is wanted, or logs once why it cannot. Each look-around calls it again."""
        if self._is_open or not (settings.channels or settings.read):
            return
        try:
            listener = notify.serve(self._answers.answer, self._path)
        except Unusable as error:
            self._fail(error)
            return
        self._is_open, self._problem = True, ""
        self._listeners.callback(self._path.unlink, missing_ok=True)
        self._listeners.callback(listener.stop)

    def _fail(self, error: Unusable) -> None:
        if error.message != self._problem:
            log.error("no notices: %s; esimshaper tries again. What to do: %s", error.message, error.hint)
        self._problem = error.message
