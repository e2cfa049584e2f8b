# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packets go before others on a slow link: they get the urgent class. None gets around a throttle by it."""

import pytest

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import CLIENT6, ICMP, SERVER4, SERVER6, TCP, UDP, WAN4, ethernet, icmp, ipv4, ipv6, tcp, udp
from tests.bpf.verdicts import ALICE

OPEN, SELF, IN_GROUP, URGENT = 0x7A000010, 0x7A000011, 0x7A000012, 0x7A007A03
SACK = bytes(40)
"""As many options as fit."""

URGENT_ONES = {
    "a ping": ipv4(WAN4, SERVER4, ICMP, icmp(8, 7, bytes(56))),
    "a question of DNS": ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(40))),
    "a long one": ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(1200))),
    "an acknowledgement": ipv4(WAN4, SERVER4, TCP, tcp(1000, 443, options=SACK)),
    "one by IPv6": ipv6(CLIENT6, SERVER6, TCP, tcp(1000, 443, options=SACK)),
    "20 ms of a call": ipv4(WAN4, SERVER4, UDP, udp(1000, 5004, bytes(172))),
    "256 bytes": ipv4(WAN4, SERVER4, UDP, udp(1000, 5004, bytes(228))),
}
OTHERS = {
    "257 bytes": ipv4(WAN4, SERVER4, UDP, udp(1000, 5004, bytes(229))),
    "data of TCP": ipv4(WAN4, SERVER4, TCP, tcp(1000, 443, bytes(61))),
    "TCP to port 53": ipv4(WAN4, SERVER4, TCP, tcp(1000, 53, bytes(500))),
    "a large ping": ipv4(WAN4, SERVER4, ICMP, icmp(8, 7, bytes(229))),
    "a fragment": ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(40)), fragment=0x2000),
    "the rest of it": ipv4(WAN4, SERVER4, UDP, bytes(40), fragment=5),
}


@pytest.fixture
def slow(bench: Bench) -> Bench:
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    bench.meter.write_policies({ALICE: Policy(classes=(OPEN, SELF, IN_GROUP, 0, URGENT))})
    return bench


def class_of(bench: Bench, packet: bytes, account: int = ALICE) -> int:
    """Which an upload is given to."""
    frame = ethernet(packet, 0x86DD if packet[0] >> 4 == 6 else 0x0800)
    context = skb(account << 20, LOOPBACK)
    after = libbpf.dry_run(bench.meter.program("wan_egress_ethernet").fd, frame, context).context
    return int.from_bytes(after[32:36], "little")


def test_small_packets_and_dns_are_urgent_and_no_others(slow: Bench) -> None:
    assert {what: class_of(slow, packet) for what, packet in URGENT_ONES.items()} == dict.fromkeys(URGENT_ONES, URGENT)
    assert {what: class_of(slow, packet) for what, packet in OTHERS.items()} == dict.fromkeys(OTHERS, OPEN)
    every = [*URGENT_ONES.values(), *OTHERS.values()]
    assert slow.read().queued[ALICE] == sum(map(len, every)), "whatever its class drops is credited"


def test_answers_are_urgent_as_well(slow: Bench) -> None:
    asked = ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(40)))
    class_of(slow, asked)
    for size, place in ((1200, URGENT), (20, URGENT)):
        answer = ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000, bytes(size))))
        after = libbpf.dry_run(slow.meter.program("wan_ingress_ethernet").fd, answer, skb(0, LOOPBACK)).context
        assert int.from_bytes(after[32:36], "little") == place


def test_a_throttled_client_gets_around_its_rate_by_no_small_packet(slow: Bench) -> None:
    slow.meter.write_policies(
        {ALICE: Policy(throttle_at=Thresholds(both=0), classes=(OPEN, SELF, IN_GROUP, 0, URGENT))}
    )
    assert {class_of(slow, packet) for packet in URGENT_ONES.values()} == {SELF}


def test_without_classes_at_the_link_nothing_is_urgent(slow: Bench) -> None:
    slow.meter.give_classes_at(LOOPBACK + 1, LOOPBACK)
    assert {class_of(slow, packet) for packet in URGENT_ONES.values()} == {0}
    assert not slow.read().queued.get(Account(ALICE))
