# SPDX-License-Identifier: GPL-2.0-or-later
"""A throttled account that no class holds is held to its police rate, by drops."""

import time
from dataclasses import replace

from esimshaper.core.model.hold import Hold, Switch
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.instructions import PRIORITY
from tests.bpf.verdicts import ALICE, BOB, DOWNLOAD, PASS, SHOT, SIZE, UPLOAD, down, priority, up


def test_throttled_client_without_classes_is_held_to_the_police_rate(bench: Bench) -> None:
    rate = 1  # one byte a second: a first packet passes, and none after it in the time of this test
    bench.meter.write_policies(
        {ALICE: Policy(throttle_at=Thresholds(both=0), classes=(0, 0x7A000011, 0, 0, 0), police_rate=rate)}
    )
    assert [up(bench) for _ in range(3)] == [PASS, SHOT, SHOT]
    assert bench.read().budgets[ALICE].both == SIZE, "what is dropped before it is sent is not charged"
    assert [down(bench) for _ in range(3)] == [PASS, SHOT, SHOT]
    assert bench.read().budgets[ALICE].both == 4 * SIZE, "what arrived was billed"
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    assert [up(bench), down(bench)] == [PASS, PASS]


def test_throttled_client_in_a_class_that_others_share_is_policed_as_well(bench: Bench) -> None:
    everyone = bench.read().everyone
    bench.meter.write_policies(
        {
            ALICE: Policy(
                parent=everyone, throttle_at=Thresholds(both=0), classes=(0, 0x7A000011, 0, 0, 0), police_rate=1
            ),
            BOB: Policy(parent=everyone, classes=(0, 0x7A000015, 0, 0, 0), police_rate=1),
            everyone: Policy(throttle_at=Thresholds(both=SIZE), classes=(0, 0x7A000003, 0, 0, 0), police_rate=1),
        }
    )
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    assert [up(bench) for _ in range(4)] == [PASS, PASS, SHOT, SHOT], "the first is in a class of its own"
    assert [up(bench, BOB) for _ in range(3)] == [PASS, PASS, PASS], "who is not throttled is held by the class alone"
    reading = bench.read()
    assert (reading.queued[ALICE], reading.queued[everyone]) == (SIZE, 4 * SIZE)
    assert reading.budgets[everyone].both == 5 * SIZE


def test_burst_is_a_quarter_of_a_second(bench: Bench) -> None:
    """A hundred packets a second, and a thousand at once: those of 250 ms pass, the one that ends them, and a few more
    for the time that the thousand take."""
    bench.meter.write_policies({ALICE: Policy(throttle_at=Thresholds(both=0), police_rate=100 * SIZE)})
    program = bench.meter.program("wan_egress_ethernet").fd
    libbpf.dry_run(program, UPLOAD, skb(ALICE << 20, LOOPBACK), repeat=1000)
    assert 26 <= bench.counters(ALICE).up_packets <= 60


def test_each_direction_has_its_own_police(bench: Bench) -> None:
    up(bench)
    bench.meter.write_policies({ALICE: Policy(throttle_at=Thresholds(both=0), police_rate=1)})
    assert [up(bench), down(bench), up(bench), down(bench)] == [PASS, PASS, SHOT, SHOT]


def test_exempt_client_is_not_policed(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: Policy(exempt=True, throttle_at=Thresholds(both=0), police_rate=1)})
    assert [up(bench), up(bench), up(bench)] == [PASS] * 3


def test_exempt_client_is_in_the_class_of_a_plan_that_throttles_unless_it_is_over_the_plan(bench: Bench) -> None:
    everyone = bench.read().everyone
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    alice = Policy(parent=everyone, exempt=True, classes=(0x7A000010, 0x7A000011, 0x7A000012, 0, 0))
    bench.meter.write_policies(
        {ALICE: alice, everyone: Policy(throttle_at=Thresholds(both=0), classes=(0, 0x7A000003, 0, 0, 0))}
    )
    assert priority(bench) == 0x7A000012
    bench.meter.write_policies({ALICE: replace(alice, over_plan=True)})
    assert priority(bench) == 0x7A000010


def test_a_limit_of_one_direction_throttles_that_direction(bench: Bench) -> None:
    up(bench)
    bench.meter.write_policies({ALICE: Policy(throttle_at=Thresholds(download=SIZE), police_rate=1)})
    assert [down(bench), down(bench), down(bench)] == [PASS, PASS, SHOT]
    assert [up(bench), up(bench)] == [PASS, PASS]


def test_classes_of_uploads_and_downloads_are_at_links_of_their_own(bench: Bench) -> None:
    up(bench)
    bench.meter.write_policies(
        {ALICE: Policy(throttle_at=Thresholds(both=0), classes=(0, 0x7A000011, 0, 0, 0), police_rate=1)}
    )
    bench.meter.give_classes_at(LOOPBACK, 0)
    assert [up(bench) for _ in range(3)] == [PASS] * 3
    assert [down(bench), down(bench)] == [PASS, SHOT]
    bench.meter.give_classes_at(0, LOOPBACK)
    assert [down(bench) for _ in range(3)] == [PASS] * 3
    assert [up(bench), up(bench)] == [PASS, SHOT]


def test_download_is_in_the_class_as_well(bench: Bench) -> None:
    up(bench)
    bench.meter.write_policies({ALICE: Policy(classes=(0x7A000010, 0, 0, 0, 0))})
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    assert priority_of_download(bench) == 0x7A000010
    assert ALICE not in bench.read().queued, "only queues of uploads are watched"


def priority_of_download(bench: Bench) -> int:
    after = libbpf.dry_run(bench.meter.program("wan_ingress_ethernet").fd, DOWNLOAD, skb(0, LOOPBACK)).context
    return int.from_bytes(after[PRIORITY : PRIORITY + 4], "little")


def test_a_client_that_an_alarm_slows_is_held_to_its_rate_until_the_switch_whatever_it_used(bench: Bench) -> None:
    slowed = Policy(throttled=True, police_rate=1, classes=(0x7A000010, 0x7A000011, 0, 0, 0))
    bench.meter.write_policies({ALICE: slowed})
    assert [up(bench), up(bench), down(bench), down(bench)] == [PASS, SHOT, PASS, SHOT], "inside tunnels, by drops"
    assert [up(bench, BOB), up(bench, BOB)] == [PASS, PASS]
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    assert priority(bench) == 0x7A000011
    bench.meter.write_policies({ALICE: replace(slowed, warn_at=Thresholds(both=10**9))})
    assert priority(bench) == 0x7A000011, "beside thresholds as well"
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    bench.meter.write_policies({ALICE: replace(slowed, switches=(Switch(now - 1, Hold()),))})
    assert priority(bench) == 0x7A000010
    bench.meter.write_policies({ALICE: Policy(exempt=True, throttled=True, police_rate=1)})
    assert [up(bench), up(bench)] == [PASS, PASS]
