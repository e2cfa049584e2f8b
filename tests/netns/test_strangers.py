# SPDX-License-Identifier: GPL-2.0-or-later
"""Strangers at the sockets of the real daemon: whatever they send is answered in a sentence or dropped, and nobody else
notices. The seed is fixed, so that what fails once fails again; `STRANGERS_SEED` and `STRANGERS` try others, and more.
"""

import contextlib
import json
import os
import random
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from esimshaper.edge import control_client
from esimshaper.edge.http import server as http
from esimshaper.lab import Lab, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.router import Router, bytes_of

SEED = int(os.environ.get("STRANGERS_SEED", "4"))
NUMBER = int(os.environ.get("STRANGERS", "1500"))
PORT = 19473
CONFIG = """clients: [{name: alice, mac: "02:00:00:00:00:10", group: family}]
quotas: [{name: daily, for: client/alice, limit: 1GB, period: day, then: block}]
"""
VALUES = (
    "alice", "client/alice", "group/family", "client/", "everyone", "\ud800", "\0", "x" * 9000, "", 0, -1, 1, 60,
    10**15, 10**30, 1.5, float("inf"), float("nan"), True, None, [], {}, [[]] * 50, {"a": {"b": 1}},
)  # fmt: skip
POSTED = (b"/v1/grant", b"/v1/block", b"/v1/allow", b"/v1/clear", b"/v1/reload")
PATHS = (
    b"/v1/status", b"/v1/clients", b"/v1/flows?limit=3&order=recent", b"/v1/history?by=hour&limit=9", b"/v1/quotas",
    *POSTED, b"/metrics", b"/", b"/v1/../v1/status", b"http://[::1/v1/status",
    b"/metrics?name[]=esimshaper_build_info", b"/v1/flows?client=alice&limit=99999999999", b"/favicon.ico", b"*", b"",
)  # fmt: skip
VERBS = (b"GET", b"GET", b"POST", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"get", b"G" * 5000, b"")
HEADERS = (
    b"Accept: application/openmetrics-text", b"Accept: ;;q=x,*/*;q=9", b"Accept-Encoding: gzip", b"Range: bytes=0-",
    b"Transfer-Encoding: chunked", b"Content-Length: 99999999999", b"Content-Length: -1", b"Connection: keep-alive",
    b"Upgrade: websocket", b"Host: x", b"Cookie: " + b"c" * 20_000, b"X\xff\0: \x80", b" folded", b"no colon",
    b"Expect: 100-continue",
)  # fmt: skip


def letter(chance: random.Random) -> bytes:
    """A request that is right, nearly right, or nothing of the kind."""
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(3000))
    path, version = chance.choice(PATHS), chance.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9", b""))
    verb = chance.choice(VERBS)
    if chance.random() < 0.5:
        verb, version = b"POST" if path in POSTED else b"GET", b"HTTP/1.1"
    names = ("subject", "bytes", "seconds", "limit", "colour")
    document = {name: chance.choice(VALUES) for name in names if chance.random() < 0.4}
    body = b"" if verb != b"POST" else json.dumps(document).encode()
    head = [b" ".join((verb, path, version))]
    head += chance.sample(HEADERS, chance.choice((0, 0, 1, 1, 3)))
    if chance.random() < 0.8:
        head.append(b"Content-Length: %d" % len(body))
    whole = bytearray(b"\r\n".join((*head, b"", body)))
    for _ in range(chance.choice((0, 0, 0, 1, 4))):
        whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole[: chance.randrange(len(whole)) if chance.random() < 0.1 else None])


def answer(sock: socket.socket, letter: bytes) -> bytes:
    with sock:
        got = b""
        with contextlib.suppress(OSError):
            sock.sendall(letter)
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65536):
                got += part
        return got


def by_unix(router: Router) -> socket.socket:
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket(socket.AF_UNIX))
        sock.settimeout(2 * http.DEADLINE)
        sock.connect(str(router.socket))
        stack.pop_all()
    return sock


def by_tcp(router: Router) -> socket.socket:
    return router.lab.router.call(socket.create_connection, ("127.0.0.1", PORT), 2 * http.DEADLINE)


def descriptors(router: Router) -> int:
    assert router.process
    return len(list(Path("/proc", str(router.process.pid), "fd").iterdir()))


def test_no_letter_of_a_stranger_does_harm(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, CONFIG).start()
    router.scrape()
    before, holds = router.measure(), descriptors(router)
    chance = random.Random(SEED)
    letters = [letter(chance) for _ in range(NUMBER)]
    with ThreadPoolExecutor(http.WORKERS) as pool:
        for connect in (by_unix, by_tcp):
            statuses: Counter[bytes] = Counter()
            answers = pool.map(lambda each, to=connect: answer(to(router), each), letters)
            for sent, got in zip(letters, answers, strict=True):
                head, _, body = got.partition(b"\r\n\r\n")
                status = head.split(b" ")[1] if head.startswith(b"HTTP/1.") else b""
                statuses[status] += 1
                assert status != b"500", sent
                if b"application/json" in head and not sent.startswith(b"HEAD"):
                    assert json.loads(body)["version"] == 1
            assert statuses[b"200"] > NUMBER / 50
            assert statuses[b"400"] > NUMBER / 50
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert {each["subject"] for each in router.get("/v1/quotas")["by_hand"]} <= {
        "client/alice",
        "group/family",
        "everyone",
    }
    wait_until("no descriptor more", lambda: descriptors(router) <= holds)
    assert router.stop() == 0
    said = router.log.read_text()
    assert "Traceback" not in said
    assert "failed" not in said


def test_a_crowd_that_says_nothing_is_sent_away_and_others_are_answered(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab).start()
    holds = descriptors(router)
    with contextlib.ExitStack() as crowd:
        for connect in (by_unix, by_tcp):
            with contextlib.suppress(BlockingIOError):  # no more may wait
                for _ in range(http.WORKERS + http.WAITING):
                    crowd.enter_context(connect(router))

        def is_answered() -> bool:
            try:
                return bool(router.get("/v1/status")["wan"]["attached"] and router.scrape())
            except (control_client.ControlError, control_client.DaemonNotRunning, OSError):
                return False

        wait_until("an answer", is_answered, timeout=30)
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    wait_until("no descriptor more", lambda: descriptors(router) <= holds, timeout=15)
    assert router.stop() == 0
    assert "Traceback" not in router.log.read_text()
