# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packets user space is shown, and as what; and that a device which shows too much takes nothing from others."""

import contextlib
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from esimshaper.core.model.counts import Reason
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy
from esimshaper.core.model.services import Head, HeadKind
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.names import NamesMaps
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import (
    CLIENT6,
    ICMP,
    LAN_MAC,
    SERVER4,
    SERVER6,
    TCP,
    UDP,
    WAN4,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    tcp,
    udp,
    vlan,
)
from tests.bpf.test_services import key, named

ALICE, BOB = Account(2), Account(3)
IPV6 = 0x86DD
HELLO = bytes(range(1, 101))
HELLO_OUT = ipv4(WAN4, SERVER4, UDP, udp(1000, 443, HELLO))
ANSWERED = ipv4(SERVER4, WAN4, UDP, udp(53, 1000, HELLO))
RESOLVED_FOR = ipv4("192.168.77.1", "192.168.77.10", UDP, udp(53, 1000, HELLO))
BURST, HALF = 64, 1 << 18


class Shown:
    """The heads of a bench, each once."""

    def __init__(self, bench: Bench) -> None:
        self.maps = NamesMaps(bench.wanted.generation, bench.wanted.programs)
        self._heads: list[Head] = []
        self._ring = self.maps.heads(self._heads.append)

    def take(self) -> list[Head]:
        while self.consume():
            pass
        heads, self._heads[:] = list(self._heads), []
        return heads

    def consume(self) -> int:
        return self._ring.consume()

    def close(self) -> None:
        self._ring.close()
        self.maps.close()


@pytest.fixture
def shown(bench: Bench) -> Iterator[Shown]:
    with contextlib.closing(Shown(bench)) as shown:
        yield shown


def resolved(bench: Bench, packet: bytes = RESOLVED_FOR, link: int = 0, destination: str = LAN_MAC) -> int:
    frame = ethernet(packet, destination=destination)
    return libbpf.dry_run(bench.meter.program("lan_egress_ethernet").fd, frame, skb(0, link)).retval


def test_first_ten_packets_with_payload_are_shown_as_they_are_on_the_link(bench: Bench, shown: Shown) -> None:
    empty = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 443, options=bytes(12))), pad=4)
    hello = ipv4(WAN4, SERVER4, TCP, tcp(1000, 443, HELLO, bytes(12)), options=bytes(4))
    for _ in range(12):
        bench.up(empty, ALICE)
        bench.up(ethernet(hello, pad=4), ALICE)
    assert shown.take() == [Head(HeadKind.OUT, ALICE, key(protocol=TCP), len(hello), hello)] * 10
    assert bench.counters(ALICE).up_packets == 24
    assert bench.meter.flows(1)[1][0].counters.up_packets == 24


def test_behind_tags_of_vlans_and_of_ipv6_a_head_begins_with_the_ip_header(bench: Bench, shown: Shown) -> None:
    packet = ipv6(CLIENT6, SERVER6, UDP, udp(1000, 443, HELLO))
    bench.up(ethernet(vlan(packet, IPV6), 0x8100), ALICE)
    assert [(head.packet, head.length) for head in shown.take()] == [(packet, len(packet))]


def test_of_a_merged_packet_the_first_two_kilobytes_are_shown(bench: Bench, shown: Shown) -> None:
    packet = ipv4(WAN4, SERVER4, TCP, tcp(1000, 443, HELLO * 30), length=1500)
    bench.up(ethernet(packet), ALICE, gso=(3, 1200))
    (head,) = shown.take()
    assert (head.length, head.packet) == (3040, packet[:2048])


@pytest.mark.parametrize("size", [1, 2047 - 28, 2048 - 28, 2049 - 28])
def test_head_of_any_length_is_whole_up_to_two_kilobytes(bench: Bench, shown: Shown, size: int) -> None:
    packet = ipv4(WAN4, SERVER4, UDP, udp(1000, 443, bytes(size)))
    bench.up(ethernet(packet), ALICE)
    (head,) = shown.take()
    assert (head.length, head.packet) == (len(packet), packet[:2048])


def test_flow_with_a_final_name_shows_nothing_and_one_with_a_first_guess_does(bench: Bench, shown: Shown) -> None:
    guess = 3 | layouts.TAG_FINAL  # a guess, whatever who writes it says
    shown.maps.bind(ip_address(SERVER4), ALICE, guess, shared=True)
    bench.up(ethernet(HELLO_OUT), ALICE)
    assert len(shown.take()) == 1
    shown.maps.name(named(ALICE, 3))
    bench.up(ethernet(HELLO_OUT), ALICE)
    assert shown.take() == []


def test_pings_and_what_a_limit_stops_are_not_shown(bench: Bench, shown: Shown) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, ICMP, icmp(8, 7, HELLO))), ALICE)
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    libbpf.dry_run(bench.meter.program("wan_egress_ethernet").fd, ethernet(HELLO_OUT), skb(ALICE << 20, LOOPBACK))
    assert bench.packets_of(Reason.UPLOAD_BLOCKED) == 1
    assert shown.take() == []


def test_answer_is_shown_if_a_flow_has_asked_for_it(bench: Bench, shown: Shown) -> None:
    bench.down(ethernet(ANSWERED))
    assert shown.take() == []
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), ALICE)
    for _ in range(12):
        bench.down(ethernet(ANSWERED, pad=9))
    assert shown.take() == [Head(HeadKind.ANSWER, ALICE, key(remote_port=53), len(ANSWERED), ANSWERED)] * 12


def test_other_downloads_are_not_shown(bench: Bench, shown: Shown) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 443))), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(443, 1000, HELLO))))
    assert shown.take() == []


def test_inside_a_tunnel_both_are_shown(bench: Bench, shown: Shown) -> None:
    asked = ipv4(WAN4, SERVER4, UDP, udp(1000, 53, HELLO))
    for program, packet in (("tunnel_egress_ethernet", asked), ("tunnel_ingress_ethernet", ANSWERED)):
        libbpf.dry_run(bench.meter.program(program).fd, ethernet(packet), skb(ALICE << 20, LOOPBACK))
    bench.meter._has_tunnels = True
    assert [(head.kind, head.account, head.packet) for head in shown.take()] == [
        (HeadKind.OUT, ALICE, asked),
        (HeadKind.ANSWER, ALICE, ANSWERED),
    ]


def test_answer_of_a_resolver_on_the_router_is_shown_as_of_who_gets_it(bench: Bench, shown: Shown) -> None:
    alice = bench.lan(ethernet(ipv4("192.168.77.10", SERVER4, UDP, udp(1, 2))))
    container = 77
    resolved(bench)
    resolved(bench, link=container)
    assert shown.take() == [Head(HeadKind.RESOLVED, alice, bytes(40), len(RESOLVED_FOR), RESOLVED_FOR)] * 2


def test_what_another_device_says_is_no_resolvers_word(bench: Bench, shown: Shown) -> None:
    bench.meter.note_lans([LOOPBACK])
    resolved(bench, link=LOOPBACK)
    resolved(bench, ipv4("192.168.77.1", "192.168.77.10", UDP, udp(853, 1000, HELLO)))
    assert shown.take() == []


def test_device_that_shows_too_much_is_left_out_once_heads_wait_and_others_are_not(bench: Bench, shown: Shown) -> None:
    """While user space keeps up nothing is left out."""

    def flows(account: int, number: int, first: int) -> None:
        for port in range(first, first + number):
            bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 443, bytes(1400)))), account)

    flows(ALICE, 100, 1)
    assert len(shown.take()) == 100
    assert bench.packets_of(Reason.HEAD_LEFT_OUT) == 0
    flows(ALICE, 400, 1000)
    flows(BOB, BURST, 3000)
    heads = shown.take()
    of_alice = [head for head in heads if head.account == ALICE]
    record = (layouts.HEAD.size + 1428 + 8 + 7) & ~7
    assert HALF // record <= len(of_alice) <= HALF // record + 20, "and a few for the time that this took"
    assert len(heads) - len(of_alice) == BURST
    assert bench.packets_of(Reason.HEAD_LEFT_OUT) == 400 - len(of_alice)
    assert bench.packets_of(Reason.HEAD_LOST) == 0
    assert bench.counters(ALICE).up_packets == 500


def test_full_ring_is_counted_and_stalls_nothing(bench: Bench, shown: Shown) -> None:
    for account in range(2, 20):
        for port in range(BURST):
            bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000 + port, 443, bytes(2000)))), account)
    heads = len(shown.take())
    assert heads < 18 * BURST
    assert bench.packets_of(Reason.HEAD_LOST) == 18 * BURST - heads
    assert sum(each.up_packets for each in bench.read().accounts.values()) == 18 * BURST


def test_ring_that_is_full_of_heads_keeps_its_reader_for_a_while_only(bench: Bench, shown: Shown) -> None:
    number = libbpf.RECORDS_AT_ONCE + 5
    for port in range(1, number + 1):
        bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 443, HELLO))), ALICE)
    assert (shown.consume(), shown.consume(), shown.consume()) == (libbpf.RECORDS_AT_ONCE, 5, 0)
    assert [head.flow for head in shown.take()] == [key(port=port) for port in range(1, number + 1)]
