# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits in the kernel: a cut is exact, on one CPU and on two, and says so once."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Budget, Counters, Reason
from esimshaper.core.model.hold import Hold, Switch
from esimshaper.core.model.identity import ACCOUNT_ROUTER, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.edge.bpf import layouts, libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import SERVER4, UDP, WAN4, ethernet, ipv4, udp
from tests.bpf.verdicts import ALICE, BOB, PASS, SHOT, SIZE, UPLOAD, down, priority, up


def test_upload_ends_at_the_byte_and_a_dropped_packet_is_not_billed(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=10 * SIZE))})
    assert [up(bench) for _ in range(12)] == [PASS] * 10 + [SHOT] * 2
    assert bench.counters(ALICE) == Counters(up_bytes=10 * SIZE, up_packets=10)
    assert bench.read().budgets[ALICE] == Budget(10 * SIZE, 0, 10 * SIZE)
    assert bench.bytes_of(Reason.UPLOAD_BLOCKED) == 2 * SIZE


def test_packet_that_exceeds_the_limit_by_one_byte_is_dropped_and_a_smaller_one_is_not(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(upload=2 * SIZE - 1))})
    assert [up(bench), up(bench)] == [PASS, SHOT]
    assert up(bench, frame=ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(SIZE - 29))))) == PASS
    assert bench.counters(ALICE).up_bytes == 2 * SIZE - 1


def test_download_beyond_the_limit_is_billed_dropped_and_wasted(bench: Bench) -> None:
    up(bench)
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(download=3 * SIZE))})
    assert [down(bench) for _ in range(5)] == [PASS] * 3 + [SHOT] * 2
    assert bench.counters(ALICE).down_bytes == 5 * SIZE
    assert bench.read().wasted == {ALICE: 2 * SIZE}
    assert bench.bytes_of(Reason.DOWNLOAD_BLOCKED) == 2 * SIZE
    assert up(bench) == PASS, "only downloads have a limit"


def test_both_directions_share_one_limit(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=3 * SIZE))})
    assert [up(bench), down(bench), up(bench), down(bench), up(bench)] == [PASS, PASS, PASS, SHOT, SHOT]


@pytest.mark.parametrize("blocked", ["client", "group", "everyone"])
def test_hierarchy_is_client_group_everyone(bench: Bench, blocked: str) -> None:
    bench.meter.add_groups(["kids"])
    reading = bench.read()
    group, everyone = reading.groups["kids"], reading.everyone
    limited = {"client": ALICE, "group": group, "everyone": everyone}[blocked]
    parents = {ALICE: group, group: everyone, BOB: everyone, ACCOUNT_ROUTER: everyone}
    bench.meter.write_policies(
        {
            account: Policy(
                parent=parents.get(account, Account(0)), block_at=Thresholds(both=SIZE if account == limited else 9**9)
            )
            for account in (ALICE, BOB, ACCOUNT_ROUTER, group, everyone)
        }
    )
    assert [up(bench, ALICE), up(bench, ALICE)] == [PASS, SHOT]
    assert up(bench, BOB) == (SHOT if blocked == "everyone" else PASS)
    budgets = bench.read().budgets
    assert budgets[ALICE].both == budgets[group].both == SIZE
    assert budgets[everyone].both == (SIZE if blocked == "everyone" else 2 * SIZE), "a refusal is taken off everywhere"


def test_groups_never_run_out_of_accounts(bench: Bench) -> None:
    first = [f"group{n}" for n in range(layouts.GROUPS)]
    assert bench.meter.add_groups(first)
    assert not bench.meter.add_groups(["late"])
    accounts = bench.read().groups
    assert bench.meter.add_groups(["late", "group1"], spare=["group7", "group8"])
    assert bench.read().groups == {name: at for name, at in accounts.items() if name != "group7"} | {
        "late": accounts["group7"]
    }


def test_override_blocks_both_directions_and_an_exemption_blocks_none(bench: Bench) -> None:
    everyone = bench.read().everyone
    up(bench)
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    assert [up(bench), down(bench)] == [SHOT, SHOT]
    bench.meter.write_policies(
        {
            ALICE: Policy(exempt=True, over_plan=True, parent=everyone, block_at=Thresholds(both=0)),
            everyone: Policy(block_at=Thresholds(both=0)),
        }
    )
    assert [up(bench), down(bench)] == [PASS, PASS]
    assert bench.read().budgets[everyone].both == 2 * SIZE, "what is allowed is counted all the same"


def test_exemption_within_the_plan_ends_at_the_byte_where_the_plan_does(bench: Bench) -> None:
    bench.meter.add_groups(["kids"])
    group, everyone = bench.read().groups["kids"], bench.read().everyone
    nothing = Thresholds(both=0)
    policies = {
        ALICE: Policy(exempt=True, parent=group, block_at=nothing),
        BOB: Policy(parent=everyone),
        group: Policy(parent=everyone, blocked=True, block_at=nothing),
        everyone: Policy(block_at=Thresholds(both=4 * SIZE)),
    }
    bench.meter.write_policies(policies)
    assert [up(bench), up(bench, BOB), up(bench), down(bench), up(bench), down(bench)] == [PASS] * 4 + [SHOT] * 2
    bench.meter.write_policies({everyone: Policy(blocked=True)})
    assert [up(bench), up(bench, BOB)] == [PASS, SHOT], "a block of everyone by hand leaves out who is allowed"


def test_class_is_the_open_one_below_the_limit_and_that_of_the_outermost_throttled_account_above(bench: Bench) -> None:
    everyone = bench.read().everyone
    bench.meter.write_policies(
        {
            ALICE: Policy(
                parent=everyone, throttle_at=Thresholds(both=SIZE), classes=(0x7A000010, 0x7A000011, 0, 0, 0)
            ),
            everyone: Policy(throttle_at=Thresholds(both=2 * SIZE), classes=(0, 0x7A000003, 0, 0, 0)),
        }
    )
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    assert [priority(bench) for _ in range(3)] == [0x7A000010, 0x7A000011, 0x7A000003]
    assert (bench.read().queued[ALICE], bench.read().queued[everyone]) == (2 * SIZE, SIZE)
    bench.meter.give_classes_at(LOOPBACK + 1, LOOPBACK)
    assert priority(bench) == 0
    assert (bench.read().queued[ALICE], bench.read().queued[everyone]) == (2 * SIZE, SIZE), "not given to any class"


def test_member_has_a_class_of_its_own_in_a_throttled_account_above_or_shares_that_accounts_class(bench: Bench) -> None:
    everyone = bench.read().everyone
    bench.meter.add_groups(["family"])
    family = bench.read().groups["family"]
    bench.meter.give_classes_at(LOOPBACK, LOOPBACK)
    bench.meter.write_policies(
        {
            ALICE: Policy(parent=family, throttle_at=Thresholds(both=SIZE), classes=(1, 2, 3, 4, 0)),
            BOB: Policy(parent=everyone, classes=(0, 0, 5, 0, 0)),
            family: Policy(parent=everyone, throttle_at=Thresholds(both=2 * SIZE), classes=(0, 6, 0, 0, 0)),
            everyone: Policy(throttle_at=Thresholds(both=3 * SIZE), classes=(0, 7, 0, 0, 0)),
        }
    )
    assert [priority(bench) for _ in range(4)] == [1, 2, 3, 4]
    assert priority(bench, BOB) == 5
    bench.meter.write_policies({ALICE: Policy(parent=family, classes=(1, 2, 3, 0, 0)), BOB: Policy(parent=everyone)})
    assert [priority(bench), priority(bench, BOB)] == [7, 7]
    bench.meter.write_policies({everyone: Policy(), ALICE: Policy(parent=family, classes=(1, 2, 0, 4, 0))})
    assert priority(bench) == 6
    queued = bench.read().queued
    assert {each: queued[each] // SIZE for each in (ALICE, BOB, family, everyone)} == {
        ALICE: 4,
        BOB: 1,
        family: 1,
        everyone: 2,
    }


@pytest.fixture
def consume(bench: Bench) -> Iterator[Callable[[], list[Account]]]:
    """Gives all accounts that were announced so far."""
    said: list[Account] = []
    ring = bench.meter.announcements(lambda announcement: said.append(announcement.account))
    with contextlib.closing(ring):

        def consumed() -> list[Account]:
            ring.consume()
            return list(said)

        yield consumed


def test_crossing_a_limit_or_a_warn_threshold_is_announced_once(
    bench: Bench, consume: Callable[[], list[Account]]
) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=4 * SIZE), warn_at=Thresholds(both=2 * SIZE))})
    for _ in range(2):
        up(bench)
    assert consume() == []
    up(bench)
    assert consume() == [ALICE], "the warn threshold"
    for _ in range(10):
        up(bench)
        down(bench)
    assert consume() == [ALICE, ALICE], "the limit"
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=bench.read().budgets[ALICE].both + SIZE))})
    for _ in range(3):
        up(bench)
    assert consume() == [ALICE] * 3, "another limit is announced again"


def test_raised_limit_opens_at_once_and_ends_at_the_byte_again(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=SIZE))})
    assert [up(bench), up(bench)] == [PASS, SHOT]
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=3 * SIZE))})
    assert [up(bench) for _ in range(3)] == [PASS, PASS, SHOT]
    assert bench.meter.policies()[ALICE] == Policy(block_at=Thresholds(both=3 * SIZE))


def test_two_cpus_at_once_pass_no_byte_beyond_the_limit(bench: Bench) -> None:
    packets, limit = 200_000, 150_000 * SIZE + 1
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=limit))})
    program = bench.meter.program("wan_egress_ethernet").fd

    def send(cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})
        libbpf.dry_run(program, UPLOAD, skb(ALICE << 20, LOOPBACK), repeat=packets)

    senders = [threading.Thread(target=send, args=(cpu,)) for cpu in sorted(os.sched_getaffinity(0))[:2]]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    passed = bench.counters(ALICE).up_bytes
    assert limit - SIZE < passed + SIZE * len(senders)
    assert passed <= limit
    assert bench.read().budgets[ALICE].both == passed
    assert passed + bench.bytes_of(Reason.UPLOAD_BLOCKED) == len(senders) * packets * SIZE


def test_dropped_uploads_of_one_cpu_never_free_room_that_another_has_taken(bench: Bench) -> None:
    """Each CPU adds before it judges: near the limit both may refuse what one could have had, never the reverse."""
    limit = 1000 * SIZE
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(upload=limit))})
    program = bench.meter.program("wan_egress_ethernet").fd
    threads = [
        threading.Thread(target=lambda: libbpf.dry_run(program, UPLOAD, skb(ALICE << 20, LOOPBACK), repeat=50_000))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.counters(ALICE).up_bytes <= limit
    assert bench.read().budgets[ALICE].upload == bench.counters(ALICE).up_bytes


def test_new_maps_have_no_limits(bench: Bench, bpffs: Path) -> None:
    assert set(bench.meter.policies().values()) == {Policy()}
    assert up(bench) == PASS


def test_download_that_begins_at_the_limit_is_announced_and_no_later_one(
    bench: Bench, consume: Callable[[], list[Account]]
) -> None:
    up(bench)
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(download=2 * SIZE))})
    for _ in range(2):
        down(bench)
    assert consume() == [], "it is reached to the byte, and nothing was more"
    for _ in range(3):
        down(bench)
    assert consume() == [ALICE]


NEVER_HELD = Hold()
BLOCKED, ALLOWED = Hold(blocked=True), Hold(exempt=True)


def soon(seconds: float) -> int:
    """CLOCK_BOOTTIME, in nanoseconds, so many seconds from now."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) + round(seconds * 1e9)


def with_switches(*switches: Switch, at_first: Hold = NEVER_HELD, **more: Thresholds) -> Policy:
    return Policy(**at_first._asdict(), switches=switches, **more)


def test_a_policy_switches_by_itself_and_back_again(bench: Bench) -> None:
    def verdicts(policy: Policy) -> list[int]:
        bench.meter.write_policies({ALICE: policy})
        return [up(bench), down(bench)]

    up(bench)
    past, present, future = soon(-20), soon(-10), soon(3600)
    assert verdicts(with_switches(Switch(future, BLOCKED))) == [PASS, PASS]
    assert verdicts(with_switches(Switch(past, BLOCKED))) == [SHOT, SHOT]
    assert verdicts(with_switches(Switch(past, BLOCKED), Switch(future, NEVER_HELD))) == [SHOT, SHOT]
    assert verdicts(with_switches(Switch(past, BLOCKED), Switch(present, NEVER_HELD))) == [PASS, PASS]
    assert verdicts(with_switches(Switch(past, NEVER_HELD), at_first=BLOCKED)) == [PASS, PASS]
    assert verdicts(with_switches(Switch(past, NEVER_HELD), Switch(present, BLOCKED), at_first=BLOCKED)) == [SHOT, SHOT]


def test_a_block_begins_and_ends_at_its_moments_while_packets_pass(bench: Bench) -> None:
    """The kernel's clock decides, to the packet; nobody writes anything in between."""
    begin, end = soon(0.3), soon(0.6)
    bench.meter.write_policies({ALICE: with_switches(Switch(begin, BLOCKED), Switch(end, NEVER_HELD))})
    seen = []
    while not seen or seen[-1][0] < end + 100_000_000:
        before, verdict, after = soon(0), up(bench), soon(0)
        seen += [(before, verdict)] if not any(before <= each <= after for each in (begin, end)) else []
    assert [verdict for _, verdict in seen] == [SHOT if begin < at < end else PASS for at, _ in seen]
    assert {verdict for _, verdict in seen} == {PASS, SHOT}


def test_limits_hold_under_a_switch_and_an_allow_that_ends_leaves_them(bench: Bench) -> None:
    limit = Thresholds(both=2 * SIZE)
    bench.meter.write_policies({ALICE: with_switches(Switch(soon(3600), BLOCKED), at_first=ALLOWED, block_at=limit)})
    assert [up(bench) for _ in range(4)] == [PASS] * 4
    bench.meter.write_policies({ALICE: with_switches(Switch(soon(-1), NEVER_HELD), at_first=ALLOWED, block_at=limit)})
    assert up(bench) == SHOT
    bench.meter.write_policies({ALICE: with_switches(Switch(soon(-1), ALLOWED), block_at=limit)})
    assert up(bench) == PASS


def test_a_policy_with_switches_is_read_as_it_was_written(bench: Bench) -> None:
    policy = with_switches(
        Switch(5, Hold(blocked=True, with_everyone=True)),
        Switch(2**62, Hold(exempt=True, over_plan=True)),
        at_first=BLOCKED,
        warn_at=Thresholds(upload=5),
    )
    bench.meter.write_policies({ALICE: policy, BOB: with_switches(Switch(7, BLOCKED))})
    assert bench.meter.policies()[ALICE] == policy
    assert bench.meter.policies()[BOB].switches == (Switch(7, BLOCKED),)
