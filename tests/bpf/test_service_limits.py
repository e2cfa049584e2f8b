# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits by service in both families, on two processors, with resets and in tunnels; test_pools.py has the rules."""

import contextlib
import os
import threading
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from esimshaper.core.model.counts import Budget, Counters, Event, Reason
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.service_policies import ServicePolicy
from esimshaper.core.model.service_sets import Pool
from esimshaper.core.model.services import Volume
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.names import NamesMaps, Rename
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import CLIENT6, SERVER4, SERVER6, TCP, UDP, WAN4, ethernet, ipv4, ipv6, tcp, udp
from tests.bpf.verdicts import ALICE, BOB, DOWNLOAD, PASS, SHOT, SIZE, UPLOAD, down, up

IPV6 = 0x86DD
YOUTUBE, ICLOUD = 3, 4
UPLOAD6 = ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1000, 53, bytes(SIZE - 48))), IPV6)
DOWNLOAD6 = ethernet(ipv6(SERVER6, CLIENT6, UDP, udp(53, 1000, bytes(SIZE - 48))), IPV6)
BOTH_FAMILIES = pytest.mark.parametrize(
    ("upload", "download", "server", "local"),
    [(UPLOAD, DOWNLOAD, SERVER4, WAN4), (UPLOAD6, DOWNLOAD6, SERVER6, CLIENT6)],
    ids=["IPv4", "IPv6"],
)


@pytest.fixture
def names(bench: Bench) -> Iterator[NamesMaps]:
    with contextlib.closing(NamesMaps(bench.wanted.generation, bench.wanted.programs)) as maps:
        yield maps


def key(remote: str = SERVER4, port: int = 1000, local: str = WAN4, protocol: int = UDP, far: int = 53) -> bytes:
    addresses = (layouts.address_bytes(each) for each in (remote, local))
    return layouts.FLOW_KEY.pack(*addresses, far, port, protocol)


def from_port(port: int, size: int = SIZE) -> bytes:
    return ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 53, bytes(size - 28))))


def call(names: NamesMaps, number: int, flow: bytes = b"", account: Account = ALICE) -> None:
    assert names.name([Rename(flow or key(), account, number, True)]) == 0


def give(bench: Bench, *holders: Account) -> list[Account]:
    """The accounts of new pools, one for each."""
    wanted = tuple(Pool(holder, place) for place, holder in enumerate(holders))
    bench.meter.want_pools(wanted)
    found = {pool: number for number, pool in bench.read().pools.items()}
    return [found[each] for each in wanted]


def counted_by(bench: Bench, *pools: Account, services: tuple[int, ...] = (YOUTUBE,), account: Account = ALICE) -> None:
    row = dict.fromkeys(services, ServicePolicy(pools=pools))
    bench.meter.write_service_policies({account: row})


def limit(bench: Bench, pool: Account, **at: int) -> None:
    bench.meter.write_policies({pool: Policy(block_at=Thresholds(**at))})


@BOTH_FAMILIES
def test_a_service_ends_at_the_byte_and_everything_else_goes_on(
    bench: Bench, names: NamesMaps, upload: bytes, download: bytes, server: str, local: str
) -> None:
    (pool,) = give(bench, ALICE)
    counted_by(bench, pool)
    limit(bench, pool, both=5 * SIZE)
    names.bind(ip_address(server), ALICE, YOUTUBE, shared=False)
    verdicts = [up(bench, frame=upload), down(bench, download)]
    assert verdicts + [up(bench, frame=upload) for _ in range(5)] == [PASS] * 5 + [SHOT] * 2
    assert bench.counters(ALICE) == Counters(SIZE, 4 * SIZE, 1, 4)
    assert bench.read().budgets[pool] == Budget(5 * SIZE, SIZE, 4 * SIZE)
    assert bench.meter.flows(10)[1][0].counters == bench.counters(ALICE), "a refused packet is in no flow"
    assert bench.read().refused == {ALICE: {YOUTUBE: Event(2, 2 * SIZE)}}
    assert down(bench, download) == SHOT
    assert bench.read().wasted == {ALICE: SIZE}
    assert up(bench, BOB, upload) == PASS
    other = ethernet(ipv4(WAN4, "9.9.9.9", UDP, udp(1000, 53)))
    assert up(bench, frame=other) == PASS


@BOTH_FAMILIES
def test_a_new_flow_to_an_address_of_a_blocked_service_is_refused_at_its_first_packet(
    bench: Bench, names: NamesMaps, upload: bytes, download: bytes, server: str, local: str
) -> None:
    bench.meter.write_service_policies({ALICE: {YOUTUBE: ServicePolicy(blocked=True)}})
    names.bind(ip_address(server), ALICE, YOUTUBE, shared=False)
    assert up(bench, frame=upload) == SHOT
    assert bench.counters(ALICE) == Counters()
    assert bench.meter.flows(10)[0] == 0
    assert bench.read().refused == {ALICE: {YOUTUBE: Event(1, SIZE)}}
    assert up(bench, BOB, upload) == PASS, "it is Alice's service that is blocked"


def test_a_port_that_another_client_got_is_no_more_what_the_former_used_it_for(bench: Bench, names: NamesMaps) -> None:
    bench.meter.write_service_policies({BOB: {YOUTUBE: ServicePolicy(blocked=True)}})
    assert up(bench) == PASS
    call(names, YOUTUBE)
    assert up(bench, BOB) == PASS
    call(names, YOUTUBE, account=BOB)
    assert up(bench, BOB) == SHOT


def test_one_packet_counts_for_its_client_its_group_and_everyone(bench: Bench, names: NamesMaps) -> None:
    everyone = bench.read().everyone
    pools = give(bench, ALICE, ALICE, everyone, everyone, everyone, everyone)
    names.bind(ip_address(SERVER4), ALICE, YOUTUBE, shared=False)
    counted_by(bench, *pools)
    assert [up(bench), down(bench)] == [PASS, PASS]
    assert [bench.read().budgets[each] for each in pools] == [Budget(2 * SIZE, SIZE, SIZE)] * layouts.SERVICE_POOLS
    for last in pools:
        limit(bench, last, both=bench.read().budgets[last].both)
        assert up(bench) == SHOT
        assert {bench.read().budgets[each].upload for each in pools} == {SIZE}, "a refusal is taken off everywhere"
        bench.meter.write_policies({last: Policy()})


def test_a_flow_of_a_blocked_service_is_ended_by_resets_and_costs_no_more_than_these(
    bench: Bench, names: NamesMaps
) -> None:
    segment = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 443)))
    big = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 443, bytes(1000))))
    (pool,) = give(bench, ALICE)
    counted_by(bench, pool)
    assert up(bench, frame=segment) == PASS
    call(names, YOUTUBE, key(protocol=TCP, far=443))
    limit(bench, pool, both=40)
    assert up(bench, frame=big) == SHOT
    assert up(bench, frame=segment) == PASS, "as a reset"
    assert bench.packets_of(Reason.FLOW_RESET) == 1
    assert bench.counters(ALICE) == Counters(0, 80, 0, 2)
    assert bench.read().budgets[pool].upload == 80
    assert bench.read().refused[ALICE][YOUTUBE] == Event(1, 1040)


def test_where_no_class_holds_a_paced_service_its_rate_does_and_nothing_else_is_slow(
    bench: Bench, names: NamesMaps
) -> None:
    names.bind(ip_address(SERVER4), ALICE, YOUTUBE, shared=False)
    paced = ServicePolicy(paced=True, police_rate=4 * SIZE)  # a packet each 250 ms, which is the burst as well
    bench.meter.write_service_policies({ALICE: {YOUTUBE: paced, ICLOUD: paced}})
    verdicts = [up(bench) for _ in range(20)]
    assert verdicts[0] == PASS
    assert verdicts.count(SHOT) >= 15
    passed = verdicts.count(PASS)
    assert bench.counters(ALICE).up_packets == passed
    assert bench.packets_of(Reason.POLICED) == 20 - passed
    assert bench.meter.flows(10)[1][0].counters == Counters(0, passed * SIZE, 0, passed)
    other = ethernet(ipv4(WAN4, "9.9.9.9", UDP, udp(1000, 53)))
    assert [up(bench, frame=other) for _ in range(20)] == [PASS] * 20
    names.bind(ip_address("9.9.9.8"), ALICE, ICLOUD, shared=False)
    shares = ethernet(ipv4(WAN4, "9.9.9.8", UDP, udp(1000, 53, bytes(SIZE))))
    assert [up(bench, frame=shares) for _ in range(5)].count(SHOT) >= 3, "it has the same rate, and shares that"


@BOTH_FAMILIES
def test_two_cpus_at_once_pass_no_byte_of_a_service_beyond_its_limit(
    bench: Bench, names: NamesMaps, upload: bytes, download: bytes, server: str, local: str
) -> None:
    """Three clients, and two processors: what all of them pass is the limit to less than a packet."""
    packets, end = 20_000, 30_000 * SIZE + 1
    (pool,) = give(bench, bench.read().everyone)
    clients = (ALICE, BOB, Account(4))
    row = {YOUTUBE: ServicePolicy(pools=(pool,))}
    bench.meter.write_service_policies(dict.fromkeys(clients, row))
    limit(bench, pool, both=end)
    for client in clients:
        names.bind(ip_address(server), client, YOUTUBE, shared=False)
    program = bench.meter.program("wan_egress_ethernet").fd

    def send(cpu: int, client: Account) -> None:
        os.sched_setaffinity(0, {cpu})
        libbpf.dry_run(program, upload, skb(client << 20, LOOPBACK), repeat=packets)

    cpus = sorted(os.sched_getaffinity(0))[:2]
    senders = [threading.Thread(target=send, args=(cpu, client)) for cpu in cpus for client in clients]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    passed = sum(bench.counters(client).up_bytes for client in clients)
    assert end - SIZE * (1 + len(senders)) < passed <= end
    reading = bench.read()
    assert reading.budgets[pool] == Budget(passed, 0, passed)
    refused = sum(each.bytes for row in reading.refused.values() for each in row.values())
    assert passed + refused == len(senders) * packets * SIZE


def test_names_that_change_under_load_on_two_cpus_leave_every_byte_in_the_pool_of_its_service(
    bench: Bench, names: NamesMaps
) -> None:
    pools = dict(zip((0, YOUTUBE, ICLOUD), give(bench, ALICE, ALICE, ALICE), strict=True))
    bench.meter.write_service_policies({ALICE: {n: ServicePolicy(pools=(pool,)) for n, pool in pools.items()}})
    limit(bench, pools[ICLOUD], both=0)  # so that packets are refunded all the while
    up(bench)
    ended = threading.Event()

    def pass_by(program: str, frame: bytes) -> None:
        while not ended.is_set():
            libbpf.dry_run(bench.meter.program(program).fd, frame, skb(ALICE << 20, LOOPBACK), repeat=2000)

    runs = (("wan_egress_ethernet", UPLOAD), ("wan_ingress_ethernet", DOWNLOAD))
    threads = [threading.Thread(target=pass_by, args=each) for each in runs]
    for thread in threads:
        thread.start()
    for turn in range(600):
        call(names, (YOUTUBE, ICLOUD)[turn % 2])
    ended.set()
    for thread in threads:
        thread.join()
    call(names, YOUTUBE)
    reading = bench.read()
    counted = reading.accounts[ALICE]
    assert counted.up_packets > 10
    assert counted.down_packets > 1000
    assert reading.refused[ALICE][ICLOUD].packets > 10
    assert reading.budgets[pools[YOUTUBE]] == Budget(counted.total_bytes, counted.down_bytes, counted.up_bytes)
    assert {number: each for number, each in reading.services[ALICE].items() if each} == {
        YOUTUBE: Volume(counted.down_bytes, counted.up_bytes)
    }


def test_bytes_inside_a_tunnel_are_held_to_limits_by_service_too(bench: Bench, names: NamesMaps) -> None:
    (pool,) = give(bench, ALICE)
    counted_by(bench, pool)
    names.bind(ip_address(SERVER4), ALICE, YOUTUBE, shared=False)
    bench.meter.carry_tunnels([], {LOOPBACK: 60})
    limit(bench, pool, both=3 * (SIZE + 60))

    def run(program: str, frame: bytes) -> int:
        return libbpf.dry_run(bench.meter.program(program).fd, frame, skb(ALICE << 20, LOOPBACK)).retval

    upload, download = ("tunnel_egress_ethernet", UPLOAD), ("tunnel_ingress_ethernet", DOWNLOAD)
    assert [run(*each) for each in (upload, download, upload, upload, download)] == [PASS] * 3 + [SHOT] * 2
    assert bench.meter.read().budgets[pool].upload == 2 * (SIZE + 60)


def test_only_what_is_new_of_the_policies_is_written(bench: Bench) -> None:
    row = {YOUTUBE: ServicePolicy(blocked=True), ICLOUD: ServicePolicy(paced=True, police_rate=1000)}
    bench.meter.write_service_policies({ALICE: row, BOB: row})
    maps = bench.meter._maps["service_policies"]

    def flags(account: Account, number: int) -> int:
        raw = maps.lookup(layouts.NUMBER.pack(account * layouts.SERVICES + number)) or b""
        return int(layouts.SERVICE_POLICY.unpack(raw)[0])

    found = [flags(ALICE, number) for number in (0, YOUTUBE, ICLOUD)]
    assert found == [layouts.SERVICE_ANY, layouts.SERVICE_BLOCKED, layouts.SERVICE_PACED]
    bench.meter.write_service_policies({BOB: {ICLOUD: ServicePolicy(blocked=True)}})
    assert [flags(ALICE, number) for number in (0, YOUTUBE, ICLOUD)] == [0, 0, 0]
    assert [flags(BOB, number) for number in (0, YOUTUBE, ICLOUD)] == [layouts.SERVICE_ANY, 0, layouts.SERVICE_BLOCKED]
