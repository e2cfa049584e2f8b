# SPDX-License-Identifier: GPL-2.0-or-later
"""notify.sock: who may ask, what is handed out, and what becomes of it. Real SQLite, ticks and sockets, no kernel."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from esimshaper.core import pipeline
from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings, ReadRule
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.reading import Attachment, Hook
from esimshaper.core.model.requests import NotifyQuery, NotifyReportCommand, NotifyTestCommand, StatusQuery
from esimshaper.core.model.state import Booking, Outcome, State
from esimshaper.daemon.bookings import Bookings
from esimshaper.daemon.late_socket import LateSocket
from esimshaper.daemon.notify_answers import NotifyAnswers
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.edge import control_client
from esimshaper.edge.control_client import ControlError
from esimshaper.edge.history.database import HistoryError
from esimshaper.edge.http import notify
from tests import synthetic_router
from tests.core.test_pipeline import NOW, POLICY, seen

MAIL = Channel("email", ChannelKind.EMAIL, "ja", Severity.INFO, settings={"to": ["a@b"], "password": {"file": "/x"}})
SMS = Channel("sms", ChannelKind.SMS, settings={"to": ["+8190"]})
NOTICES = NoticeSettings((MAIL, SMS), read=(ReadRule("(?P<percent>.)", ("docomo",)),))
UP = (Attachment("wwan0", Hook.WAN_EGRESS, attached=True),)


class Ticker:
    save: Callable[[Booking], None]

    def __init__(self) -> None:
        self.state, self.boottime = State(), 1000
        self.rules = replace(POLICY, notices=NOTICES)

    def tick(self, resumed: State | None = None) -> None:
        self.boottime += 1
        now = NOW + self.boottime
        observed = replace(seen(self.boottime), attachments=UP)
        self.state, outcome = self.advance(resumed or self.state, observed, now)
        if outcome.booking:
            self.save(outcome.booking)

    def advance(self, state: State, observed: Any, now: float = 0.0) -> tuple[State, Outcome]:
        return pipeline.advance(state, self.rules, now or NOW + self.boottime, observed)


class Daemon:
    """A loop in a thread of its own, with Bookings and the answers about notices."""

    def __init__(self, place: Path) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.ticker, self.stopping = Ticker(), Stopping()
        self.storage = Storage(place / "history.db")
        parts: Any = (self.ticker, self.ticker, SimpleNamespace(predecessors=list), self.storage, None, self.stopping)
        self.bookings = Bookings(*parts)
        self.others: list[Any] = []
        facts = lambda: replace(synthetic_router.facts(), notices=self.ticker.rules.notices)  # noqa: E731
        self.answers = NotifyAnswers(
            self.bookings,
            self.storage,
            lambda: self.ticker.state,
            facts,
            lambda: self.ticker.rules,
            self.run,
            self.other,
        )
        self.run(self.begin())

    async def begin(self) -> None:
        self.ticker.tick(await self.bookings.open())
        while self.ticker.state.saving.booking:
            await asyncio.sleep(0)

    def other(self, request: Any) -> dict[str, Any]:
        self.others.append(request)
        return {}

    def run(self, coroutine: Any, seconds: float = 10) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def end(self) -> None:
        self.run(self.storage.close())
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    yield made
    made.end()


def late(daemon: Daemon, path: Path, listeners: contextlib.ExitStack) -> LateSocket:
    return LateSocket(partial(notify.serve, daemon.answers.answer), path, listeners, "no notices")


@pytest.fixture
def path(daemon: Daemon, tmp_path: Path) -> Iterator[Path]:
    found = tmp_path / "notify.sock"
    with contextlib.ExitStack() as listeners:
        late(daemon, found, listeners).follow(is_wanted=True)
        yield found


def jobs(path: Path) -> list[dict[str, Any]]:
    return control_client.post(path, "/v1/notify/jobs", {})["jobs"]


def test_the_sender_hears_how_channels_are_reached_and_no_secret(daemon: Daemon, path: Path) -> None:
    document = control_client.get(path, "/v1/notify/channels")
    mail, sms = document["channels"]
    assert mail == {
        "name": "email",
        "kind": "email",
        "language": "ja",
        "min": "info",
        "per_day": 10,
        "to": ["a@b"],
        "password": {"file": "/x"},
    }
    assert sms["kind"] == "sms"
    assert document["read"] == [{"from": ["docomo"], "match": "(?P<percent>.)"}]
    daemon.ticker.rules = replace(daemon.ticker.rules, notices=replace(NOTICES, channels=(MAIL,)))
    assert control_client.get(path, "/v1/notify/channels")["revision"] != document["revision"]


def test_a_test_goes_all_the_way(daemon: Daemon, path: Path) -> None:
    assert jobs(path) == []
    made = daemon.answers.answer_people(NotifyTestCommand("email"))["jobs"]
    (job,) = jobs(path)
    assert (job["id"], job["channel"], job["form"], job["language"], job["attempt"]) == (
        made[0],
        "email",
        "test",
        "ja",
        1,
    )
    assert (job["deadline"], len(job["key"])) == (60, 32)
    assert [each["kind"] for each in job["notices"]] == ["test"]
    assert jobs(path) == []
    body = {"id": job["id"], "result": "sent", "steps": ["connected", "\x1b[31mgone"], "bytes": 2500}
    control_client.post(path, "/v1/notify/result", body)
    (done,) = daemon.answers.answer_people(NotifyQuery())["tests"]
    assert (done["fate"], done["steps"]) == ("sent", ["connected", " [31mgone"])
    assert daemon.ticker.state.notices.kept.day_bytes == 2500
    daemon.answers.answer_people(StatusQuery())
    assert daemon.others == [StatusQuery()]


def test_a_report_goes_by_mail_at_once(daemon: Daemon, path: Path) -> None:
    assert len(daemon.answers.answer_people(NotifyReportCommand())["jobs"]) == 1
    (job,) = jobs(path)
    (notice,) = job["notices"]
    assert (job["channel"], job["form"], notice["kind"], len(notice["data"]["days"])) == ("email", "one", "week", 7)
    daemon.ticker.rules = replace(daemon.ticker.rules, notices=replace(NOTICES, channels=(SMS,)))
    with pytest.raises(Unusable, match="there is no channel `email`"):
        daemon.answers.answer_people(NotifyReportCommand())


def test_an_sms_that_cannot_be_noted_is_not_handed_out_and_a_mail_is(daemon: Daemon, path: Path, monkeypatch) -> None:
    daemon.answers.answer_people(NotifyTestCommand(""))

    def full(_booking: Booking) -> None:
        raise HistoryError("the disk is full")

    monkeypatch.setattr(daemon.storage._history, "save", full)
    assert [each["channel"] for each in jobs(path)] == ["email"]
    monkeypatch.undo()
    assert [each["channel"] for each in jobs(path)] == ["sms"]


def test_what_fails_for_long_is_one_line_in_the_journal(daemon: Daemon, path: Path, caplog) -> None:
    caplog.set_level("INFO")
    daemon.answers.answer_people(NotifyTestCommand("sms"))
    (job,) = jobs(path)
    control_client.post(path, "/v1/notify/result", {"id": job["id"], "result": "impossible", "error": "no modem"})
    said = [each.message for each in caplog.records if "notices by" in each.message]
    assert said == ["notices by sms are not possible: no modem"]
    standing = daemon.answers.answer_people(NotifyQuery())["channels"][1]
    assert (standing["impossible"], standing["error"]) == (True, "no modem")


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/v1/notify/result", {"id": 1, "result": "lost"}),
        ("/v1/notify/result", {"id": "x", "result": "sent"}),
        ("/v1/notify/result", {"id": 1, "result": "sent", "steps": [1]}),
        ("/v1/notify/proposal", {"source": "sms", "gives": {"limit": 1}}),
        ("/v1/notify/proposal", {"source": "sms", "gives": {"used": "1e99"}}),
        ("/v1/notify/proposal", {"source": "sms", "gives": {"used": True}}),
        ("/v1/notify/jobs", {"channel": "sms"}),
        ("/v1/grant", {"subject": "tv", "bytes": 1}),
    ],
)
def test_what_makes_no_sense_changes_nothing(daemon: Daemon, path: Path, target: str, body: dict[str, Any]) -> None:
    before = daemon.ticker.state
    with pytest.raises(ControlError):
        control_client.post(path, target, body)
    assert daemon.ticker.state is before


def test_a_word_about_a_job_that_is_gone_is_taken(path: Path) -> None:
    assert control_client.post(path, "/v1/notify/result", {"id": 77, "result": "sent"})["id"] == 77


def test_a_figure_of_nobody_knows_whom_is_only_noted_without_a_plan(daemon: Daemon, path: Path, caplog) -> None:
    caplog.set_level("INFO")
    body = {"source": "sms", "from": "docomo\n", "at": "", "gives": {"used": 5}, "text": "5 B"}
    assert control_client.post(path, "/v1/notify/proposal", body)["booked"] is False
    assert daemon.others == []
    assert any(each.message.startswith("sms from docomo  is only noted") for each in caplog.records)


def test_the_socket_comes_when_it_is_wanted_and_stays(daemon: Daemon, tmp_path: Path) -> None:
    found = tmp_path / "notify.sock"
    with contextlib.ExitStack() as listeners:
        socket = late(daemon, found, listeners)
        socket.follow(is_wanted=False)
        assert not found.exists()
        socket.follow(is_wanted=True)
        socket.follow(is_wanted=False)
        assert found.exists()
    assert not found.exists()
