# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens web.sock once the settings have a page. Owns its listener.

Where the page is taken out of the settings again, the socket stays and says that it is off: to close it may take
seconds, which no tick has.
"""

import contextlib
import logging
from pathlib import Path

from esimshaper.core.model.errors import Unusable
from esimshaper.core.settings.values import Settings
from esimshaper.daemon.page_answers import PageAnswers
from esimshaper.daemon.page_note import PageNote
from esimshaper.edge.host.paths import page_note
from esimshaper.edge.http import page

log = logging.getLogger(__name__)


class PageSocket:
    """`path`: where the socket is. `listeners` are closed when the daemon stops."""

    def __init__(self, answers: PageAnswers, path: Path, listeners: contextlib.ExitStack) -> None:
        self._answers = answers
        self._path = path
        self._listeners = listeners
        self._is_open = False
        self._problem = ""
        self._note = PageNote(page_note())

    def follow(self, settings: Settings) -> None:
        """Opens the socket if it is wanted, or logs once why it cannot. Each look-around calls it again."""
        self._note.follow(settings)
        if settings.web is None or self._is_open:
            return
        try:
            listener = page.serve(self._answers.answer, self._path)
        except Unusable as error:
            self._fail(error)
            return
        self._is_open, self._problem = True, ""
        self._listeners.callback(self._path.unlink, missing_ok=True)
        self._listeners.callback(listener.stop)

    def _fail(self, error: Unusable) -> None:
        if error.message != self._problem:
            log.error("no page: %s; esimshaper tries again. What to do: %s", error.message, error.hint)
        self._problem = error.message
