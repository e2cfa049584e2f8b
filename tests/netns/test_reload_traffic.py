# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration edited again and again while packets pass, and the daemon killed meanwhile: no packet is lost, none
is uncounted, and nobody slips through who may not pass before and after.
"""

import contextlib
import random
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from esimshaper.edge import control_client
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host
from tests.netns.limits import keep_busy, state_of
from tests.netns.router import Router, bytes_of
from tests.netns.test_reload import post, write

CLIENTS = (
    'clients: [{{name: {alice}, mac: "02:00:00:00:00:10", group: {a}}}, '
    '{{name: bob, mac: "02:00:00:00:00:11", group: {b}}}]\n'
)
RELOADS, KILLS = 40, 4


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


def base(router: Router) -> str:
    """The configuration without clients and quotas."""
    lines = router.config.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith(("wan", "lan", "metrics")))


def storm(router: Router, texts: Iterator[str]) -> None:
    """RELOADS one right after the other; KILLS times the daemon is killed within one."""
    chance = random.Random(5)
    for number in range(RELOADS):
        write(router, next(texts))
        if number % (RELOADS // KILLS) != RELOADS // KILLS - 1:
            post(router)
            continue
        asked = router.lab.router.start(post, router)
        time.sleep(chance.uniform(0, 0.08))  # somewhere in it, as it takes about that long
        router.kill()
        with contextlib.suppress(control_client.ControlError, control_client.DaemonNotRunning):
            asked.result(300)
        router.start()


@contextlib.contextmanager
def pings(client: Host, server: str, size: int) -> Iterator[None]:
    """500 a second."""
    flood = client.popen(["ping", "-i", "0.002", "-q", "-s", str(size), server], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        flood.kill()
        flood.wait()


def keep_asking(server: str, ended: list[bool]) -> None:
    """One small packet after the other, each when the one before has come back. Raises TimeoutError if one does not."""
    while not ended:
        traffic.udp_echo(server, count=50)


def test_reloads_under_load_lose_no_packet_and_no_byte(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab).start()
    text, chance = base(router), random.Random(7)
    before = router.measure()
    ended: list[bool] = []
    alice, bob = lab.clients
    lab.router.ip("link add lan9 type bridge")

    def texts() -> Iterator[str]:
        """Names, groups, quotas (none of which is reached), LAN interfaces, leases and time zones come and go."""
        number = 0
        while True:
            number += 1
            clients = CLIENTS.format(alice=chance.choice(["alice", "anna"]), a=f"a{number}", b=f"b{number}")
            subjects = ["everyone", "each-client", f"group/a{number}", f"group/b{number}", "client/bob"]
            quotas = [
                f"  - {{name: {name.replace('/', '-')}, for: {name}, limit: 9{size}GB, period: day, then: block}}\n"
                for size, name in enumerate(chance.sample(subjects, 3))
            ]
            edited = text.replace("[br0]", chance.choice(["[br0]", "[br0, lan9]"])) + clients
            zone = chance.choice(["UTC", "Asia/Tokyo"])
            yield f"{edited}timezone: {zone}\n" + chance.choice(["", f"quotas:\n{''.join(quotas)}"])

    loads = [
        alice.start(keep_busy, traffic.tcp_down, lab.servers4[0], ended),
        bob.start(keep_busy, traffic.tcp_up, lab.servers4[1], ended),
        bob.start(keep_asking, lab.servers4[2], ended),
    ]
    storm(router, texts())
    ended.append(True)
    assert all(load.result(300) is None for load in loads), "each echo came back"
    after, saved = router.measure_with(router.history)
    moved = after - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.seen_by_router)
    assert bytes_of(saved) == bytes_of(after.sum)
    assert "Traceback" not in router.log.read_text()


def test_who_may_not_pass_before_and_after_does_not_pass_in_between(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    """Held by a quota of the own or of a group that is new each time: alice is blocked, bob throttled."""
    router = make_router(lab)
    text, chance = base(router), random.Random(11)
    (alice, bob), (server, other) = lab.clients, lab.servers4[:2]

    def texts() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            rows = []
            for name, client, then in (("a", "alice", "block"), ("b", "bob", "{throttle: 256kbit}")):
                subject = chance.choice([f"client/{client}", f"group/{name}{number}"])
                amounts = "limit: 1MB, used: 2MB, period: month"
                rows.append(f"  - {{name: {name}{number}, for: {subject}, {amounts}, then: {then}}}\n")
            yield text + CLIENTS.format(alice="alice", a=f"a{number}", b=f"b{number}") + "quotas:\n" + "".join(rows)

    endless = texts()
    write(router, next(endless))
    router.start()
    assert (state_of(router, "alice"), state_of(router, "bob")) == ("blocked", "throttled")
    bill, began = lab.carrier.settle(), time.monotonic()
    with pings(alice, server, 100), pings(bob, other, 1000):
        storm(router, endless)
    moved = lab.carrier.settle() - bill
    seconds = time.monotonic() - began
    assert moved.of(server).total_bytes == 0
    # What waits in the class of before leaves beside the one of now: five full packets and a half.
    beside = RELOADS * 5.5 * 1514
    assert 0 < moved.of(other).up_bytes <= 256_000 / 8 * seconds + 30_000 + beside
    assert (state_of(router, "alice"), state_of(router, "bob")) == ("blocked", "throttled")
    assert "Traceback" not in router.log.read_text()
