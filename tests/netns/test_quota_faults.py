# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits when things go wrong, with the real daemon: nothing passes them, nothing is lost, nothing is said twice."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from esimshaper.edge import control_client
from esimshaper.lab import Lab, Shape, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.router import PYTHON, Router, bytes_of
from tests.netns.test_quotas import CLIENTS, IN_FLIGHT, download, passes, quotas, row_of, state_of

FAMILY_5MB = "name: family, for: group/family, limit: 5MB, period: month, then: block"
ALICE_2MB = "name: daily, for: client/alice, limit: 2MB, period: month, then: block"
ALICE_IS_A_STRANGER = CLIENTS.replace("02:00:00:00:00:10", "02:00:00:00:00:77")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN, shape=Shape(delay_ms=20, down_bits=20_000_000, up_bits=20_000_000)) as built:
        yield built


def test_killed_a_hundred_times_no_limit_no_byte_and_no_notice_is_wrong(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    steps = [f"name: step{n}, for: everyone, limit: {1500 * n}KB, period: month, then: notify" for n in range(1, 60)]
    router = make_router(
        lab,
        quotas(
            "name: alice, for: client/alice, limit: 10MB, period: month, then: block, warn_at: [50%]",
            "name: bob, for: client/bob, limit: 30MB, period: month, then: {throttle: 8mbit}, warn_at: [50%, 90%]",
            *steps,  # something to be told and saved every 1.5 MB
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
        load.result(60)
    router.start()
    moved = router.measure() - before
    assert not [each for each in fates if each["fate"] and not each["reached"]]
    assert bytes_of(moved.sum) == bytes_of(moved.bill.seen_by_router)
    saved = router.get("/v1/history", by="day")["rows"]
    assert sum(row["total_bytes"] for row in saved) == (before.sum + moved.sum).total_bytes
    assert row_of(router, "bob", "client/bob")["used_bytes"] == moved.totals["bob"].total_bytes
    used = row_of(router, "alice", "client/alice")["used_bytes"]
    wasted = router.scrape()['esimshaper_client_wasted_bytes_total{client="alice"}']
    assert 9_990_000 <= used - wasted <= 10_000_000
    assert moved.bill.of(lab.servers4[0]).total_bytes <= 10_000_000 + IN_FLIGHT
    said = re.findall(r"((?:bob|alice) (?:has used up|is \w+ now)|\(step\d+)", router.log.read_text())
    assert len(said) > 30
    assert not [words for words, times in Counter(said).items() if times > 1]


def keep_busy(move: Callable[..., object], server: str, ended: list[bool]) -> None:
    while not ended:
        with contextlib.suppress(OSError):
            move(server, 2_000_000, timeout=2)


def die(router: Router, number: int) -> list[str]:
    """As many lives of the daemon as that, one after the other; a line on each."""
    command = router.lab.router.command([PYTHON, "-m", "tests.netns.lives", str(router.config), str(number), "1"])
    with router.log.open("ab") as log:
        done = subprocess.run(command, env=router.environment, stdout=-1, stderr=log, timeout=300, check=True)
    return done.stdout.decode().splitlines()


def used_up(router: Router, client: Host, server: str, name: str = "alice") -> None:
    download(client, server, 10_000_000)
    wait_until("the verdict", lambda: state_of(router, name) == "blocked", timeout=3)


def reboot(router: Router, pins: Path) -> None:
    """What it leaves: the database, and nothing of the kernel's."""
    for command in ("tc qdisc del dev wan0 clsact", "tc qdisc del dev br0 clsact", "tc qdisc del dev wan0 root"):
        subprocess.run(router.lab.router.command(command.split()), check=False, capture_output=True)
    subprocess.run(router.lab.router.command(["ip", "link", "del", "ifb-wan0"]), check=False, capture_output=True)
    subprocess.run(
        router.lab.router.command(["nft", "delete", "table", "inet", "esimshaper"]), check=False, capture_output=True
    )
    shutil.rmtree(pins / "pins")


@contextlib.contextmanager
def flood(client: Host, server: str) -> Iterator[None]:
    pings = client.popen(["ping", "-i", "0.002", "-q", server], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        pings.kill()
        pings.wait()


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
    assert router.stop() == 0
    reboot(router, bpffs)
    router.start()
    router.kill()
    bill = lab.carrier.settle()
    download(alice, server, 10_000_000)
    assert (lab.carrier.settle() - bill).of(server).total_bytes <= 2_000_000 - used + IN_FLIGHT


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
        assert router.get("/v1/status")["storage"]["problem"]
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
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", place], check=True)
    try:
        yield place / "ballast"
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(ballast: Path) -> None:
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4096"], capture_output=True, check=False)
    assert shutil.disk_usage(ballast.parent).free == 0


def test_database_that_is_damaged_opens_no_second_window(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]
    used_up(router, alice, server)
    router.stop()
    (router.place / "state" / "history.db").write_bytes(b"no database" * 1000)
    router.start()
    assert state_of(router, "alice") == "blocked"
    bill = lab.carrier.settle()
    assert not passes(alice, server)
    assert (lab.carrier.settle() - bill).of(server).up_packets == 0


# --- devices that change their MAC


def test_device_that_changes_its_mac_has_what_group_unknown_has_and_no_more(make_router: Callable[..., Router]) -> None:
    guests = (
        "quotas:\n  - {name: guests, for: group/unknown, limit: 3MB, period: month, direction: upload, then: block}\n"
    )
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ALICE_IS_A_STRANGER + guests).start()
        stranger, server = lab.clients[0], lab.servers4[0]
        before = router.measure()
        for number in range(4):
            if number:
                change_mac(stranger, f"02:00:00:00:01:{number:02x}")
            if number % 2:
                router.kill()
            stranger.call(udp_up, server, 900_000 if number < 3 else 2_000_000)
            if number % 2:
                router.start()
        moved = router.measure() - before
        row = row_of(router, "guests", "group/unknown")
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert len([name for name, counters in moved.totals.items() if counters.up_bytes > 100_000]) == 4
        assert 2_999_000 <= moved.bill.of(server).up_bytes <= 3_000_000
        assert row["used_bytes"] == moved.bill.of(server).up_bytes
        assert not passes(stranger, server)


def change_mac(client: Host, mac: str) -> None:
    client.ip("link set eth0 down", f"link set eth0 address {mac}", "link set eth0 up")
    client.ip("route add default via 192.168.77.1")


def udp_up(server: str, size: int) -> None:
    """Packets of 1,000 bytes; nobody says what came."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(size // 1000):
            with contextlib.suppress(OSError):  # an ICMP error about an earlier one
                sock.sendto(bytes(972), (server, 9))
            if number % 50 == 0:
                time.sleep(0.002)  # no queue on the way holds all of it


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


# --- set by hand


def post(router: Router, verb: str, **body: object) -> dict[str, Any]:
    return control_client.post(router.socket, f"/v1/{verb}", body)


def test_grants_of_two_callers_at_once_all_count_once_and_are_saved_when_answered(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]
    with ThreadPoolExecutor(4) as callers, flood(alice, server):  # each ping that begins a limit wakes the tick
        asked = [callers.submit(post, router, "grant", subject="alice", bytes=50_000) for _ in range(20)]
        asked += [callers.submit(post, router, "block" if n % 2 else "clear", subject="bob") for n in range(20)]
        for each in asked:
            each.result(30)
    post(router, "block", subject="bob")
    router.kill()
    router.start()
    assert row_of(router, "daily", "client/alice")["granted_bytes"] == 1_000_000
    assert [each["subject"] for each in router.get("/v1/quotas")["by_hand"]] == ["client/bob"]
    assert router.log.read_text().count("alice got 50.0 KB more") == 20
    bill = lab.carrier.settle()
    download(alice, server, 10_000_000)
    assert 2_900_000 <= (lab.carrier.settle() - bill).of(server).total_bytes <= 3_000_000 + IN_FLIGHT


def test_slow_disk_delays_no_word_by_hand_and_makes_nobody_grant_twice(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB))
    slow = slow_disk(router, seconds=8)
    router.start()
    slow.touch()
    alice, server = lab.clients[0], lab.servers4[0]
    began = time.monotonic()
    assert post(router, "grant", subject="alice", bytes=1_000_000)["quotas"][0]["granted_bytes"] == 1_000_000
    assert post(router, "block", subject="alice")["state"]["level"] == "blocked"
    assert time.monotonic() - began < 8
    assert not passes(alice, server)
    router.kill()


def slow_disk(router: Router, seconds: float) -> Path:
    """In the daemon's own process, a card that takes its time from when that file is there."""
    slow = router.place / "slow"
    (router.place / "sitecustomize.py").write_text(
        "import os, time\n"
        "from esimshaper.edge.history import History\n"
        "real = History.save\n"
        f"History.save = lambda *given: (time.sleep({seconds} * os.path.exists({str(slow)!r})), real(*given))[1]\n"
    )
    router.environment["PYTHONPATH"] = f"{router.place}{os.pathsep}{router.environment['PYTHONPATH']}"
    return slow


def test_what_is_set_for_a_client_that_was_never_here_holds_from_its_first_packet(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    late = quotas("name: bobs, for: client/bob, limit: 1MB, period: month, then: block")
    late = late.replace("02:00:00:00:00:11", "02:00:00:00:00:77").replace("name: bob", "name: late", 1)
    late = late.replace("client/bob", "client/late")
    router = make_router(lab, late).start()
    bob, server = lab.clients[1], lab.servers4[1]
    assert router.run("block", "late").returncode == 0
    assert router.run("grant", "client/late", "500KB").returncode == 0
    for word in ("nobody", "client/nobody", "02:00:00:00:00:99", "group/nobody", "each-client"):
        refused = router.run("block", word)
        assert (refused.returncode, refused.stderr.startswith("esimshaper: ")) == (1, True)
    router.kill()
    change_mac(bob, "02:00:00:00:00:77")
    bill = lab.carrier.settle()
    assert not passes(bob, server)
    router.start()
    assert not passes(bob, server)
    assert (lab.carrier.settle() - bill).of(server).up_bytes == 0
    assert router.run("block", "late", "--clear").returncode == 0
    download(bob, server, 10_000_000)
    assert 1_450_000 <= (lab.carrier.settle() - bill).of(server).total_bytes <= 1_500_000 + IN_FLIGHT


ODD = (
    *("", " ", "client/", "/", "group/", "group/unknown/x", "each-client", "nobody", "a" * 5000, "alice\0", "\ud800"),
    *(
        None,
        0,
        -1,
        1,
        1.5,
        10**15 + 1,
        10**30,
        float("inf"),
        True,
        [],
        {},
        ["alice"],
        {"client": "alice"},
        "1MB",
        "1e3",
    ),
)


def test_bodies_that_make_no_sense_are_refused_in_a_sentence_and_change_nothing(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    chance = random.Random(3)
    before = router.get("/v1/quotas")["quotas"], router.get("/v1/quotas")["by_hand"]
    for number in range(300):
        body = {"subject": "alice", "bytes": 1000}
        body |= {key: chance.choice(ODD) for key in chance.sample(["subject", "bytes", "seconds", "for", ""], 2)}
        if body.get("seconds", 1) in (1, None, "") and body["bytes"] == 1 and body["subject"] == "alice":
            continue  # makes sense
        verb = chance.choice(["grant", "grant", "block", "allow", "clear"])
        if verb != "grant":
            body.pop("bytes")
            body["subject"] = body["subject"] if body["subject"] != "alice" else "nobody"
        if number % 10 == 0:
            body |= {"": 1}
        with pytest.raises(control_client.ControlError) as refused:
            post(router, verb, **body)
        assert "internal error" not in refused.value.message, body
    after = router.get("/v1/quotas")["quotas"], router.get("/v1/quotas")["by_hand"]
    assert after == before
    assert "Traceback" not in router.log.read_text()


# --- other settings


def at_home(*rows: str) -> str:
    """As `quotas`, with both in one group."""
    return quotas(*rows).replace("name: bob,", "name: bob, group: family,")


def test_what_was_used_survives_other_settings(make_router: Callable[..., Router], lab: Lab) -> None:
    """One life of the daemon after the other, each with another configuration."""
    router = make_router(lab, at_home(ALICE_2MB, FAMILY_5MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]
    alice.call(traffic.tcp_down, server, 1_000_000)
    used = router.measure().totals["alice"].total_bytes

    def lives_on(extra: str) -> None:
        assert router.stop() == 0
        router.configure(extra)
        router.start()

    lives_on(at_home(ALICE_2MB.replace("2MB", "500KB")))  # below what is used
    assert state_of(router, "alice") == "blocked"
    bill = lab.carrier.settle()
    assert not passes(alice, server)
    assert (lab.carrier.settle() - bill).of(server).up_bytes == 0

    lives_on(at_home(ALICE_2MB.replace("month", "week"), FAMILY_5MB))  # raised again, and another period
    assert state_of(router, "alice") == "open"
    assert row_of(router, "daily", "client/alice")["used_bytes"] == used
    assert row_of(router, "family", "group/family")["used_bytes"] == 0  # it was removed for a while

    lives_on(at_home(ALICE_2MB, FAMILY_5MB).replace("alice", "anna"))  # she marries
    assert row_of(router, "daily", "client/anna")["used_bytes"] == used

    moved_out = at_home(ALICE_2MB, FAMILY_5MB, FAMILY_5MB.replace("family", "others"))
    lives_on(moved_out.replace("group: family", "group: others", 1))
    alice.call(traffic.tcp_down, server, 300_000)
    more = router.measure().totals["alice"].total_bytes - used
    assert row_of(router, "family", "group/family")["used_bytes"] == 0
    assert row_of(router, "others", "group/others")["used_bytes"] == more

    lives_on(at_home(ALICE_2MB.replace("daily", "other"), FAMILY_5MB))  # another name is another quota
    assert row_of(router, "other", "client/alice")["used_bytes"] == 0
    bill = lab.carrier.settle()
    download(alice, server, 10_000_000)
    assert 1_900_000 <= (lab.carrier.settle() - bill).of(server).total_bytes <= 2_000_000 + IN_FLIGHT

    lives_on(at_home(FAMILY_5MB))
    assert state_of(router, "alice") == "open"
    assert passes(alice, server)


# --- the clock


def test_no_clock_opens_a_window_twice_or_takes_one_away(make_router: Callable[..., Router], lab: Lab) -> None:
    """The last day of a month that has 25 hours: clocks go back in Berlin on 25 October; 31 October is 6 days later."""
    router = make_router(
        lab,
        quotas(
            "name: daily, for: client/alice, limit: 2MB, period: day, then: block",
            "name: monthly, for: client/alice, limit: 20MB, period: month, then: block",
        )
        + "timezone: Europe/Berlin\n",
    )
    clock = Clock(router)
    alice, server = lab.clients[0], lab.servers4[0]

    def used(quota: str = "daily") -> int:
        return int(row_of(router, quota, "client/alice")["used_bytes"])

    clock.says("1970-01-01T00:10:00Z", trusted=False)
    router.start()
    alice.call(traffic.tcp_down, server, 500_000)
    router.measure()
    early = used()
    assert early > 500_000

    clock.says("2026-10-24T22:30:00Z")  # half past midnight
    clock.await_window("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
    assert used() == used("monthly") == early
    used_up(router, alice, server)
    spent = used()

    for said, trusted in (
        ("2026-10-25T01:30:00Z", True),  # the second 2:30
        ("2027-10-25T12:00:00Z", False),
        ("1970-01-01T00:00:00Z", False),
        ("2026-10-25T00:30:00Z", True),
        ("2026-10-24T20:00:00Z", True),  # yesterday
        ("2025-03-01T12:00:00Z", True),
        ("2026-10-25T22:50:00Z", True),
    ):
        clock.says(said, trusted=trusted)
        clock.await_noticed()
        assert state_of(router, "alice") == "blocked", said
        assert used() >= spent
    router.kill()
    clock.says("1970-01-01T00:00:00Z", trusted=False)
    router.start()
    assert state_of(router, "alice") == "blocked"

    clock.says("2026-10-25T22:59:58Z")
    wait_until("midnight", lambda: state_of(router, "alice") == "open", timeout=6)
    clock.await_window("2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z")
    assert router.log.read_text().count("alice has 2.00 MB again") == 1
    monthly = used("monthly")
    assert monthly >= spent

    alice.call(traffic.tcp_down, server, 500_000)  # and now it is yesterday again for a moment
    router.measure()
    clock.says("2026-10-25T22:30:00Z")
    wait_until("yesterday", lambda: state_of(router, "alice") == "blocked", timeout=5)
    clock.says("2026-10-31T22:59:58Z")
    wait_until("the month's end", lambda: used("monthly") == 0, timeout=6)
    assert state_of(router, "alice") == "open"
    bill = lab.carrier.settle()
    download(alice, server, 10_000_000)
    assert 1_900_000 <= (lab.carrier.settle() - bill).of(server).total_bytes <= 2_000_000 + IN_FLIGHT


class Clock:
    """The wall clock of a router's daemon, and whether it is synchronised: in its own process, from a file."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._file = router.place / "clock"
        (router.place / "sitecustomize.py").write_text(
            "import json, pathlib, time\n"
            "from esimshaper.edge import wall_clock\n"
            "real = time.time\n"
            f"said = lambda: json.loads(pathlib.Path({str(self._file)!r}).read_text())\n"
            "time.time = lambda: real() + said()['ahead']\n"
            "wall_clock.is_synchronised = lambda: said()['trusted']\n"
        )
        router.environment["PYTHONPATH"] = f"{router.place}{os.pathsep}{router.environment['PYTHONPATH']}"

    def says(self, moment: str, *, trusted: bool = True) -> None:
        ahead = datetime.fromisoformat(moment).timestamp() - time.time()
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({"ahead": ahead, "trusted": trusted}))
        new.rename(self._file)

    def await_noticed(self) -> None:
        for _ in range(2):
            self._router.await_tick()

    def await_window(self, began: str, renews: str) -> None:
        wanted = tuple(int(datetime.fromisoformat(each).timestamp()) for each in (began, renews))

        def there() -> bool:
            row = row_of(self._router, "daily", "client/alice")
            return (row["began_unix"], row["renews_unix"]) == wanted

        wait_until("the window", there, timeout=5)
