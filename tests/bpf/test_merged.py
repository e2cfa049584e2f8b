# SPDX-License-Identifier: GPL-2.0-or-later
"""Merged packets: the size by us is what a plain segmentation of the same packet puts on the wire."""

import struct
from collections.abc import Callable
from random import Random

import pytest

from esimshaper.core.model.counts import Counters, Reason
from tests.bpf import merged
from tests.bpf.conftest import Bench
from tests.bpf.merged import GRE, IPIP, Merged
from tests.bpf.packets import CLIENT6, SERVER4, SERVER6, TCP, UDP, WAN4, ethernet, extension, ipv4, ipv6, tcp, udp

CLIENT, ROUNDS = 2, 200
ESP = 50


@pytest.mark.parametrize("make", [merged.plain, merged.encapsulated, merged.merged_outside])
@pytest.mark.parametrize("counted", [True, False], ids=["counted", "not counted"])
def test_merged_packets_are_what_a_plain_segmentation_puts_on_the_wire(
    bench: Bench, make: Callable[[Random], Merged], counted: bool
) -> None:
    """Whether or not their maker says how many segments there are, and both ways."""
    expected = Counters()
    for seed in range(ROUNDS):
        one = make(Random(seed))
        frame = ethernet(one.packet, merged.ETHERTYPES[one.family])
        bench.up(frame, CLIENT, gso=(one.segments if counted else 0, one.size))
        expected += Counters(up_bytes=one.wire, up_packets=one.segments)
        assert bench.counters(CLIENT) == expected, (seed, one)
    bench.down(frame, gso=(one.segments, one.size))  # the carrier sends it back: it is of who made it
    assert bench.counters(CLIENT).down_bytes == one.wire
    assert bench.packets_of(Reason.WAN_SEGMENTS_UNKNOWN) == 0


@pytest.mark.parametrize(
    ("protocol", "payload"),
    [
        (200, bytes(2000)),
        (ESP, bytes(2000)),
        (GRE, struct.pack("!HHI", 0x2081, 0x880B, 7) + bytes(2000)),  # PPTP
        (IPIP, ipv4(WAN4, SERVER4, IPIP, ipv4(WAN4, SERVER4, TCP, tcp(1, 2, bytes(2000))))),
        (IPIP, ipv4(WAN4, SERVER4, ESP, bytes(2000))),
    ],
    ids=["unassigned", "ESP", "PPTP", "two encapsulations", "ESP inside"],
)
def test_merged_packet_of_unknown_protocol_repeats_its_ip_header_and_is_told(
    bench: Bench, protocol: int, payload: bytes
) -> None:
    packet = ipv4(WAN4, SERVER4, protocol, payload)
    bench.up(ethernet(packet), CLIENT, gso=(3, 1000))
    assert bench.counters(CLIENT) == Counters(up_bytes=len(packet) + 2 * 20, up_packets=3)
    assert bench.packets_of(Reason.WAN_SEGMENTS_UNKNOWN) == 3
    assert bench.bytes_of(Reason.WAN_SEGMENTS_UNKNOWN) == len(packet) + 2 * 20


def test_header_of_a_jumbogram_that_linux_makes_is_not_on_the_wire(bench: Bench) -> None:
    """BIG TCP: the length in the IP header is 0, and the true one in 8 bytes that no segment has."""
    jumbo = struct.pack("!BBBBI", TCP, 0, 0xC2, 4, 70_000) + tcp(1, 2, bytes(3000))
    packet = ipv6(CLIENT6, SERVER6, 0, jumbo, length=0)
    bench.up(ethernet(packet, 0x86DD), CLIENT, gso=(3, 1000))
    assert bench.counters(CLIENT).up_bytes == 3 * (40 + 20 + 1000)
    bench.up(ethernet(packet, 0x86DD), CLIENT, gso=(0, 1000))
    assert bench.counters(CLIENT) == Counters(up_bytes=6 * (40 + 20 + 1000), up_packets=6)
    bench.up(ethernet(ipv6(CLIENT6, SERVER6, 0, jumbo), 0x86DD), CLIENT)
    assert bench.counters(CLIENT).up_bytes == 6 * 1060 + 40 + 8 + 20 + 3000


def test_other_hop_by_hop_options_are_in_each_segment(bench: Bench) -> None:
    packet = ipv6(CLIENT6, SERVER6, 0, extension(TCP, 8) + tcp(1, 2, bytes(2000)))
    bench.up(ethernet(packet, 0x86DD), CLIENT, gso=(2, 1000))
    assert bench.counters(CLIENT).up_bytes == 2 * (40 + 8 + 20 + 1000)


def test_data_that_looks_like_an_encapsulation_is_data(bench: Bench) -> None:
    """Only the length of the packet inside tells: it is not that of what was merged."""
    within = ipv4(WAN4, SERVER4, TCP, tcp(1, 2, bytes(500)))
    for length in (0, 20, 540, 2000, 2539, 2541, 65535):
        head = within[:2] + struct.pack("!H", length) + within[4:]
        packet = ipv4(WAN4, SERVER4, UDP, udp(1, 443, head + bytes(2000)))
        before = bench.counters(CLIENT).up_bytes
        bench.up(ethernet(packet), CLIENT, gso=(5, 508))
        assert bench.counters(CLIENT).up_bytes - before == len(packet) + 4 * 28


def test_encapsulation_that_is_cut_short_is_counted_without_harm(bench: Bench) -> None:
    whole = ipv4(
        WAN4,
        SERVER4,
        UDP,
        udp(1, 4789, bytes([8]) + bytes(7) + ethernet(ipv6(CLIENT6, SERVER6, TCP, tcp(1, 2)), 0x86DD)),
    )
    sent = 0
    for end in range(20, len(whole)):
        bench.up(ethernet(whole[:end]), CLIENT, gso=(2, 4))
        sent += 2
    assert bench.counters(CLIENT).up_packets == sent
