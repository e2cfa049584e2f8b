# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge conntrack: flows find their client through real NAT, in network namespaces of the test's own. Needs root."""

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.flows import Flow, Protocol
from esimshaper.core.model.identity import ROUTER, ClientKey
from esimshaper.edge.lan import conntrack
from esimshaper.lab import namespaces
from tests.tools import needs_root

ALICE = ClientKey("02:00:00:00:00:10")
RULES = """
table inet nat {
  chain in { type nat hook prerouting priority -100; iifname "wan0" tcp dport 8080 dnat ip to 10.1.0.2:80; }
  chain out { type nat hook postrouting priority 100; oifname "wan0" meta nfproto ipv4 masquerade random; }
}
"""


@dataclass(frozen=True)
class Nat:
    """client (10.1.0.2) -- router (NAT) -- server (10.2.0.2)"""

    client: namespaces.Host
    router: namespaces.Host
    server: namespaces.Host


@pytest.fixture(scope="module")
def nat() -> Iterator[Nat]:
    hosts = [namespaces.Host(role, f"esl-{os.getpid()}-901-{role}") for role in ("client", "router", "server")]
    client, router, server = hosts
    namespaces.add(host.netns for host in hosts)
    try:
        router.ip(
            f"link add lan0 type veth peer name eth0 netns {client.netns}",
            f"link add wan0 type veth peer name eth0 netns {server.netns}",
        )
        for host, interface, number in (
            (client, "eth0", "1.0.2"), (router, "lan0", "1.0.1"), (router, "wan0", "2.0.1"), (server, "eth0", "2.0.2"),
        ):  # fmt: skip
            net, _, end = number.split(".")
            host.ip(
                "link set lo up",
                f"link set {interface} up",
                f"addr add 10.{number}/24 dev {interface}",
                f"addr add fd00:{net}::{end}/64 dev {interface} nodad",
            )
        client.ip("route add default via 10.1.0.1", "route add default via fd00:1::1")
        server.ip("route add default via fd00:2::1")
        router.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        router.run(["nft", "-f", "-"], text_in=RULES)
        yield Nat(*hosts)
    finally:
        namespaces.remove(host.netns for host in hosts)


def flow(protocol: int, remote: tuple[str, int], wan: tuple[str, int]) -> Flow:
    return Flow(ALICE, protocol, *remote, *wan, Counters(1), age=1.0, idle=0.0)


def listen(kind: int, family: int = socket.AF_INET, port: int = 0) -> socket.socket:
    listener = socket.socket(family, kind)
    listener.bind(("", port))
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener


def inside(nat: Nat, *flows: Flow) -> list[tuple[str, int]]:
    return [(f.client_address, f.client_port) for f in nat.router.call(conntrack.behind_nat, flows)]


@needs_root
def test_a_tcp_flow_finds_the_clients_address_and_port(nat):
    with nat.server.call(listen, socket.SOCK_STREAM) as listener:
        port = listener.getsockname()[1]
        with nat.client.call(socket.create_connection, ("10.2.0.2", port), 5) as connection:
            accepted, seen_from = listener.accept()
            accepted.close()
            own = connection.getsockname()
    assert seen_from[0] == "10.2.0.1"
    assert seen_from[1] != own[1], "`random` gives it another port, or this test would prove little"
    assert inside(nat, flow(Protocol.TCP, ("10.2.0.2", port), seen_from)) == [own]


@needs_root
@pytest.mark.parametrize(
    ("family", "server", "wan", "client"),
    [
        (socket.AF_INET, "10.2.0.2", "10.2.0.1", "10.1.0.2"),
        (socket.AF_INET6, "fd00:2::2", "fd00:1::2", "fd00:1::2"),
    ],
)
def test_udp_over_both_families(nat, family, server, wan, client):
    with (
        nat.server.call(listen, socket.SOCK_DGRAM, family) as receiver,
        nat.client.call(listen, socket.SOCK_DGRAM, family) as sender,
    ):
        receiver.settimeout(5)
        sender.sendto(b"hello", (server, receiver.getsockname()[1]))
        _, seen_from = receiver.recvfrom(100)
        expected = (client, sender.getsockname()[1])
        udp = flow(Protocol.UDP, (server, receiver.getsockname()[1]), (wan, seen_from[1]))
    assert seen_from[0] == wan
    assert inside(nat, udp) == [expected]


@needs_root
def test_ping_is_found_by_its_identifier(nat):
    def ping() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.settimeout(5)
            body = struct.pack("!BBHHH", 8, 0, 0, 4711, 1)
            checksum = 0xFFFF - (0x0800 + 4711 + 1)
            raw.sendto(body[:2] + struct.pack("!H", checksum) + body[4:], ("10.2.0.2", 0))
            return len(raw.recv(100))

    with nat.server.call(socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as watch:
        watch.settimeout(5)
        assert nat.client.call(ping)
        request = watch.recv(100)
    identifier = struct.unpack_from("!H", request, 24)[0]
    found = inside(nat, flow(Protocol.ICMP, ("10.2.0.2", 0), ("10.2.0.1", identifier)))
    assert found == [("10.1.0.2", 4711)]


@needs_root
def test_a_connection_let_in_finds_the_client_too(nat):
    with nat.client.call(listen, socket.SOCK_STREAM, socket.AF_INET, 80) as listener:
        connection = nat.server.call(socket.create_connection, ("10.2.0.1", 8080), 5)
        listener.accept()[0].close()
        remote = connection.getsockname()
        connection.close()
    assert inside(nat, flow(Protocol.TCP, remote, ("10.2.0.1", 8080))) == [("10.1.0.2", 80)]


@needs_root
def test_a_flow_that_nobody_tracks_stays_as_it_is(nat):
    unknown = flow(Protocol.TCP, ("192.0.2.1", 443), ("10.2.0.1", 1))
    portless = flow(Protocol.ESP, ("192.0.2.1", 0), ("10.2.0.1", 0))
    assert nat.router.call(conntrack.behind_nat, [unknown, portless]) == (unknown, portless)
    assert conntrack.behind_nat([]) == ()


@needs_root
def test_without_permission_flows_come_back_as_they_are():
    code = (
        "import os\nfrom esimshaper.core.model.counts import Counters\nfrom esimshaper.core.model.flows import Flow\n"
        "from esimshaper.edge.lan import conntrack\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"flow = Flow({ROUTER!r}, 6, '192.0.2.1', 443, '192.0.2.2', 1, Counters(), 1.0, 1.0)\n"
        "assert conntrack.behind_nat([flow]) == (flow,)\nprint('same')"
    )
    host = namespaces.Host("user", f"esl-{os.getpid()}-902-user")
    namespaces.add([host.netns])
    try:
        assert host.run(["/usr/bin/python3", "-c", code]) == "same\n"
    finally:
        namespaces.remove([host.netns])


@needs_root
def test_a_long_table_is_read_whole():
    """More than one datagram; the entries are made by pyroute2, which knows the format on its own."""

    def fill_and_ask() -> set[tuple[str, int]]:
        with NFCTSocket() as table:
            for number in range(1000):
                original = NFCTAttrTuple(saddr="10.1.0.2", daddr="192.0.2.1", proto=17, sport=1000 + number, dport=53)
                reply = NFCTAttrTuple(saddr="192.0.2.1", daddr="10.2.0.1", proto=17, sport=53, dport=30000 + number)
                table.entry("add", timeout=100, tuple_orig=original, tuple_reply=reply)
        flows = [flow(Protocol.UDP, ("192.0.2.1", 53), ("10.2.0.1", 30000 + number)) for number in range(1000)]
        return {(found.client_address, found.client_port) for found in conntrack.behind_nat(flows)}

    host = namespaces.Host("table", f"esl-{os.getpid()}-903-table")
    namespaces.add([host.netns])
    try:
        assert host.call(fill_and_ask) == {("10.1.0.2", 1000 + number) for number in range(1000)}
    finally:
        namespaces.remove([host.netns])


def attribute(kind: int, value: bytes) -> bytes:
    return (struct.pack("=HH", 4 + len(value), kind) + value).ljust((7 + len(value)) & ~3, b"\0")


def direction(source: str, source_port: int, destination: str, destination_port: int) -> bytes:
    addresses = attribute(1, socket.inet_aton(source)) + attribute(2, socket.inet_aton(destination))
    ports = attribute(1, b"\x11") + attribute(2, struct.pack("!H", source_port))
    return attribute(1, addresses) + attribute(2, ports + attribute(3, struct.pack("!H", destination_port)))


def message() -> bytes:
    """A connection as the kernel writes it: 10.1.0.2:1000 by UDP to 192.0.2.1:53, as 10.2.0.1:3000."""
    original, reply = direction("10.1.0.2", 1000, "192.0.2.1", 53), direction("192.0.2.1", 53, "10.2.0.1", 3000)
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + attribute(1, original) + attribute(2, reply)
    return struct.pack("=IHHII", 16 + len(body), 0x100, 2, 1, 0) + body


def test_a_message_is_read_as_the_kernel_writes_it():
    client, server = socket.inet_aton("10.1.0.2"), socket.inet_aton("192.0.2.1")
    original = (17, client, 1000, server, 53)
    reply = (17, server, 53, socket.inet_aton("10.2.0.1"), 3000)
    assert conntrack.connections_in(message() * 2) == ([(original, reply)] * 2, True)


@given(st.binary(max_size=200) | st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), max_size=8), st.data())
def test_no_answer_of_a_kernel_is_an_error(damage, data):
    content = bytearray(message() if isinstance(damage, list) else damage)
    for where, value in damage if isinstance(damage, list) else ():
        content[where % len(content)] = value
    found, _ = conntrack.connections_in(bytes(content[: data.draw(st.integers(0, len(content)))]))
    for each in (side for sides in found for side in sides):
        assert {len(each.source), len(each.destination)} <= {0, 4, 16}
        assert 0 <= each.source_port <= 65535
