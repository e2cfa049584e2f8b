# SPDX-License-Identifier: GPL-2.0-or-later
"""The last bytes of maps that nothing counts into any more, into the history. Owns the database for that moment."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from esimshaper.core import pipeline
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import Notice, NoticeKind
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.edge.history.database import History, HistoryError
from esimshaper.edge.host import clock


def book_last_bytes(readings: Iterable[Reading], state_directory: Path, rules: pipeline.Rules) -> list[Notice]:
    """What people should hear about the bytes since the daemon was stopped; nobody else tells it.

    `rules` says to which interface and day they belong. Raises Unusable, with everything still in the maps, if there is
    a history and it cannot be written.
    """
    path = state_directory / "history.db"
    if not path.exists():
        return []
    try:
        with contextlib.closing(History(path)) as history:
            return [notice for reading in readings for notice in _book(history, reading, rules)]
    except HistoryError as error:
        raise Unusable(f"the last bytes cannot be saved: {error}", "the maps are still there; try again") from None


def _book(history: History, reading: Reading, rules: pipeline.Rules) -> Iterable[Notice]:
    state = pipeline.resume(history.load(), history.identities())
    seen = Observation(reading, clock_trusted=clock.is_synchronised())
    _, booking = pipeline.last(state, rules, time.time(), seen)
    if booking is None:
        return ()
    history.save(booking)
    # Who is blocked or throttled by it is so no more.
    return (notice for notice in booking.notices if notice.kind is not NoticeKind.CLIENT_STATE)
