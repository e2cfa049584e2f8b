# SPDX-License-Identifier: GPL-2.0-or-later
"""What a byte is: IP-layer bytes of each segment, as the carrier bills them."""

import pytest

from esimshaper.core.model.counts import Counters, Reason
from tests.bpf.conftest import Bench
from tests.bpf.packets import (
    CLIENT6,
    SERVER4,
    SERVER6,
    TCP,
    UDP,
    WAN4,
    ethernet,
    extension,
    ipv4,
    ipv6,
    tcp,
    udp,
    vlan,
)

CLIENT = 2


def test_upload_is_billed_without_the_link_header(bench: Bench) -> None:
    packet = ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(100)))
    bench.up(ethernet(packet), CLIENT)
    assert bench.counters(CLIENT) == Counters(up_bytes=128, up_packets=1)


def test_padding_of_short_frames_is_not_billed(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80)), pad=6), CLIENT)
    assert bench.counters(CLIENT) == Counters(up_bytes=40, up_packets=1)


def test_padding_of_short_ipv6_frames_is_not_billed(bench: Bench) -> None:
    bench.up(ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1, 2)), 0x86DD, pad=30), CLIENT)
    assert bench.counters(CLIENT) == Counters(up_bytes=48, up_packets=1)


def test_header_that_claims_more_than_there_is_counts_what_is_there(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1, 2), length=60000)), CLIENT)
    assert bench.counters(CLIENT).up_bytes == 28


def test_each_merged_tcp_segment_has_its_own_headers(bench: Bench) -> None:
    options = bytes(12)
    bench.up(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, bytes(3000), options))), CLIENT, gso=(3, 1000))
    assert bench.counters(CLIENT) == Counters(up_bytes=3 * (20 + 32 + 1000), up_packets=3)


def test_segments_that_their_maker_did_not_count_are_counted(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, bytes(2500)))), CLIENT, gso=(0, 1000))
    assert bench.counters(CLIENT) == Counters(up_bytes=2500 + 3 * 40, up_packets=3)


def test_each_merged_udp_segment_has_its_own_headers_ipv6(bench: Bench) -> None:
    bench.up(ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1, 443, bytes(2400))), 0x86DD), CLIENT, gso=(2, 1200))
    assert bench.counters(CLIENT) == Counters(up_bytes=2 * (48 + 1200), up_packets=2)


def test_extension_headers_are_repeated_in_each_segment(bench: Bench) -> None:
    payload = extension(TCP, 16) + tcp(1, 2, bytes(2000))
    bench.up(ethernet(ipv6(CLIENT6, SERVER6, 60, payload), 0x86DD), CLIENT, gso=(2, 1000))
    assert bench.counters(CLIENT).up_bytes == 2 * (40 + 16 + 20 + 1000)


def test_vlan_tags_in_the_frame_are_link_header(bench: Bench) -> None:
    packet = ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(10)))
    bench.up(ethernet(vlan(packet), 0x8100), CLIENT)
    bench.up(ethernet(vlan(vlan(packet), 0x8100), 0x88A8), CLIENT)
    assert bench.counters(CLIENT) == Counters(up_bytes=2 * 38, up_packets=2)


def test_vlan_tag_is_in_none_of_the_merged_segments(bench: Bench) -> None:
    packet = ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, bytes(2000)))
    bench.up(ethernet(vlan(packet), 0x8100), CLIENT, gso=(2, 1000))
    assert bench.counters(CLIENT) == Counters(up_bytes=2 * 1040, up_packets=2)


@pytest.mark.parametrize("type_", [0x0806, 0x88CC, 0x888E, 0x0000, 0xFFFF])
def test_frames_without_ip_are_never_billed(bench: Bench, type_: int) -> None:
    bench.up(ethernet(bytes(46), type_), CLIENT)
    bench.down(ethernet(bytes(46), type_))
    assert not bench.read().accounts
    assert bench.packets_of(Reason.NOT_IP) == 2


def test_frame_to_another_mac_is_not_billed(bench: Bench) -> None:
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000, bytes(100))), destination="02:00:00:00:99:99"))
    assert not bench.read().accounts
    assert bench.packets_of(Reason.NOT_FOR_US) == 1


def test_largest_ip_packet_is_counted_whole(bench: Bench) -> None:
    """65,535 bytes, as far as BPF_PROG_TEST_RUN takes them; the lab sends them as fragments."""
    size = 4096 - 320 - 64 - 14 - 28
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1, 2, bytes(size)))), CLIENT)
    assert bench.counters(CLIENT).up_bytes == size + 28
