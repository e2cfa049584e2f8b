# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a question delays a tick, in wall time: a year's reports and an export of all of a full history, while the
daemon ticks. In: a Place. Out: Rows.

A tick begins at whole seconds of CLOCK_MONOTONIC. Its end, less that second, is what it took and how late it began.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from statistics import median

from bench.box import Box
from bench.past import CLIENTS, SERVICES, UPLINKS
from bench.place import Place
from bench.resident import start_populated
from bench.rows import Row, aim, number
from esimshaper.edge import control_client
from tests.five_years import write_five_years

DELAY_AIM = 50
"""ms"""
_SCRAPES_A_SECOND = 10
_EARLY = 0.02
"""Seconds before its second that a timer may go off."""
TIMESTAMP, DURATION = "esimshaper_last_tick_timestamp_seconds", "esimshaper_last_tick_duration_seconds"


def rows(place: Place) -> Iterator[Row]:
    """Without questions, then with one kind after the other, each asked again and again."""
    part, seconds = (10, 10) if place.quick else (1, 30)
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(Box(place, "asked", CLIENTS).built())
        write_five_years(box.folder / "history.db", CLIENTS // part, until=int(time.time()))
        start_populated(stack, box)
        alone = ends(box, seconds)
        usual = median(alone)
        detail = f"{CLIENTS // part} clients, {len(UPLINKS)} uplinks, {SERVICES} services for five years"
        yield Row("a tick ends after its second", usual, "ms", detail=f"most {number(max(alone))}; {detail}")
        for what, by in (("reports of a year by client", "client"), ("reports of a year by day", "day")):
            with asking(partial(box.ask, "report", by=by, since=a_year_ago())) as asked:
                late = ends(box, seconds)
            yield _row(what, late, usual, asked)
        with asking(Export(box)) as asked:
            late = ends(box, seconds)
        yield _row("an export of all of it, by pages", late, usual, asked)


def _row(what: str, late: Sequence[float], usual: float, asked: Sequence[float]) -> Row:
    detail = f"the latest of {len(late)} ticks; {len(asked)} answers, the longest took {number(max(asked) * 1000)} ms"
    return aim(f"later beside {what}", max(late) - usual, "ms", DELAY_AIM, detail)


def a_year_ago() -> str:
    return (datetime.now().astimezone() - timedelta(days=365)).strftime("%Y-%m-%d")


class Export:
    """One page after the other, and from the beginning again."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._after: str | None = None

    def __call__(self) -> None:
        page = self._box.ask("export", **({"after": self._after} if self._after else {}))
        self._after = page["next"]


@contextlib.contextmanager
def asking(ask: Callable[[], object]) -> Iterator[list[float]]:
    """Asks all the while, one question after the other; how long each took, in seconds."""
    over, took = threading.Event(), list[float]()

    def body() -> None:
        while not over.is_set():
            began = time.perf_counter()
            with contextlib.suppress(control_client.DaemonNotRunning):
                ask()
            took.append(time.perf_counter() - began)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


def ends(box: Box, seconds: int) -> list[float]:
    """Of the tick of each second, how many ms after that second it ended."""
    found: dict[float, float] = {}
    ahead = time.time() - time.monotonic()
    for _ in range(seconds * _SCRAPES_A_SECOND):
        time.sleep(1 / _SCRAPES_A_SECOND)
        samples = dict(line.rsplit(" ", 1) for line in box.scrape().decode().splitlines() if line[:1] != "#")
        found[float(samples[TIMESTAMP]) - ahead] = float(samples[DURATION])
    return lateness(found)


def lateness(ticks: Mapping[float, float]) -> list[float]:
    """By when ticks began and how long they took, in seconds: how many ms after each whole second its tick ended."""
    # A tick that something has woken in the middle of a second is no late one: that of the second was there before.
    begun = sorted(ticks)
    late = []
    for second in range(math.ceil(begun[0]), math.floor(begun[-1])):
        first = next(each for each in begun if each >= second - _EARLY)
        late.append((first + ticks[first] - second) * 1000)
    return late
