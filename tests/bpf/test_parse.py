# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers that are rare: each is stepped over as its RFC says, and none is believed beyond what is there."""

import struct

import pytest

from esimshaper.core.model.counts import Counters, Reason
from esimshaper.core.model.identity import ACCOUNT_ROUTER, Account
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import (
    CLIENT6,
    ETHERNET,
    ICMP,
    ICMPV6,
    SERVER4,
    SERVER6,
    TCP,
    UDP,
    WAN4,
    ethernet,
    extension,
    fragment6,
    icmp,
    ipv4,
    ipv6,
    tcp,
    udp,
)

ALICE, BOB = Account(2), Account(3)
IPV6, AUTHENTICATION, OPTIONS, FRAGMENT = 0x86DD, 51, 60, 44
DONT_FRAGMENT, FIRST, LAST = 0x4000, 0x2000, 100


def test_authentication_header_counts_in_words_of_four(bench: Bench) -> None:
    """RFC 4302, section 2.2: 24 bytes are 6 words, less 2."""
    header = struct.pack("!BBHIIQI", UDP, 4, 0, 1, 1, 0, 0)
    assert len(header) == 24
    bench.up(ethernet(ipv6(CLIENT6, SERVER6, AUTHENTICATION, header + udp(1000, 53)), IPV6), ALICE)
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, UDP, udp(53, 1000)), IPV6))
    assert bench.counters(ALICE).down_bytes == 48


def test_eight_extension_headers_are_walked(bench: Bench) -> None:
    chain = b"".join(extension(OPTIONS) for _ in range(7)) + extension(UDP) + udp(1000, 53)
    bench.up(ethernet(ipv6(CLIENT6, SERVER6, OPTIONS, chain), IPV6), ALICE)
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, UDP, udp(53, 1000)), IPV6))
    assert bench.counters(ALICE).down_bytes == 48


def test_payload_of_a_later_fragment_is_not_taken_for_headers(bench: Bench) -> None:
    packet = ipv6(SERVER6, CLIENT6, FRAGMENT, fragment6(OPTIONS, 800, 0, 9) + b"\xff\xff")
    bench.down(ethernet(packet, IPV6))
    assert bench.packets_of(Reason.WAN_IN_FRAGMENT_ORPHAN) == 1
    assert bench.packets_of(Reason.WAN_IN_TRUNCATED) == 0


def test_last_ipv6_fragment_of_an_upload_teaches_no_flow(bench: Bench) -> None:
    packet = ipv6(CLIENT6, SERVER6, FRAGMENT, fragment6(UDP, 800, 0, 9) + udp(1000, 53))
    bench.up(ethernet(packet, IPV6), ALICE)
    assert (bench.counters(ALICE).up_bytes, bench.meter.flows(10)[0]) == (len(packet), 0)


def test_packet_that_may_not_be_fragmented_is_whole(bench: Bench) -> None:
    """Were it taken for a later fragment, it would have no ports; for a first one, it would be remembered."""
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53), fragment=DONT_FRAGMENT)), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000), fragment=DONT_FRAGMENT, id_=7)))
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(100), fragment=LAST, id_=7)))
    assert bench.counters(ALICE) == Counters(28, 28, 1, 1)
    assert bench.bytes_of(Reason.WAN_IN_FRAGMENT_ORPHAN) == 120


def test_fragments_of_two_protocols_with_one_identifier_are_two_packets(bench: Bench) -> None:
    """RFC 791: the identifier is unique for the addresses and the protocol."""
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000), fragment=FIRST, id_=7)))
    bench.down(ethernet(ipv4(SERVER4, WAN4, TCP, bytes(100), fragment=LAST, id_=7)))
    assert bench.bytes_of(Reason.WAN_IN_FRAGMENT_ORPHAN) == bench.unattributed().down_bytes == 120


def test_ipv6_packet_that_states_no_length_is_what_is_there(bench: Bench) -> None:
    """A jumbogram, RFC 2675."""
    packet = ipv6(CLIENT6, SERVER6, UDP, udp(1000, 53, bytes(100)), length=0)
    bench.up(ethernet(packet, IPV6), ALICE)
    assert bench.counters(ALICE).up_bytes == len(packet) == 148


def test_ipv4_header_of_less_than_twenty_bytes_is_not_believed(bench: Bench) -> None:
    packet = bytearray(ipv4(WAN4, SERVER4, UDP, udp(1000, 53)))
    packet[0] = 0x44
    bench.up(ethernet(bytes(packet)), ALICE)
    assert bench.counters(ALICE).up_bytes == bench.bytes_of(Reason.WAN_OUT_TRUNCATED) == 28
    assert bench.meter.flows(10)[0] == 0


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_icmp_error_is_no_flow_of_its_own(bench: Bench, kind: int) -> None:
    """An error that a client sends, and one that comes in."""
    about = ipv4(SERVER4, WAN4, UDP, udp(53, 1000))
    bench.up(ethernet(ipv4(WAN4, SERVER4, ICMP, icmp(kind, payload=about))), ALICE)
    assert bench.meter.flows(10)[0] == 0
    bench.down(ethernet(ipv4(SERVER4, WAN4, ICMP, icmp(kind, payload=ipv4(WAN4, SERVER4, UDP, udp(1000, 53))))))
    assert bench.packets_of(Reason.WAN_IN_ICMP_ERROR_ORPHAN) == 1


@pytest.mark.parametrize("kind", [130, 133, 135, 136])
def test_icmpv6_message_that_is_no_error_is_about_nothing_else(bench: Bench, kind: int) -> None:
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, ICMPV6, icmp(kind)), IPV6))
    assert bench.packets_of(Reason.WAN_IN_FLOW_MISSING) == 1


def test_icmpv6_ping_is_told_by_its_identifier(bench: Bench) -> None:
    for number, account in ((7, ALICE), (8, BOB)):
        bench.up(ethernet(ipv6(CLIENT6, SERVER6, ICMPV6, icmp(128, number)), IPV6), account)
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, ICMPV6, icmp(129, 8)), IPV6))
    assert (bench.counters(ALICE).down_packets, bench.counters(BOB).down_packets) == (0, 1)


@pytest.mark.parametrize("destination", ["169.253.255.255", "170.254.0.1", "223.255.255.255"])
def test_neighbours_of_special_addresses_are_not_the_routers(bench: Bench, destination: str) -> None:
    bench.down(ethernet(ipv4(SERVER4, destination, UDP, udp(67, 68))))
    assert bench.counters(ACCOUNT_ROUTER).down_packets == 0


@pytest.mark.parametrize("program", ["wan_ingress_raw", "wan_egress_raw"])
def test_raw_ip_has_no_link_header(bench: Bench, program: str) -> None:
    """BPF_PROG_TEST_RUN puts one there all the same: it is counted where the packet does not state its length."""
    packet = ipv6(SERVER6, "fe80::1", UDP, udp(1000, 53), length=0)
    libbpf.dry_run(bench.meter.program(program).fd, ethernet(packet, IPV6), skb(ALICE << 20, LOOPBACK))
    account = ALICE if program == "wan_egress_raw" else ACCOUNT_ROUTER
    assert bench.counters(account).total_bytes == 48 + ETHERNET


def test_headers_of_a_segment_have_the_length_that_tcp_states(bench: Bench) -> None:
    """RFC 9293, section 3.1: in words of four, options and all."""
    bench.up(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1, 2, bytes(2000), bytes(40)))), ALICE, gso=(2, 1000))
    assert bench.counters(ALICE).up_bytes == 2 * (20 + 60 + 1000)
