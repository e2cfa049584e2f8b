# SPDX-License-Identifier: GPL-2.0-or-later
"""Conversations of a capture get the name, the service and the bytes that they have."""

from collections.abc import Iterable
from ipaddress import ip_address

import pytest

from esimshaper.core.model.services import How, Service
from esimshaper.core.services.catalogue import catalogue_of
from esimshaper.core.services.conversation import PAYLOADS
from esimshaper.core.services.dns import A
from esimshaper.core.services.flows import Flow, Flows
from esimshaper.core.services.packet import read_packet
from esimshaper.edge.names.aes import Aes
from esimshaper.edge.settings_file.catalogue import read_services
from tests.hellos import CLIENT, SERVER, crypto, dns_answer, hello, initial, ipv4, ipv6, records, tcp, udp

NAME = "r3.sn-abc.googlevideo.com"
RESOLVER = "192.0.2.53"
CATALOGUE = catalogue_of([Service("my-tv", "video", domains=("example.org",)), *read_services()])
UP, DOWN = (50_000, 443), (443, 50_000)
SYN, SYN_ACK = 0x02, 0x12


@pytest.fixture(scope="module")
def aes() -> Aes:
    return Aes()


def flows_of(aes: Aes, packets: Iterable[bytes]) -> list[Flow]:
    flows = Flows(CATALOGUE, aes)
    for packet in packets:
        flows.take(read_packet(packet, len(packet)))
    return list(flows.flows())


def up(segment: bytes) -> bytes:
    return ipv4(CLIENT, SERVER, 6, segment)


def down(segment: bytes) -> bytes:
    return ipv4(SERVER, CLIENT, 6, segment)


def answer(name: str, address: str = SERVER) -> list[bytes]:
    message = dns_answer(name, [(name, A, ip_address(address).packed)])
    return [ipv4(CLIENT, RESOLVER, 17, udp(4000, 53, b"?")), ipv4(RESOLVER, CLIENT, 17, udp(53, 4000, message))]


def kinds(flow: Flow) -> tuple[str | None, How, str, str | None]:
    return flow.name, flow.how, flow.service, flow.category


def test_bytes_are_those_of_ip_both_ways_and_the_client_is_who_began(aes: Aes) -> None:
    stream = records(hello(NAME, 1_800))
    packets = [
        up(tcp(UP, 2**32 - 3, flags=SYN)),
        down(tcp(DOWN, 70, flags=SYN_ACK)),
        up(tcp(UP, 2**32 - 2 + 1300, stream[1300:])),
        up(tcp(UP, 2**32 - 2, stream[:1300])),  # over the end of the sequence numbers, and late
        down(tcp(DOWN, 71, bytes(900))),
    ]
    (flow,) = flows_of(aes, packets)
    assert kinds(flow) == (NAME, How.SNI, "youtube", "video")
    assert (str(flow.client), flow.client_port, str(flow.remote), flow.remote_port) == (CLIENT, 50_000, SERVER, 443)
    assert (flow.up_bytes, flow.down_bytes) == (40 * 3 + len(stream), 40 * 2 + 900)


def test_segments_may_come_in_any_order_without_a_syn_and_again_longer(aes: Aes) -> None:
    stream = records(hello(NAME, 3_500))
    late = [up(tcp(UP, 1 + at, stream[at : at + 1300])) for at in (2600, 1300, 0)]
    again = [up(tcp(UP, 1, stream[:500])), up(tcp(UP, 1, stream))]
    assert [flow.name for packets in (late, again) for flow in flows_of(aes, packets)] == [NAME, NAME]


def test_capture_that_begins_with_the_servers_half_has_the_same_client(aes: Aes) -> None:
    for first in (tcp(DOWN, 70, flags=SYN_ACK), tcp(DOWN, 70, b"middle")):
        (flow,) = flows_of(aes, [down(first), up(tcp(UP, 9, records(hello(NAME))))])
        assert (str(flow.client), flow.name) == (CLIENT, NAME)


def test_quic_http_and_others_are_known_by_what_they_say(aes: Aes) -> None:
    message = hello("www.example.org")
    quic = ipv6("2001:db8::7", "2001:db8::9", 17, udp(1, 443, initial(crypto(message, 0, len(message)))))
    http = up(tcp((50_001, 80), 1, b"GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n"))
    stun = ipv4(CLIENT, SERVER, 17, udp(50_002, 3478, b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)))
    wireguard = ipv4(CLIENT, SERVER, 17, udp(50_003, 51820, b"\x01\x00\x00\x00" + bytes(144)))
    telegram = ipv4(CLIENT, "149.154.167.51", 6, tcp((50_004, 443), 1, b"\xef" + bytes(3000)))
    torrent = up(tcp((50_005, 6881), 1, b"\x13BitTorrent protocol"))
    nothing = ipv4(CLIENT, SERVER, 17, udp(50_006, 9999, b"\x99" * 40))
    ping = ipv4(CLIENT, SERVER, 1, b"\x08\x00" + bytes(6))
    found = flows_of(aes, [quic, http, stun, wireguard, telegram, torrent, nothing, ping])
    assert [kinds(flow) for flow in found] == [
        ("www.example.org", How.QUIC, "my-tv", "video"),
        ("unknown.test", How.HTTP, "other", None),
        (None, How.PATTERN, "calls", "calls"),
        (None, How.HIDDEN, "hidden", "hidden"),
        (None, How.ADDRESS, "telegram", "messaging"),
        (None, How.PATTERN, "p2p", "file-sharing"),
        (None, How.NONE, "unnamed", None),
        (None, How.NONE, "unnamed", None),
    ]


def test_conversation_without_a_hello_has_the_name_that_its_address_was_asked_by(aes: Aes) -> None:
    middle = up(tcp(UP, 5, bytes(3000)))
    assert kinds(flows_of(aes, [*answer(NAME), middle])[-1]) == (NAME, How.DNS, "youtube", "video")
    unasked = answer(NAME)[1:]
    assert flows_of(aes, [*unasked, middle])[-1].how is How.NONE


def test_hello_goes_before_the_answer_of_dns(aes: Aes) -> None:
    found = flows_of(aes, [*answer("edge.cdn.test"), up(tcp(UP, 5, records(hello(NAME))))])
    assert kinds(found[-1]) == (NAME, How.SNI, "youtube", "video")


def test_name_that_all_encrypted_hellos_show_gives_way_to_the_one_that_was_asked_for(aes: Aes) -> None:
    outer = up(tcp(UP, 5, records(hello("cloudflare-ech.com"))))
    assert kinds(flows_of(aes, [*answer(NAME), outer])[-1]) == (NAME, How.DNS, "youtube", "video")
    assert kinds(flows_of(aes, [outer])[-1])[1:] == (How.HIDDEN, "encrypted-hello", "hidden")
    relay = up(tcp(UP, 5, records(hello("mask.icloud.com"))))
    assert kinds(flows_of(aes, [*answer("mask.icloud.com"), relay])[-1])[1:] == (How.HIDDEN, "private-relay", "hidden")


def test_dns_over_tcp_binds_too(aes: Aes) -> None:
    message = dns_answer(NAME, [(NAME, A, ip_address(SERVER).packed)])
    framed = len(message).to_bytes(2, "big") + message
    asks, says = (4000, 53), (53, 4000)
    packets = [
        ipv4(CLIENT, RESOLVER, 6, tcp(asks, 1, flags=SYN)),
        ipv4(RESOLVER, CLIENT, 6, tcp(says, 9, flags=SYN_ACK)),
        ipv4(RESOLVER, CLIENT, 6, tcp(says, 30, framed[20:])),
        ipv4(RESOLVER, CLIENT, 6, tcp(says, 10, framed[:20])),
        up(tcp(UP, 5, bytes(3000))),
    ]
    assert flows_of(aes, packets)[-1].name == NAME


def test_later_fragments_belong_to_the_first_one(aes: Aes) -> None:
    first = ipv4(SERVER, CLIENT, 17, udp(443, 50_000, bytes(1000)), fragment=0x2000)
    later = ipv4(SERVER, CLIENT, 17, bytes(500), fragment=126)
    (flow,) = flows_of(aes, [ipv4(CLIENT, SERVER, 17, udp(50_000, 443, b"?")), first, later])
    assert flow.down_bytes == len(first) + len(later)


def test_name_may_come_in_any_of_the_first_payloads(aes: Aes) -> None:
    stream = records(hello(NAME))
    pieces = [
        stream[at : at + len(stream) // (PAYLOADS - 1) + 1]
        for at in range(0, len(stream), len(stream) // (PAYLOADS - 1) + 1)
    ]
    packets, at = [], 1
    for piece in pieces:
        packets.append(up(tcp(UP, at, piece)))
        at += len(piece)
    assert len(packets) <= PAYLOADS
    (flow,) = flows_of(aes, packets)
    assert flow.name == NAME
