# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas with the real daemon: a cut at the byte that holds whatever happens to the daemon, the link or the maps."""

import math
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.limits import (
    ALICE_2MB,
    CLIENTS,
    IN_FLIGHT,
    LINK,
    arrived,
    download,
    passes,
    quotas,
    reboot_in_order,
    row_of,
    send_until_cut,
    state_of,
    timed,
)
from tests.netns.router import Router

BOB = 'clients: [{name: bob, mac: "02:00:00:00:00:11"}]\n'


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN, shape=LINK) as built:
        yield built


def test_client_is_cut_at_its_limit_and_nobody_else(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, quotas("name: daily, for: each-client, limit: 3MB, period: month, then: block")).start()
    alice, bob = lab.clients
    before = router.measure()
    with pytest.raises(ConnectionResetError):
        alice.call(traffic.tcp_down, lab.servers4[0], 30_000_000)
    bob.call(traffic.tcp_down, lab.servers4[1], 1_000_000)
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=3)
    moved = router.measure() - before
    row = row_of(router, "daily", "client/alice")
    assert 3_000_000 <= arrived(moved.bill, lab.servers4[0]) <= 3_000_000 + IN_FLIGHT
    assert moved.sum.down_bytes == moved.bill.seen_by_router.down_bytes
    assert row["limit_bytes"] == 3_000_000
    assert row["used_bytes"] >= 2_990_000
    assert state_of(router, "bob") == "open"
    assert not passes(alice, lab.servers4[0])
    assert passes(bob, lab.servers4[1])
    alice.run(["ping", "-c", "1", "-W", "2", "192.168.77.1"])  # the router itself stays


def test_limit_holds_while_the_daemon_is_dead(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, quotas("name: daily, for: each-client, limit: 2MB, period: month, then: block")).start()
    alice = lab.clients[0]
    assert passes(alice, lab.servers4[0])
    router.measure()
    router.kill()
    bill = lab.carrier.settle()
    with pytest.raises(OSError):
        alice.call(traffic.tcp_down, lab.servers4[0], 30_000_000, timeout=5)
    assert (lab.carrier.settle() - bill).seen_by_router.total_bytes <= 2_000_000 + IN_FLIGHT
    router.start()
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=3)
    assert "reached" in router.log.read_text() or "used up" in router.log.read_text()


def replies(client: Host, server: str, until: float) -> list[float]:
    """When answers came to pings, twenty a second, in Unix seconds; to some time after `until`."""
    seconds = max(1, math.ceil(until + 1 - time.time()))
    said = client.run(["ping", "-D", "-n", "-i", "0.05", "-w", str(seconds), server])
    return [float(each) for each in re.findall(r"^\[([0-9.]+)\] .*icmp_seq", said, re.MULTILINE)]


def test_what_ends_at_a_moment_ends_then_by_the_kernel_though_the_daemon_is_dead(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    """First an allow, which cuts the device at its end; then a block, which lets it on."""
    router = make_router(lab, quotas("name: own, for: client/alice, limit: 1KB, period: month, then: block")).start()
    alice, server = lab.clients[0], lab.servers4[0]
    alice.call(traffic.ping, server, count=20)
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=3)
    allowed = router.json("allow", "alice", "--for", "4s")["until_unix"]
    wait_until("the device to be let on", lambda: passes(alice, server), timeout=3)
    router.kill()
    seen = replies(alice, server, allowed)
    assert allowed - 0.5 < max(seen) < allowed + 0.2
    router.start()
    assert router.json("grant", "alice", "1GB")["quotas"][0]["left_bytes"]
    blocked = router.json("block", "alice", "--for", "3s")["until_unix"]
    assert not passes(alice, server)
    router.kill()  # what nftables rejects ends up to a tick later
    wait_until("the device to be let on", lambda: passes(alice, server), timeout=6)
    assert blocked <= time.time() < blocked + 2


def test_a_limit_that_only_the_last_reading_finds_is_told_by_unload(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    assert passes(lab.clients[0], lab.servers4[0])
    router.stop()
    download(lab.clients[0], lab.servers4[0], 3_000_000)
    (told,) = router.json("unload", "--config", str(router.config))["notes"]
    assert told.startswith("alice has used up 2.00 MB (daily, until ")
    router.start()
    assert told not in router.log.read_text()


def test_device_never_seen_is_limited_from_its_first_byte_while_the_daemon_is_dead(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(
        lab,
        CLIENTS.replace("02:00:00:00:00:11", "02:00:00:00:00:77")
        + "quotas:\n  - {name: guests, for: group/unknown, limit: 1MB, period: month, then: block}\n",
    ).start()
    router.measure()
    router.kill()
    stranger = lab.clients[1]
    bill = lab.carrier.settle()
    with pytest.raises(OSError):
        stranger.call(traffic.tcp_up, lab.servers4[0], 30_000_000, timeout=5)
    stranger.ip("link set eth0 down", "link set eth0 address 02:00:00:00:00:99", "link set eth0 up")
    assert (lab.carrier.settle() - bill).total.up_bytes <= 1_000_000 + 100_000


def test_restart_and_returning_wan_let_no_packet_of_a_blocked_client_pass(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas("name: daily, for: client/alice, limit: 1MB, period: month, then: block")).start()
    alice = lab.clients[0]
    download(alice, lab.servers4[0], 10_000_000)
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=3)
    bill = lab.carrier.settle()
    flood = alice.popen(["ping", "-i", "0.002", "-q", lab.servers4[0]])
    try:
        for number in (signal.SIGKILL, signal.SIGTERM):
            router.stop(number)
            router.start()
        for kind in (WanKind.TAP, WanKind.TUN):
            lab.recreate_wan(kind)
            wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"], timeout=10)
    finally:
        flood.kill()
        flood.wait()
    assert (lab.carrier.settle() - bill).of(lab.servers4[0]).up_bytes == 0


def test_reboot_forgets_nothing_that_was_saved(make_router: Callable[..., Router], lab: Lab, bpffs: Path) -> None:
    router = make_router(lab, quotas("name: daily, for: each-client, limit: 3MB, period: month, then: block")).start()
    alice = lab.clients[0]
    download(alice, lab.servers4[0], 2_000_000)
    reboot_in_order(router, bpffs)
    wait_until("alice", lambda: row_of(router, "daily", "client/alice")["used_bytes"] >= 2_000_000, timeout=5)
    bill = lab.carrier.settle()
    download(alice, lab.servers4[0], 10_000_000)
    assert (lab.carrier.settle() - bill).seen_by_router.total_bytes <= 1_000_000 + IN_FLIGHT


def test_grant_opens_a_cut_client_and_is_exact_again(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, quotas("name: daily, for: client/alice, limit: 1MB, period: month, then: block")).start()
    alice = lab.clients[0]
    download(alice, lab.servers4[0], 10_000_000)
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=3)
    done = router.run("grant", "client/alice", "2MB")
    assert done.returncode == 0, done.stderr
    bill = lab.carrier.settle()
    download(alice, lab.servers4[0], 10_000_000)
    again = (lab.carrier.settle() - bill).seen_by_router.total_bytes
    assert 1_500_000 <= again <= 2_000_000 + IN_FLIGHT


def test_block_and_allow_by_hand_are_over_the_quotas_and_an_allow_ends_at_the_byte_where_the_plan_does(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    own = "name: own, for: client/alice, limit: 100KB, period: month, then: block"
    router = make_router(lab, quotas(own, "name: plan, for: everyone, limit: 1MB, period: month, then: block")).start()
    alice, bob = lab.clients
    server = lab.servers4[0]
    assert passes(alice, server)
    assert router.run("block", "client/alice").returncode == 0
    assert not passes(alice, server)
    assert passes(bob, lab.servers4[1])
    assert "until" in router.run("allow", "alice").stdout
    router.measure()
    before, earlier = lab.carrier.settle(), row_of(router, "plan", "everyone")["used_bytes"]
    send_until_cut(alice, server, 500_000)
    assert (lab.carrier.settle() - before).total.up_bytes >= 500_000, "its own limit is lifted"
    assert "alice is allowed by hand" in router.run("block", "everyone").stdout
    assert not passes(bob, lab.servers4[1])
    send_until_cut(alice, server, 1_000_000)
    billed = earlier + (lab.carrier.settle() - before).total.total_bytes
    assert 1_000_000 - 1228 < billed <= 1_000_000
    assert "stays blocked: plan" in router.run("allow", "alice", "--always").stdout
    assert not passes(alice, server)
    assert router.run("allow", "client/alice", "--over-plan").returncode == 0
    assert passes(alice, server)
    assert not passes(bob, lab.servers4[1])


def test_throttled_client_gets_its_rate_and_its_neighbour_keeps_its_own(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(
        lab, quotas("name: daily, for: client/alice, limit: 200KB, period: month, then: {throttle: 1mbit}")
    ).start()
    alice, bob = lab.clients
    alice.call(traffic.tcp_down, lab.servers4[0], 300_000)
    wait_until("the state", lambda: state_of(router, "alice") == "throttled", timeout=3)
    slow = alice.start(timed, traffic.tcp_down, lab.servers4[0], 500_000)
    quick = bob.call(timed, traffic.tcp_down, lab.servers4[1], 4_000_000)
    assert quick < 3
    assert 3.5 <= slow.result(300) <= 6
    up = alice.call(timed, traffic.tcp_up, lab.servers4[0], 500_000)
    assert 3.5 <= up <= 6


def test_who_is_throttled_stays_so_when_everyone_is_throttled_to_more(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(
        lab,
        quotas(
            "name: daily, for: client/alice, limit: 100KB, period: month, then: {throttle: 512kbit}",
            "name: plan, for: everyone, limit: 300KB, period: month, then: {throttle: 8mbit}",
        ),
    ).start()
    alice, bob = lab.clients
    alice.call(traffic.tcp_down, lab.servers4[0], 150_000)
    bob.call(traffic.tcp_down, lab.servers4[1], 300_000)
    wait_until("the states", lambda: [state_of(router, name) for name in ("alice", "bob")] == ["throttled"] * 2)
    for move in (traffic.tcp_down, traffic.tcp_up):
        slow = alice.start(timed, move, lab.servers4[0], 200_000)
        quick = bob.call(timed, move, lab.servers4[1], 800_000)
        assert quick < 2.5 < slow.result(300) < 8


def test_programs_of_a_blocked_client_are_told_at_once(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, CLIENTS).start()
    alice = lab.clients[0]
    assert passes(alice, lab.servers4[0])
    assert router.run("block", "alice").returncode == 0
    with pytest.raises(ConnectionRefusedError):
        alice.call(traffic.tcp_down, lab.servers4[0], 1000, timeout=5)
    with pytest.raises(ConnectionRefusedError):
        alice.call(traffic.tcp_down, lab.servers6[0], 1000, timeout=5)
    said = alice.popen(["ping", "-c", "1", "-W", "2", lab.servers4[0]], stdout=-1, text=True).communicate()[0]
    assert "filtered" in said.lower()
    bill = lab.carrier.settle()
    assert router.run("allow", "alice").returncode == 0
    assert passes(alice, lab.servers4[0])
    assert (lab.carrier.settle() - bill).total.up_packets > 0


def test_an_alarm_holds_a_device_to_its_rate_while_the_daemon_is_dead_until_it_is_answered(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    watch = "newcomer: {allow: 1MB, in: 30min, then: {throttle: 1mbit}}"
    settings = f"watch: {{level: normal, surge: notify, upload: {{block: 1h}}, {watch}}}\n"
    router = make_router(lab, BOB + settings).start()
    alice, bob = lab.clients
    alice.call(traffic.tcp_down, lab.servers4[0], 1_500_000)
    wait_until("the alarm", lambda: state_of(router, "02:00:00:00:00:10") == "throttled", timeout=15)
    (alarm,) = router.json("alarms")["open"]
    assert (alarm["kinds"], alarm["answer"]) == (["newcomer"], "cut")
    assert "throttled to 1.00 Mbit/s by an alarm until" in router.run("status").stdout
    router.kill()
    slow = alice.start(timed, traffic.tcp_down, lab.servers4[0], 500_000)
    assert bob.call(timed, traffic.tcp_down, lab.servers4[1], 2_000_000) < 3
    assert 3.5 <= slow.result(300) <= 6
    router.start()
    assert state_of(router, "02:00:00:00:00:10") == "throttled"
    assert router.run("alarms", "fine", str(alarm["number"])).returncode == 0
    wait_until("the end", lambda: state_of(router, "02:00:00:00:00:10") == "open", timeout=3)
    assert alice.call(timed, traffic.tcp_down, lab.servers4[0], 2_000_000) < 3


def test_a_new_device_ends_its_probation_at_the_byte_while_the_daemon_is_dead(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, BOB + "watch: {newcomer: {allow: 1MB, in: 30min, then: {block: 1h}}}\n").start()
    alice, bob = lab.clients
    bob.call(traffic.ping, lab.servers4[1], count=1)
    router.measure()
    router.kill()
    bill = lab.carrier.settle()
    send_until_cut(alice, lab.servers4[0], 2_000_000)
    assert 990_000 <= (lab.carrier.settle() - bill).of(lab.servers4[0]).up_bytes <= 1_000_000
    assert not passes(alice, lab.servers4[0])
    assert bob.call(timed, traffic.tcp_down, lab.servers4[1], 2_000_000) < 3, "who is listed is on no probation"
    router.start()
    assert not passes(alice, lab.servers4[0])
