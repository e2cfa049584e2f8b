# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses that end in the modem: no account is charged, and whoever is blocked does not get there."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from esimshaper.core.model.counts import Event, Reason
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import CLIENT6, SERVER6, UDP, WAN4, ethernet, ipv4, ipv6, udp
from tests.bpf.verdicts import ALICE, PASS, SHOT

PAGE, PAGE6, NEAR, BEYOND = "192.168.8.1", "fe80::1", "192.168.8.255", "192.168.9.0"
SIZE, SIZE6 = 28, 48


def run(bench: Bench, program: str, frame: bytes, mark: int = 0) -> int:
    return libbpf.dry_run(bench.meter.program(program).fd, frame, skb(mark, LOOPBACK)).retval


def up(bench: Bench, to: str) -> int:
    frame = ethernet(ipv4(WAN4, to, UDP, udp(1000, 80)))
    return run(bench, "wan_egress_ethernet", frame, ALICE << 20)


def test_both_families_and_ways_are_counted_by_the_reason_only_and_neighbours_as_ever(bench: Bench) -> None:
    bench.meter.leave_unbilled(["192.168.8.0/24", "fe80::/10"])
    assert [up(bench, PAGE), up(bench, NEAR)] == [PASS, PASS]
    assert run(bench, "wan_ingress_ethernet", ethernet(ipv4(PAGE, WAN4, UDP, udp(80, 1000)))) == PASS
    assert run(bench, "wan_ingress_ethernet", ethernet(ipv6(PAGE6, CLIENT6, UDP, udp(80, 1000)), 0x86DD)) == PASS
    reading = bench.read()
    assert reading.events == {Reason.UNBILLED: Event(4, 3 * SIZE + SIZE6)}
    assert (reading.accounts, reading.budgets) == ({}, {})
    assert up(bench, BEYOND) == PASS
    assert run(bench, "wan_ingress_ethernet", ethernet(ipv6(SERVER6, CLIENT6, UDP, udp(1, 2)), 0x86DD)) == PASS
    assert bench.counters(ALICE).up_bytes == SIZE
    assert bench.unattributed().down_bytes == SIZE6
    bench.meter.leave_unbilled([])
    assert up(bench, PAGE) == PASS
    assert bench.counters(ALICE).up_bytes == 2 * SIZE


USED_UP = Policy(block_at=Thresholds(both=0))


@pytest.mark.parametrize(
    ("policies", "verdict"),
    [
        ({"client": Policy(blocked=True)}, SHOT),
        ({"client": USED_UP}, SHOT),
        ({"group": Policy(blocked=True)}, SHOT),
        ({"group": USED_UP}, SHOT),
        ({"everyone": Policy(blocked=True)}, PASS),
        ({"everyone": USED_UP}, PASS),
        ({"client": Policy(exempt=True), "group": USED_UP}, PASS),
        ({}, PASS),
    ],
)
def test_who_is_blocked_does_not_get_there_but_for_a_plan_of_everyone(
    bench: Bench, policies: Mapping[str, Policy], verdict: int
) -> None:
    bench.meter.leave_unbilled([PAGE])
    bench.meter.add_groups(["kids"])
    reading = bench.read()
    accounts = {"client": ALICE, "group": reading.groups["kids"], "everyone": reading.everyone}
    parents = {"client": accounts["group"], "group": accounts["everyone"], "everyone": Account(0)}
    for who, account in accounts.items():
        policy = replace(policies.get(who, Policy()), parent=parents[who])
        bench.meter.write_policies({account: policy})
    assert up(bench, PAGE) == verdict
    assert set(bench.read().events) == {Reason.UNBILLED if verdict == PASS else Reason.UPLOAD_BLOCKED}
