# SPDX-License-Identifier: GPL-2.0-or-later
"""Upload floods with the real daemon: what our queues drop is charged to nobody, whatever happens meanwhile."""

import contextlib
import json
from collections.abc import Callable, Iterator

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns import tricks
from tests.netns.limits import quotas, state_of
from tests.netns.listener import listening
from tests.netns.router import Measure, Router

OFFERED = 5 * 1_000_000 // 8
"""Bytes per second."""
SLOW = "name: slow, for: each-client, limit: 10KB, period: month, then: {throttle: 1mbit}"
PLAN = "name: plan, for: everyone, limit: 1GB, period: month, then: block"
SECONDS = 4


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


def started(router: Router) -> Router:
    router.start()
    for _ in range(2):
        router.await_tick()
    return router


def flood(server: str, seconds: float = SECONDS) -> None:
    """Five times what a throttled client may send."""
    traffic.udp_up(server, int(OFFERED * seconds), bits=OFFERED * 8)


def used(router: Router, quota: str, subject: str) -> int:
    rows = router.get("/v1/quotas")["quotas"]
    return int(next(row for row in rows if (row["quota"], row["subject"]) == (quota, subject))["used_bytes"])


def measure(router: Router, quota: str, subject: str) -> tuple[Measure, int]:
    """As Router.measure, and what is used of a quota in that moment."""
    return router.measure_with(lambda: used(router, quota, subject))


def charged_never_falls(router: Router) -> Callable[[], None]:
    """To be called again and again."""
    last = [0.0]

    def look() -> None:
        scraped = router.scrape()
        up = scraped['esimshaper_wan_transmit_bytes_total{interface="wan0"}']
        clients = sum(v for name, v in scraped.items() if name.startswith("esimshaper_client_transmit_bytes_total"))
        assert up >= last[0]
        assert up == clients
        last[0] = up

    return look


def charged(moved: Measure) -> tuple[int, int]:
    return moved.sum.up_bytes, moved.bill.seen_by_router.up_bytes


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (WanKind.TUN, ""),
        (WanKind.TAP, ""),
        (WanKind.TUN, "upload: 4mbit"),
        (WanKind.TAP, "download: 4mbit"),
    ],
)
def test_a_flood_is_charged_as_it_is_billed(make_router: Callable[..., Router], kind: WanKind, link: str) -> None:
    with Lab(kind) as lab:
        router = make_router(lab, quotas(SLOW, PLAN))
        router.config.write_text(router.config.read_text().replace("wan0}", f"wan0, {link}}}"))
        started(router)
        (before, plan), look = measure(router, "plan", "everyone"), charged_never_falls(router)
        running = lab.clients[0].start(flood, lab.servers4[0])
        while not running.done():
            look()
        running.result()
        lab.clients[1].call(flood, lab.servers6[0], 1)
        after, spent = measure(router, "plan", "everyone")
        moved = after - before
        look()
        assert moved.bill.seen_by_router.up_bytes < OFFERED * (SECONDS + 1) / 2
        assert charged(moved)[0] == charged(moved)[1]
        assert moved.bill.of(lab.servers4[0]).up_bytes == moved.totals["alice"].up_bytes
        assert spent - plan == moved.sum.total_bytes
        assert router.stop() == 0
        router.start()
        wait_until("the same in the history", lambda: router.history() == router.measure().sum, timeout=20)


def test_a_kill_in_a_flood_neither_charges_nor_credits_twice(make_router: Callable[..., Router], lab: Lab) -> None:
    router = started(make_router(lab, quotas(SLOW, PLAN)))
    before, plan = measure(router, "plan", "everyone")
    running = lab.clients[0].start(flood, lab.servers4[0], 12)
    for _ in range(3):
        router.await_tick()
        router.kill()
        router.start()
    assert not running.done()
    running.result(300)
    after, spent = measure(router, "plan", "everyone")
    moved = after - before
    assert charged(moved)[0] == charged(moved)[1]
    assert spent - plan == moved.sum.total_bytes


def test_a_block_is_not_reached_by_what_was_dropped(make_router: Callable[..., Router], lab: Lab) -> None:
    """Half of what is offered would be over the limit, a fifth leaves, or more from a sender that is late."""
    limit = OFFERED * SECONDS // 2
    daily = f"name: daily, for: client/alice, limit: {limit}B, period: month, then: block"
    router = started(make_router(lab, quotas(SLOW, daily)))
    before = router.measure()
    lab.clients[0].call(flood, lab.servers4[0])
    moved = router.measure() - before
    assert charged(moved)[0] == charged(moved)[1] < limit
    assert lab.clients[0].call(traffic.ping, lab.servers4[0], count=1).down
    assert "(daily" not in router.log.read_text()
    left = limit - used(router, "daily", "client/alice")
    with contextlib.suppress(OSError):  # she is told when it is reached
        lab.clients[0].call(flood, lab.servers4[0], 3 * SECONDS)
    again = (router.measure() - before).bill.seen_by_router.up_bytes - moved.bill.seen_by_router.up_bytes
    assert left - 2000 <= again <= left, "and it is where it should be"


def test_of_what_waits_in_our_queues_a_block_by_hand_lets_pass_few_uploads_and_no_download(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router, alice, server = started(make_router(lab, quotas(SLOW))), lab.clients[0], lab.servers4[0]
    with sending(alice, alice.ipv4, server):
        wait_until("a full queue", lambda: drops(lab, "wan0") > 0)
        block(router)
        before = lab.carrier.bill().total.up_bytes
        router.await_tick()
    assert lab.carrier.settle().total.up_bytes - before <= A_CLASS_HOLDS

    assert router.run("unblock", "alice").returncode == 0
    alice.call(tricks.send_udp_to, alice.ipv4, server, tricks.PORT, 1)
    with listening(alice) as heard, sending(lab.internet, server, lab.router.ipv4):
        wait_until("a full queue", lambda: heard.bytes > 0 and drops(lab, "ifb-wan0") > 0)
        block(router)
        before = heard.bytes
        router.await_tick()
    assert heard.bytes - before <= ON_THE_WAY


@contextlib.contextmanager
def sending(host: Host, source: str, to: str) -> Iterator[None]:
    """Datagrams of 1,000 bytes, far more than a class of 1 Mbit/s passes on."""
    ended: list[bool] = []

    def send() -> None:
        while not ended:
            tricks.send_udp_to(source, to, tricks.PORT, 100)

    running = host.start(send)
    try:
        yield
    finally:
        ended.append(True)
        running.result(10)


A_CLASS_HOLDS = 1_000_000 // 8 // 10 + 2 * 1514
"""Bytes of a tenth of a second, and what is on its way between two looks."""
ON_THE_WAY = 2 * 1514


def drops(lab: Lab, device: str) -> int:
    queues = json.loads(lab.router.run(["tc", "-j", "-s", "qdisc", "show", "dev", device, "root"]))
    return sum(int(queue.get("drops", 0)) for queue in queues)


def block(router: Router) -> None:
    assert router.run("block", "alice").returncode == 0
    wait_until("the block", lambda: state_of(router, "alice") == "blocked", timeout=5)


def test_a_wan_that_returns_in_a_flood_credits_nothing_that_was_sent(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = started(make_router(lab, quotas(SLOW, PLAN)))
    before = router.measure()
    running = lab.clients[0].start(flood, lab.servers4[0], 8)
    for kind in (WanKind.TAP, WanKind.TUN):
        router.await_tick()
        lab.recreate_wan(kind)
        wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"], timeout=10)
    running.result(300)
    up, bill = charged(router.measure() - before)
    assert bill <= up < bill + 5 * OFFERED, "charged are at most the moments around a return"
