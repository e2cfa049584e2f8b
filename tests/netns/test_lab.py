# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself: what the bill says is true, and nothing stays behind. Needs root; works in its own namespaces."""

import contextlib
import os
import socket
import time

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Bill, Lab, Shape, WanKind, namespaces, traffic
from esimshaper.lab.bill import ETHERNET, VNET, Tally
from esimshaper.lab.world import BEYOND4, BEYOND6

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make network namespaces")

IP4, IP6, UDP = 20, 40, 8
ALL_KINDS = [WanKind.TUN, WanKind.TAP, WanKind.VETH]  # PPP is as TUN


@pytest.fixture(scope="module", params=ALL_KINDS, ids=lambda kind: kind.value)
def lab(request):
    with Lab(request.param) as built:
        yield built


@pytest.fixture(params=["ipv4", "ipv6"])
def family(request):
    return request.param


def server_of(lab, family, number=0):
    return (lab.servers4 if family == "ipv4" else lab.servers6)[number]


def ip_header(family):
    return IP4 if family == "ipv4" else IP6


QUIET = 0.1  # seconds without a packet after which an exchange counts as over


def billed(lab, client, function, *args, **kwargs):
    """What the exchange moved and what the carrier billed for it."""
    before = lab.carrier.settle(QUIET)
    moved = client.call(function, *args, **kwargs)
    return moved, lab.carrier.settle(QUIET) - before


# What it is


def test_clients_get_their_addresses_and_names_from_dnsmasq(lab):
    leases = [line.split()[1:4] for line in lab.lease_file.read_text().splitlines()]
    assert sorted(leases) == sorted([client.mac, client.ipv4, client.name] for client in lab.clients)
    assert [client.mac for client in lab.clients] == ["02:00:00:00:00:10", "02:00:00:00:00:11"]


def test_nat_hides_ipv4_clients_and_ipv6_clients_keep_their_address(lab, family):
    server, client = server_of(lab, family), lab.clients[0]

    def listen():
        with socket.create_server(
            (server, 7001), family=socket.AF_INET if family == "ipv4" else socket.AF_INET6
        ) as sock:
            sock.settimeout(10)
            connection, address = sock.accept()
            connection.close()
            return address[0]

    def knock():
        namespaces.wait_until("the server's start", lambda: _connects(server, 7001))

    seen = lab.internet.start(listen)
    client.call(knock)
    assert seen.result(timeout=300) == (lab.router.ipv4 if family == "ipv4" else client.ipv6)


def _connects(server, port):
    try:
        socket.create_connection((server, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_wan_has_the_link_type_asked_for(lab):
    kind = int(lab.router.call(lambda: _arphrd(lab.wan_interface)))
    assert kind == (65534 if lab.kind is WanKind.TUN else 1)


def _arphrd(name):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((name, 0))
        return sock.getsockname()[3]


# The bill


def test_pings_cost_their_ip_packets_both_ways(lab, family):
    server = server_of(lab, family)
    _, bill = billed(lab, lab.clients[0], traffic.ping, server, count=10, size=100)
    size = 10 * (ip_header(family) + 8 + 100)
    assert bill.of(server) == Counters(size, size, 10, 10)


def test_udp_echo_costs_known_sizes(lab, family):
    server = server_of(lab, family)
    for size in (1, 17, 1400):  # 1: a frame that Ethernet hardware would pad to 60 bytes
        _, bill = billed(lab, lab.clients[0], traffic.udp_echo, server, count=7, size=size)
        cost = 7 * (ip_header(family) + UDP + size)
        assert bill.of(server) == Counters(cost, cost, 7, 7)


def test_fragments_cost_a_header_each(lab, family):
    server = server_of(lab, family)
    moved, bill = billed(lab, lab.clients[0], traffic.fragments, server, count=5, size=4000)
    header = ip_header(family) + (8 if family == "ipv6" else 0)  # RFC 8200: the fragment header
    cost = 5 * (4000 + UDP + 3 * header)
    assert moved.down == 20_000
    assert bill.of(server) == Counters(cost, cost, 15, 15)


def test_super_packets_cost_what_their_segments_cost(lab, family):
    server, packet = server_of(lab, family), 1250
    moved, bill = billed(lab, lab.clients[0], traffic.quic, server, up=100 * packet, down=200 * packet)
    assert moved == traffic.Moved(100 * packet, 200 * packet)
    header, request = ip_header(family) + UDP, 14
    questions_up, questions_down = 4, 7  # one for each burst of 32
    assert bill.of(server) == Counters(
        down_bytes=200 * (header + packet) + questions_up * (header + request + 16),
        up_bytes=100 * (header + packet) + (questions_up + questions_down) * (header + request),
        down_packets=200 + questions_up,
        up_packets=100 + questions_up + questions_down,
    )


def test_tcp_costs_its_payload_and_a_header_for_each_packet(lab, family):
    server, size = server_of(lab, family), 3_000_000
    header = ip_header(family) + 32  # TCP with timestamps
    for function, payload, acknowledged in ((traffic.tcp_down, "down", "up"), (traffic.tcp_up, "up", "down")):
        _, bill = billed(lab, lab.clients[0], function, server, size)
        counters = bill.of(server)
        there = getattr(counters, f"{payload}_bytes") - header * getattr(counters, f"{payload}_packets")
        back = getattr(counters, f"{acknowledged}_bytes") - header * getattr(counters, f"{acknowledged}_packets")
        assert size + 8 <= there <= size * 1.2  # SYN has 8 bytes of options more; TCP may have sent some twice
        assert 1 <= back < 100 + 12 * getattr(counters, f"{acknowledged}_packets")  # selective acknowledgements


def test_remotes_sum_up_to_the_bill_and_each_client_has_its_own(lab):
    before = lab.carrier.settle(QUIET)
    exchanges = [
        client.start(traffic.tcp_down, server, size)
        for client, server, size in zip(
            lab.clients, (lab.servers4[1], lab.servers4[2]), (1_000_000, 2_000_000), strict=True
        )
    ]
    for exchange in exchanges:
        exchange.result(timeout=300)
    bill = lab.carrier.settle(QUIET) - before
    assert sum(bill.by_remote.values(), Counters()) == bill.total
    assert 1_000_000 < bill.of(lab.servers4[1]).down_bytes < 1_500_000
    assert 2_000_000 < bill.of(lab.servers4[2]).down_bytes < 3_000_000
    assert bill.of(lab.servers4[3]) == Counters()


def test_icmp_errors_come_back_and_are_billed(lab, family):
    client, server = lab.clients[0], server_of(lab, family)
    beyond = BEYOND4 if family == "ipv4" else BEYOND6
    hop = lab.internet.ipv4 if family == "ipv4" else lab.internet.ipv6
    moved, bill = billed(lab, client, traffic.port_unreachable, server, count=5)
    assert (moved.down, bill.of(server).up_packets, bill.of(server).down_packets) == (5, 5, 5)
    for function in (traffic.time_exceeded, traffic.packet_too_big):
        moved, bill = billed(lab, client, function, beyond, count=5)
        assert (moved.down, bill.of(beyond).up_packets) == (5, 5)
        assert bill.of(hop).down_packets >= 5  # neighbour discovery may stand under the same address


def test_arp_is_not_billed(lab):
    if lab.kind is WanKind.TUN:
        pytest.skip("a raw-IP link has no ARP")
    before = lab.carrier.settle(QUIET)
    lab.router.ip("neigh flush dev wan0")
    _, bill = billed(lab, lab.clients[0], traffic.ping, lab.servers4[0], count=1, size=0)
    bill = lab.carrier.settle(QUIET) - before
    assert bill.other_frames >= 2
    assert bill.of(lab.servers4[0]) == Counters(28, 28, 1, 1)
    assert sum(bill.by_remote.values(), Counters()) == bill.total


def test_padding_is_not_billed():
    datagram = bytes.fromhex("45000021000040004011000064400002c6336401 1389232800000000 0102030405".replace(" ", ""))
    frame = bytes(VNET) + bytes(12) + b"\x08\x00" + datagram + bytes(60 - ETHERNET - len(datagram))
    tally = Tally(ethernet=ETHERNET)
    tally.add(frame, len(frame), upward=True)
    assert tally.bill() == Bill(Counters(0, 33, 0, 1), {"198.51.100.1": Counters(0, 33, 0, 1)})


# The link


def test_router_gets_super_packets_on_demand(family):
    for options, joined in (({}, False), ({"gso": True}, True), ({"gro": True}, True)):
        with Lab(WanKind.TUN, clients=("alice-phone",), **options) as lab:
            largest = _largest_frame_while(
                lab, lambda lab=lab: lab.clients[0].call(traffic.tcp_down, server_of(lab, family), 2_000_000)
            )
        assert (largest > 2 * 1500) is joined


def _largest_frame_while(lab, work):
    with lab.router.call(socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM, 0) as sock:
        sock.bind((lab.wan_interface, 3))
        sock.settimeout(0)
        work()
        sizes = []
        with contextlib.suppress(BlockingIOError):
            while True:
                length, address = sock.recvfrom_into(bytearray(1), 0, socket.MSG_TRUNC)
                if address[2] != socket.PACKET_OUTGOING:
                    sizes.append(length)
    return max(sizes)


def test_delay_loss_rate_and_cap_act_and_lost_packets_are_told():
    with Lab(WanKind.TUN, clients=("alice-phone",)) as lab:
        client, server = lab.clients[0], lab.servers4[0]

        def seconds(function, *args, **kwargs):
            start = time.monotonic()
            moved, bill = billed(lab, client, function, *args, **kwargs)
            return time.monotonic() - start, moved, bill

        lab.carrier.set_shape(Shape(delay_ms=100))
        took, _, _ = seconds(traffic.udp_echo, server, count=3)
        assert took > 3 * 2 * 0.1

        lab.carrier.set_shape(Shape(loss_percent=30, seed=7))
        moved, bill = billed(lab, client, traffic.ping, server, count=100, size=72)
        answered = moved.down // 72
        assert 25 < answered < 75
        assert bill.of(server).up_packets + bill.lost.up_packets == 100  # lost on the air: never billed
        assert bill.of(server).down_packets - bill.lost.down_packets == answered  # billed all the same
        assert bill.seen_by_router.down_bytes - bill.of("ff02::16").down_bytes == answered * 100

        lab.carrier.set_shape(Shape(down_bits=4_000_000))
        took, moved, _ = seconds(traffic.udp_down, server, 500_000)
        assert moved.down >= 500_000
        assert took > 0.9

        total = lab.carrier.settle(QUIET).total.total_bytes
        lab.carrier.set_shape(Shape(cap_bytes=total + 20_000))
        took, _, _ = seconds(traffic.udp_down, server, 30_000)
        assert took > 10_000 * 8 / 128_000


def test_tells_uploads_that_never_reached_the_carrier():
    with Lab(WanKind.TUN, clients=("alice-phone",)) as lab:
        before = lab.upload_drops()  # a report of multicast groups, while the link came up
        lab.router.run(["tc", "qdisc", "replace", "dev", "wan0", "root", "pfifo", "limit", "0"])
        moved, bill = billed(lab, lab.clients[0], traffic.ping, lab.servers4[0], count=3)
        assert (moved.down, bill.of(lab.servers4[0])) == (0, Counters())
        assert lab.upload_drops() >= before + 3


def test_recreated_wan_works_and_the_bill_goes_on():
    with Lab(WanKind.TUN, clients=("alice-phone",)) as lab:
        client = lab.clients[0]

        def index():
            return lab.router.call(socket.if_nametoindex, "wan0")

        before = lab.carrier.settle(QUIET)
        for round_, kind in enumerate((WanKind.TUN, WanKind.TAP, WanKind.VETH, WanKind.TUN), start=1):
            old = index()
            lab.recreate_wan(kind)
            assert lab.kind is kind
            assert index() != old
            for server in (lab.servers4[0], lab.servers6[0]):
                client.call(traffic.udp_echo, server, count=3, size=100)
            bill = lab.carrier.settle(QUIET) - before
            assert bill.of(lab.servers4[0]) == Counters(384 * round_, 384 * round_, 3 * round_, 3 * round_)
            assert bill.of(lab.servers6[0]) == Counters(444 * round_, 444 * round_, 3 * round_, 3 * round_)


def test_deleted_wan_can_come_back():
    with Lab(WanKind.TAP, clients=("alice-phone",)) as lab:
        for kind in (WanKind.VETH, WanKind.TUN):
            lab.router.ip("link del wan0")
            lab.recreate_wan(kind)
            assert lab.clients[0].call(traffic.ping, lab.servers4[0], count=1, size=8).down == 8
