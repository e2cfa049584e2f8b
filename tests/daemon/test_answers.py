# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon answers while it stops, down to the moments that no request of a test hits by chance."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from esimshaper.core.model.requests import GrantCommand, QuotasQuery, ReloadCommand, StatusQuery
from esimshaper.core.model.state import State
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.edge.http.control import NotNow
from tests import synthetic_router


class Life:
    """A loop in a thread of its own, which ends as that of the daemon does: what still runs is cancelled."""

    def __init__(self, place: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()
        self.storage = Storage(place / "history.db")
        self.stopping = Stopping()
        facts = synthetic_router.facts
        self.answers = Answers(self.loop, self.storage, None, None, State, facts, None, self.stopping)  # type: ignore[arg-type]

    def _live(self) -> None:
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def hold_the_disk(self) -> None:
        """As while something is saved."""
        asyncio.run_coroutine_threadsafe(self.storage.lock.acquire(), self.loop).result(300)

    def end(self) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        if self.storage.is_open:
            asyncio.run(self.storage.close())


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    made = Life(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("request_", [StatusQuery(), QuotasQuery(), GrantCommand("tv", 1, None), ReloadCommand(True)])
def test_no_request_is_carried_out_once_the_daemon_stops(life: Life, request_: object) -> None:
    life.stopping.begin()
    with pytest.raises(NotNow, match="the daemon is stopping") as caught:
        life.answers.answer(request_)  # type: ignore[arg-type]
    assert "started" in caught.value.hint


def test_a_request_under_way_when_the_loop_ends_gets_a_sentence(life: Life) -> None:
    life.hold_the_disk()
    with ThreadPoolExecutor(1) as person:
        asked = person.submit(life.answers.answer, StatusQuery())
        while not life.storage.lock._waiters:
            pass
        life.end()
        with pytest.raises(NotNow, match="the daemon is stopping"):
            asked.result(300)


def test_a_request_that_comes_after_the_loop_has_ended_gets_a_sentence(life: Life) -> None:
    life.end()
    with pytest.raises(NotNow, match="the daemon is stopping"):
        life.answers.answer(StatusQuery())


def test_a_request_that_waited_for_the_last_save_is_not_shown_its_bytes_twice(life: Life) -> None:
    life.hold_the_disk()
    with ThreadPoolExecutor(1) as person:
        asked = person.submit(life.answers.answer, StatusQuery())
        while not life.storage.lock._waiters:
            pass
        life.stopping.begin()
        life.loop.call_soon_threadsafe(life.storage.lock.release)
        with pytest.raises(NotNow, match="the daemon is stopping"):
            asked.result(300)
