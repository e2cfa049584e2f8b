# SPDX-License-Identifier: GPL-2.0-or-later
"""Who looks at the page, and what was said to them last. Keeps sentences for a minute, in memory only."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from esimshaper.edge.host import clock
from esimshaper.languages.choice import for_browser
from esimshaper.web import safety
from esimshaper.web.asked import Asked
from esimshaper.web.render import Visit

DONE = "done"
"""The parameter of a page that says what was done before it."""

JSON = "json"
"""The parameter by which a screen refreshes itself."""

_KEPT = 200  # sentences
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser is known by: `visitor` is new where its cookie is missing, `owner` is empty without a session."""

    visitor: str
    owner: str
    is_new: bool

    def cookie(self, *, https: bool) -> tuple[str, str]:
        """The header that lets the browser remember who it is."""
        return safety.set_cookie(safety.VISITOR, self.visitor, https=https)


class Said:
    """What was done, by the id of the form that did it. May be called from any thread."""

    def __init__(self, now: Callable[[], float] = clock.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._sentences: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def keep(self, request: str, sentence: str) -> None:
        with self._lock:
            self._sentences[request] = (self._now(), sentence)
            while len(self._sentences) > _KEPT:
                self._sentences.popitem(last=False)

    def sentence(self, request: str) -> str:
        """Empty if nothing was said, or it was too long ago."""
        with self._lock:
            at, sentence = self._sentences.get(request, (float("-inf"), ""))
        return sentence if self._now() - at < _SECONDS else ""


def browser_of(asked: Asked) -> Browser:
    """By its cookies."""
    visitor = asked.cookie(safety.VISITOR)
    return Browser(visitor or secrets.token_urlsafe(16), asked.cookie(safety.OWNER), not visitor)


def visit_of(asked: Asked, browser: Browser, said: str = "") -> Visit:
    """What a screen has to know of a request, with a new id for its forms."""
    query = "&".join(f"{quote(k)}={quote(v)}" for k, v in asked.query.items() if k not in (DONE, JSON))
    return Visit(
        path=quote(asked.path) + (f"?{query}" if query else ""),
        language=for_browser(asked.cookie(safety.LANGUAGE), asked.languages),
        csrf=safety.form_token(browser.visitor, browser.owner),
        is_owner=bool(browser.owner),
        is_https=asked.https,
        said=said,
        request=secrets.token_urlsafe(12),
        agent=asked.agent,
    )
