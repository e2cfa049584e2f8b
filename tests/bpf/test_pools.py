# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits by service in the kernel: pools count what their services do, and a cut is exact, from the first packet on."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from types import MappingProxyType

import pytest

from esimshaper.core.model.counts import UNUSED, Budget, Event
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.service_policies import ServicePolicy
from esimshaper.core.model.service_sets import Pool
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.bpf.names import NamesMaps
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import CLIENT6, SERVER4, SERVER6, TCP, UDP, WAN4, ethernet, ipv4, ipv6, tcp, udp
from tests.bpf.test_services import ICLOUD, YOUTUBE, key, named, names_of, rows
from tests.bpf.verdicts import ALICE, BOB, PASS, SHOT, SIZE, UPLOAD, down, priority, up

VIDEO, ALL = 77, 78
"""Sets of services, as numbers."""
OF_ALICE, OF_ALL = Pool(ALICE, VIDEO), Pool(Account(64), ALL)
FLOW = key(remote_port=53)
IPV6 = 0x86DD


@pytest.fixture
def names(bench: Bench) -> Iterator[NamesMaps]:
    with contextlib.closing(names_of(bench)) as maps:
        yield maps


def numbers(bench: Bench, *pools: Pool) -> list[Account]:
    """Gives these pools their accounts."""
    bench.meter.want_pools(pools)
    known = {pool: account for account, pool in bench.read().pools.items()}
    return [known[each] for each in pools]


def pool_of(bench: Bench, service: int = YOUTUBE, account: Account = ALICE) -> Account:
    """A pool of Alice's that counts one service."""
    (number,) = numbers(bench, OF_ALICE)
    write(bench, {service: ServicePolicy(pools=(number,))}, account)
    return number


def write(bench: Bench, row: dict[int, ServicePolicy], *accounts: Account) -> None:
    bench.meter.write_service_policies(dict.fromkeys(accounts or (ALICE,), row))


def used(bench: Bench, pool: Account) -> Budget:
    return bench.read().budgets.get(pool, UNUSED)


def limit(bench: Bench, pool: Account, size: int) -> None:
    """So many bytes more than nothing."""
    bench.meter.write_policies({pool: Policy(block_at=Thresholds(both=size))})


def bind(names: NamesMaps, number: int = YOUTUBE, *, shared: bool = False) -> None:
    names.bind(ip_address(SERVER4), ALICE, number, shared=shared)


def test_a_pool_counts_its_service_alone(bench: Bench, names: NamesMaps) -> None:
    pool = pool_of(bench)
    assert [up(bench), down(bench)] == [PASS, PASS]
    assert used(bench, pool) == UNUSED
    bind(names)
    other = ethernet(ipv4(WAN4, SERVER4, UDP, udp(2000, 53, bytes(SIZE - 28))))
    answer = ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 2000, bytes(SIZE - 28))))
    assert [up(bench, frame=other), down(bench, answer), down(bench, answer)] == [PASS] * 3
    assert used(bench, pool) == Budget(3 * SIZE, 2 * SIZE, SIZE)
    assert rows(bench)[YOUTUBE].total_bytes == 3 * SIZE


def test_a_cut_is_exact_and_an_upload_that_was_dropped_is_taken_off_again(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    pool = pool_of(bench)
    limit(bench, pool, 3 * SIZE)
    assert [up(bench) for _ in range(5)] == [PASS] * 3 + [SHOT] * 2
    assert used(bench, pool).both == 3 * SIZE
    assert rows(bench)[YOUTUBE].up_bytes == 3 * SIZE, "a dropped upload is of no row"
    assert down(bench) == SHOT, "a download is billed all the same"
    assert used(bench, pool) == Budget(4 * SIZE, SIZE, 3 * SIZE)
    assert bench.read().refused == {ALICE: {YOUTUBE: Event(3, 3 * SIZE)}}
    assert up(bench, BOB) == PASS


def test_a_limit_that_is_raised_opens_the_service_at_once(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    pool = pool_of(bench)
    limit(bench, pool, SIZE)
    assert [up(bench), up(bench)] == [PASS, SHOT]
    limit(bench, pool, 2 * SIZE)
    assert [up(bench), up(bench)] == [PASS, SHOT]


def test_bytes_that_get_their_name_late_are_moved_between_pools(bench: Bench, names: NamesMaps) -> None:
    video, of_all = numbers(bench, OF_ALICE, OF_ALL)
    write(bench, {YOUTUBE: ServicePolicy(pools=(video, of_all)), ICLOUD: ServicePolicy(pools=(of_all,))})
    assert [up(bench), down(bench)] == [PASS, PASS]
    names.name(named(ALICE, YOUTUBE, FLOW, final=False))
    two = Budget(2 * SIZE, SIZE, SIZE)
    assert [used(bench, each) for each in (video, of_all)] == [two, two]
    names.name(named(ALICE, ICLOUD, FLOW))
    assert [used(bench, each) for each in (video, of_all)] == [UNUSED, two], "what is in both is left"
    names.name(named(ALICE, 0, FLOW))
    assert [used(bench, each) for each in (video, of_all)] == [UNUSED, UNUSED]


def test_a_pool_that_is_younger_than_a_flow_may_have_less_than_nothing_and_its_limit_holds(
    bench: Bench, names: NamesMaps
) -> None:
    bind(names)
    assert up(bench) == PASS
    pool = pool_of(bench)
    limit(bench, pool, -SIZE + 10)
    names.name(named(ALICE, ICLOUD, FLOW))
    assert used(bench, pool) == Budget(-SIZE, 0, -SIZE)
    names.name(named(ALICE, YOUTUBE, FLOW))
    assert used(bench, pool) == UNUSED
    assert up(bench) == SHOT
    assert bench.meter.policies()[pool].block_at.both == -SIZE + 10


def test_a_blocked_service_ends_at_the_first_packet_of_a_new_flow(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    write(bench, {YOUTUBE: ServicePolicy(blocked=True)})
    assert up(bench) == SHOT
    assert bench.counters(ALICE).total_bytes == 0
    assert bench.meter.flows(10) == (0, [])
    assert up(bench, BOB) == PASS
    write(bench, {})
    assert up(bench) == PASS


def test_an_address_that_several_services_share_is_counted_and_not_held(bench: Bench, names: NamesMaps) -> None:
    bind(names, shared=True)
    (pool,) = numbers(bench, OF_ALICE)
    write(bench, {YOUTUBE: ServicePolicy(blocked=True, pools=(pool,))})
    limit(bench, pool, 0)
    assert [up(bench), down(bench)] == [PASS, PASS]
    assert used(bench, pool) == Budget(2 * SIZE, SIZE, SIZE)
    names.name(named(ALICE, YOUTUBE, FLOW))
    assert up(bench) == SHOT, "its name is known for sure now"


@pytest.mark.parametrize("number", [0, 1, 2], ids=["unnamed", "hidden", "other"])
def test_what_has_no_name_can_be_limited_too(bench: Bench, names: NamesMaps, number: int) -> None:
    if number:
        bind(names, number)
    pool = pool_of(bench, number)
    limit(bench, pool, SIZE)
    assert [up(bench), up(bench)] == [PASS, SHOT]


def test_who_is_exempt_is_counted_and_not_held(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    pool = pool_of(bench)
    limit(bench, pool, 0)
    bench.meter.write_policies({ALICE: Policy(exempt=True)})
    assert [up(bench), down(bench)] == [PASS, PASS]
    assert used(bench, pool).both == 2 * SIZE


def test_one_packet_is_in_the_pools_of_its_client_and_of_everyone(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    names.bind(ip_address(SERVER4), BOB, YOUTUBE, shared=False)
    video, of_all = numbers(bench, OF_ALICE, OF_ALL)
    limit(bench, of_all, 2 * SIZE)
    write(bench, {YOUTUBE: ServicePolicy(pools=(of_all,))}, BOB)
    bench.meter.write_service_policies(
        {
            ALICE: {YOUTUBE: ServicePolicy(pools=(video, of_all))},
            BOB: {YOUTUBE: ServicePolicy(pools=(of_all,))},
        }
    )
    bobs = ethernet(ipv4(WAN4, SERVER4, UDP, udp(2000, 53, bytes(SIZE - 28))))
    assert [up(bench), up(bench, BOB, bobs), up(bench), up(bench, BOB, bobs)] == [PASS, PASS, SHOT, SHOT]
    assert [used(bench, each).both for each in (video, of_all)] == [SIZE, 2 * SIZE]


def test_a_paced_service_has_its_class_and_others_have_none(bench: Bench, names: NamesMaps) -> None:
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    write(bench, {YOUTUBE: ServicePolicy(paced=True, class_id=0x7A00_1234, police_rate=10**6)})
    assert priority(bench) == 0
    names.name(named(ALICE, YOUTUBE, FLOW))
    assert priority(bench) == 0x7A00_1234
    assert priority(bench, BOB) == 0


def test_without_a_class_a_pace_holds_by_drops(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    write(bench, {YOUTUBE: ServicePolicy(paced=True, class_id=0x7A00_1234, police_rate=1000)})
    passed = [up(bench) for _ in range(10)].count(PASS)
    assert 2 <= passed <= 5, "a burst of a quarter of a second, and the packet that goes beyond it"


def test_a_pool_that_throttles_drops_beyond_its_rate(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    pool = pool_of(bench)
    bench.meter.write_policies({pool: Policy(throttle_at=Thresholds(both=SIZE), police_rate=1000)})
    passed = [up(bench) for _ in range(10)].count(PASS)
    assert 3 <= passed <= 6
    other = ethernet(ipv4(WAN4, "203.0.113.77", UDP, udp(1000, 53, bytes(SIZE - 28))))
    assert up(bench, frame=other) == PASS


def test_tcp_and_ipv6_end_at_the_byte_as_well(bench: Bench, names: NamesMaps) -> None:
    names.bind(ip_address(SERVER6), ALICE, YOUTUBE, shared=False)
    pool = pool_of(bench)
    six = ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1000, 53, bytes(SIZE - 48))), IPV6)
    limit(bench, pool, 2 * SIZE)
    assert [up(bench, frame=six) for _ in range(3)] == [PASS, PASS, SHOT]
    bind(names)
    limit(bench, pool, 2 * SIZE + 3 * 140)
    segment = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 443, bytes(100))))
    assert [up(bench, frame=segment) for _ in range(3)] == [PASS] * 3
    before = used(bench, pool).both
    assert before == 2 * SIZE + 3 * 140
    up(bench, frame=segment)
    assert used(bench, pool).both == before, "at most a reset leaves, and no limit counts its bytes"


def test_two_processors_at_once_pass_no_byte_beyond(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    pool = pool_of(bench)
    program, many = bench.meter.program("wan_egress_ethernet").fd, 20_000
    limit(bench, pool, many * SIZE)
    renames = [named(ALICE, each, FLOW, final=False) for each in (ICLOUD, YOUTUBE)]
    stop = threading.Event()

    def send(cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})
        libbpf.dry_run(program, UPLOAD, skb(ALICE << 20, LOOPBACK), repeat=many)

    def rename() -> None:
        while not stop.is_set():
            for each in renames:
                names.name(each)

    write(bench, {number: ServicePolicy(pools=(pool,)) for number in (YOUTUBE, ICLOUD)})
    senders = [threading.Thread(target=send, args=(cpu,)) for cpu in sorted(os.sched_getaffinity(0))[:2]]
    renamer = threading.Thread(target=rename)
    for thread in (*senders, renamer):
        thread.start()
    for thread in senders:
        thread.join()
    stop.set()
    renamer.join()
    names.name(renames[1])
    assert used(bench, pool).both == many * SIZE
    assert bench.counters(ALICE).up_bytes == many * SIZE
    assert rows(bench)[YOUTUBE].up_bytes == many * SIZE


def test_bytes_that_no_limit_counts_stay_out_of_pools(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(uplinks=("cellular", "hotel"))
    with contextlib.closing(names_of(bench)) as names:
        bind(names)
        pool = pool_of(bench)
        write(bench, {YOUTUBE: ServicePolicy(blocked=True, metered_only=True, pools=(pool,))})
        assert bench.meter.uplinks
        bench.meter.uplinks.assign({LOOPBACK: "hotel"}, ("hotel",))
        assert [up(bench), down(bench)] == [PASS, PASS]
        for number in (ICLOUD, YOUTUBE):
            names.name(named(ALICE, number, FLOW, final=False))
            assert used(bench, pool) == UNUSED
        bench.meter.uplinks.assign({LOOPBACK: "cellular"}, ("hotel",))
        assert up(bench) == SHOT


def test_pools_keep_their_numbers_and_one_that_is_freed_is_given_again(bench: Bench) -> None:
    first, second = numbers(bench, OF_ALICE, OF_ALL)
    assert first != second
    assert min(first, second) >= bench.meter.first_pool
    before = bench.read().pools
    assert bench.read().pools is before
    with contextlib.closing(Meter(bench.wanted.generation, bench.wanted.programs)) as again:
        assert again.read().pools == before, "a daemon that is started anew finds them"
    other = Pool(BOB, VIDEO)
    assert bench.meter.want_pools((OF_ALL, other))
    assert bench.read().pools == {first: other, second: OF_ALL}
    assert not bench.meter.want_pools((OF_ALL, other))


def test_there_are_as_many_pools_as_there_is_room_for(bench: Bench) -> None:
    many = tuple(Pool(Account(number % 64), number) for number in range(layouts.POOLS + 5))
    assert bench.meter.want_pools(many)
    assert set(bench.read().pools.values()) == set(many[: layouts.POOLS])
    assert bench.meter.want_pools((*many[5 : layouts.POOLS], *many[-5:]))
    assert set(bench.read().pools.values()) == {*many[5:]}


def test_limits_by_service_outlive_the_daemon_and_the_next_one_takes_them_back(bench: Bench, names: NamesMaps) -> None:
    bind(names)
    write(bench, {YOUTUBE: ServicePolicy(blocked=True)}, ALICE, BOB)
    with contextlib.closing(Meter(bench.wanted.generation, bench.wanted.programs)) as again:
        assert up(bench) == SHOT
        again.write_service_policies({BOB: {YOUTUBE: ServicePolicy(blocked=True)}})
        assert up(bench) == PASS
        assert again.read().refused == MappingProxyType({})
