# SPDX-License-Identifier: GPL-2.0-or-later
"""Several uplinks in the kernel: each packet is counted at its own, and quotas look at those that are metered only."""

from collections.abc import Callable

import pytest

from esimshaper.core.model.counts import Counters, Reason
from esimshaper.core.model.identity import ACCOUNT_ROUTER, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.tunnels import TunnelEnd
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import SERVER4, UDP, WAN4, ethernet, ipv4, udp
from tests.bpf.verdicts import ALICE, BOB, PASS, SHOT, SIZE, down, up

UPLINKS = ("cellular", "hotel")


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """At its only interface there is an uplink that `at` names."""
    return make_bench(uplinks=UPLINKS)


def at(bench: Bench, uplink: str, free: tuple[str, ...] = ("hotel",)) -> None:
    assert bench.meter.uplinks
    bench.meter.uplinks.assign({LOOPBACK: uplink}, free)


def carried(bench: Bench) -> dict[str, dict[Account, Counters]]:
    return {name: dict(accounts) for name, accounts in bench.read().by_uplink.items()}


def test_each_byte_is_counted_at_the_uplink_that_it_passes(bench: Bench) -> None:
    at(bench, "cellular")
    assert [up(bench), down(bench)] == [PASS, PASS]
    at(bench, "hotel")
    assert [up(bench), up(bench, BOB)] == [PASS, PASS]
    assert carried(bench) == {
        "cellular": {ALICE: Counters(SIZE, SIZE, 1, 1)},
        "hotel": {ALICE: Counters(0, SIZE, 0, 1), BOB: Counters(0, SIZE, 0, 1)},
    }
    reading = bench.read()
    assert reading.accounts[ALICE] == Counters(SIZE, 2 * SIZE, 1, 2)
    assert reading.accounts[BOB] == Counters(0, SIZE, 0, 1)


def test_quotas_look_at_metered_uplinks_only_and_a_limit_over_two_of_them_is_exact(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=3 * SIZE))})
    at(bench, "hotel", free=("hotel",))
    assert [up(bench), down(bench), up(bench), down(bench)] == [PASS] * 4
    assert ALICE not in bench.read().budgets or not bench.read().budgets[ALICE].both
    at(bench, "cellular", free=())
    assert [up(bench), up(bench)] == [PASS, PASS]
    at(bench, "hotel", free=())
    assert [up(bench), up(bench)] == [PASS, SHOT]
    at(bench, "cellular", free=())
    assert [up(bench), down(bench)] == [SHOT, SHOT]
    assert bench.read().budgets[ALICE].both == 4 * SIZE, "a download that is dropped was billed"
    at(bench, "hotel")
    assert [up(bench), down(bench)] == [PASS, PASS]
    assert bench.read().budgets[ALICE].both == 4 * SIZE
    assert bench.read().accounts[ALICE].total_bytes == 10 * SIZE


def test_blocks_by_hand_hold_at_an_uplink_that_no_quota_looks_at(bench: Bench) -> None:
    at(bench, "hotel")
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    assert [up(bench), down(bench)] == [SHOT, PASS], "the download is of nobody: no flow was learned"
    assert bench.bytes_of(Reason.UPLOAD_BLOCKED) == SIZE
    assert carried(bench)["hotel"].get(ALICE, Counters()) == Counters()


def test_throttle_limits_do_not_hold_there_either(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: Policy(throttle_at=Thresholds(both=0), police_rate=1)})
    at(bench, "hotel")
    assert [up(bench) for _ in range(5)] == [PASS] * 5
    at(bench, "cellular")
    assert SHOT in [up(bench) for _ in range(5)]


def test_an_interface_that_is_not_listed_is_metered(bench: Bench) -> None:
    assert bench.meter.uplinks
    bench.meter.uplinks.assign({}, UPLINKS)
    up(bench)
    assert bench.read().budgets[ALICE].both == SIZE
    assert carried(bench)["cellular"] == {ALICE: Counters(0, SIZE, 0, 1)}


def test_uploads_that_no_tap_compares_are_known_by_uplink(bench: Bench) -> None:
    assert bench.meter.uplinks
    at(bench, "cellular")
    up(bench)
    at(bench, "hotel")
    up(bench)
    assert bench.meter.uplinks.gone() == {"cellular": 0, "hotel": SIZE}
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    at(bench, "cellular")
    up(bench)
    assert bench.meter.uplinks.gone() == {"cellular": SIZE, "hotel": SIZE}


def test_claims_inside_a_tunnel_go_by_the_uplink_that_carried_its_last_packet(bench: Bench) -> None:
    bench.meter.carry_tunnels([TunnelEnd(17, 51820)])
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=0))})
    outer = ethernet(ipv4(WAN4, SERVER4, UDP, udp(40000, 51820, bytes(100))))

    def inside() -> int:
        context = skb(ALICE << 20, LOOPBACK)
        return libbpf.dry_run(bench.meter.program("tunnel_egress_ethernet").fd, UPLOAD_INSIDE, context).retval

    at(bench, "cellular")
    bench.up_from_router(outer)
    assert inside() == SHOT
    at(bench, "hotel")
    bench.up_from_router(outer)
    assert inside() == PASS
    assert bench.read().budgets[ALICE].both > SIZE, "user space takes claims off again"
    assert bench.read().tunnels.outer.up_packets == 2
    assert ACCOUNT_ROUTER not in carried(bench)["hotel"]


UPLOAD_INSIDE = ethernet(ipv4("10.0.0.1", SERVER4, UDP, udp(1000, 53, bytes(100))))
