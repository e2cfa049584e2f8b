# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnels of the router: outside its packets are apart, inside each packet claims what it should come to outside."""

import pytest

from esimshaper.core.model.counts import Budget, Counters, Reason
from esimshaper.core.model.identity import ACCOUNT_ROUTER, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import SERVER4, SERVER6, UDP, WAN4, WAN6, ethernet, ipv4, ipv6, udp

ALICE = Account(2)
PORT, IPV6 = 51820, 0x86DD
NEAR, FAR = "10.99.0.2", "10.99.0.1"
PASS, SHOT = 0xFFFFFFFF, 2
SIZE = 101
CLAIM = 112 + 60
UPLOAD = ethernet(ipv4(NEAR, FAR, UDP, udp(1000, 53, bytes(SIZE - 28))))
DOWNLOAD = ethernet(ipv4(FAR, NEAR, UDP, udp(53, 1000, bytes(SIZE - 28))))
OUTER4 = ethernet(ipv4(WAN4, SERVER4, UDP, udp(40000, PORT, bytes(100))))
OUTER6 = ethernet(ipv6(WAN6, SERVER6, UDP, udp(40000, PORT, bytes(100))), IPV6)


@pytest.fixture
def tunnel(bench: Bench) -> Bench:
    bench.meter.carry_tunnels([PORT])
    return bench


def inside(bench: Bench, frame: bytes = UPLOAD, account: int = ALICE, *, up: bool = True) -> int:
    program = bench.meter.program("tunnel_egress_raw" if up else "tunnel_ingress_raw")
    return libbpf.dry_run(program.fd, frame, skb(account << 20 if up else 0, LOOPBACK)).retval


def test_packets_with_the_port_of_a_tunnel_are_apart_from_what_else_the_router_sends(tunnel: Bench) -> None:
    tunnel.up_from_router(OUTER4)
    tunnel.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(PORT, 40000, bytes(72)))))
    tunnel.up_from_router(ethernet(ipv4(WAN4, SERVER4, UDP, udp(40000, 53, bytes(72)))))
    tunnel.up(OUTER4, ALICE)
    assert tunnel.read().tunnels.outer == Counters(100, 128, 1, 1)
    assert tunnel.counters(ACCOUNT_ROUTER) == Counters(0, 100, 0, 1)
    assert tunnel.counters(ALICE) == Counters(0, 128, 0, 1), "a client's own VPN is the client's"
    tunnel.meter.carry_tunnels([])
    tunnel.up_from_router(OUTER4)
    assert tunnel.counters(ACCOUNT_ROUTER) == Counters(0, 228, 0, 2)


def test_all_ports_that_there_may_be_can_give_way_to_others(bench: Bench) -> None:
    for first in (50_000, 50_100):
        bench.meter.carry_tunnels(range(first, first + 16))
    bench.up_from_router(ethernet(ipv4(WAN4, SERVER4, UDP, udp(40000, 50_115, bytes(100)))))
    assert bench.read().tunnels.outer.up_packets == 1


@pytest.mark.parametrize(("outer", "headers"), [(OUTER4, 60), (OUTER6, 80)])
def test_claim_is_padded_and_has_the_headers_of_the_family_outside(tunnel: Bench, outer: bytes, headers: int) -> None:
    tunnel.up_from_router(outer)
    assert inside(tunnel) == inside(tunnel, DOWNLOAD, up=False) == PASS
    assert tunnel.read().tunnels.inner == {ALICE: Counters(112 + headers, 112 + headers, 1, 1)}


def test_what_was_in_a_tunnel_counts_for_limits_and_not_for_what_crossed_the_wan(tunnel: Bench) -> None:
    wan = ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(72))))
    tunnel.up(wan, ALICE)
    tunnel.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000, bytes(72)))))
    inside(tunnel)
    inside(tunnel, DOWNLOAD, up=False)
    reading = tunnel.read()
    assert reading.accounts[ALICE] == Counters(100, 100, 1, 1)
    assert reading.budgets[ALICE] == Budget(200 + 2 * CLAIM, 100 + CLAIM, 100 + CLAIM)


def test_first_packet_that_comes_between_two_maps_claims_at_the_next_reading(
    tunnel: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tunnel.meter._inner

    def with_a_packet_before() -> dict[Account, Counters]:
        inside(tunnel)
        return inner()

    with monkeypatch.context() as patch:
        patch.setattr(tunnel.meter, "_inner", with_a_packet_before)
        assert tunnel.read().tunnels.inner == {}
    assert tunnel.read().tunnels.inner == {ALICE: Counters(0, CLAIM, 0, 1)}


def test_limits_of_a_client_are_exact_inside(tunnel: Bench) -> None:
    tunnel.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=3 * CLAIM))})
    assert [inside(tunnel) for _ in range(4)] == [PASS] * 3 + [SHOT]
    assert tunnel.read().tunnels.inner[ALICE] == Counters(0, 3 * CLAIM, 0, 3)
    assert inside(tunnel, DOWNLOAD, up=False) == SHOT
    assert tunnel.read().tunnels.inner[ALICE].down_bytes == CLAIM, "it was billed"
    assert tunnel.bytes_of(Reason.DOWNLOAD_BLOCKED) == CLAIM


def test_limit_of_everyone_is_counted_outside_and_refuses_inside(tunnel: Bench) -> None:
    everyone = tunnel.meter.everyone
    policies = {ALICE: Policy(parent=everyone), tunnel.meter.tunnels_account: Policy(parent=everyone)}
    tunnel.meter.write_policies({**policies, everyone: Policy(block_at=Thresholds(both=CLAIM + 128))})
    assert inside(tunnel) == PASS
    assert everyone not in tunnel.read().budgets
    tunnel.up_from_router(OUTER4)
    assert tunnel.read().budgets[everyone] == Budget(128, 0, 128)
    assert [inside(tunnel), inside(tunnel)] == [PASS, PASS]
    tunnel.up_from_router(ethernet(ipv4(WAN4, SERVER4, UDP, udp(40000, PORT, bytes(CLAIM - 28)))))
    assert inside(tunnel) == SHOT
    tunnel.meter.write_policies({ALICE: Policy(parent=everyone, exempt=True)})
    assert inside(tunnel) == PASS


def test_what_nobody_inside_asked_for_is_the_routers(tunnel: Bench) -> None:
    inside(tunnel, DOWNLOAD, up=False)
    assert tunnel.read().tunnels.inner == {ACCOUNT_ROUTER: Counters(CLAIM, 0, 1, 0)}
    assert tunnel.bytes_of(Reason.TUNNEL_UNKNOWN) == CLAIM
