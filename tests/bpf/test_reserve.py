# SPDX-License-Identifier: GPL-2.0-or-later
"""What passes in spite of a block: upkeep of the router, listed addresses, and names; and nothing of a guest's own."""

import contextlib
import struct
import time
from ipaddress import ip_network

import pytest

from esimshaper.core.model.counts import UNUSED, Reason
from esimshaper.core.model.hold import Reserve
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.edge.bpf import layouts, libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import (
    CLIENT6,
    ICMPV6,
    LAN_MAC,
    ROUTER_MAC,
    SERVER4,
    SERVER6,
    TCP,
    UDP,
    WAN4,
    WAN6,
    ethernet,
    extension,
    fragment6,
    ipv4,
    ipv6,
    tcp,
    udp,
    vlan,
)
from tests.bpf.verdicts import ALICE, BOB, PASS, SHOT, sent

IPV6 = 0x86DD
TOP_UP4, TOP_UP6 = "203.0.113.7", "2001:db8:9::7"
LISTED = (ip_network("203.0.113.0/24"), ip_network("2001:db8:9::/48"))
GATEWAY6, ROUTER6 = "fe80::1", "fe80::2"
RESERVE = 8000


@pytest.fixture
def used_up(bench: Bench) -> Bench:
    """The plan of everyone is used up; Alice and Bob are listed, and have no limit of their own."""
    everyone = bench.read().everyone
    known = Policy(parent=everyone)
    bench.meter.write_policies(dict.fromkeys((ALICE, BOB, ACCOUNT_ROUTER, ACCOUNT_UNATTRIBUTED), known))
    bench.meter.write_policies({everyone: Policy(block_at=Thresholds(both=0))})
    bench.meter.write_reserve(Reserve(RESERVE, RESERVE // 2), LISTED)
    return bench


def up(bench: Bench, frame: bytes, account: int = ACCOUNT_ROUTER) -> int:
    context = skb() if account == ACCOUNT_ROUTER else skb(account << 20, LOOPBACK)
    return sent(bench, "wan_egress_ethernet", frame, context)[0]


def down(bench: Bench, frame: bytes) -> int:
    return sent(bench, "wan_ingress_ethernet", frame, skb(0, LOOPBACK))[0]


def asks(port: int, protocol: int = UDP, to: str = SERVER4, size: int = 0, own: int = 1000) -> bytes:
    head = udp(own, port, bytes(size)) if protocol == UDP else tcp(own, port, bytes(size))
    return ethernet(ipv4(WAN4, to, protocol, head))


def answers(port: int, protocol: int = UDP, by: str = SERVER4, size: int = 0, own: int = 1000) -> bytes:
    head = udp(port, own, bytes(size)) if protocol == UDP else tcp(port, own, bytes(size))
    return ethernet(ipv4(by, WAN4, protocol, head))


def neighbour(type_: int, source: str, target: str, hops: int = 255) -> bytes:
    packet = bytearray(ipv6(source, target, ICMPV6, struct.pack("!BBHI", type_, 0, 0, 0)))
    packet[7] = hops
    return ethernet(bytes(packet), IPV6)


def taken(bench: Bench) -> int:
    reading = bench.read()
    return reading.budgets.get(reading.reserve_account, UNUSED).both


@pytest.mark.parametrize(("port", "protocol"), [(123, UDP), (53, UDP), (53, TCP), (853, TCP), (4460, TCP)])
def test_time_and_names_of_the_router_pass_with_their_answers_and_are_counted(
    used_up: Bench, port: int, protocol: int
) -> None:
    before = used_up.read().budgets.get(used_up.read().everyone)
    assert [up(used_up, asks(port, protocol)), down(used_up, answers(port, protocol))] == [PASS, PASS]
    size = 28 if protocol == UDP else 40
    counted = used_up.counters(ACCOUNT_ROUTER)
    assert (counted.up_bytes, counted.down_bytes) == (size, size)
    assert used_up.read().budgets[used_up.read().everyone].both - (before.both if before else 0) == 2 * size
    assert taken(used_up) == used_up.bytes_of(Reason.SPARED) == 2 * size


@pytest.mark.parametrize("frame", [asks(80, TCP), asks(443), asks(5353), asks(124)])
def test_all_else_of_the_router_stays_blocked(used_up: Bench, frame: bytes) -> None:
    assert up(used_up, frame) == SHOT
    assert taken(used_up) == 0


def test_answer_that_nobody_asked_for_is_not_let_in_by_its_port(used_up: Bench) -> None:
    assert down(used_up, answers(123)) == SHOT
    assert up(used_up, asks(123)) == PASS
    assert [down(used_up, answers(123, own=1001)), down(used_up, answers(123))] == [SHOT, PASS]


@pytest.mark.parametrize("port", [123, 53, 67, 853])
def test_no_device_gets_out_by_the_ports_of_the_routers_upkeep(used_up: Bench, port: int) -> None:
    assert up(used_up, asks(port), ALICE) == up(used_up, asks(port, own=68), ALICE) == SHOT
    assert down(used_up, answers(port)) == SHOT
    assert used_up.bytes_of(Reason.SPARED) == 0


def test_link_is_kept_up_without_the_reserve(used_up: Bench) -> None:
    used_up.meter.write_reserve(Reserve(0, 0), ())
    discover = ethernet(ipv4("0.0.0.0", "255.255.255.255", UDP, udp(68, 67)))
    offer = ethernet(ipv4("192.0.2.1", WAN4, UDP, udp(67, 68)))
    solicit = ethernet(ipv6(ROUTER6, "ff02::1:2", UDP, udp(546, 547)), IPV6)
    advertise = ethernet(ipv6(GATEWAY6, ROUTER6, UDP, udp(547, 546)), IPV6)
    assert [up(used_up, discover), down(used_up, offer), up(used_up, solicit), down(used_up, advertise)] == [PASS] * 4
    assert [up(used_up, neighbour(type_, ROUTER6, GATEWAY6)) for type_ in (133, 135, 136)] == [PASS] * 3
    assert [down(used_up, neighbour(type_, GATEWAY6, ROUTER6)) for type_ in (134, 135, 136, 137)] == [PASS] * 4
    assert down(used_up, neighbour(135, GATEWAY6, WAN6)) == PASS
    assert up(used_up, asks(123)) == SHOT


def test_what_comes_from_beyond_the_link_is_no_upkeep_of_it(used_up: Bench) -> None:
    assert down(used_up, neighbour(136, SERVER6, WAN6, hops=64)) == SHOT
    assert down(used_up, neighbour(128, GATEWAY6, ROUTER6)) == SHOT
    assert down(used_up, ethernet(ipv6(SERVER6, CLIENT6, UDP, udp(547, 546)), IPV6)) == SHOT


def test_reserve_ends_at_its_byte_and_what_it_refuses_is_not_billed(used_up: Bench) -> None:
    frames = [asks(123, size=972)] * 10
    assert [up(used_up, each) for each in frames] == [PASS] * 8 + [SHOT] * 2
    assert used_up.counters(ACCOUNT_ROUTER).up_bytes == taken(used_up) == RESERVE
    assert down(used_up, answers(123)) == SHOT


@pytest.mark.parametrize("target", [TOP_UP4, TOP_UP6])
def test_devices_reach_what_the_owner_lists_each_by_its_share(used_up: Bench, target: str) -> None:
    if target == TOP_UP4:
        out, back = asks(443, TCP, TOP_UP4, 210), answers(443, TCP, TOP_UP4, 210)
    else:
        out = ethernet(ipv6(CLIENT6, target, TCP, tcp(1000, 443, bytes(190))), IPV6)
        back = ethernet(ipv6(target, CLIENT6, TCP, tcp(443, 1000, bytes(190))), IPV6)
    got = [up(used_up, out, ALICE), down(used_up, back), up(used_up, out, ALICE), down(used_up, back)]
    assert got == [PASS] * 4
    assert up(used_up, out, ALICE) == SHOT, "1,000 bytes: an eighth of the reserve"
    assert up(used_up, out, BOB) == PASS
    assert up(used_up, asks(443, TCP), ALICE) == SHOT
    used_up.meter.write_reserve(Reserve(RESERVE + 1, RESERVE // 2), LISTED)  # the next window
    assert up(used_up, out, ALICE) == PASS


def test_listed_addresses_leave_half_of_the_reserve_to_the_clock(used_up: Bench) -> None:
    used = [up(used_up, asks(443, UDP, TOP_UP4, 772)) for _ in range(8)]
    assert used == [PASS] * 5 + [SHOT] * 3
    assert taken(used_up) == RESERVE // 2
    assert up(used_up, asks(123)) == PASS


def test_devices_that_are_not_listed_have_one_share_together(used_up: Bench) -> None:
    everyone = used_up.read().everyone
    strangers = [Account(number) for number in (10, 11, 12)]
    used_up.meter.write_policies(dict.fromkeys(strangers, Policy(parent=everyone, unlisted=True)))
    out = asks(443, UDP, TOP_UP4, 472)
    assert [up(used_up, out, each) for each in strangers] == [PASS, PASS, SHOT]


def test_who_is_blocked_beside_everyone_reaches_nothing_listed(used_up: Bench) -> None:
    everyone = used_up.read().everyone
    out = asks(443, TCP, TOP_UP4)
    used_up.meter.write_policies(
        {
            ALICE: Policy(parent=everyone, blocked=True),
            BOB: Policy(parent=everyone, block_at=Thresholds(both=0)),
            Account(4): Policy(parent=everyone, blocked=True, with_everyone=True),
        }
    )
    assert [up(used_up, out, each) for each in (ALICE, BOB, 4)] == [SHOT, SHOT, PASS]


def test_router_that_is_blocked_by_itself_keeps_its_clock_and_nothing_listed(used_up: Bench) -> None:
    used_up.meter.write_policies({ACCOUNT_ROUTER: Policy(blocked=True)})
    assert [up(used_up, asks(123)), up(used_up, asks(443, TCP, TOP_UP4))] == [PASS, SHOT]


# --- names


def question(size: int = 972, port: int = 53, protocol: int = UDP, options: bytes = b"", fragment: int = 0) -> bytes:
    head = udp(4000, port, bytes(size)) if protocol == UDP else tcp(4000, port, bytes(size - 12))
    return ethernet(ipv4("192.168.8.2", "192.168.8.1", protocol, head, options=options, fragment=fragment))


def ask(bench: Bench, frame: bytes) -> int:
    return sent(bench, "lan_ingress_ethernet", frame, skb())[0]


def answer(bench: Bench, size: int = 972, fragment: int = 0) -> int:
    packet = ipv4("192.168.8.1", "192.168.8.2", UDP, udp(53, 4000, bytes(size)), fragment=fragment)
    frame = ethernet(packet, source=ROUTER_MAC, destination=LAN_MAC)
    return sent(bench, "lan_egress_ethernet", frame, skb())[0]


@pytest.fixture
def blocked(bench: Bench) -> Bench:
    assert bench.lan(question(10)) == ALICE
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=0))})
    return bench


def test_blocked_device_has_so_many_bytes_of_names_both_ways_and_no_more(blocked: Bench) -> None:
    passed = sum((ask(blocked, question()) == PASS) + (answer(blocked) == PASS) for _ in range(40))
    assert passed == 32768 // 1014
    assert blocked.packets_of(Reason.NAMES_REFUSED) == 80 - passed
    assert ask(blocked, question(port=80)) == PASS, "other services of the router stay"


def test_answer_that_is_too_large_is_a_debt(blocked: Bench) -> None:
    while ask(blocked, question()) == PASS:
        pass
    assert ask(blocked, question(100)) == PASS, "there was room for less"
    assert answer(blocked) == SHOT
    assert ask(blocked, question(20)) == SHOT, "there would be room for as much"


def test_share_comes_back_by_eight_bytes_a_second(blocked: Bench) -> None:
    assert ask(blocked, question()) == PASS
    path = blocked.wanted.generation / "leeway"
    with contextlib.closing(libbpf.Map(path, layouts.NUMBER.size, layouts.LEEWAY.size)) as table:
        _, _, due = layouts.LEEWAY.unpack(table.lookup(layouts.NUMBER.pack(ALICE)) or b"")
    assert 0.9 < (due - time.monotonic_ns()) / 1e9 / (1014 / 8) <= 1


def test_device_that_is_allowed_by_hand_asks_as_it_likes(blocked: Bench) -> None:
    blocked.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=0), exempt=True)})
    assert all(ask(blocked, question()) == PASS for _ in range(40))


@pytest.mark.parametrize(
    "trick",
    [
        question(protocol=TCP),
        question(port=853, protocol=TCP),
        question(options=bytes([1] * 8)),
        question(fragment=0x2000),
        ethernet(ipv6(CLIENT6, "2001:db8:77::1", UDP, udp(4000, 53, bytes(972))), IPV6),
        ethernet(ipv6(CLIENT6, "2001:db8:77::1", 60, extension(UDP, 64) + udp(4000, 53, bytes(972))), IPV6),
        ethernet(ipv6(CLIENT6, "2001:db8:77::1", 44, fragment6(UDP, 0, 1, 9) + udp(4000, 53, bytes(972))), IPV6),
        ethernet(ipv6(CLIENT6, "2001:db8:77::1", 60, extension(60) * 9 + extension(UDP) + udp(4000, 53)), IPV6),
        ethernet(vlan(vlan(vlan(question()[14:], tag=0), 0x8100, 0), 0x8100, 0), 0x8100),
    ],
)
def test_no_form_of_a_question_gets_past_the_share(blocked: Bench, trick: bytes) -> None:
    while ask(blocked, question()) == PASS:
        pass
    assert ask(blocked, trick) == SHOT


def test_headers_of_honest_services_are_deep_enough(blocked: Bench) -> None:
    while ask(blocked, question()) == PASS:
        pass
    page = udp(4000, 443, bytes(100))
    assert ask(blocked, ethernet(vlan(vlan(question(port=80)[14:], tag=0), 0x8100, 0), 0x8100)) == PASS
    assert ask(blocked, ethernet(ipv6(CLIENT6, "2001:db8:77::1", 60, extension(UDP) + page), IPV6)) == PASS


def test_parts_of_a_datagram_are_no_names(blocked: Bench) -> None:
    assert [ask(blocked, question(fragment=0x2000)), answer(blocked, fragment=0x2000)] == [SHOT, SHOT]
    blocked.meter.write_policies({ALICE: Policy()})
    assert [ask(blocked, question(fragment=0x2000)), answer(blocked, fragment=0x2000)] == [PASS, PASS]


def test_throttled_device_has_names_at_its_rate(blocked: Bench) -> None:
    blocked.meter.write_policies({ALICE: Policy(throttle_at=Thresholds(both=0), police_rate=8000)})
    passed = sum(ask(blocked, question()) == PASS for _ in range(20))
    assert 1 <= passed <= 2, "a quarter of a second at 8,000 bytes a second"


def test_open_device_asks_as_it_likes(bench: Bench) -> None:
    assert all(ask(bench, question()) == PASS and answer(bench) == PASS for _ in range(100))


def test_new_addresses_bring_no_new_share_of_names(bench: Bench) -> None:
    free = bench.read().free
    bench.meter.write_policies(dict.fromkeys(free, Policy(blocked=True, unlisted=True)))
    frames = [question().replace(bytes.fromhex(LAN_MAC.replace(":", "")), bytes([2, 0, 0, 0, 7, n])) for n in range(40)]
    assert sum(ask(bench, each) == PASS for each in frames) == 32768 // 1014


def test_all_devices_together_leave_the_reserve_to_the_router(used_up: Bench) -> None:
    frames = [question().replace(bytes.fromhex(LAN_MAC.replace(":", "")), bytes([2, 0, 0, 0, 7, n])) for n in range(40)]
    numbers = [used_up.lan(each) for each in frames]
    everyone = used_up.read().everyone
    used_up.meter.write_policies({Account(number): Policy(parent=everyone) for number in numbers})
    passed = sum(ask(used_up, each) == PASS for each in frames * 10)
    assert passed == 4 * 32768 // 1014 - 2, "Alice and Bob were blocked from the first on"
