# SPDX-License-Identifier: GPL-2.0-or-later
"""The promise: what the daemon says equals what the carrier bills, to the byte, for everybody and for each."""

import socket
from collections.abc import Callable
from itertools import product

import pytest

from esimshaper.core.model.counts import UNATTRIBUTED_REASONS, Counters
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host
from esimshaper.lab.world import BEYOND4, BEYOND6
from tests.netns.router import Router, bytes_of

VARIANTS = [
    (WanKind.TUN, {}),
    (WanKind.TUN, {"gro": True}),
    (WanKind.TUN, {"gso": True}),
    (WanKind.TAP, {}),
    (WanKind.TAP, {"gro": True}),
    (WanKind.TAP, {"gso": True}),
    (WanKind.VETH, {}),
]
NAMES = ["-".join((kind.value, *options)) for kind, options in VARIANTS]
ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'


def everything(client: Host, ipv4: str, ipv6: str) -> None:
    """One of each kind of traffic, in both directions and families, with servers that only this client uses."""
    for server in (ipv4, ipv6):
        client.call(traffic.tcp_down, server, 700_000)
        client.call(traffic.tcp_up, server, 500_000)
        client.call(traffic.udp_up, server, 60_000)
        client.call(traffic.udp_down, server, 60_000)
        client.call(traffic.quic, server, up=50_000, down=100_000)
        client.call(traffic.udp_echo, server)
        client.call(traffic.fragments, server)
        client.call(traffic.ping, server)
    for beyond in (BEYOND4, BEYOND6):
        client.call(traffic.time_exceeded, beyond)
        client.call(traffic.packet_too_big, beyond)


@pytest.mark.parametrize(("kind", "options"), VARIANTS, ids=NAMES)
def test_sum_of_all_clients_is_the_bill(make_router: Callable[..., Router], kind: WanKind, options: dict) -> None:
    with Lab(kind, **options) as lab:
        router = make_router(lab, ROW).start()
        before = router.measure()
        alice, bob = lab.clients
        with router.renaming() as renaming:
            everything(alice, lab.servers4[0], lab.servers6[0])
            at_once = [
                client.start(move, lab.servers4[number], 2_000_000)
                for (number, client), move in product(enumerate(lab.clients), (traffic.tcp_down, traffic.tcp_up))
            ]
            everything(bob, lab.servers4[1], lab.servers6[1])
            for each in at_once:
                each.result(300)
        assert renaming.done > 100, "and the rows by service, which measure() looks at, are the bill all the same"
        after, samples = router.measure_with(router.scrape)
        moved = after - before
        status = router.get("/v1/status")

        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert moved.totals["unattributed"] == Counters()
        for way, wanted in (("receive", after.sum.down_bytes), ("transmit", after.sum.up_bytes)):
            clients = [v for k, v in samples.items() if k.startswith(f"esimshaper_client_{way}_bytes_total")]
            assert sum(clients) == samples[f'esimshaper_wan_{way}_bytes_total{{interface="wan0"}}'] == wanted
        of_heads = {"head_left_out", "head_lost"}  # which nobody reads here
        assert {event["reason"] for event in status["events"]} <= {"not_ip", "looped_back", *of_heads}


@pytest.mark.parametrize("kind", list(WanKind))
def test_each_clients_bytes_are_those_that_crossed_for_it_alone(
    make_router: Callable[..., Router], kind: WanKind
) -> None:
    """Both at once, each with servers of its own, so that the carrier knows who is who."""
    with Lab(kind) as lab:
        router = make_router(lab, ROW).start()
        before = router.measure()
        moves = (traffic.tcp_down, traffic.tcp_up, traffic.udp_up, traffic.udp_down)
        at_once = [
            client.start(move, server, 400_000)
            for number, client in enumerate(lab.clients)
            for move in moves
            for server in (lab.servers4[number], lab.servers6[number])
        ]
        for each in at_once:
            each.result(300)
        moved = router.measure() - before
    for name, number in (("alice", 0), ("bob", 1)):
        assert bytes_of(moved.totals[name]) == bytes_of(moved.bill.of(lab.servers4[number], lab.servers6[number]))


def test_what_nobody_asked_for_is_unattributed_billed_and_explained(make_router: Callable[..., Router]) -> None:
    """A scan from the Internet: the carrier bills it, no client gets it, and the status says why."""
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ROW).start()
        before = router.measure()
        lab.internet.run(["ping", "-c", "3", "-i", "0.01", "-W", "1", lab.router.ipv4])
        lab.internet.call(_knock, lab.router.ipv4)
        moved = router.measure() - before
        totals = moved.totals
        events = {event["reason"]: event for event in router.get("/v1/status")["events"]}
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert totals["unattributed"].down_bytes > 0
    explained = sum(events[r.label]["bytes"] for r in UNATTRIBUTED_REASONS if r.label in events)
    assert explained == totals["unattributed"].total_bytes
    assert {"alice", "bob"}.isdisjoint(name for name, counters in totals.items() if counters)


def _knock(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for port in range(2000, 2020):
            sock.sendto(b"anybody there?", (address, port))
