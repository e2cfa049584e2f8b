# SPDX-License-Identifier: GPL-2.0-or-later
"""Merged packets with more headers than two, by the kernel's own GRO and GSO: the sum is the bill."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from itertools import product

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns import tricks
from tests.netns.router import Measure, Router, bytes_of

ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'
INNER4, INNER6 = ("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")
BIG = 190_000
"""Bytes that a packet may have inside the kernel; 65,535 before there was BIG TCP."""
RTM_NEWLINK, NLM_F_REQUEST, NLM_F_ACK = 16, 1, 4  # linux/rtnetlink.h, linux/netlink.h
ETH_P_ALL = 0x0003
IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE = 41, 63  # linux/if_link.h


def vxlan(lab: Lab, number: int, ends: tuple[str, str], servers: tuple[str, ...]) -> tuple[str, str]:
    """A VXLAN between router and internet host, over these addresses, by which these servers are reached.

    Returns the addresses of both ends inside.
    """
    name, inside = f"vx{number}", (f"10.98.{number}.2", f"10.98.{number}.1")
    for at, host in enumerate((lab.router, lab.internet)):
        host.ip(
            f"link add {name} type vxlan id {number} local {ends[at]} remote {ends[1 - at]} dstport 4789",
            f"addr add {inside[at]}/24 dev {name}",
            f"addr add fd98:{number}::{2 - at}/64 dev {name} nodad",
            f"link set {name} up",
        )
    lab.router.ip(*(f"route add {one} via {f'fd98:{number}::1' if ':' in one else inside[1]}" for one in servers))
    lab.router.run(["nft", f"add rule ip esimshaper_lab postrouting oifname {name} masquerade"])
    lab.router.run(
        ["nft", "-f", "-"],
        text_in=f"table ip6 vx{number} {{ chain post {{ "
        f"type nat hook postrouting priority srcnat; oifname {name} masquerade\n}}\n}}\n",
    )
    return inside


def settled(meter: Router, before: Measure) -> Measure:
    """What moved since, once no byte waits for its receiver any longer."""
    found: list[Measure] = []

    def is_whole() -> bool:
        found.append(meter.measure() - before)
        return bytes_of(found[-1].sum) == bytes_of(found[-1].bill.total)

    with contextlib.suppress(TimeoutError):
        wait_until("the sum", is_whole, timeout=4)
    return found[-1]


def reasons(meter: Router) -> set[str]:
    return {event["reason"] for event in meter.get("/v1/status")["events"]}


def through_vxlan(lab: Lab) -> None:
    """Of the router, over both families, and inside another one."""
    router, internet, alice = lab.router, lab.internet, lab.clients[0]
    inside = vxlan(lab, 1, (router.ipv4, internet.ipv4), (lab.servers4[0], lab.servers6[0]))
    vxlan(lab, 2, (router.ipv6, internet.ipv6), (lab.servers4[1], lab.servers6[1]))
    vxlan(lab, 3, inside, (lab.servers4[2], lab.servers6[2]))
    for server in (*lab.servers4[:3], *lab.servers6[:3]):
        for move in (traffic.tcp_down, traffic.tcp_up):
            alice.call(move, server, 400_000)
        alice.call(traffic.quic, server, up=50_000, down=100_000)


def segments(source: str, to: str, outside: tuple[str, str], count: int, size: int) -> list[bytes]:
    """Packets of a TCP connection, which GRO joins, each inside an IP packet of a tunnel without more headers."""
    sent = []
    for number in range(count):
        inner = tricks.ip(source, to, socket.IPPROTO_TCP, tricks.tcp(source, to, number * size, bytes(size)), number)
        sent.append(tricks.ip(*outside, socket.IPPROTO_IPV6 if ":" in source else socket.IPPROTO_IPIP, inner, number))
    return sent


def send(packets: list[bytes], to: str) -> None:
    family, level = (socket.AF_INET6, socket.IPPROTO_RAW) if ":" in to else (socket.AF_INET, socket.IPPROTO_RAW)
    with socket.socket(family, socket.SOCK_RAW, level) as raw:
        for number, packet in enumerate(packets):
            raw.sendto(packet, (to, 0))
            if number % 100 == 0:
                time.sleep(0.002)


def through_ip_in_ip(lab: Lab) -> list[str]:
    """Of a device: IPv4 and IPv6 in both, as large and as tiny segments, which are nearly all header. The servers."""
    bob, used = lab.clients[1], []
    for number, (inner, size) in enumerate(product((INNER4, INNER6), (8, 1200)), 4):
        for ours, router, server in (
            (bob.ipv4, lab.router.ipv4, lab.servers4[number]),
            (bob.ipv6, bob.ipv6, lab.servers6[number]),
        ):
            bob.call(send, segments(*inner, (ours, server), 1, size), server)
            lab.carrier.settle()
            lab.internet.call(send, segments(*inner, (server, router), 600, size), router)
            used.append(server)
    return used


def test_encapsulations_that_linux_merges(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN, gro=True) as lab:
        meter = make_router(lab, ROW).start()
        before = meter.measure()
        servers = through_ip_in_ip(lab)
        through_vxlan(lab)
        moved = settled(meter, before)
        events = reasons(meter)
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert bytes_of(moved.totals["bob"]) == bytes_of(moved.bill.of(*servers))
    assert moved.bill.of(*servers).down_packets >= 8 * 600
    assert moved.bill.total.up_bytes > 6 * 450_000
    assert "wan_segments_unknown" not in events


def allow_big(device: str) -> None:
    """As `ip link set DEVICE gso_max_size N gso_ipv4_max_size N`, of which Debian 12 knows the first only."""
    attributes = b"".join(struct.pack("=HHI", 8, kind, BIG) for kind in (IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE))
    wanted = struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(device), 0, 0) + attributes
    flags = NLM_F_REQUEST | NLM_F_ACK
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.send(struct.pack("=IHHII", 16 + len(wanted), RTM_NEWLINK, flags, 1, 0) + wanted)
        (error,) = struct.unpack_from("=i", sock.recv(4096), 16)
    assert error == 0


def largest(device: str, watches: threading.Event, ending: threading.Event) -> dict[int, int]:
    """Bytes of the largest packet that a device takes until the end, by EtherType. `watches` is set once it looks."""
    found: dict[int, int] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock:
        sock.bind((device, ETH_P_ALL))
        watches.set()
        sock.settimeout(0.1)
        while not ending.is_set():
            with contextlib.suppress(TimeoutError):
                length, address = sock.recvfrom_into(bytearray(1), 0, socket.MSG_TRUNC)
                found[address[1]] = max(found.get(address[1], 0), length)
    return found


def test_packets_beyond_64_kib_that_linux_makes(make_router: Callable[..., Router]) -> None:
    """BIG TCP: the header that states the length is in no segment."""
    with Lab(WanKind.VETH) as lab:
        alice, meter = lab.clients[0], make_router(lab, ROW).start()
        for host, device in ((alice, "eth0"), (lab.internet, "gw0"), (lab.router, "wan0"), (lab.router, "lan0")):
            host.call(allow_big, device)
        before, watches, ending = meter.measure(), threading.Event(), threading.Event()
        watching = lab.router.start(largest, "wan0", watches, ending)
        assert watches.wait(30)
        for server in (lab.servers4[0], lab.servers6[0]):
            alice.call(traffic.tcp_down, server, 5_000_000)
            alice.call(traffic.tcp_up, server, 5_000_000)
        moved = settled(meter, before)
        ending.set()
        found = watching.result()
    assert min(found[0x0800], found[0x86DD]) > 65_535
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
