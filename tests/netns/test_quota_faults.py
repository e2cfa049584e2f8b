# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits when things go wrong, with the real daemon: nothing passes them, nothing is lost, nothing is said twice."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.limits import (
    ALICE_2MB,
    IN_FLIGHT,
    LINK,
    arrived,
    download,
    flood,
    keep_busy,
    passes,
    quotas,
    reboot,
    reboot_in_order,
    row_of,
    state_of,
    used_up,
)
from tests.netns.router import PYTHON, Router, bytes_of


@pytest.fixture
def lab() -> Iterator[Lab]:
    # Short queues: where both directions are busy, answers wait behind uploads, and so much more is on its way.
    shape = replace(LINK, queue_bytes=100_000)
    with Lab(WanKind.TUN, shape=shape) as built:
        yield built


def test_killed_a_hundred_times_no_limit_no_byte_and_no_notice_is_wrong(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    # Something to be told and saved every 1.5 MB; on a slow machine more bytes pass, and nothing must not be left.
    limits = (*range(1500, 75_000, 1500), *range(75_000, 225_000, 15_000))
    steps = [f"name: step{n}, for: everyone, limit: {n}KB, period: month, then: notify" for n in limits]
    router = make_router(
        lab,
        quotas(
            "name: alice, for: client/alice, limit: 10MB, period: month, then: block, warn_at: [50%]",
            "name: bob, for: client/bob, limit: 30MB, period: month, then: {throttle: 8mbit}, warn_at: [50%, 90%]",
            *steps,
        ),
    ).start()
    before = router.measure()
    router.kill()
    alice, bob = lab.clients
    ended = []
    loads = [
        alice.start(keep_busy, traffic.tcp_down, lab.servers4[0], ended),
        alice.start(keep_busy, traffic.tcp_up, lab.servers4[0], ended),
        bob.start(keep_busy, traffic.tcp_down, lab.servers4[1], ended),
    ]
    fates = [json.loads(line) for line in die(router, 100)]
    ended.append(True)
    for load in loads:
        load.result(300)
    router.start()
    after, saved = router.measure_with(router.history)
    moved = after - before
    assert not [each for each in fates if each["fate"] and not each["reached"]]
    assert bytes_of(moved.sum) == bytes_of(moved.bill.seen_by_router)
    assert bytes_of(saved) == bytes_of(after.sum)
    assert row_of(router, "bob", "client/bob")["used_bytes"] == moved.totals["bob"].total_bytes
    used = row_of(router, "alice", "client/alice")["used_bytes"]
    wasted = router.scrape()['esimshaper_client_wasted_bytes_total{client="alice"}']
    assert 9_990_000 <= used - wasted <= 10_000_000 + 5_000, "and the resets that end her connections"
    assert wasted <= IN_FLIGHT
    assert used == moved.totals["alice"].total_bytes  # so with the sums above it is what was billed and arrived
    said = re.findall(r"((?:bob|alice) (?:has used up|is \w+ now)|\(step\d+)", router.log.read_text())
    assert len(said) > 20
    assert not [words for words, times in Counter(said).items() if times > 1]


def die(router: Router, number: int) -> list[str]:
    """As many lives of the daemon as that, one after the other; a line on each."""
    command = router.lab.router.command([PYTHON, "-m", "tests.netns.kills", str(router.config), str(number), "1"])
    with router.log.open("ab") as log:
        done = subprocess.run(command, env=router.environment, stdout=-1, stderr=log, timeout=1500, check=True)
    return done.stdout.decode().splitlines()


# --- reboot


def test_reboot_while_blocked_lets_nothing_pass(make_router: Callable[..., Router], lab: Lab, bpffs: Path) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]
    used_up(router, alice, server)
    router.measure()
    router.kill()
    reboot(router, bpffs)
    router.start()
    bill = lab.carrier.settle()
    assert not passes(alice, server)
    assert (lab.carrier.settle() - bill).of(server).up_packets == 0


def test_reboot_while_half_used_leaves_the_other_half_also_without_a_daemon(
    make_router: Callable[..., Router], lab: Lab, bpffs: Path
) -> None:
    router = make_router(lab, quotas("name: daily, for: each-client, limit: 2MB, period: month, then: block")).start()
    alice, server = lab.clients[0], lab.servers4[0]
    download(alice, server, 1_000_000)
    router.measure()
    used = row_of(router, "daily", "client/alice")["used_bytes"]
    reboot_in_order(router, bpffs)
    router.kill()
    bill = lab.carrier.settle()
    download(alice, server, 10_000_000)
    assert arrived(lab.carrier.settle() - bill, server) <= 2_000_000 - used + IN_FLIGHT


def test_limit_that_was_met_in_maps_of_other_sizes_is_told_once(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]
    assert passes(alice, server)
    router.measure()
    router.stop()
    download(alice, server, 10_000_000)
    router.configure(quotas(ALICE_2MB) + "meter: {max_flows: 2000}\n")
    router.start()
    assert state_of(router, "alice") == "blocked"
    router.kill()
    router.start()
    said = router.log.read_text()
    assert [said.count(f"alice {what}") for what in ("has used up 2.00 MB", "is blocked now")] == [1, 1]


# --- the link


@pytest.mark.parametrize("kind", WanKind)
def test_wan_made_anew_while_the_daemon_stands_still_lets_no_packet_of_a_blocked_client_pass(
    make_router: Callable[..., Router], kind: WanKind
) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, quotas(ALICE_2MB)).start()
        alice, server = lab.clients[0], lab.servers4[0]
        used_up(router, alice, server)
        bill = lab.carrier.settle()
        with flood(alice, server), stray_segments(alice, server):
            router.process.send_signal(signal.SIGSTOP)
            lab.recreate_wan(kind)
            sent = alice.call(packets_sent)
            wait_until("a flood", lambda: alice.call(packets_sent) > sent + 200)
            router.process.send_signal(signal.SIGCONT)
            wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"], timeout=10)
            lab.recreate_wan(kind)
            wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"], timeout=10)
        assert (lab.carrier.settle() - bill).of(server).up_bytes == 0


def packets_sent() -> int:
    return int(Path("/proc/thread-self/net/dev").read_text().split("eth0:")[1].split()[9])


STRAY = """
import socket, sys, time
# TCP segments of a connection that nobody opened: what a program does that takes no refusal
server, own = sys.argv[1:]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
while True:
    segment = bytearray(bytes.fromhex("9c4001bb000003e8000003e850107fff00000000") + bytes(100))
    pseudo = socket.inet_aton(own) + socket.inet_aton(server) + bytes([0, 6]) + len(segment).to_bytes(2, "big")
    segment[16:18] = checksum(pseudo + segment).to_bytes(2, "big")
    raw.sendto(segment, (server, 0))
    time.sleep(0.002)
"""


@contextlib.contextmanager
def stray_segments(client: Host, server: str) -> Iterator[None]:
    sender = client.popen([PYTHON, "-c", STRAY, server, client.ipv4])
    try:
        yield
    finally:
        sender.kill()
        sender.wait()


# --- the disk


def test_limits_go_on_from_memory_while_the_disk_is_full(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, quotas(ALICE_2MB, "name: bob, for: client/bob, limit: 1MB, period: month, then: block"))
    alice, bob = lab.clients
    with small_disk(router.place / "state") as ballast:
        router.start()
        assert passes(alice, lab.servers4[0])
        router.measure()
        fill(ballast)
        used_up(router, alice, lab.servers4[0])
        assert router.run("grant", "alice", "1MB").returncode == 0
        assert passes(alice, lab.servers4[0])
        assert router.run("block", "bob").returncode == 0
        assert not passes(bob, lab.servers4[1])
        assert router.run("allow", "bob").returncode == 0
        download(bob, lab.servers4[1], 2_000_000)
        assert passes(bob, lab.servers4[1])
        # SQLite finds room for a small transaction in its log again and again, so the problem comes and goes.
        assert "history cannot be saved" in router.log.read_text()
        before = router.measure()
        ballast.unlink()
        assert router.stop() == 0
        router.start()
        assert bytes_of(router.measure().sum) == bytes_of(before.sum)
        assert row_of(router, "daily", "client/alice")["granted_bytes"] == 1_000_000
        assert passes(bob, lab.servers4[1])
        assert passes(alice, lab.servers4[0])
        used_up(router, alice, lab.servers4[0])
        router.stop()


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of its own at `place`; gives the file that may fill it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], check=True)
    try:
        yield place / "ballast"
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(ballast: Path) -> None:
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4096"], capture_output=True, check=False)
    assert shutil.disk_usage(ballast.parent).free == 0


def test_damaged_database_opens_no_second_window_and_costs_nobody_what_is_left(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]

    def damage() -> None:
        router.stop()
        (router.place / "state" / "history.db").write_bytes(b"no database" * 1000)
        router.start()

    used_up(router, alice, server)
    damage()
    assert state_of(router, "alice") == "blocked"
    bill = lab.carrier.settle()
    assert not passes(alice, server)
    assert (lab.carrier.settle() - bill).of(server).up_packets == 0
    assert router.run("grant", "alice", "2MB").returncode == 0
    bill = lab.carrier.settle()
    alice.call(traffic.tcp_down, server, 500_000)
    damage()  # the kernel still knows how far she may go
    assert state_of(router, "alice") == "open"
    used_up(router, alice, server)
    assert 1_500_000 <= arrived(lab.carrier.settle() - bill, server) <= 2_000_000 + IN_FLIGHT


@pytest.mark.parametrize("damaged", [False, True], ids=["not to be opened", "damaged"])
def test_who_was_blocked_by_hand_stays_blocked_also_without_a_history(
    make_router: Callable[..., Router], lab: Lab, *, damaged: bool
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    (alice, bob), server = lab.clients, lab.servers4[0]
    assert router.run("block", "bob").returncode == 0
    assert router.stop() == 0
    history = router.place / "state" / "history.db"
    history.rename(history.with_name("kept"))
    if damaged:
        history.write_bytes(b"no database" * 1000)
    else:
        history.mkdir()
    router.start()
    assert state_of(router, "bob") == "blocked"
    assert not passes(bob, server)
    assert passes(alice, server)
    if not damaged:
        history.rmdir()
        history.with_name("kept").rename(history)
        assert router.run("grant", "alice", "1MB").returncode == 0  # saved at once, so it is opened
        wait_until("the history", lambda: not router.get("/v1/status")["storage"]["problem"])
        assert not passes(bob, server)
    assert router.run("block", "bob", "--clear").returncode == 0
    assert passes(bob, server)


# --- somebody else at our tc objects


MEDDLING = {
    "the queue": ("tc qdisc del dev wan0 root", "tc qdisc show dev wan0", "qdisc htb"),
    "the ifb": ("ip link del ifb-wan0", "ip link show", "ifb-wan0"),
    "the redirect": ("tc filter del dev wan0 ingress prio 20", "tc filter show dev wan0 ingress", "mirred"),
    "the program": ("tc filter del dev wan0 egress", "tc filter show dev wan0 egress", "esimshaper"),
    "all of tc": ("tc qdisc del dev wan0 clsact", "tc filter show dev wan0 egress", "esimshaper"),
    "the firewall": ("nft flush ruleset", "nft list ruleset", "inet esimshaper"),
}


def test_what_somebody_else_deletes_is_mended_and_said_once(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(
        lab,
        quotas(
            "name: slow, for: client/bob, limit: 1MB, period: month, then: {throttle: 1mbit}",
        ),
    ).start()
    assert passes(lab.clients[0], lab.servers4[0])
    assert passes(lab.clients[1], lab.servers4[1])
    assert router.run("block", "alice").returncode == 0
    for what, (delete, show, ours) in MEDDLING.items():
        said = router.log.read_text()
        lab.router.run(delete.split())
        wait_until(f"mending {what}", partial(shows, lab, show, ours), timeout=15)
        wait_until("attaching", lambda: router.get("/v1/status")["wan"]["attached"], timeout=5)
        router.await_tick()
        new = [line for line in router.log.read_text().removeprefix(said).splitlines() if "somebody" in line]
        assert 1 <= len(new) <= 3, what
        assert len(set(new)) == len(new)
    assert not passes(lab.clients[0], lab.servers4[0])
    assert not router.get("/v1/status")["wan"]["problems"]


def shows(lab: Lab, command: str, what: str) -> bool:
    return what in lab.router.run(command.split())
