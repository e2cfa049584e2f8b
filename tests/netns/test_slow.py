# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan that its carrier has made slow: the daemon holds the link below that, and packets wait here, in order."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from esimshaper.lab import Lab, Shape, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.limits import CLIENTS, flood, keep_busy
from tests.netns.router import Router
from tests.netns.test_reload import post, write
from tests.netns.test_shaper import pings, seconds

if TYPE_CHECKING:
    from concurrent.futures import Future

PLAN = (
    "plans: [{name: trip, uplink: wan, zone: UTC, currency: JPY, price: 1, lasts: {days: 30, from: first-use},"
    " meters: [{window: lifetime, steps: [{from: 1KB, rate: 128kbit}]}]}]\n"
)
SLOW = Shape(delay_ms=25, down_bits=128_000, up_bits=128_000, queue_bytes=64_000)
SIZE = 40_000
"""Bytes of each of two uploads: five seconds."""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


def test_while_a_plan_is_slow_pings_pass_uploads_shares_are_equal_and_the_bill_is_right(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, CLIENTS + PLAN).start()
    alice, bob = lab.clients
    pings(alice, lab.servers4[0], 8).result()  # more than 1 KB: from here on it is slow
    wait_until("a slow plan", lambda: router.get("/v1/status")["slow"], timeout=10)
    router.await_tick()
    begun = router.measure()
    uploads = [
        seconds(client, traffic.tcp_up, server, SIZE) for client, server in zip(lab.clients, lab.servers4, strict=False)
    ]
    while_busy = [pings(client, lab.servers4[2], 16) for client in (alice, bob)]
    waited = [time for each in while_busy for time in each.result()]
    took = [each.result() for each in uploads]
    moved = router.measure() - begun
    assert median(waited) < 100, "ms; five full packets of one's own take 490"
    assert min(took) > 0.75 * 2 * SIZE * 8 / 121_600, "it is the rate of both together"
    assert max(took) < 1.3 * min(took), "equal shares"
    assert moved.sum.up_bytes == moved.bill.seen_by_router.up_bytes
    assert router.scrape()['esimshaper_link_held_bits_per_second{direction="upload",uplink="wan"}'] == 121_600
    assert "is slow" in router.run("status").stdout
    assert "536" in lab.router.run(["nft", "list", "table", "inet", "esimshaper_slow"])

    lab.carrier.set_shape(SLOW)
    download = seconds(alice, traffic.tcp_down, lab.servers4[0], 600_000)
    # 50 ms are the way. Until a sender has found our queue, it fills that of the carrier.
    wait_until("short pings", lambda: median(pings(bob, lab.servers4[2], 8).result()) < 150, timeout=40)
    assert not download.done(), "beside it"
    lab.carrier.set_shape(Shape())

    # Three times what is let out: the classes are full, and drop, as they go.
    root = ["tc", "-s", "qdisc", "show", "dev", "wan0", "root"]
    with flood(alice, lab.servers4[0], each=0.02, size=1000):
        wait_until("a queue", lambda: "backlog 0b" not in lab.router.run(root))
        write(router, router.config.read_text().replace(PLAN, ""))
        post(router)
        assert "htb" in lab.router.run(root), "what waits leaves first"
        router.await_tick()
        assert router.get("/v1/status")["slow"] == []
        wait_until("no classes", lambda: "htb" not in lab.router.run(root))
    download.result()
    moved = router.measure() - begun
    assert moved.sum.up_bytes == moved.bill.seen_by_router.up_bytes, "what waited is billed, what was dropped is not"
    assert "esimshaper_slow" not in lab.router.run(["nft", "list", "tables"])
    assert "held no more" in router.log.read_text()


QUEUE = Shape(delay_ms=25, down_bits=256_000, up_bits=256_000, queue_bytes=100_000)
POLICER = Shape(delay_ms=25, down_bits=128_000, up_bits=128_000, queue_bytes=8_000, polices=True)


class Slowed:
    """A carrier that has become slow, and two devices that download."""

    def __init__(self, router: Router, shape: Shape) -> None:
        self.router, self.lab, self.rate = router.start(), router.lab, shape.down_bits
        self.lab.carrier.set_shape(shape)
        self.ended: list[bool] = []
        self.downloads = [self.download(0)]
        wait_until("the first download", lambda: self.lab.carrier.bill().total.down_bytes > 100_000, timeout=30)
        self.downloads.append(self.download(1))

    def download(self, number: int) -> "Future[None]":
        """Again and again: where packets are dropped, TCP may wait for a minute."""
        client, server = self.lab.clients[number], self.lab.servers4[number]
        return client.start(keep_busy, traffic.tcp_down, server, self.ended, 3_000_000)

    def is_noticed(self) -> None:
        """It is measured, said, and held, so that packets wait here."""
        router = self.router
        wait_until("a ceiling", lambda: router.get("/v1/status")["slow"], timeout=150)
        (found,) = router.get("/v1/status")["slow"]
        assert found["known_by"] == "measure"
        assert 0.9 * self.rate < found["bits_per_second"] < 1.05 * self.rate
        assert "as measured" in router.run("status").stdout
        assert "the carrier gives wan" in router.log.read_text()
        # What waits at the carrier, 3 s of it, leaves by the 15 % that are left free.
        alice, server = self.lab.clients[0], self.lab.servers4[2]
        wait_until("short pings", lambda: median(pings(alice, server, 4).result()) < 300, timeout=60)
        router.await_tick()
        held = router.scrape()['esimshaper_link_held_bits_per_second{direction="download",uplink="wan"}']
        assert held == found["bits_per_second"] * 85 // 100

    def is_switched_off(self) -> None:
        """The settings say that nothing is to be measured."""
        router = self.router
        self.lab.carrier.set_shape(Shape())
        text = router.config.read_text()
        write(router, text.replace("interface: wan0", "interface: wan0, measure: false"))
        post(router)
        self.ended.append(True)
        for each in self.downloads:
            each.result()
        assert router.get("/v1/status")["slow"] == []
        assert "held no more" in router.log.read_text()


def test_a_carrier_that_is_slow_and_does_not_say_so_is_noticed_and_held_until_that_is_switched_off(
    make_router: Callable[..., Router], lab: Lab, tmp_path: Path, bpffs: Path
) -> None:
    """Two of them at the same time, as each takes a minute: one lets packets wait, the other drops them."""
    (tmp_path / "other").mkdir()
    with (
        Lab(WanKind.TUN) as other,
        closing(Router(other, tmp_path / "other", bpffs / "other", CLIENTS)) as dropping,
    ):
        both = Slowed(make_router(lab, CLIENTS), QUEUE), Slowed(dropping, POLICER)
        for each in both:
            each.is_noticed()
            each.is_switched_off()
