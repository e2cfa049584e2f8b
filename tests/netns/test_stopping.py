# SPDX-License-Identifier: GPL-2.0-or-later
"""What people get who ask the real daemon while it stops: an answer, a sentence, or nobody who listens."""

import contextlib
import http.client
import json
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from esimshaper.edge import control_client
from esimshaper.lab import Lab
from esimshaper.lab.namespaces import wait_until
from tests.netns.router import Router

QUOTA = "quotas: [{name: plan, for: everyone, limit: 10GB, period: month, then: block}]\n"
STOPPING = "the daemon is stopping"
GRANTED = 1_000_000

QUESTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("GET", "/v1/status", {}),
    ("GET", "/v1/flows", {}),
    ("GET", "/v1/history", {}),
    ("GET", "/v1/quotas", {}),
    ("POST", "/v1/block", {"subject": "everyone"}),
    ("POST", "/v1/reload", {"dry_run": True}),
    ("POST", "/v1/reload", {}),
)


@pytest.fixture
def router(make_router: Callable[..., Router], lab: Lab) -> Router:
    return make_router(lab, QUOTA).start()


@contextlib.contextmanager
def a_busy_disk(place: Path) -> Iterator[None]:
    """Nothing can be saved within, as somebody else is writing into the database."""
    with contextlib.closing(sqlite3.connect(place / "state" / "history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def ask(path: Path, method: str, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Status and document; None where nobody listens or the connection was closed without an answer."""
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(30)
    try:
        connection.sock.connect(str(path))
        connection.request(method, target, json.dumps(body) if method == "POST" else None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@dataclass
class Crowd:
    """People who ask again and again until the socket is gone."""

    path: Path
    answers: list[tuple[str, tuple[int, dict[str, Any]]]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def ask_on(self, method: str, target: str, body: dict[str, Any]) -> None:
        while not self.gone.is_set():
            answer = ask(self.path, method, target, body)
            if answer:
                self.answers.append((target, answer))


@contextlib.contextmanager
def asking(path: Path) -> Iterator[Crowd]:
    crowd = Crowd(path)
    with ThreadPoolExecutor(len(QUESTIONS)) as people:
        for question in QUESTIONS:
            people.submit(crowd.ask_on, *question)
        try:
            yield crowd
        finally:
            crowd.gone.set()


def assert_clear(router: Router, answers: list[tuple[str, tuple[int, dict[str, Any]]]]) -> None:
    """Each answer is what was asked for or says that the daemon is stopping; the journal has no traceback."""
    for target, (code, document) in answers:
        assert code in (200, 503), (target, code, document)
        if code == 503:
            assert document["error"] == STOPPING, (target, document)
            assert "started" in document["hint"]
    log = router.log.read_text()
    assert "Traceback" not in log, log


def test_who_asks_while_it_stops_gets_an_answer_or_a_sentence(router: Router) -> None:
    with asking(router.socket) as crowd:
        wait_until("answers", lambda: len(crowd.answers) > 20)
        assert router.stop() == 0
        assert not router.socket.exists()
    assert_clear(router, crowd.answers)


def test_who_asks_during_a_slow_last_save_is_told_that_it_stops(router: Router) -> None:
    assert router.process
    with asking(router.socket) as crowd:
        with a_busy_disk(router.place):
            router.process.send_signal(signal.SIGTERM)
            wait_until("a sentence", lambda: [each for each in crowd.answers if each[1][0] != 200], timeout=20)
        assert router.process.wait(60) == 0
    assert_clear(router, crowd.answers)
    assert {target for target, (code, _) in crowd.answers if code == 503} == {target for _, target, _ in QUESTIONS}


def test_what_was_asked_before_it_stops_is_done_once(router: Router) -> None:
    """A command waits for a slow save, and meanwhile the daemon is told to stop: it is saved, and no byte twice."""
    assert router.process
    with ThreadPoolExecutor(1) as person:
        with a_busy_disk(router.place):
            grant = {"subject": "everyone", "bytes": GRANTED}
            answer = person.submit(ask, router.socket, "POST", "/v1/grant", grant)
            wait_until("the grant", lambda: _granted(router) == GRANTED)
            router.process.send_signal(signal.SIGTERM)
        assert router.process.wait(60) == 0
        assert_clear(router, [("/v1/grant", found)] if (found := answer.result()) else [])
    router.start()
    assert _granted(router) == GRANTED
    happened = [event["kind"] for event in router.json("events", "--since", "1h")["events"]]
    life = ["started", "granted", "stopped", "started"]
    assert [kind for kind in happened if kind in life] == life
    assert happened.count("counting") == 4, "at the LAN and at the WAN, twice"


def test_a_reload_by_signal_while_it_stops_is_no_fault(router: Router) -> None:
    assert router.process
    with a_busy_disk(router.place):
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            router.process.send_signal(number)
        wait_until("its end is near", lambda: ask(router.socket, "GET", "/v1/quotas", {}) != _quotas(router))
    assert router.process.wait(60) == 0
    assert_clear(router, [])


def test_a_scrape_while_it_stops_is_answered_or_refused(router: Router) -> None:
    """By a client in the router, whose namespace the listener is in."""
    assert router.process
    scraped: list[dict[str, float]] = []
    gone = threading.Event()

    def scrape_on() -> None:
        while not gone.is_set():
            with contextlib.suppress(Exception):  # nobody listens: the program that asks has failed
                scraped.append(router.scrape())

    with ThreadPoolExecutor(2) as people:
        for _ in range(2):
            people.submit(scrape_on)
        try:
            wait_until("a scrape", lambda: bool(scraped))
            with a_busy_disk(router.place):
                router.process.send_signal(signal.SIGTERM)
                count = len(scraped)
                wait_until("another", lambda: len(scraped) > count or not router.socket.exists(), timeout=20)
            assert router.process.wait(60) == 0
        finally:
            gone.set()
    assert_clear(router, [])


def _granted(router: Router) -> int:
    return sum(row["granted_bytes"] for row in _quotas(router)[1]["quotas"])


def _quotas(router: Router) -> tuple[int, dict[str, Any]]:
    try:
        return 200, control_client.get(router.socket, "/v1/quotas")
    except control_client.ControlError as error:
        return 0, dict(error.document)
