# SPDX-License-Identifier: GPL-2.0-or-later
"""A VPN of the router: what is inside is the client's, with what the tunnel adds to it; the bill stays right."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Lab, Shape, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.limits import passes, state_of
from tests.netns.phone import INSIDE, OUTSIDE, Phone
from tests.netns.router import Measure, Router, T, bytes_of
from tests.netns.vpn import Vpn, Vxlan

ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN, shape=Shape(delay_ms=5, down_bits=10_000_000, up_bits=10_000_000)) as built:
        yield built


def with_tunnels(place: Path, *tunnels: Vpn | Phone) -> None:
    """A file beside the configuration, as a person who adds a VPN would write."""
    (place / "conf.d").mkdir(exist_ok=True)
    (place / "conf.d" / "vpn.yaml").write_text(f"wan: {{tunnels: [{', '.join(each.setting for each in tunnels)}]}}\n")


def everything(client: Host, ipv4: str, ipv6: str) -> None:
    for server in (ipv4, ipv6):
        client.call(traffic.tcp_down, server, 400_000)
        client.call(traffic.tcp_up, server, 300_000)
        client.call(traffic.udp_up, server, 60_000, packet=100)
        client.call(traffic.udp_down, server, 60_000, packet=300)
        client.call(traffic.fragments, server)
        client.call(traffic.ping, server)


def measure(router: Router) -> Measure:
    return measure_with(router, lambda: None)[0]


def measure_with(router: Router, look: Callable[[], T]) -> tuple[Measure, T]:
    """As of Router; what a tunnel says for itself is the router's at the second reading only."""
    while True:
        bill = router.lab.carrier.settle()
        for _ in range(2):
            router.await_tick()
        found, seen = router.measure_with(look)
        if found.bill == bill:
            return found, seen


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
            each.result(300)
        bob.call(traffic.tcp_down, lab.servers4[2], 400_000)
        moved = measure(router) - before
    in_tunnels = [moved.bill.of(end) for end in ends]
    assert min(each.total_bytes for each in in_tunnels) > 1_000_000
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["unattributed"] == Counters()
    assert is_close(moved.totals["alice"], in_tunnels[0], 0.005)
    assert is_close(moved.totals["bob"], in_tunnels[1] + moved.bill.of(lab.servers4[2]), 0.005)
    assert moved.totals["router"].total_bytes < 20_000


def test_tunnel_of_the_kernel_is_known_by_its_interface_alone(
    make_router: Callable[..., Router], tmp_path: Path, lab: Lab
) -> None:
    alice, bob = lab.clients
    with Vxlan(lab, lab.servers4[7], (lab.servers4[0], lab.servers6[0])) as vxlan:
        with_tunnels(tmp_path, vxlan)
        router = make_router(lab, ROW).start()
        before = measure(router)
        for server in vxlan.through:
            alice.call(traffic.tcp_down, server, 300_000)
            alice.call(traffic.udp_up, server, 100_000, packet=500)
            alice.call(traffic.udp_down, server, 100_000, packet=500)
            alice.call(traffic.ping, server)
        bob.call(traffic.tcp_down, lab.servers4[2], 100_000)
        moved = measure(router) - before
    inside = moved.bill.of(lab.servers4[7])
    assert inside.total_bytes > 800_000
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["unattributed"] == Counters()
    assert is_close(moved.totals["alice"], inside, 0.005)
    assert bytes_of(moved.totals["bob"]) == bytes_of(moved.bill.of(lab.servers4[2]))


@pytest.fixture
def tunnel(lab: Lab, tmp_path: Path) -> Iterator[Vpn]:
    """One that everybody uses for the first four servers."""
    with Vpn(lab, lab.servers4[7], (*lab.servers4[:4], *lab.servers6[:4])) as built:
        with_tunnels(tmp_path, built)
        yield built


def quota(row: str) -> str:
    return f"{ROW}quotas: [{{{row}}}]\n"


def used(router: Router, subject: str) -> int:
    return next(int(r["used_bytes"]) for r in router.get("/v1/quotas")["quotas"] if r["subject"] == subject)


def test_limit_cuts_a_client_in_the_tunnel_and_nobody_else(
    make_router: Callable[..., Router], lab: Lab, tunnel: Vpn
) -> None:
    router = make_router(lab, quota("name: daily, for: each-client, limit: 1MB, period: month, then: block")).start()
    before = measure(router)
    alice, bob = lab.clients
    with pytest.raises(OSError):
        alice.call(traffic.tcp_down, lab.servers4[0], 10_000_000, timeout=5)
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=5)
    assert not passes(alice, lab.servers4[1])
    assert not passes(alice, lab.servers4[5]), "by no tunnel either"
    bob.call(traffic.tcp_down, lab.servers4[0], 200_000)
    moved = measure(router) - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert 1_000_000 <= moved.totals["alice"].total_bytes <= 1_200_000
    assert used(router, "client/alice") == moved.totals["alice"].total_bytes
    assert used(router, "client/bob") == moved.totals["bob"].total_bytes
    assert state_of(router, "bob") == "open"


def test_limit_in_the_tunnel_holds_while_the_daemon_is_dead(
    make_router: Callable[..., Router], lab: Lab, tunnel: Vpn
) -> None:
    router = make_router(lab, quota("name: daily, for: each-client, limit: 1MB, period: month, then: block")).start()
    alice = lab.clients[0]
    assert passes(alice, lab.servers4[0])
    before = measure(router)
    router.kill()
    with pytest.raises(OSError):
        alice.call(traffic.tcp_up, lab.servers4[0], 10_000_000, timeout=5)
    router.start()
    moved = measure(router) - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert 900_000 <= moved.totals["alice"].up_bytes <= 1_000_000


def test_throttled_client_keeps_its_rate_in_the_tunnel(
    make_router: Callable[..., Router], lab: Lab, tunnel: Vpn
) -> None:
    row = "name: daily, for: client/alice, limit: 100KB, period: month, then: {throttle: 1mbit}"
    router = make_router(lab, quota(row)).start()
    alice = lab.clients[0]
    alice.call(traffic.tcp_down, lab.servers4[0], 100_000)
    wait_until("the state", lambda: state_of(router, "alice") == "throttled", timeout=5)
    for move in (traffic.tcp_down, traffic.tcp_up):
        before, began = measure(router), time.monotonic()
        alice.call(move, lab.servers4[0], 200_000)
        seconds = time.monotonic() - began
        allowed = 1_000_000 / 8 * seconds + 40_000  # what may come at once, and what is on its way
        assert allowed >= 200_000
        moved = measure(router) - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)


WG_QUICK = """table inet wg-quick {
    chain premangle { type filter hook prerouting priority mangle; meta l4proto udp meta mark set ct mark; }
    chain postmangle { type filter hook postrouting priority mangle; meta l4proto udp mark 51820 ct mark set mark; }
}
"""
"""What wg-quick sets up beside a default route into the tunnel (add_default, src/wg-quick/linux.bash)."""


def test_wg_quick_takes_the_mark_of_udp_away_and_each_byte_is_still_the_clients(
    make_router: Callable[..., Router], lab: Lab, tunnel: Vpn
) -> None:
    lab.router.run(["nft", "-f", "-"], text_in=WG_QUICK)
    router = make_router(lab, ROW).start()
    before = measure(router)
    alice, bob = lab.clients
    for server in (lab.servers4[0], lab.servers6[0]):
        alice.call(traffic.udp_up, server, 100_000)
        alice.call(traffic.udp_down, server, 50_000)
    bob.call(traffic.quic, lab.servers4[5], up=50_000, down=50_000)
    moved = measure(router) - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["unattributed"] == Counters()
    assert bytes_of(moved.totals["bob"]) == bytes_of(moved.bill.of(lab.servers4[5]))
    assert is_close(moved.totals["alice"], moved.bill.of(lab.servers4[7]), 0.005)


def test_everyones_limit_counts_each_byte_once_and_who_is_allowed_by_hand_goes_on(
    make_router: Callable[..., Router], lab: Lab, tunnel: Vpn
) -> None:
    router = make_router(lab, quota("name: plan, for: everyone, limit: 1MB, period: month, then: block")).start()
    alice, bob = lab.clients
    before, earlier = measure_with(router, lambda: used(router, "everyone"))
    alice.call(traffic.tcp_down, lab.servers4[0], 300_000)
    bob.call(traffic.tcp_down, lab.servers4[5], 100_000)
    after, spent = measure_with(router, lambda: used(router, "everyone"))
    assert spent - earlier == (after - before).bill.total.total_bytes
    with pytest.raises(OSError):
        alice.call(traffic.tcp_down, lab.servers4[0], 10_000_000, timeout=5)
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=5)
    assert not passes(bob, lab.servers4[0])
    assert router.run("allow", "alice", "--socket", str(router.socket)).returncode == 0
    assert not passes(alice, lab.servers4[0])
    assert router.run("allow", "alice", "--over-plan", "--socket", str(router.socket)).returncode == 0
    assert passes(alice, lab.servers4[0])
    assert not passes(bob, lab.servers4[0])


def test_a_wrong_port_is_said(make_router: Callable[..., Router], tmp_path: Path, lab: Lab) -> None:
    router = make_router(lab, ROW)
    with Vpn(lab, lab.servers4[7], lab.servers4[:4]) as vpn:
        with_tunnels(tmp_path, vpn)
        setting = tmp_path / "conf.d" / "vpn.yaml"
        setting.write_text(setting.read_text().replace(f"port: {vpn.port}", "port: 4500"))
        before = measure(router.start())
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 2_000_000)
        moved = measure(router) - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert router.get("/v1/status")["tunnels"]["outside_bytes"] == 0
        assert "a port is wrong" in router.run("status").stdout
        assert "a port is wrong" in router.run("doctor", "--config", str(router.config)).stdout


def test_tunnel_that_vanishes_and_a_daemon_that_is_killed_lose_no_byte(
    make_router: Callable[..., Router], tmp_path: Path, lab: Lab
) -> None:
    router = make_router(lab, ROW)
    alice, bob = lab.clients
    with Vpn(lab, lab.servers4[7], lab.servers4[:4]) as first:
        with_tunnels(tmp_path, first)
        before = measure(router.start())
        going = alice.start(traffic.tcp_up, lab.servers4[0], 1_000_000)
        bob.call(traffic.tcp_down, lab.servers4[1], 300_000)
        router.kill()
        bob.call(traffic.tcp_down, lab.servers4[1], 300_000)
        router.start()
        going.result(300)
        middle = measure(router) - before
    bob.call(traffic.tcp_down, lab.servers4[0], 300_000)  # not by a tunnel any more
    after = measure(router) - before
    assert bytes_of(middle.sum) == bytes_of(middle.bill.total)
    assert is_close(middle.totals["alice"] + middle.totals["bob"], middle.bill.of(lab.servers4[7]), 0.005)
    assert bytes_of(after.sum) == bytes_of(after.bill.total)
    assert after.totals["bob"].down_bytes - middle.totals["bob"].down_bytes >= 300_000
    assert "wga" in " ".join(router.get("/v1/status")["wan"]["problems"])


def test_phone_abroad_that_exits_by_this_router_pays_for_both_halves_and_has_limits_of_its_own(
    make_router: Callable[..., Router], tmp_path: Path, lab: Lab
) -> None:
    rows = f"clients: [{{name: alice, mac: '02:00:00:00:00:10'}}, {{name: roaming, address: {INSIDE}}}]\n"
    alice = lab.clients[0]
    with Phone(lab) as phone:
        with_tunnels(tmp_path, phone)
        router = make_router(
            lab, f"{rows}quotas: [{{name: q, for: client/roaming, limit: 2MB, period: month, then: block}}]\n"
        )
        router.config.write_text(router.config.read_text().replace("[br0]", f"[br0, {phone.interface}]"))
        before = measure(router.start())
        phone.host.call(traffic.tcp_down, lab.servers4[0], 300_000)
        phone.host.call(traffic.tcp_up, lab.servers4[0], 200_000)
        phone.host.call(traffic.ping, lab.servers4[0])
        alice.call(traffic.tcp_down, lab.servers4[1], 100_000)
        moved = measure(router) - before
        both = moved.bill.of(OUTSIDE) + moved.bill.of(lab.servers4[0])
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert moved.totals["unattributed"] == Counters()
        assert is_close(moved.totals["roaming"], both, 0.005)
        assert moved.totals["router"].total_bytes < 20_000
        assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[1]))
        with pytest.raises(OSError):
            phone.host.call(traffic.tcp_down, lab.servers4[0], 10_000_000, timeout=3)
        wait_until("the state", lambda: state_of(router, "roaming") == "blocked", timeout=5)
        assert not passes(phone.host, lab.servers4[1])
        assert passes(alice, lab.servers4[1])
        moved = measure(router) - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert 2_000_000 <= moved.totals["roaming"].total_bytes <= 2_300_000
