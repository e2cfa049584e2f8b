# SPDX-License-Identifier: GPL-2.0-or-later
"""A group that is throttled, and everyone: each member has its share, however many connections others open."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.core.shaping.fake_tc import ALICE, EVERYONE, ids
from tests.netns.limits import CLIENTS, keep_busy, quotas, row_of, state_of, timed
from tests.netns.router import Router
from tests.netns.test_reload import post, write
from tests.netns.test_reload_traffic import pings

FAMILY = CLIENTS.replace(':11"}', ':11", group: family}')
"""Both are in one group."""
GROUPS = ("family", "guests")
RATE = 2_000_000 // 8
"""Bytes per second."""
SIZE = 400_000


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


def started(router: Router) -> Router:
    router.start()
    wait_until("the state", lambda: state_of(router, "alice") == state_of(router, "bob") == "throttled", timeout=5)
    return router


def throttled(subject: str) -> str:
    return f"name: slow, for: {subject}, limit: 1KB, used: 2KB, period: month, then: {{throttle: 2mbit}}"


@pytest.mark.parametrize("subject", ["everyone", "group/family"])
def test_many_connections_of_one_member_take_nothing_from_another(
    make_router: Callable[..., Router], lab: Lab, subject: str
) -> None:
    router = started(make_router(lab, quotas(throttled(subject), clients=FAMILY)))
    alice, bob = lab.clients
    for move in (traffic.tcp_down, traffic.tcp_up):
        ended: list[bool] = []
        many = [alice.start(keep_busy, move, lab.servers4[0], ended, 50_000) for _ in range(8)]
        router.await_tick()
        bill, began = lab.carrier.bill(), time.monotonic()
        took = bob.call(timed, move, lab.servers4[1], SIZE)
        moved, lasted = lab.carrier.bill() - bill, time.monotonic() - began
        ended.append(True)
        assert took < 1.4 * SIZE / (RATE / 2), "a ninth of the rate would take more than four times as long"
        assert max(moved.down_bytes, moved.up_bytes) >= 0.85 * RATE * lasted
        assert moved.up_bytes <= 1.05 * RATE * lasted + 30_000
        for each in many:
            each.result(300)


@pytest.mark.parametrize("subject", ["everyone", "group/family"])
def test_a_flood_in_a_group_is_charged_to_whose_it_is(
    make_router: Callable[..., Router], lab: Lab, subject: str
) -> None:
    """What the group's queues drop counts against no limit, neither its own nor that of who sent it."""
    daily = "name: daily, for: each-client, limit: 1GB, period: month, then: block"
    router = started(make_router(lab, quotas(throttled(subject), daily, clients=FAMILY)))
    subjects = {"client/alice": "daily", "client/bob": "daily", subject: "slow"}

    def used() -> list[int]:
        return [row_of(router, quota, each)["used_bytes"] for each, quota in subjects.items()]

    before, earlier = router.measure_with(used)
    floods = [client.start(flood, server) for client, server in zip(lab.clients, lab.servers4, strict=False)]
    for each in floods:
        each.result(300)
    after, later = router.measure_with(used)
    moved, spent = after - before, [now - then for now, then in zip(later, earlier, strict=True)]
    assert moved.sum.up_bytes == moved.bill.seen_by_router.up_bytes < 1_900_000
    for name, server in (("alice", lab.servers4[0]), ("bob", lab.servers4[1])):
        assert moved.totals[name].up_bytes == moved.bill.of(server).up_bytes > 100_000
    own = [moved.totals[name].total_bytes for name in ("alice", "bob")]
    assert spent == [*own, moved.sum.total_bytes if subject == "everyone" else sum(own)]


def test_who_has_just_come_is_in_the_queue_of_the_others_and_charged_what_was_billed(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(throttled("everyone"), clients="")).start()
    before = router.measure()
    leaf = f"7a00:{ids(EVERYONE)[1] & 0xFFFF:x}"  # of everyone, for who has none of its own

    def has_sent() -> bool:
        shown = lab.router.run(["tc", "-s", "class", "show", "dev", "wan0"]).split(f"class htb {leaf} ")[1]
        return not shown.split("Sent ")[1].startswith("0 bytes")

    running = lab.clients[0].start(flood, lab.servers4[0])
    wait_until("the queue of everyone", has_sent)
    running.result(300)
    moved = router.measure() - before
    assert max(each.up_bytes for each in moved.totals.values()) == moved.bill.of(lab.servers4[0]).up_bytes
    assert moved.sum.up_bytes == moved.bill.seen_by_router.up_bytes


def test_who_changes_its_group_again_and_again_gets_as_much_as_who_stays(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab)
    plain = router.config.read_text()

    def text(group: str) -> str:
        members = {
            "alice": ("10", group),
            "bob": ("11", "staying"),
            **{each: (each.encode().hex()[:2], each) for each in GROUPS},
        }
        listed = (f'{{name: {name}, mac: "02:00:00:00:00:{end}", group: {of}}}' for name, (end, of) in members.items())
        rows = (throttled(f"group/{each}").replace("slow", each) for each in (*GROUPS, "staying"))
        return plain + quotas(*rows, clients=f"clients: [{', '.join(listed)}]\n")

    router.config.write_text(text("family"))
    started(router)
    with contextlib.ExitStack() as both:
        for client, server in zip(lab.clients, lab.servers4, strict=False):
            both.enter_context(pings(client, server, 1200))
        router.await_tick()
        bill, began, parents = lab.carrier.bill(), time.monotonic(), {}
        for group in ("guests", "family") * 4:
            write(router, text(group))
            post(router)
            router.await_tick()
            router.await_tick()
            shown = lab.router.run(["tc", "class", "show", "dev", "wan0"])
            parents[group] = shown.split(f"class htb 7a00:{ids(ALICE)[2] & 0xFFFF:x} parent ")[1].split()[0]
        moved, lasted = lab.carrier.bill() - bill, time.monotonic() - began
    alice, bob = (moved.of(server).up_bytes for server in lab.servers4[:2])
    assert alice <= 1.02 * RATE * lasted + 30_000
    # Not a part of the rate: on a busy machine neither of the two sends as much.
    assert alice >= 0.8 * bob > 30_000
    assert parents["guests"] != parents["family"]


def flood(server: str) -> None:
    """Five times the rate, as fast as they come through."""
    traffic.udp_up(server, 1_000_000, bits=8 * 5 * RATE)
