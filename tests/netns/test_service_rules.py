# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules by service and low-data mode with the real daemon: what is held does not pass, and nothing else is touched."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from esimshaper.edge import control_client
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from esimshaper.lab.sites import resolve
from esimshaper.lab.world import LAN4
from tests.netns.limits import CLIENTS, LINK
from tests.netns.namer import Namer
from tests.netns.router import Router

VIDEO, PHOTOS, CALL, UPDATE = "r3.googlevideo.com", "p1.icloud-content.com", "zoom.us", "a.delivery.mp.microsoft.com"
NAMES = {VIDEO: 0, PHOTOS: 1, CALL: 2, UPDATE: 3}
NO_VIDEO = "rules:\n  - {for: client/alice, service: video, uplink: metered, then: block}\n"
WITHIN = 1.0
"""Seconds, on a machine that has other things to do: a command is carried out at once, and not at the next tick."""


class Site(NamedTuple):
    """A host with a name, as a device knows it by DNS."""

    name: str
    address: str


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN, shape=LINK, names=NAMES) as built:
        yield built


@pytest.fixture
def start(make_router: Callable[..., Router], lab: Lab) -> Iterator[Callable[..., Router]]:
    """`start(settings, metered)`: a daemon, and the process that names beside it."""
    namers: list[Namer] = []

    def begin(settings: str = "", *, metered: bool = True) -> Router:
        router = make_router(lab, CLIENTS + settings)
        if not metered:
            uplink = f"interface: {lab.wan_interface}"
            router.config.write_text(router.config.read_text().replace(uplink, f"{uplink}, metered: no"))
        namers.append(Namer(router.start()).start())
        return router

    yield begin
    for namer in namers:
        namer.kill()


def site(client: Host, name: str) -> Site:
    return Site(name, client.call(lambda: resolve(name, f"{LAN4}.1")))


def fetch(client: Host, of: Site, size: int = 200_000) -> bool:
    """Whether all of it came, by TLS."""
    with contextlib.suppress(OSError):
        client.call(lambda: traffic.tls_down(of.address, of.name, size, timeout=3))
        return True
    return False


def knock(client: Host, at: Site) -> None:
    """By TLS and by datagrams, whether anything comes back or not."""
    fetch(client, at)
    with contextlib.suppress(OSError):
        client.call(lambda: traffic.udp_up(at.address, 20_000, packet=1000, bits=8_000_000))


def moved(router: Router, at: Site, act: Callable[[], object]) -> int:
    """Bytes that the carrier bills for this host while `act` runs."""
    before = router.measure()
    act()
    router.settle()
    return (router.measure() - before).bill.of(at.address).total_bytes


def held(router: Router, client: str = "alice") -> list[tuple[str, str]]:
    """The decisions on whole categories, and by which layer."""
    found = router.json("rules", client)["held"]
    return [(category, each["layer"]) for each in found for category in each["categories"]]


def test_rule_refuses_a_service_at_its_first_packet_and_nothing_else(start: Callable[..., Router], lab: Lab) -> None:
    router = start(NO_VIDEO)
    alice, bob = lab.clients
    video, photos = site(alice, VIDEO), site(alice, PHOTOS)
    site(bob, VIDEO)
    assert moved(router, video, lambda: knock(alice, video)) == 0
    assert fetch(alice, photos)
    assert fetch(bob, video)
    assert held(router) == [("video", "rules")]
    assert "rule 1: video" in router.run("rules", "alice").stdout

    allowed = router.run("allow", "youtube", "--client", "alice", "--for", "1h")
    assert allowed.returncode == 0, allowed.stderr
    assert fetch(alice, video)
    assert router.run("unblock", "youtube", "--client", "alice").returncode == 0
    assert moved(router, video, lambda: knock(alice, video)) == 0

    router.kill()
    with router_bill(lab, video) as bill:
        knock(alice, video)
    assert bill() == 0, "it holds while the daemon is dead"
    assert fetch(alice, photos)


@contextlib.contextmanager
def router_bill(lab: Lab, at: Site) -> Iterator[Callable[[], int]]:
    """What the carrier bills for a host from here on, without asking a daemon."""
    before = lab.carrier.bill()
    yield lambda: (lab.carrier.bill() - before).of(at.address).total_bytes


def test_what_a_person_blocks_stays_blocked_over_a_restart(start: Callable[..., Router], lab: Lab) -> None:
    router = start()
    alice = lab.clients[0]
    video = site(alice, VIDEO)
    assert fetch(alice, video)
    assert router.run("block", "youtube", "--client", "alice", "--for", "2h").returncode == 0
    assert moved(router, video, lambda: knock(alice, video)) == 0
    assert router.stop() == 0
    router.start()
    assert [each["layer"] for each in router.json("rules", "alice")["held"]] == ["hand"]
    assert moved(router, video, lambda: knock(alice, video)) == 0


def test_low_data_mode_ends_downloads_of_what_can_wait_and_no_call(start: Callable[..., Router], lab: Lab) -> None:
    router = start()
    alice = lab.clients[0]
    update, call, photos = (site(alice, name) for name in (UPDATE, CALL, PHOTOS))
    ended: list[float] = []
    talked: list[int] = []

    def download() -> None:
        with contextlib.suppress(OSError):
            alice.call(lambda: traffic.tls_down(update.address, update.name, 60_000_000, timeout=20))
        ended.append(time.monotonic())

    def talk() -> None:
        talked.append(alice.call(lambda: traffic.udp_echo(call.address, count=150, size=200)).down)

    threads = [threading.Thread(target=each) for each in (download, talk)]
    for thread in threads:
        thread.start()
    wait_until("the update", lambda: "windows-update" in services(router))
    began = time.monotonic()
    control_client.post(router.socket, "/v1/low-data", {"mode": "on"})
    for thread in threads:
        thread.join(60)
    assert ended[0] - began < WITHIN, "an established download ends"
    assert talked == [150 * 200], "nothing of a call is lost"
    assert moved(router, update, lambda: knock(alice, update)) == 0
    assert not fetch(alice, photos), "backups wait, too"
    assert ("updates", "low-data") in held(router)
    assert "since" in router.run("low-data").stdout

    assert router.run("low-data", "settings").returncode == 0
    assert fetch(alice, update)


def services(router: Router) -> set[str]:
    return {each["service"] for each in router.json("services", "alice")["services"] if each["total_bytes"]}


def test_at_an_unmetered_uplink_everything_passes(start: Callable[..., Router], lab: Lab) -> None:
    start(NO_VIDEO + "low_data: {mode: on}\n", metered=False)
    alice = lab.clients[0]
    for name in (VIDEO, UPDATE):
        assert fetch(alice, site(alice, name))
