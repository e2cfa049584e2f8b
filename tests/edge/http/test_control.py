# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge control: both ends of the socket, and strangers on it."""

import asyncio
import contextlib
import gc
import grp
import json
import os
import random
import socket
import stat
import threading
import time

import pytest

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.state import State
from esimshaper.daemon import answers
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.edge import control_client
from esimshaper.edge.http import control, streams
from esimshaper.edge.http import server as http
from tests import synthetic_router as router


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


@pytest.fixture
def listener(path):
    running = control.serve(router.Router().answer, path)
    yield running
    running.stop()


def talk(path, data: bytes, timeout: float = 10) -> bytes:
    """Sends bytes as they are and reads to the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect(str(path))
        answer = b""
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65536):
                answer += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


def request(path, line: str) -> tuple[int, dict]:
    head, body = talk(path, f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).split(b"\r\n\r\n", 1)
    assert b"application/json" in head
    return int(head.split()[1]), json.loads(body)


def test_client_and_server_understand_each_other(listener, path):
    status = control_client.get(path, "/v1/status")
    assert status["version"] == 1
    assert status["wan"]["interface"] == "wwan0"
    flows = control_client.get(path, "/v1/flows", {"limit": "1", "client": "alice-phone"})
    assert [flow["client"] for flow in flows["flows"]] == ["alice-phone"]


def test_what_is_wrong_is_said_in_json(listener, path):
    code, document = request(path, "GET /nowhere")
    assert code == 404
    assert "/v1/status" in document["error"]
    code, document = request(path, "POST /v1/status")
    assert (code, document["version"]) == (405, 1)
    for query in ("limit=0", "limit=-1", "limit=1e3", "limit=%D9%A1", "limit=" + "9" * 400, "colour=red", "order=x"):
        code, document = request(path, f"GET /v1/flows?{query}")
        assert (code, document["error"] != "") == (400, True), query
    assert request(path, "GET /v1/flows?" + "&".join(f"a{n}=1" for n in range(50)))[0] == 400


def test_what_is_posted_is_done_before_it_is_answered(listener, path):
    answer = control_client.post(path, "/v1/block", {"subject": "tv", "seconds": 60})
    assert (answer["subject"], answer["setting"]) == ("client/tv", "block")
    assert "client/tv" in {each["subject"] for each in control_client.get(path, "/v1/quotas")["by_hand"]}
    assert control_client.post(path, "/v1/clear", {"subject": "tv"})["setting"] is None
    assert "client/tv" not in {each["subject"] for each in control_client.get(path, "/v1/quotas")["by_hand"]}


def test_a_method_that_does_not_fit_is_named(listener, path):
    code, document = request(path, "GET /v1/block")
    assert (code, document["error"]) == (405, "/v1/block takes POST")
    code, document = request(path, "DELETE /v1/quotas")
    assert (code, document["error"]) == (405, "/v1/quotas takes GET")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "subject is missing"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[" * 16_000, "not JSON"),
        (b'{"subject": ' + b"9" * 9000 + b"}", "not JSON"),
        (b'["tv"]', "must be an object"),
        (b'{"subject": ""}', "subject must be a text"),
        (b'{"subject": 7}', "subject must be a text"),
        (b'{"subject": "tv", "colour": "red"}', "unknown parameter 'colour'"),
        (b'{"subject": "tv", "seconds": 0}', "seconds must be a whole number from 1"),
        (b'{"subject": "tv", "seconds": true}', "seconds must be a whole number from 1"),
        (b'{"subject": "tv", "seconds": 1.5}', "seconds must be a whole number from 1"),
        (b'{"subject": "tv", "seconds": {"a": 1}}', "seconds must be a whole number from 1"),
        (b'{"subject": "tvs"}', "did you mean `tv`?"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_body_that_makes_no_sense_changes_nothing_and_is_answered_in_a_sentence(listener, path, body, error):
    before = control_client.get(path, "/v1/quotas")["by_hand"]
    head = b"POST /v1/block HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    head, answer = talk(path, head + body).split(b"\r\n\r\n", 1)
    assert head.split()[1] == b"400"
    assert error in json.loads(answer)["error"]
    assert control_client.get(path, "/v1/quotas")["by_hand"] == before


def test_a_first_header_that_continues_none_is_refused(path, listener):
    head = talk(path, b"GET /v1/status HTTP/1.1\r\n folded\r\nHost: x\r\n\r\n")
    assert head.split()[1] == b"400"


def test_a_body_that_ends_early_or_is_too_long_changes_nothing(listener, path):
    before = control_client.get(path, "/v1/quotas")["by_hand"]
    head = b"POST /v1/block HTTP/1.1\r\nHost: x\r\n"
    for data in (
        head + b'Content-Length: 500\r\n\r\n{"subject": "tv"}',
        head + b"Content-Length: 300000\r\n\r\n" + b'{"subject": "tv"}'.ljust(300_000),
        head + b'Transfer-Encoding: chunked\r\n\r\n11\r\n{"subject": "tv"}\r\n0\r\n\r\n',
        head + b"Content-Length: -1\r\n\r\n{}",
        head + b"Content-Length: x\r\n\r\n{}",
    ):
        assert b" 200 " not in talk(path, data).split(b"\r\n")[0]
    assert control_client.get(path, "/v1/quotas")["by_hand"] == before


def test_what_cannot_be_done_comes_with_a_hint(listener, path):
    with pytest.raises(control_client.ControlError, match="there is no quota for tv") as caught:
        control_client.post(path, "/v1/grant", {"subject": "tv", "bytes": 1})
    assert "esimshaper quotas" in caught.value.hint


def test_a_fault_of_ours_costs_one_answer_and_no_worker(listener, path):
    for _ in range(3 * http.WORKERS):
        code, document = request(path, "POST /v1/reload")
        assert (code, "journal" in document["error"]) == (500, True)
    assert request(path, "GET /v1/status")[0] == 200


@contextlib.contextmanager
def running_loop():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_slow_disk_is_said_and_asked_again(path, tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 0.1)
    storage = Storage(tmp_path / "history.db")
    with running_loop() as loop:
        asked = answers.Answers(loop, storage, None, None, State, router.facts, None, Stopping())
        running = control.serve(asked.answer, path)
        asyncio.run_coroutine_threadsafe(storage.lock.acquire(), loop).result(300)  # as while a save is under way
        try:
            code, document = request(path, "GET /v1/history")
            assert (code, document["error"]) == (503, "the disk is slow, ask again")
            loop.call_soon_threadsafe(storage.lock.release)
            monkeypatch.setattr(answers, "ANSWER_SECONDS", 5)
            assert request(path, "GET /v1/history")[0] == 200
        finally:
            running.stop()
            asyncio.run_coroutine_threadsafe(storage.close(), loop).result(300)


def test_the_client_passes_on_the_servers_sentence(listener, path):
    with pytest.raises(control_client.ControlError, match="there is no device or group `nobody`"):
        control_client.get(path, "/v1/flows", {"client": "nobody"})


def test_only_owner_and_group_may_connect(listener, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another group")
def test_the_socket_belongs_to_the_group_esimshaper_where_there_is_one(path, monkeypatch):
    some_group = next(g for g in grp.getgrall() if g.gr_gid != os.getgid())
    monkeypatch.setattr(control, "GROUP", some_group.gr_name)
    running = control.serve(router.Router().answer, path)
    try:
        assert path.stat().st_gid == some_group.gr_gid
    finally:
        running.stop()


def test_the_socket_of_a_dead_daemon_is_taken_over(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    running = control.serve(router.Router().answer, path)
    try:
        assert request(path, "GET /v1/status")[0] == 200
    finally:
        running.stop()


def test_a_living_daemon_is_not_pushed_aside(listener, path):
    with pytest.raises(Unusable, match="another daemon listens"):
        control.serve(router.Router().answer, path)
    assert request(path, "GET /v1/status")[0] == 200


def test_a_file_in_the_way_is_left_alone(path):
    path.write_text("precious")
    with pytest.raises(Unusable, match="not a socket"):
        control.serve(router.Router().answer, path)
    assert path.read_text() == "precious"


def test_a_missing_directory_is_one_clear_error(tmp_path):
    with pytest.raises(Unusable, match="cannot listen on the socket"):
        control.serve(router.Router().answer, tmp_path / "no" / "control.sock")


def test_an_answer_is_sent_at_once_and_not_its_head_first(listener, path, monkeypatch):
    sent = []
    send = streams.PlainSocket.send
    monkeypatch.setattr(streams.PlainSocket, "send", lambda self, data: sent.append(bytes(data)) or send(self, data))
    assert control_client.get(path, "/v1/status")["version"] == 1
    assert len(sent) == 1
    assert sent[0].startswith(b"HTTP/1.1 200 OK")


def test_garbage_does_no_harm(listener, path):
    dice = random.Random(20261123)
    for _ in range(60):
        talk(path, dice.randbytes(dice.randrange(1, 3000)))
    for data in (
        b"",
        b"\r\n" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/status\r\n\r\n",
        b"GET http://[::1/v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/\x00\xff?%zz=%ff&&==& HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx",
        b"POST /v1/status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: x\r\nBig: " + b"x" * 1_000_000 + b"\r\n\r\n",
    ):
        talk(path, data)
    assert request(path, "GET /v1/status")[0] == 200
    assert (
        sum(thread.name.startswith("CP Server") and thread.is_alive() for thread in threading.enumerate())
        >= http.WORKERS
    )


def test_huge_headers_are_refused(listener, path):
    answer = talk(path, b"GET /v1/status HTTP/1.1\r\nHost: x\r\nBig: " + b"x" * 100_000 + b"\r\n\r\n")
    assert b" 200 " not in answer.split(b"\r\n")[0]


def test_slow_clients_hold_the_others_up_for_the_deadline_at_most(path, monkeypatch):
    monkeypatch.setattr(http, "DEADLINE", 1)
    running = control.serve(router.Router().answer, path)
    stop = threading.Event()
    threads = [threading.Thread(target=_drip, args=(path, stop)) for _ in range(http.WORKERS)]
    try:
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        assert control_client.get(path, "/v1/status")["version"] == 1
        assert time.monotonic() - begun < 5
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        running.stop()


def _drip(path, stop: threading.Event) -> None:
    """A request of one byte now and then, which no timeout of single reads ever ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(str(path))
        try:
            while not stop.wait(0.1):
                sock.sendall(b"G")
        except OSError:
            pass


def test_a_reader_that_stops_reading_is_dropped(path, monkeypatch):
    monkeypatch.setattr(http, "DEADLINE", 1)
    running = control.serve(lambda request: {"version": 1, "fill": "x" * 5_000_000}, path)
    try:
        stuck = []
        for _ in range(http.WORKERS):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.connect(str(path))
            sock.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
            stuck.append(sock)
        assert len(control_client.get(path, "/v1/status")["fill"]) == 5_000_000
        for sock in stuck:
            sock.close()
    finally:
        running.stop()
    gc.collect()  # from Python 3.13 on, what fails in there is a line on standard error, and an error here


@pytest.mark.parametrize("number", [0, 1, control.PIECE, control.PIECE + 1, 5 * control.PIECE])
def test_a_long_list_is_written_in_pieces_and_reads_the_same(number):
    document = {
        "version": 1,
        "a": [],
        "rows": [{"n": n, "name": "\u00e4,]}"} for n in range(number)],
        "b": {"c": [1, 2]},
    }
    assert json.loads(b"".join(control._encoded(document))) == document
    assert max(map(len, control._encoded(document))) < 60 * control.PIECE
