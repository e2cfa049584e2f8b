# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes by service: rows of an account sum up to it whatever is renamed meanwhile, and to whom a name belongs.

That the rows are the account is held by Bench.read() as well, for all tests of this folder.
"""

import contextlib
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from esimshaper.core.model.counts import Counters, Reason
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy
from esimshaper.core.model.services import How, Volume
from esimshaper.edge.bpf import compiler, layouts, libbpf
from esimshaper.edge.bpf.names import NamesMaps, Rename
from tests.bpf.conftest import LOOPBACK, SMALL, Bench, skb
from tests.bpf.packets import (
    CLIENT6,
    ICMP,
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
)
from tests.rows import apart, below_zero

ALICE, BOB = Account(2), Account(3)
IPV6 = 0x86DD
YOUTUBE, ICLOUD = 3, 4
UP = ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 443, bytes(72))))
DOWN = ethernet(ipv4(SERVER4, WAN4, UDP, udp(443, 1000, bytes(172))))


def key(
    remote: str = SERVER4, port: int = 1000, local: str = WAN4, protocol: int = UDP, remote_port: int = 443
) -> bytes:
    addresses = (layouts.address_bytes(each) for each in (remote, local))
    return layouts.FLOW_KEY.pack(*addresses, remote_port, port, protocol)


@pytest.fixture
def names(bench: Bench) -> Iterator[NamesMaps]:
    with contextlib.closing(names_of(bench)) as maps:
        yield maps


def names_of(bench: Bench) -> NamesMaps:
    return NamesMaps(bench.wanted.generation, bench.wanted.programs)


def named(account: int, number: int, flow: bytes = b"", *, final: bool = True) -> list[Rename]:
    return [Rename(flow or key(), account, number, final)]


def rows(bench: Bench, account: Account = ALICE) -> dict[int, Volume]:
    return {number: volume for number, volume in bench.read().services.get(account, {}).items() if volume}


def test_bytes_are_unnamed_until_their_flow_has_a_name_and_then_all_of_them_have_it(
    bench: Bench, names: NamesMaps
) -> None:
    bench.up(UP, ALICE)
    bench.down(DOWN)
    assert rows(bench) == {0: Volume(200, 100)}
    assert names.name(named(ALICE, YOUTUBE)) == 0
    assert rows(bench) == {YOUTUBE: Volume(200, 100)}
    bench.down(DOWN)
    bench.up(UP, ALICE)
    assert rows(bench) == {YOUTUBE: Volume(400, 200)}
    assert names.name(named(ALICE, ICLOUD)) == 0
    assert rows(bench) == {ICLOUD: Volume(400, 200)}


def test_an_account_that_rests_is_read_again_when_its_bytes_get_a_name(bench: Bench, names: NamesMaps) -> None:
    bench.up(UP, ALICE)
    for _ in range(3):
        bench.read()
    names.name(named(ALICE, YOUTUBE))
    assert rows(bench) == {YOUTUBE: Volume(0, 100)}


def test_rows_that_did_not_change_are_the_same_object(bench: Bench, names: NamesMaps) -> None:
    bench.up(UP, ALICE)
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1001, 443))), BOB)
    before = bench.read().services
    assert bench.read().services is before
    names.name(named(ALICE, YOUTUBE))
    after = bench.read().services
    assert after[BOB] is before[BOB]
    assert after[ALICE] != before[ALICE]


@pytest.mark.parametrize(
    "wrong",
    [
        Rename(key(), BOB, YOUTUBE, final=True),
        Rename(key(port=1001), ALICE, YOUTUBE, final=True),
        Rename(key(), ALICE, layouts.SERVICES, final=True),
        Rename(key(), 64, YOUTUBE, final=True),
    ],
    ids=["account of another", "no such flow", "no such number", "no such account"],
)
def test_what_is_not_there_or_of_another_client_gets_no_name(bench: Bench, names: NamesMaps, wrong: Rename) -> None:
    bench.up(UP, ALICE)
    assert names.name([wrong, *named(ALICE, YOUTUBE), wrong]) == 2
    assert rows(bench) == {YOUTUBE: Volume(0, 100)}


def test_port_that_another_client_got_begins_without_a_name(bench: Bench, names: NamesMaps) -> None:
    bench.up(UP, ALICE)
    names.name(named(ALICE, YOUTUBE))
    bench.up(UP, BOB)
    assert rows(bench, BOB) == {0: Volume(0, 100)}
    assert names.name(named(ALICE, ICLOUD)) == 1
    assert rows(bench) == {YOUTUBE: Volume(0, 100)}


def test_more_flows_than_a_program_takes_at_once_are_named_in_one_call(bench: Bench, names: NamesMaps) -> None:
    ports = range(1000, 1000 + 2 * layouts.RENAMES + 1)
    for port in ports:
        bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 443))), ALICE)
    assert names.name([Rename(key(port=port), ALICE, YOUTUBE, final=True) for port in ports]) == 0
    assert rows(bench) == {YOUTUBE: Volume(0, 28 * len(ports))}


def test_what_has_no_flow_is_unnamed_and_an_error_is_of_the_flow_that_it_is_about(
    bench: Bench, names: NamesMaps
) -> None:
    bench.up(UP, ALICE)
    names.name(named(ALICE, YOUTUBE))
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, bytes(8), fragment=100)), ALICE)
    bench.up(UP[: 14 + 22], ALICE)
    assert rows(bench) == {YOUTUBE: Volume(0, 100), 0: Volume(0, 28 + 22)}
    error = ipv4(SERVER4, WAN4, ICMP, icmp(3, payload=ipv4(WAN4, SERVER4, UDP, udp(1000, 443))))
    bench.down(ethernet(error))
    assert rows(bench)[YOUTUBE] == Volume(len(error), 100)


def test_download_that_is_found_by_its_address_is_unnamed(bench: Bench) -> None:
    assert bench.lan(ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1, 2)), IPV6)) == ALICE
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, 44, fragment6(UDP, 0, 1, 7) + udp(2, 1, bytes(8))), IPV6))
    assert rows(bench) == {0: Volume(40 + 8 + 16, 0)}


def test_scan_is_in_the_rows_of_nobody(bench: Bench) -> None:
    bench.down(DOWN)
    assert rows(bench, Account(0)) == {0: Volume(200, 0)}


def test_new_flow_begins_with_what_its_client_means_by_the_address(bench: Bench, names: NamesMaps) -> None:
    names.bind(ip_address(SERVER4), ALICE, YOUTUBE, shared=True)
    bench.up(UP, ALICE)
    bench.down(DOWN)
    assert rows(bench) == {YOUTUBE: Volume(200, 100)}
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1001, 443))), BOB)
    assert rows(bench, BOB) == {0: Volume(0, 28)}
    names.unbind(ip_address(SERVER4), ALICE)
    names.unbind(ip_address(SERVER4), ALICE)
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1002, 443))), ALICE)
    assert rows(bench) == {YOUTUBE: Volume(200, 100), 0: Volume(0, 28)}


def test_bytes_inside_a_tunnel_are_named_as_they_are_claimed(bench: Bench, names: NamesMaps) -> None:
    bench.meter.carry_tunnels([], {LOOPBACK: 60})
    for program, frame in (("tunnel_egress_ethernet", UP), ("tunnel_ingress_ethernet", DOWN)):
        libbpf.dry_run(bench.meter.program(program).fd, frame, skb(ALICE << 20, LOOPBACK))
    bench.meter._has_tunnels = True
    assert rows(bench) == {0: Volume(260, 160)}
    names.name(named(ALICE, YOUTUBE))
    assert rows(bench) == {YOUTUBE: Volume(260, 160)}


def test_services_get_numbers_that_stay_and_what_has_none_left_is_other(bench: Bench, names: NamesMaps) -> None:
    meter = bench.meter
    assert not meter.number_services(["youtube", "icloud"])
    assert not meter.number_services(["icloud", "unnamed"])
    assert not meter.number_services(["zoom", "youtube"])
    numbers = {"youtube": 3, "icloud": 4, "zoom": 5}
    assert names.numbers() == numbers
    built_in = {0: "unnamed", 1: "hidden", 2: "other"}
    assert meter.read().service_names == built_in | {n: name for name, n in numbers.items()}
    assert meter.number_services([f"s{number}" for number in range(300)]) == [f"s{n}" for n in range(250, 300)]
    assert max(meter.read().service_names) == layouts.SERVICES - 1
    assert meter.number_services(["one-more", "zoom"]) == ["one-more"]
    with contextlib.closing(type(meter)(meter.generation)) as again:
        assert again.read().service_names == meter.read().service_names


def test_flow_shows_its_service_its_name_and_how_that_is_known(bench: Bench, names: NamesMaps) -> None:
    bench.meter.number_services(["youtube"])
    bench.up(UP, ALICE)
    bench.down(DOWN)
    names.name(named(ALICE, YOUTUBE))
    names.note(key(), ALICE, How.QUIC, "www.youtube.com")
    (flow,) = bench.meter.flows(10)[1]
    assert (flow.service, flow.name, flow.how) == ("youtube", "www.youtube.com", How.QUIC)
    assert flow.counters == Counters(200, 100, 1, 1), "what else stands in the words is no count"
    names.note(key(), ALICE, How.SNI, f"{'a' * 60}.{'b' * 60}.example.com")
    (flow,) = bench.meter.flows(10)[1]
    assert flow.name.endswith(f"aaa.{'b' * 60}.example.com")
    bench.up(UP, BOB)
    (flow,) = bench.meter.flows(10)[1]
    assert (flow.service, flow.name, flow.how) == ("unnamed", "", How.NONE), "the name is of another client's flow"


def test_the_largest_flow_is_so_by_its_bytes_and_not_by_its_tag(bench: Bench, names: NamesMaps) -> None:
    bench.up(UP, ALICE)
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1001, 443))), ALICE)
    names.name(named(ALICE, YOUTUBE, key(port=1001)))
    assert [flow.wan_port for flow in bench.meter.flows(10)[1]] == [1000, 1001]


def test_table_of_flows_that_is_far_too_small_loses_names_and_no_byte(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(**SMALL)
    source = random.Random(7)
    refused = 0
    with contextlib.closing(names_of(bench)) as names:
        for _ in range(1500):
            port = source.randrange(1, 400)
            bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 443))), ALICE)
            bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(443, source.randrange(1, 400), bytes(9)))))
            refused += names.name(named(ALICE, source.randrange(8), key(port=source.randrange(1, 400))))
    reading = bench.read()
    assert not apart(reading)
    assert not below_zero(reading)
    assert refused > 100
    assert len([row for row in reading.services[ALICE].values() if row]) == 8


def test_renames_under_load_on_two_cpus_lose_not_a_byte(bench: Bench, names: NamesMaps) -> None:
    """Packets both ways all the while; at the end all bytes are under the last name, in the flow and in its row."""
    numbers = itertools.cycle(range(layouts.SERVICES))
    bench.up(UP, ALICE)
    ended = threading.Event()

    def pass_by(program: str, frame: bytes) -> None:
        while not ended.is_set():
            libbpf.dry_run(bench.meter.program(program).fd, frame, skb(ALICE << 20, LOOPBACK), repeat=5000)

    threads = [
        threading.Thread(target=pass_by, args=each)
        for each in (("wan_egress_ethernet", UP), ("wan_ingress_ethernet", DOWN))
    ]
    for thread in threads:
        thread.start()
    failed = 0
    for _ in range(2_000):  # as many at once as a program takes: packets come between a look at a word and its change
        some = itertools.islice(numbers, layouts.RENAMES)
        failed += names.name([each for number in some for each in named(ALICE, number, final=bool(number % 2))])
    ended.set()
    for thread in threads:
        thread.join()
    assert failed == 0
    names.name(named(ALICE, YOUTUBE))
    reading = bench.read()
    (flow,) = bench.meter.flows(10)[1]
    counted = reading.accounts[ALICE]
    assert counted.down_packets > 10_000
    assert counted.up_packets > 10_000
    assert flow.counters == counted
    assert rows(bench) == {YOUTUBE: Volume(counted.down_bytes, counted.up_bytes)}
    assert not apart(reading)


def test_refused_packets_are_in_no_row_and_resets_are(bench: Bench, names: NamesMaps) -> None:
    segment = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 443)))
    bench.up(segment, ALICE)
    names.name(named(ALICE, YOUTUBE, key(protocol=TCP)))
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    big = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 443, bytes(100))))
    for frame in (big, segment):
        libbpf.dry_run(bench.meter.program("wan_egress_ethernet").fd, frame, skb(ALICE << 20, LOOPBACK))
    assert (bench.packets_of(Reason.UPLOAD_BLOCKED), bench.packets_of(Reason.FLOW_RESET)) == (1, 1)
    assert rows(bench) == {YOUTUBE: Volume(0, 80)}


def test_without_names_there_is_nothing_of_all_this_and_bytes_are_the_same(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(services=False)
    bench.up(UP, ALICE)
    bench.down(DOWN)
    reading = bench.read()
    assert reading.accounts[ALICE] == Counters(200, 100, 1, 1)
    assert (reading.services, reading.service_names) == ({}, {})
    assert not bench.meter.number_services(["youtube"])
    (flow,) = bench.meter.flows(10)[1]
    assert (flow.service, flow.name, flow.how) == ("unnamed", "", How.NONE)
    pinned = {pin.name for pin in (*bench.wanted.generation.iterdir(), *bench.wanted.programs.iterdir())}
    assert not pinned & {*layouts.OF_SERVICES, "heads", *compiler.FOR_NAMES}
    assert bench.wanted.generation.name != replace(bench.wanted, services=True).generation.name
