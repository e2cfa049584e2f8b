# SPDX-License-Identifier: GPL-2.0-or-later
"""A VPN of the router: what is inside is the client's, with what the tunnel adds to it; the bill stays right."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from esimshaper.core.model import Counters
from esimshaper.lab import Lab, Shape, WanKind, traffic
from esimshaper.lab.namespaces import Host
from tests.netns.router import Measure, Router, bytes_of
from tests.netns.vpn import Vpn

ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN, shape=Shape(delay_ms=5, down_bits=10_000_000, up_bits=10_000_000)) as built:
        yield built


def with_tunnels(place: Path, *tunnels: Vpn) -> None:
    """A file beside the configuration, as a person who adds a VPN would write."""
    (place / "conf.d").mkdir(exist_ok=True)
    (place / "conf.d" / "vpn.yaml").write_text(f"wan: {{tunnels: [{', '.join(each.setting for each in tunnels)}]}}\n")


def everything(client: Host, ipv4: str, ipv6: str) -> None:
    for server in (ipv4, ipv6):
        client.call(traffic.tcp_down, server, 700_000)
        client.call(traffic.tcp_up, server, 500_000)
        client.call(traffic.udp_up, server, 60_000, packet=100)
        client.call(traffic.udp_down, server, 60_000, packet=300)
        client.call(traffic.fragments, server)
        client.call(traffic.ping, server)


def measure(router: Router) -> Measure:
    """As Router.measure; what a tunnel says for itself is the router's at the second reading only."""
    while True:
        bill = router.lab.carrier.settle()
        for _ in range(2):
            router.await_tick()
        found = router.measure()
        if found.bill == bill:
            return found


def is_close(counted: Counters, billed: Counters, share: float) -> bool:
    return all(abs(a - b) <= share * b for a, b in zip(bytes_of(counted), bytes_of(billed), strict=True))


@pytest.mark.parametrize("family", ["IPv4 outside", "IPv6 outside"])
def test_each_client_gets_what_its_tunnel_came_to_and_the_sum_is_the_bill(
    make_router: Callable[..., Router], tmp_path: Path, lab: Lab, family: str
) -> None:
    """A tunnel for each of both, so that the carrier knows whose packets are whose; bob also sends by no tunnel."""
    ends = lab.servers4[6:8] if family == "IPv4 outside" else lab.servers6[6:8]
    with ExitStack() as stack:
        tunnels = [
            stack.enter_context(Vpn(lab, end, (lab.servers4[number], lab.servers6[number])))
            for number, end in enumerate(ends)
        ]
        with_tunnels(tmp_path, *tunnels)
        router = make_router(lab, ROW).start()
        before = measure(router)
        alice, bob = lab.clients
        both = [
            client.start(everything, client, lab.servers4[number], lab.servers6[number])
            for number, client in enumerate((alice, bob))
        ]
        for each in both:
            each.result(60)
        bob.call(traffic.tcp_down, lab.servers4[2], 400_000)
        moved = measure(router) - before
    in_tunnels = [moved.bill.of(end) for end in ends]
    assert min(each.total_bytes for each in in_tunnels) > 2_000_000
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["unattributed"] == Counters()
    assert is_close(moved.totals["alice"], in_tunnels[0], 0.005)
    assert is_close(moved.totals["bob"], in_tunnels[1] + moved.bill.of(lab.servers4[2]), 0.005)
    assert moved.totals["router"].total_bytes < 20_000
