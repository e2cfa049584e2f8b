# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose a byte is: clients by MAC at the LAN, downloads by what the carrier saw of the upload."""

import contextlib
import time
from collections.abc import Callable

import pytest

from esimshaper.core.model.counts import Counters, Reason
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ClientKey
from esimshaper.edge.bpf import layouts, libbpf
from tests.bpf.conftest import LARGE, Bench
from tests.bpf.packets import (
    CLIENT6,
    ICMP,
    ICMPV6,
    LAN_MAC,
    SERVER4,
    SERVER6,
    TCP,
    UDP,
    WAN4,
    ethernet,
    fragment6,
    icmp,
    ipv4,
    ipv6,
    tcp,
    udp,
    vlan,
)

ALICE, BOB = 2, 3
FIRST, MIDDLE, LAST = 0x2000, 0x2000 | 100, 200
IPV6 = 0x86DD


def test_each_mac_gets_its_own_account_and_keeps_it(bench: Bench) -> None:
    frame = ipv4("192.168.77.10", SERVER4, UDP, udp(1, 2))
    assert bench.lan(ethernet(frame)) == ALICE
    assert bench.lan(ethernet(frame, source="02:00:00:00:00:11")) == BOB
    assert bench.lan(ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1, 2)), IPV6)) == ALICE
    owners = bench.read().owners
    assert owners[ALICE] == ClientKey(LAN_MAC)
    assert owners[BOB] == ClientKey("02:00:00:00:00:11")


@pytest.mark.parametrize("source", ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"])
def test_what_cannot_be_a_source_address_is_held_with_the_others(bench: Bench, source: str) -> None:
    assert bench.lan(ethernet(ipv4("192.168.77.10", SERVER4, UDP, udp(1, 2)), source=source)) == 63
    assert bench.packets_of(Reason.LAN_NO_SOURCE) == 1


def test_new_client_is_announced_once(bench: Bench) -> None:
    heard: list[ClientKey | None] = []
    ring = bench.meter.announcements(lambda said: heard.append(said.client))
    for _ in range(3):
        bench.lan(ethernet(ipv4("192.168.77.10", SERVER4, UDP, udp(1, 2))))
    ring.consume()
    ring.close()
    assert heard == [ClientKey(LAN_MAC)]


def test_crowd_that_the_daemon_does_not_hear_of_is_counted_all_the_same(make_bench: Callable[..., Bench]) -> None:
    crowd, bench = 2500, make_bench(**LARGE)
    for number in range(crowd):
        source = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
        bench.lan(ethernet(ipv4("192.168.77.10", SERVER4, UDP, udp(1, 2)), source=source))
    assert 0 < bench.packets_of(Reason.ANNOUNCEMENT_LOST) < crowd
    assert len(bench.read().owners) == crowd + 3


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_answer_belongs_to_the_client_that_asked(bench: Bench, protocol: int) -> None:
    header = tcp if protocol == TCP else udp
    bench.up(ethernet(ipv4(WAN4, SERVER4, protocol, header(1000, 80))), ALICE)
    bench.up(ethernet(ipv4(WAN4, SERVER4, protocol, header(1001, 80))), BOB)
    answer = ipv4(SERVER4, WAN4, protocol, header(80, 1000, bytes(100)))
    bench.down(ethernet(answer))
    assert bench.counters(ALICE).down_bytes == len(answer)
    assert bench.counters(BOB).down_bytes == 0
    assert not bench.unattributed()


def test_flow_keeps_the_detail(bench: Bench) -> None:
    bench.lan(ethernet(ipv4("192.168.77.10", SERVER4, UDP, udp(1, 2))))
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(2)))), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000, bytes(10)))))
    _, (flow,) = bench.meter.flows(10)
    assert (flow.client, flow.protocol) == (LAN_MAC, UDP)
    assert (flow.remote_address, flow.remote_port, flow.wan_address, flow.wan_port) == (SERVER4, 53, WAN4, 1000)
    assert flow.counters == Counters(38, 30, 1, 1)


def test_port_that_nat_gives_to_another_client_is_a_new_flow(bench: Bench) -> None:
    for account in (ALICE, BOB):
        bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), account)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000))))
    assert bench.counters(BOB).down_bytes == 28
    assert [flow.counters for flow in bench.meter.flows(10)[1]] == [Counters(28, 28, 1, 1)]


def test_router_is_a_client_of_its_own_whatever_its_mark(bench: Bench) -> None:
    bench.up_from_router(ethernet(ipv4(WAN4, SERVER4, UDP, udp(5353, 53))), mark=ALICE << 20)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 5353))))
    assert bench.counters(ACCOUNT_ROUTER) == Counters(28, 28, 1, 1)


def test_ipv6_fragment_that_the_kernel_copied_is_the_clients(bench: Bench) -> None:
    """It has lost its ingress_ifindex, as if the router itself had sent it."""
    packet = ipv6(CLIENT6, SERVER6, 44, fragment6(UDP, 0, 1, 9) + udp(1000, 53, bytes(792)))
    bench.up_from_router(ethernet(packet, IPV6), mark=ALICE << 20)
    assert bench.counters(ALICE).up_bytes == len(packet)
    bench.up_from_router(ethernet(packet, IPV6))
    assert bench.counters(ACCOUNT_ROUTER).up_bytes == len(packet)


def test_upload_from_an_unknown_interface_is_unattributed_and_has_a_reason(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1, 2))))
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(2, 1, bytes(5)))))
    assert bench.unattributed() == Counters(33, 28, 1, 1)
    assert bench.bytes_of(Reason.WAN_OUT_UNMARKED) == 28
    assert bench.bytes_of(Reason.WAN_IN_FLOW_MISSING) == 33


def test_pings_are_told_apart_by_identifier(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, ICMP, icmp(8, 7))), ALICE)
    bench.up(ethernet(ipv4(WAN4, SERVER4, ICMP, icmp(8, 8))), BOB)
    bench.down(ethernet(ipv4(SERVER4, WAN4, ICMP, icmp(0, 8, bytes(50)))))
    assert bench.counters(BOB).down_bytes == 78
    assert bench.counters(ALICE).down_bytes == 0


def test_ping_from_outside_is_not_the_client_that_pings_with_the_same_identifier(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, ICMP, icmp(8, 7))), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, ICMP, icmp(8, 7))))
    assert bench.counters(ALICE).down_bytes == 0
    assert bench.unattributed().down_bytes == 28


@pytest.mark.parametrize("kind", [3, 5, 11, 12])
def test_icmp_error_belongs_to_the_client_that_it_is_about(bench: Bench, kind: int) -> None:
    sent = ipv4(WAN4, SERVER4, UDP, udp(1000, 33434))
    bench.up(ethernet(sent), ALICE)
    bench.down(ethernet(ipv4("203.0.113.9", WAN4, ICMP, icmp(kind, payload=sent))))
    assert bench.counters(ALICE).down_bytes == 28 + len(sent)


def test_icmp_error_about_a_ping(bench: Bench) -> None:
    sent = ipv4(WAN4, SERVER4, ICMP, icmp(8, 7))
    bench.up(ethernet(sent), ALICE)
    bench.down(ethernet(ipv4("203.0.113.9", WAN4, ICMP, icmp(11, payload=sent))))
    assert bench.counters(ALICE).down_bytes == 28 + len(sent)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_icmpv6_error_belongs_to_the_client_that_it_is_about(bench: Bench, kind: int) -> None:
    sent = ipv6(CLIENT6, SERVER6, UDP, udp(1000, 33434))
    bench.up(ethernet(sent, IPV6), ALICE)
    bench.down(ethernet(ipv6("2001:db8:9::9", CLIENT6, ICMPV6, icmp(kind, payload=sent)), IPV6))
    assert bench.counters(ALICE).down_bytes == 48 + len(sent)


def test_icmp_error_about_an_unknown_flow_is_unattributed_and_has_a_reason(bench: Bench) -> None:
    error = ipv4("203.0.113.9", WAN4, ICMP, icmp(3, payload=ipv4(WAN4, SERVER4, UDP, udp(1, 2))))
    bench.down(ethernet(error))
    assert bench.bytes_of(Reason.WAN_IN_ICMP_ERROR_ORPHAN) == bench.unattributed().down_bytes == len(error)


def test_fragments_follow_the_first(bench: Bench) -> None:
    for port, account in ((1000, ALICE), (1001, BOB)):
        bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 53))), account)
    for port, id_ in ((1000, 50), (1001, 51)):
        bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, port, bytes(792)), fragment=FIRST, id_=id_)))
    for id_, size in ((51, 800), (50, 80)):
        bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(size), fragment=MIDDLE, id_=id_)))
        bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(size), fragment=LAST, id_=id_)))
    assert bench.counters(ALICE).down_bytes == 820 + 2 * 100
    assert bench.counters(BOB).down_bytes == 820 + 2 * 820


def test_ipv6_fragments_follow_the_first(bench: Bench) -> None:
    router = "2001:db8:64::2"
    bench.up_from_router(ethernet(ipv6(router, SERVER6, UDP, udp(1000, 53)), IPV6))
    for offset, more, payload in ((0, 1, udp(53, 1000, bytes(792))), (800, 0, bytes(100))):
        bench.down(ethernet(ipv6(SERVER6, router, 44, fragment6(UDP, offset, more, 9) + payload), IPV6))
    assert bench.counters(ACCOUNT_ROUTER).down_bytes == 48 + 800 + 48 + 100


def test_fragment_without_its_first_is_unattributed_and_has_a_reason(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(100), fragment=LAST, id_=9)))
    assert bench.bytes_of(Reason.WAN_IN_FRAGMENT_ORPHAN) == bench.unattributed().down_bytes == 120


def test_later_fragments_of_an_upload_count_but_teach_nothing(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, bytes(100), fragment=LAST)), ALICE)
    assert bench.counters(ALICE).up_bytes == 120
    assert bench.meter.flows(10) == (0, [])


def test_native_ipv6_finds_its_client_before_any_upload(bench: Bench) -> None:
    assert bench.lan(ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1, 2)), IPV6)) == ALICE
    bench.down(ethernet(ipv6("2001:db8:9::9", CLIENT6, TCP, tcp(443, 9)), IPV6))
    assert bench.counters(ALICE).down_bytes == 60


@pytest.mark.parametrize(
    ("protocol", "payload"), [(UDP, udp(1, 2)), (ICMPV6, icmp(128, 7)), (47, bytes(8))], ids=["UDP", "ping", "GRE"]
)
def test_upload_that_comes_back_is_whose_it_was(bench: Bench, protocol: int, payload: bytes) -> None:
    """To an address of the uplink's own network that nobody has: router and carrier send it to and fro."""
    frame = ethernet(ipv6(CLIENT6, "2001:db8:64::99", protocol, payload), IPV6)
    bench.up(frame, ALICE)
    bench.down(frame)
    assert bench.counters(ALICE) == Counters(48, 48, 1, 1)


def test_link_local_address_of_a_client_is_not_learned(bench: Bench) -> None:
    bench.lan(ethernet(ipv6("fe80::1", SERVER6, UDP, udp(1, 2)), IPV6))
    bench.down(ethernet(ipv6("fe80::9", "fe80::1", UDP, udp(1, 2)), IPV6))
    assert bench.counters(ALICE).down_bytes == 0


@pytest.mark.parametrize("destination", ["ff02::1", "fe80::2"])
def test_link_local_and_multicast_downloads_are_the_routers(bench: Bench, destination: str) -> None:
    bench.down(ethernet(ipv6("fe80::9", destination, ICMPV6, icmp(134)), IPV6))
    assert bench.counters(ACCOUNT_ROUTER).down_bytes == 48


@pytest.mark.parametrize("destination", ["224.0.0.1", "255.255.255.255", "169.254.1.1"])
def test_link_local_and_multicast_ipv4_is_the_routers(bench: Bench, destination: str) -> None:
    bench.down(ethernet(ipv4(SERVER4, destination, UDP, udp(67, 68))))
    assert bench.counters(ACCOUNT_ROUTER).down_bytes == 28


def test_ip_options_and_extension_headers_are_stepped_over(bench: Bench) -> None:
    options = b"\x01" * 8
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53), options=options)), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000))))
    assert bench.counters(ALICE) == Counters(28, 36, 1, 1)


def test_tagged_and_untagged_packets_of_one_flow_meet(bench: Bench) -> None:
    bench.up(ethernet(vlan(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), 0x8100), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000))))
    assert bench.counters(ALICE) == Counters(28, 28, 1, 1)


@pytest.mark.parametrize("protocol", [0, 47, 50, 132, 255])
def test_protocols_without_ports_are_flows_by_address(bench: Bench, protocol: int) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, protocol, bytes(8))), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, protocol, bytes(8))))
    assert bench.counters(ALICE) == Counters(28, 28, 1, 1)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_flow_knows_when_it_was_seen_last(bench: Bench, direction: str) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), ALICE)
    deadline = time.monotonic() + 5
    while True:  # the clock of flows has ticks of some milliseconds
        if direction == "up":
            bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), ALICE)
        else:
            bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000))))
        _, (flow,) = bench.meter.flows(10)
        if flow.idle < flow.age:
            break
        assert time.monotonic() < deadline


def test_flow_table_has_the_size_that_was_asked_for(bench: Bench) -> None:
    assert {table.name: table.max_entries for table in bench.meter.tables()}["flows"] == 256


def test_ipv6_headers_that_lie_about_their_length_hide_no_client(bench: Bench) -> None:
    bench.lan(ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1, 2)), IPV6))
    lie = bytes([UDP, 255]) + bytes(62)
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, 60, lie), IPV6))
    assert bench.counters(ALICE).down_bytes == 40 + 64
    assert not bench.unattributed()


@pytest.mark.parametrize("protocol", [132, 136, 33])
def test_protocols_that_begin_with_ports_have_flows_like_udp(bench: Bench, protocol: int) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, protocol, udp(1000, 80))), ALICE)
    bench.up(ethernet(ipv4(WAN4, SERVER4, protocol, udp(1001, 80))), BOB)
    bench.down(ethernet(ipv4(SERVER4, WAN4, protocol, udp(80, 1000, bytes(100)))))
    assert (bench.counters(ALICE).down_bytes, bench.counters(BOB).down_bytes) == (128, 0)


def test_datagram_that_is_complete_has_no_fragment_left(bench: Bench) -> None:
    """The next one of the same number may be of another client, and come last first."""
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 80))), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(80, 1000), fragment=FIRST)))
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(8), fragment=1)))
    assert bench.counters(ALICE).down_bytes == 56
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(8), fragment=1)))
    assert bench.counters(ALICE).down_bytes == 56
    assert bench.bytes_of(Reason.WAN_IN_FRAGMENT_ORPHAN) == 28


def test_fragment_is_forgotten_as_linux_forgets_it(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 80))), ALICE)
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(80, 1000), fragment=FIRST)))
    key, value = layouts.LAYOUTS["fragments"]
    with contextlib.closing(libbpf.Map(bench.wanted.generation / "fragments", key.size, value.size)) as table:
        (known,) = table.keys()
        began, *rest = value.unpack(table.lookup(known) or b"")
        table.update(known, value.pack(max(0, began - 31 * 10**9), *rest))
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(8), fragment=1)))
    assert bench.counters(ALICE).down_bytes == 28
