# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas by service with the real daemon: one category is cut at the byte, and nothing else of the device is."""

import contextlib
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from esimshaper.lab import Lab, WanKind, servers, traffic
from esimshaper.lab.namespaces import Host, wait_until
from esimshaper.lab.sites import resolve
from esimshaper.lab.world import LAN4
from tests.netns.limits import IN_FLIGHT, LINK, Clock, quotas, reboot_in_order, row_of
from tests.netns.namer import Namer
from tests.netns.router import Router

VIDEO, PHOTOS = "r3.googlevideo.com", "p1.icloud-content.com"
NAMES = {VIDEO: 0, PHOTOS: 1}
LIMIT, PACKET, RATE = 5_000_000, 1_000, 1_250_000
BLOCK = f"name: films, for: each-client, service: video, limit: {LIMIT}B, period: month, warn_at: [80%], then: block"
SLOW = "name: films, for: each-client, service: video, limit: 1MB, period: month, then: {throttle: 1mbit}"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN, shape=LINK, names=NAMES) as built:
        yield built


class Site(NamedTuple):
    """A host with a name, as a device knows it by DNS."""

    name: str
    address: str


@pytest.fixture
def start(make_router: Callable[..., Router], lab: Lab) -> Iterator[Callable[..., Router]]:
    """`start(row)`: a daemon with this quota and the process that names beside it."""
    namers: list[Namer] = []

    def begin(row: str, prepare: Callable[[Router], object] = lambda router: None) -> Router:
        router = make_router(lab, quotas(row))
        prepare(router)
        namers.append(Namer(router.start()).start())
        return router

    yield begin
    for namer in namers:
        namer.kill()


def site(client: Host, name: str, *, ipv6: bool = False) -> Site:
    return Site(name, client.call(lambda: resolve(name, f"{LAN4}.1", ipv6=ipv6)))


def fetch(client: Host, of: Site, size: int) -> bool:
    """Whether all of it came, by TLS."""
    with contextlib.suppress(OSError):
        client.call(lambda: traffic.tls_down(of.address, of.name, size, timeout=20))
        return True
    return False


def send(client: Host, to: Site, size: int) -> None:
    """By datagrams at half of what the link carries, whether they come or not."""

    def flood() -> None:
        family = socket.AF_INET6 if ":" in to.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((to.address, servers.UDP_PORT))
            began = time.monotonic()
            for at in range(size // PACKET):
                with contextlib.suppress(OSError):
                    sock.send(servers.UDP_REQUEST.pack(servers.SINK, at, 0, 0, 0).ljust(PACKET, b"\0"))
                time.sleep(max(0.0, began + at * PACKET / RATE - time.monotonic()))

    client.call(flood)


def push(client: Host, to: Site, size: int) -> None:
    """By TLS, whether it comes or not."""
    with contextlib.suppress(OSError):
        client.call(lambda: traffic.tls_up(to.address, to.name, size, timeout=5))


def is_held(router: Router, client: str = "alice") -> bool:
    entry = next(each for each in router.get("/v1/clients")["clients"] if each["client"] == client)
    return [each["quota"] for each in entry["state"]["services"]] == ["films"]


def used(router: Router, client: str = "alice") -> int:
    return int(row_of(router, "films", f"client/{client}")["used_bytes"])


@pytest.mark.parametrize("ipv6", [False, True])
@pytest.mark.parametrize("move", [send, push])
def test_nothing_of_a_category_passes_beyond_its_limit_and_all_else_does(
    start: Callable[..., Router], lab: Lab, move: Callable[[Host, Site, int], None], ipv6: bool
) -> None:
    router = start(BLOCK)
    alice, bob = lab.clients
    video, photos = (site(alice, name, ipv6=ipv6) for name in NAMES)
    site(bob, VIDEO, ipv6=ipv6)
    before = router.measure()
    move(alice, video, 6_000_000)
    wait_until("the cut", lambda: is_held(router), timeout=15)
    moved = (router.measure() - before).bill.of(video.address)
    # A datagram that a queue dropped behind the meter is of no bill, so these may be fewer.
    assert LIMIT // 2 < moved.total_bytes <= LIMIT + IN_FLIGHT
    assert moved.up_bytes <= LIMIT
    held = router.measure()
    for _ in range(3):
        move(alice, video, 300_000)
    assert (router.measure() - held).bill.of(video.address).total_bytes == 0, "a new flow ends at its first packet"
    assert fetch(alice, photos, 1_000_000)
    assert fetch(bob, Site(VIDEO, video.address), 1_000_000)
    entry = next(each for each in router.get("/v1/clients")["clients"] if each["client"] == "alice")
    assert entry["state"]["level"] == "open"
    assert row_of(router, "films", "client/alice")["reached"]
    assert not is_held(router, "bob")


@pytest.mark.parametrize("ipv6", [False, True])
def test_a_download_that_is_cut_ends_for_the_device_at_the_byte(
    start: Callable[..., Router], lab: Lab, ipv6: bool
) -> None:
    router = start(BLOCK)
    alice = lab.clients[0]
    video = site(alice, VIDEO, ipv6=ipv6)
    before = router.measure()
    with pytest.raises(OSError, match="reset|of 30000000 bytes|EOF|closed"):
        alice.call(lambda: traffic.tls_down(video.address, VIDEO, 30_000_000))
    wait_until("the cut", lambda: is_held(router), timeout=15)
    moved = (router.measure() - before).bill
    assert LIMIT - 200_000 < moved.of(video.address).total_bytes - moved.lost.down_bytes <= LIMIT + IN_FLIGHT
    got = alice.call(lambda: traffic.udp_down(video.address, 20_000, packet=PACKET).down)
    assert got == 0


def test_the_cut_comes_and_holds_while_the_daemon_and_the_namer_are_dead(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(BLOCK)).start()
    namer = Namer(router).start()
    alice = lab.clients[0]
    video, photos = (site(alice, name) for name in NAMES)
    send(alice, video, 100_000)
    wait_until("bytes of it", lambda: used(router) > 90_000, timeout=15)
    router.kill()
    namer.kill()
    bill = lab.carrier.settle()
    for _ in range(3):
        send(alice, video, 2_000_000)
    moved = (lab.carrier.settle() - bill).of(video.address)
    assert LIMIT - 400_000 < moved.up_bytes <= LIMIT
    assert fetch(alice, photos, 300_000)
    router.start()
    wait_until("the cut", lambda: is_held(router), timeout=15)
    bill = lab.carrier.settle()
    send(alice, video, 100_000)
    assert (lab.carrier.settle() - bill).of(video.address).total_bytes == 0
    assert used(router) >= LIMIT - 3 * PACKET


def test_a_restart_and_a_reboot_keep_what_was_used(start: Callable[..., Router], lab: Lab, bpffs: Path) -> None:
    router = start(BLOCK)
    alice = lab.clients[0]
    video = site(alice, VIDEO)
    send(alice, video, 3_000_000)
    router.measure()
    before = used(router)
    assert before > 3_000_000
    for number in (signal.SIGTERM, signal.SIGKILL):
        router.stop(number)
        router.start()
        router.await_tick()
        assert used(router) == before
    reboot_in_order(router, bpffs)
    router.await_tick()
    assert used(router) == before


def test_a_new_period_opens_it(start: Callable[..., Router], lab: Lab) -> None:
    clocks: list[Clock] = []

    def prepare(router: Router) -> None:
        clocks.append(Clock(router))
        clocks[0].says("2026-11-10T10:00:00+00:00")

    router = start(BLOCK.replace("month", "day") + ", timezone: UTC", prepare)
    alice = lab.clients[0]
    video = site(alice, VIDEO)
    send(alice, video, 6_000_000)
    wait_until("the cut", lambda: is_held(router), timeout=15)
    clocks[0].says("2026-11-11T00:00:01+00:00")
    wait_until("the next day", lambda: not is_held(router), timeout=10)
    assert used(router) == 0
    assert fetch(alice, video, 1_000_000)


def test_a_throttle_slows_these_services_only(start: Callable[..., Router], lab: Lab) -> None:
    router = start(SLOW)
    alice = lab.clients[0]
    video, photos = (site(alice, name) for name in NAMES)
    assert fetch(alice, video, 1_200_000)
    wait_until("the limit", lambda: is_held(router), timeout=15)
    seconds = {}
    for of in (video, photos):
        began = time.monotonic()
        alice.call(lambda of=of: traffic.tls_down(of.address, of.name, 500_000))
        seconds[of.name] = time.monotonic() - began
    assert seconds[VIDEO] > 3, "500 kB at 1 Mbit/s"
    assert seconds[PHOTOS] < seconds[VIDEO] / 2


def test_a_notice_names_the_services_and_notify_does_no_more(start: Callable[..., Router], lab: Lab) -> None:
    router = start(BLOCK.replace("block", "notify"))
    alice = lab.clients[0]
    video = site(alice, VIDEO)
    send(alice, video, 6_000_000)
    wait_until("the notice", lambda: "used up 5.00 MB (films: video" in router.log.read_text(), timeout=15)
    assert re.search(r"alice has used 4\.\d\d MB of 5\.00 MB \(films: video", router.log.read_text())
    assert fetch(alice, video, 1_000_000)
    assert not is_held(router)
    quotas_said = router.run("quotas").stdout
    assert "films" in quotas_said
    assert "video" in quotas_said


@pytest.mark.parametrize("whose", ["everyone", "group/family"])
def test_what_has_no_name_can_be_cut_for_all_who_share_a_limit(
    start: Callable[..., Router], lab: Lab, whose: str
) -> None:
    router = start(f"name: films, for: {whose}, service: unnamed, limit: 1MB, period: month, then: block")
    alice, bob = lab.clients
    nameless, video = Site("", lab.servers4[3]), site(alice, VIDEO)
    before = router.measure()
    send(alice, nameless, 2_000_000)
    wait_until("the cut", lambda: row_of(router, "films", whose)["reached"], timeout=15)
    moved = (router.measure() - before).bill.of(nameless.address)
    assert 900_000 < moved.up_bytes <= 1_000_000
    assert fetch(alice, video, 300_000)
    held = router.measure()
    send(bob, nameless, 100_000)
    passed = (router.measure() - held).bill.of(nameless.address).up_bytes
    assert passed == (0 if whose == "everyone" else 100 * (PACKET + 28)), "bob is in no group"
