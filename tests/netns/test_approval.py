# SPDX-License-Identifier: GPL-2.0-or-later
"""A service that a device begins to use much waits for the owner's word, paced meanwhile, by the whole program."""

import time
from collections.abc import Callable, Iterator

import pytest

from esimshaper.lab import Lab, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.namer import Namer, rows
from tests.netns.router import Router

FILMS, MESSAGES, VIDEO = "c1.nflxvideo.net", "obs.line-scdn.net", "r3.googlevideo.com"
NAMES = {FILMS: 2, MESSAGES: 4, VIDEO: 0}
CLIENT, OTHER = "alice-phone", "bob-laptop"
RATE = 400_000
SETTINGS = "approval: {above: 1MB, for: each-client, pace: 400kbit, first_day: true}\n"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(names=NAMES) as built:
        yield built


@pytest.fixture
def router(lab: Lab, make_router: Callable[..., Router]) -> Router:
    return make_router(lab, SETTINGS).start()


def fetch(lab: Lab, name: str, size: int, client: str = CLIENT) -> float:
    """Bit/s of payload at which a file comes from the host of that name."""
    began = time.monotonic()
    moved = lab.client(client).call(traffic.tls_down, lab.servers4[NAMES[name]], name, size)
    assert moved.down == size
    return size * 8 / (time.monotonic() - began)


def begin_to_wait(lab: Lab, router: Router) -> None:
    """Films are used much, until they wait and the kernel knows it."""
    fetch(lab, FILMS, 1_200_000)
    wait_until("films to wait", lambda: bool(router.json("review")["waiting"]))
    router.await_tick()


def test_a_service_that_is_used_much_is_slow_until_it_is_approved_and_all_else_is_not(
    lab: Lab, router: Router, namer: Namer
) -> None:
    begin_to_wait(lab, router)
    [waiting] = router.json("review")["waiting"]
    assert (waiting["hostname"], waiting["service"], waiting["number"]) == (CLIENT, "netflix", 1)
    assert waiting["today"]["total_bytes"] > 1_200_000
    assert waiting["ends"] == [FILMS]
    before = router.measure()
    assert fetch(lab, FILMS, 200_000) < RATE * 1.1
    for name, client in ((VIDEO, CLIENT), (FILMS, OTHER)):
        assert fetch(lab, name, 200_000, client) > 10 * RATE
    moved = router.measure() - before
    assert (moved.sum.down_bytes, moved.sum.up_bytes) == (moved.bill.total.down_bytes, moved.bill.total.up_bytes)
    done = router.run("review", "approve", "1")
    assert done.returncode == 0, done.stderr
    assert fetch(lab, FILMS, 1_000_000) > 10 * RATE
    assert router.json("review")["waiting"] == []


def test_what_is_refused_moves_no_byte_and_messages_never_wait(lab: Lab, router: Router, namer: Namer) -> None:
    fetch(lab, MESSAGES, 2_000_000)
    begin_to_wait(lab, router)
    [waiting] = router.json("review")["waiting"]
    assert waiting["service"] == "netflix"
    done = router.run("review", "refuse", "1", "--to", "everyone")
    assert done.returncode == 0, done.stderr
    fetch(lab, VIDEO, 10_000, OTHER)  # the device has an account from now on
    router.settle()
    before = rows(router, OTHER).get("netflix")
    with pytest.raises(OSError, match=r"."):
        fetch(lab, FILMS, 100_000, OTHER)
    router.settle()
    after = rows(router, OTHER).get("netflix")
    hello = 20_000  # the handshake, until the name was read
    assert (after.total_bytes if after else 0) - (before.total_bytes if before else 0) < hello
    assert fetch(lab, MESSAGES, 1_000_000) > 10 * RATE


def test_after_a_kill_it_goes_on_to_wait_and_nobody_is_told_twice(lab: Lab, router: Router, namer: Namer) -> None:
    begin_to_wait(lab, router)
    router.kill()
    assert fetch(lab, FILMS, 100_000) < RATE * 1.1, "the kernel holds it by itself"
    router.start()
    assert [each["number"] for each in router.json("review")["waiting"]] == [1]
    assert fetch(lab, FILMS, 100_000) < RATE * 1.1
    assert sum("which it has not used before" in line for line in router.log.read_text().splitlines()) == 1
