# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnels of the router: outside its packets are apart, inside each packet claims what it should come to outside."""

import ctypes as ct
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from esimshaper.core.model.counts import Budget, Counters, Reason
from esimshaper.core.model.identity import ACCOUNT_ROUTER, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.tunnels import GRE, TunnelEnd
from esimshaper.edge.bpf import layouts, libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.instructions import TC_INDEX, before, map_number, maps_in_order, writing
from tests.bpf.packets import ICMP, SERVER4, SERVER6, TCP, UDP, WAN4, WAN6, ethernet, icmp, ipv4, ipv6, tcp, udp

ALICE = Account(2)
PORT, IPV6 = 51820, 0x86DD
NEAR, FAR = "10.99.0.2", "10.99.0.1"
NEAR6, FAR6 = "2001:db8:99::2", "2001:db8:99::1"
PASS, SHOT = 0xFFFFFFFF, 2
SENT, CROSSED = 0xA000, 0x4000
SIZE = 101
CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h
CLAIM = 112 + 60
UPLOAD = ethernet(ipv4(NEAR, FAR, UDP, udp(1000, 53, bytes(SIZE - 28))))
DOWNLOAD = ethernet(ipv4(FAR, NEAR, UDP, udp(53, 1000, bytes(SIZE - 28))))
OUTER4 = ethernet(ipv4(WAN4, SERVER4, UDP, udp(40000, PORT, bytes(100))))
OUTER6 = ethernet(ipv6(WAN6, SERVER6, UDP, udp(40000, PORT, bytes(100))), IPV6)


@pytest.fixture
def tunnel(bench: Bench) -> Bench:
    bench.meter.carry_tunnels([TunnelEnd(UDP, PORT), TunnelEnd(TCP, PORT)])
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
    for first in (50_000, 50_200):
        bench.meter.carry_tunnels(TunnelEnd(UDP, port) for port in range(first, first + 128))
    bench.up_from_router(ethernet(ipv4(WAN4, SERVER4, UDP, udp(40000, 50_215, bytes(100)))))
    assert bench.read().tunnels.outer.up_packets == 1


@pytest.mark.parametrize(("outer", "headers"), [(OUTER4, 60), (OUTER6, 80)], ids=["IPv4", "IPv6"])
def test_claim_is_padded_and_has_the_headers_of_the_family_outside(tunnel: Bench, outer: bytes, headers: int) -> None:
    tunnel.up_from_router(outer)
    assert inside(tunnel) == inside(tunnel, DOWNLOAD, up=False) == PASS
    assert tunnel.read().tunnels.inner == {ALICE: Counters(112 + headers, 112 + headers, 1, 1)}


def test_bytes_inside_a_tunnel_count_for_limits_and_not_as_bytes_on_the_wan(tunnel: Bench) -> None:
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


def test_claims_are_read_once_the_kernel_has_found_a_tunnel_that_nobody_named(bench: Bench) -> None:
    """As IPsec by policy, which begins while the daemon runs and has no setting."""
    bench.meter._replace("tunnel_ends", layouts.tunnel_ends([TunnelEnd(UDP, PORT)]))
    assert bench.read().tunnels.inner == {}
    bench.up_from_router(OUTER4)
    inside(bench)
    reading = bench.read()
    assert reading.tunnels.inner == {ALICE: Counters(0, CLAIM, 0, 1)}
    assert ALICE not in reading.accounts or not reading.accounts[ALICE].total_bytes, "not billed a second time"


def test_limits_of_a_client_are_exact_inside(tunnel: Bench) -> None:
    tunnel.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=3 * CLAIM))})
    assert [inside(tunnel) for _ in range(4)] == [PASS] * 3 + [SHOT]
    assert tunnel.read().tunnels.inner[ALICE] == Counters(0, 3 * CLAIM, 0, 3)
    assert inside(tunnel, DOWNLOAD, up=False) == SHOT
    assert tunnel.read().tunnels.inner[ALICE].down_bytes == CLAIM, "it was billed"
    assert tunnel.bytes_of(Reason.DOWNLOAD_BLOCKED) == CLAIM


def test_limit_of_everyone_is_counted_outside_and_drops_inside(tunnel: Bench) -> None:
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
    assert inside(tunnel) == SHOT
    tunnel.meter.write_policies({ALICE: Policy(parent=everyone, exempt=True, over_plan=True)})
    assert inside(tunnel) == PASS


def test_unattributed_packet_inside_is_charged_to_the_router(tunnel: Bench) -> None:
    inside(tunnel, DOWNLOAD, up=False)
    assert tunnel.read().tunnels.inner == {ACCOUNT_ROUTER: Counters(CLAIM, 0, 1, 0)}
    assert tunnel.bytes_of(Reason.TUNNEL_UNKNOWN) == CLAIM


@pytest.mark.parametrize(
    "outer",
    [
        ipv4(WAN4, SERVER4, UDP, udp(PORT, 40000, bytes(100))),
        ipv4(WAN4, SERVER4, UDP, udp(40000, PORT, bytes(100))),
        ipv4(WAN4, SERVER4, TCP, tcp(40000, PORT, bytes(88))),
    ],
    ids=["local", "remote", "TCP"],
)
def test_port_of_either_side_and_of_either_protocol_is_that_of_the_tunnel(tunnel: Bench, outer: bytes) -> None:
    tunnel.up_from_router(ethernet(outer))
    assert tunnel.read().tunnels.outer == Counters(0, 128, 0, 1)


def test_port_that_others_use_too_is_the_tunnels_by_its_protocol_and_peer_only(bench: Bench) -> None:
    bench.meter.carry_tunnels([TunnelEnd(UDP, PORT, SERVER4), TunnelEnd(UDP, PORT, "203.0.113.9")])
    other = "203.0.113.1"
    bench.up_from_router(OUTER4)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(PORT, 40000, bytes(72)))))
    bench.up_from_router(ethernet(ipv4(WAN4, other, UDP, udp(40000, PORT, bytes(100)))))
    bench.up_from_router(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(40000, PORT, bytes(88)))))
    bench.up_from_router(OUTER6)
    assert bench.read().tunnels.outer == Counters(100, 128, 1, 1)
    assert bench.counters(ACCOUNT_ROUTER).up_packets == 3


def test_tunnel_of_the_kernel_is_known_by_its_protocol_and_claims_what_it_adds(bench: Bench) -> None:
    bench.meter.carry_tunnels([TunnelEnd(GRE, peer=SERVER4, unasked=True)], {LOOPBACK: 24})
    bench.down(ethernet(ipv4(SERVER4, WAN4, GRE, bytes(80))))
    bench.up_from_router(ethernet(ipv4(WAN4, SERVER4, GRE, bytes(100))))
    bench.up_from_router(ethernet(ipv4(WAN4, "203.0.113.1", GRE, bytes(100))))
    assert bench.read().tunnels.outer == Counters(100, 120, 1, 1)
    assert inside(bench) == inside(bench, DOWNLOAD, up=False) == PASS
    assert bench.read().tunnels.inner == {ALICE: Counters(SIZE + 24, SIZE + 24, 1, 1)}


def far_away(bench: Bench, frame: bytes, *, up: bool = True) -> int:
    """A device behind a VPN of the router sends, or is sent something."""
    program = bench.meter.program("server_ingress_raw" if up else "server_egress_raw")
    return libbpf.dry_run(program.fd, frame, skb(0, LOOPBACK)).retval


def account_of(bench: Bench, owner: str) -> Account:
    (account,) = [account for account, each in bench.read().owners.items() if each == owner]
    return account


def test_device_behind_a_vpn_of_the_router_pays_for_what_goes_in_and_out(tunnel: Bench) -> None:
    assert far_away(tunnel, UPLOAD) == far_away(tunnel, DOWNLOAD, up=False) == PASS
    account = account_of(tunnel, NEAR)
    assert tunnel.read().tunnels.inner == {account: Counters(CLAIM, CLAIM, 1, 1)}
    tunnel.meter.write_policies({account: Policy(blocked=True)})
    assert far_away(tunnel, UPLOAD) == far_away(tunnel, DOWNLOAD, up=False) == SHOT
    reading = tunnel.read()
    assert reading.tunnels.inner == {account: Counters(2 * CLAIM, CLAIM, 2, 1)}
    assert reading.budgets[account] == Budget(3 * CLAIM, 2 * CLAIM, CLAIM), "what was refused never left"


def test_device_behind_a_vpn_of_the_router_is_its_own_address_in_both_families(tunnel: Bench) -> None:
    upload, download = (ipv6(*pair, UDP, udp(1, 2, bytes(80))) for pair in ((NEAR6, FAR6), (FAR6, NEAR6)))
    assert far_away(tunnel, ethernet(upload, IPV6)) == far_away(tunnel, ethernet(download, IPV6), up=False) == PASS
    claims = tunnel.read().tunnels.inner
    assert claims == {account_of(tunnel, NEAR6): Counters(128 + 60, 128 + 60, 1, 1)}


def test_device_behind_a_vpn_of_the_router_is_held_to_its_rate_both_ways(tunnel: Bench) -> None:
    far_away(tunnel, UPLOAD)
    account = account_of(tunnel, NEAR)
    tunnel.meter.write_policies({account: Policy(throttle_at=Thresholds(both=0), police_rate=1)})
    assert [far_away(tunnel, UPLOAD), far_away(tunnel, UPLOAD)] == [PASS, SHOT]
    assert [far_away(tunnel, DOWNLOAD, up=False) for _ in range(2)] == [PASS, SHOT]
    assert tunnel.read().tunnels.inner[account] == Counters(3 * CLAIM, CLAIM, 3, 1), "a dropped upload claims nothing"


def sent_on(bench: Bench, tc_index: int) -> int:
    """A packet goes to the device far away, and has that beside it."""
    with before(bench.meter.program("server_egress_raw").fd, writing({TC_INDEX: tc_index})) as program:
        return libbpf.dry_run(program, DOWNLOAD, skb(0, LOOPBACK)).retval


def test_who_sends_to_a_peer_that_is_no_client_pays(tunnel: Bench) -> None:
    assert sent_on(tunnel, SENT | ALICE) == PASS
    assert tunnel.read().tunnels.inner == {ALICE: Counters(0, CLAIM, 0, 1)}


def test_download_that_goes_on_to_a_device_behind_a_vpn_is_that_devices(tunnel: Bench) -> None:
    far_away(tunnel, UPLOAD)
    account = account_of(tunnel, NEAR)
    other = Account(account + 1)
    tunnel.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), other)
    tunnel.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000, bytes(500)))))
    assert sent_on(tunnel, CROSSED | other) == PASS
    moves = tunnel.read().moves
    assert moves[other].given == moves[account].got != Counters()


def test_protocol_without_ports_carries_no_tunnel(tunnel: Bench) -> None:
    """The identifier of a ping stands where others have their port."""
    tunnel.up_from_router(ethernet(ipv4(WAN4, SERVER4, ICMP, icmp(8, PORT))))
    assert tunnel.counters(ACCOUNT_ROUTER).up_packets == 1


@pytest.mark.parametrize(
    ("size", "claim"),
    [(1392, 1392), (1393, 1408), (1408, 1408), (1409, 1420), (1420, 1420), (1421, 1424)],
    ids=["whole", "padded", "whole again", "padded to the MTU", "the MTU", "beyond it, in fragments"],
)
def test_padding_ends_at_the_mtu(tunnel: Bench, size: int, claim: int) -> None:
    frame = ethernet(ipv4(NEAR, FAR, UDP, udp(1000, 53, bytes(size - 28))))

    def send() -> None:
        """In a network namespace of this thread, which ends with it: BPF_PROG_TEST_RUN sends at its lo."""
        assert ct.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0
        subprocess.run(["ip", "link", "set", "lo", "mtu", "1420"], check=True)
        inside(tunnel, frame)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(send).result()
    assert tunnel.read().tunnels.inner == {ALICE: Counters(0, claim + 60, 0, 1)}


def test_each_merged_segment_is_padded_and_has_its_own_headers(tunnel: Bench) -> None:
    frame = ethernet(ipv4(NEAR, FAR, UDP, udp(1000, 53, bytes(1000 + 1000 + 500))))
    context = skb(ALICE << 20, LOOPBACK, 3, 1000)
    libbpf.dry_run(tunnel.meter.program("tunnel_egress_raw").fd, frame, context)
    # 1028 becomes 1040; the last one has 528, and 14 of Ethernet that BPF_PROG_TEST_RUN puts before raw IP, too.
    assert tunnel.read().tunnels.inner == {ALICE: Counters(0, 2 * (1040 + 60) + 544 + 60, 0, 3)}


def test_packet_inside_is_dropped_while_an_override_blocks_everyone(tunnel: Bench) -> None:
    everyone = tunnel.meter.everyone
    tunnel.meter.write_policies({ALICE: Policy(parent=everyone), everyone: Policy(blocked=True)})
    assert inside(tunnel) == SHOT
    tunnel.meter.write_policies({ALICE: Policy(parent=everyone, exempt=True)})
    assert inside(tunnel) == PASS


@pytest.mark.parametrize("limited", ["upload", "download"])
def test_limit_of_everyone_on_one_direction_drops_that_one_inside(tunnel: Bench, limited: str) -> None:
    everyone = tunnel.meter.everyone
    inside(tunnel)
    tunnel.meter.write_policies({ALICE: Policy(parent=everyone), everyone: Policy(block_at=Thresholds(**{limited: 0}))})
    verdicts = {"upload": inside(tunnel), "download": inside(tunnel, DOWNLOAD, up=False)}
    assert verdicts == {"upload": PASS, "download": PASS} | {limited: SHOT}


def test_client_with_a_class_on_the_wan_is_policed_inside(tunnel: Bench) -> None:
    inside(tunnel)
    tunnel.meter.give_classes_at(LOOPBACK, LOOPBACK)
    tunnel.meter.write_policies(
        {ALICE: Policy(throttle_at=Thresholds(both=0), classes=(0, 0x7A000011, 0, 0, 0), police_rate=1)}
    )
    assert [inside(tunnel), inside(tunnel)] == [PASS, SHOT]
    assert [inside(tunnel, DOWNLOAD, up=False) for _ in range(2)] == [PASS, SHOT]
    assert tunnel.read().tunnels.inner[ALICE] == Counters(2 * CLAIM, 2 * CLAIM, 2, 2), "a dropped upload claims nothing"


def test_blocked_acknowledgement_inside_leaves_as_a_reset(tunnel: Bench) -> None:
    acknowledgement = ethernet(ipv4(NEAR, FAR, TCP, tcp(1000, 80)))
    inside(tunnel, acknowledgement)
    tunnel.meter.write_policies({ALICE: Policy(blocked=True)})
    assert inside(tunnel, acknowledgement) == PASS
    assert tunnel.packets_of(Reason.FLOW_RESET) == 1


def test_download_claims_before_it_is_added_to_budgets(tunnel: Bench) -> None:
    """A reading between the two would find more downloaded than it can take off; none is made so fast as to show it."""
    order = maps_in_order(tunnel.meter.program("tunnel_ingress_raw").fd)
    claims, budgets = (map_number(tunnel.meter._maps[name].fd) for name in ("tunnelled", "accounts"))
    assert order.index(claims) < order.index(budgets)
