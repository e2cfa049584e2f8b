# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into a translator of the router is known when it comes out by the other family: each kind of packet."""

import struct

import pytest

from esimshaper.core.model.counts import Reason
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LOOPBACK, MARK, Bench, skb
from tests.bpf.instructions import PRIORITY, TC_INDEX, before, leaving, writing
from tests.bpf.packets import (
    CLIENT6,
    ICMP,
    SERVER4,
    TCP,
    UDP,
    ethernet,
    fragment6,
    icmp,
    ipv4,
    ipv6,
    tcp,
    udp,
)

NEAR4, NEAR6 = "192.0.0.1", "2001:db8:c1a7::1"
FAR6 = f"64:ff9b::{SERVER4}"
OTHER6 = "64:ff9b::203.0.113.99"
FRAGMENT, ICMPV6, IPV6 = 44, 58, 0x86DD
CROSSED = 0x4000
PORTS = udp(1000, 53, b"12345678")


def four(protocol: int, payload: bytes, fragment: int = 0) -> bytes:
    return ethernet(ipv4(NEAR4, SERVER4, protocol, payload, fragment=fragment, id_=7))


def six(protocol: int, payload: bytes, far: str = FAR6) -> bytes:
    return ethernet(ipv6(NEAR6, far, protocol, payload), IPV6)


PAIRS = {
    "UDP": (four(UDP, PORTS), six(UDP, PORTS)),
    "TCP": (four(TCP, tcp(1000, 80)), six(TCP, tcp(1000, 80))),
    "ping": (four(ICMP, icmp(8, 77)), six(ICMPV6, icmp(128, 77))),
    "answer to a ping": (four(ICMP, icmp(0, 77)), six(ICMPV6, icmp(129, 77))),
    "error": (
        four(ICMP, icmp(3, payload=ipv4(SERVER4, NEAR4, UDP, udp(53, 1000)))),
        six(ICMPV6, icmp(1, payload=ipv6(FAR6, NEAR6, UDP, udp(53, 1000)))),
    ),
    "later fragment": (
        four(UDP, b"12345678", fragment=100),
        six(FRAGMENT, fragment6(UDP, 100, 0, 7) + b"12345678"),
    ),
    "first fragment": (
        four(UDP, PORTS, fragment=0x2000),
        six(FRAGMENT, fragment6(UDP, 0, 1, 7) + PORTS),
    ),
}


def account_of(bench: Bench, number: int) -> int:
    source = f"02:00:00:00:00:{number:02x}"
    return bench.lan(ethernet(ipv6(CLIENT6, FAR6, UDP, udp(1, 2)), IPV6, source=source))


def into(bench: Bench, frame: bytes, account: int, ingress: int = LOOPBACK) -> None:
    libbpf.dry_run(bench.meter.program("translator_egress_raw").fd, frame, skb(account << 20, ingress))


def out(bench: Bench, frame: bytes) -> int:
    """The account in the mark of a packet that has come out."""
    after = libbpf.dry_run(bench.meter.program("translator_ingress_raw").fd, frame, skb(0, LOOPBACK))
    return int(struct.unpack_from("=I", after.context, MARK)[0]) >> 20


def left_beside(bench: Bench, frame: bytes, tc_index: int = 0) -> int:
    """tc_index of a packet that has come out, and had another one there."""
    with before(bench.meter.program("translator_ingress_raw").fd, leaving(tc_index)) as program:
        after = libbpf.dry_run(program, frame, skb(0, LOOPBACK), repeat=2)
    return int(struct.unpack_from("=I", after.context, PRIORITY)[0])


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("turned", [False, True], ids=["464XLAT", "NAT64"])
def test_packet_that_was_made_anew_is_still_its_clients(bench: Bench, kind: str, turned: bool) -> None:
    before, after = reversed(PAIRS[kind]) if turned else PAIRS[kind]
    alice, bob = account_of(bench, 1), account_of(bench, 2)
    for account in (alice, bob):
        into(bench, before, account)
        assert out(bench, after) == account
    assert Reason.TRANSLATED_UNKNOWN not in bench.read().events


def test_translator_may_take_a_packet_apart(bench: Bench) -> None:
    alice = account_of(bench, 1)
    into(bench, PAIRS["UDP"][0], alice)
    assert out(bench, PAIRS["first fragment"][1]) == alice
    assert out(bench, PAIRS["later fragment"][1]) == alice


def test_what_went_in_by_nobody_is_held_to_the_limits_of_one_device(bench: Bench) -> None:
    into(bench, PAIRS["UDP"][0], account_of(bench, 1))
    others = bench.meter.everyone - 1
    for frame in (
        six(UDP, PORTS, OTHER6),
        six(UDP, udp(1001, 53)),
        six(TCP, tcp(1000, 53)),
        PAIRS["later fragment"][1],
    ):
        assert out(bench, frame) == others
    assert bench.packets_of(Reason.TRANSLATED_UNKNOWN) == 4


def test_what_the_router_itself_sends_by_a_translator_is_nobody_elses(bench: Bench) -> None:
    into(bench, PAIRS["UDP"][0], 0, ingress=0)
    assert out(bench, PAIRS["UDP"][1]) == 0
    assert Reason.TRANSLATED_UNKNOWN not in bench.read().events


def test_download_has_again_what_the_wan_wrote_beside_it(bench: Bench) -> None:
    alice = account_of(bench, 1)
    written = writing({TC_INDEX: CROSSED | alice})
    with before(bench.meter.program("translator_egress_raw").fd, written) as program:
        libbpf.dry_run(program, ethernet(ipv6(FAR6, NEAR6, UDP, udp(53, 1000)), IPV6), skb(0, LOOPBACK))
    made = ethernet(ipv4(SERVER4, NEAR4, UDP, udp(53, 1000)))
    assert left_beside(bench, made) == CROSSED | alice
    assert Reason.TRANSLATED_UNKNOWN not in bench.read().events


def test_packet_that_the_kernel_itself_translates_carries_nothing_of_before(bench: Bench) -> None:
    into(bench, PAIRS["UDP"][0], 0)
    assert left_beside(bench, PAIRS["UDP"][1], CROSSED | account_of(bench, 1)) == 0
