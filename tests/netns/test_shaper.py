# SPDX-License-Identifier: GPL-2.0-or-later
"""Shaping of real traffic: rates, company, changes under load, and what others may do to our part of tc meanwhile."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Shaped
from esimshaper.core.model.shaping import QDISC, Change, ChangeKind, Redirect, Side, Tree
from esimshaper.core.shaping.tree import Demand, Link, wanted
from esimshaper.core.shaping.tree_diff import diff
from esimshaper.edge.tc.shaper import Shaper
from esimshaper.lab import Host, Lab, WanKind, traffic
from tests.core.shaping.fake_tc import ALICE, BOB, ids
from tests.netns import classifier

if TYPE_CHECKING:
    from concurrent.futures import Future

EVERYONE = Account(600)
RATES = (128_000, 1_000_000, 20_000_000)
SECONDS = 10
IN_FULL_PACKETS = 1500 / 1448  # IP bytes for TCP payload, with timestamps


class InRouter:
    """A Shaper whose methods run in the namespace of the lab's router: it lists interfaces by name."""

    def __init__(self, lab: Lab, **options: bool) -> None:
        self._call = lab.router.call
        self._shaper = self._call(Shaper, "wan0", **options)

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, getattr(self._shaper, name))


class Box:
    """The shaper of the lab's router, and what it is told."""

    def __init__(self, lab: Lab, *, replace_foreign: bool = False) -> None:
        self.lab = lab
        self.shaper = InRouter(lab, replace_foreign=replace_foreign)

    def classify(self, classes: dict[str, int]) -> None:
        self.lab.router.call(classifier.attach, "wan0", self.lab.kind.header_bytes, classes)

    def shape(
        self, *shaped: Shaped, link: tuple[int | None, int | None] = (None, None), clients: Sequence[Account] = ()
    ) -> tuple[Sequence[Change], tuple[str, ...]]:
        """What the daemon does each time: the changes, and what could not be made."""
        seen = self.shaper.observe()
        assert seen
        changes = diff(seen.tree, wanted(Link(*link, seen.wire), Demand(EVERYONE, shaped, tuple(clients))))
        return changes, self.shaper.apply(changes)

    @property
    def tree(self) -> Tree:
        seen = self.shaper.observe()
        assert seen
        return seen.tree


@contextmanager
def box_in(lab: Lab, **options: bool) -> Iterator[Box]:
    box = Box(lab, **options)
    yield box
    box.shaper.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with Lab(WanKind.TUN, gro=True, gso=True) as lab:
        lab.router.call(classifier.attach, "wan0", 0, {lab.servers4[0]: ids(ALICE, EVERYONE)[1]})
        yield lab


@pytest.fixture
def box(shared: Lab) -> Iterator[Box]:
    with box_in(shared) as made:
        yield made
        made.shaper.remove()


def tc_and_links(host: Host) -> list[str]:
    """What is in tc and which interfaces there are, without numbers that move."""
    lines = host.run(["tc", "qdisc", "show"]) + host.run(["tc", "filter", "show", "dev", "wan0", "ingress"])
    return [*lines.splitlines(), *(line.split(":")[1] for line in host.run(["ip", "-o", "link"]).splitlines())]


def pings(host: Host, server: str, count: int) -> "Future[list[float]]":
    """Round trips in ms, four each second; all must come back."""

    def body() -> list[float]:
        command = ["ping", "-n", "-c", str(count), "-i", "0.25", "-W", "5", server]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [float(line.rpartition("time=")[2].split()[0]) for line in report.splitlines() if "time=" in line]

    return host.start(body)


def seconds(host: Host, what: Callable[..., traffic.Moved], server: str, size: int) -> "Future[float]":
    def body() -> float:
        begin = time.monotonic()
        what(server, size, timeout=60)
        return time.monotonic() - begin

    return host.start(body)


@pytest.mark.parametrize("kind", list(WanKind))
def test_throttled_clients_get_their_rate_in_ip_bytes_both_ways(kind: WanKind) -> None:
    with Lab(kind, gro=kind is WanKind.TUN, gso=kind is WanKind.TUN) as lab, box_in(lab) as box:
        jobs = [(rate, what) for what in (traffic.tcp_down, traffic.tcp_up) for rate in RATES]
        accounts = dict(enumerate(jobs, start=10))
        servers = dict(zip(accounts, lab.servers4, strict=False))
        box.classify({server: ids(Account(number), EVERYONE)[1] for number, server in servers.items()})
        assert box.shape(*(Shaped(Account(number), rate) for number, (rate, _) in accounts.items()))[1] == ()
        running = {
            number: seconds(lab.clients[number % 2], what, servers[number], rate * SECONDS // 8)
            for number, (rate, what) in accounts.items()
        }
        for number, taken in running.items():
            rate, what = accounts[number]
            share = SECONDS * IN_FULL_PACKETS / taken.result()
            # One packet that was saved up at the start is 0.9 % of what 128 kbit/s moves in this time.
            assert 0.95 < share < 1.015, f"{rate} bit/s, {what.__name__}"


def test_ping_of_a_throttled_client_comes_back_under_load_and_others_do_not_notice(box: Box) -> None:
    lab = box.lab
    alice, bob = lab.clients
    slow, fast = lab.servers4[:2]
    assert box.shape(Shaped(ALICE, 128_000))[1] == ()
    load = seconds(alice, traffic.tcp_down, slow, 64_000)
    throttled, others = pings(alice, slow, 12), pings(bob, fast, 12)
    beside = seconds(bob, traffic.tcp_down, fast, 20_000_000).result()
    assert len(throttled.result()) == len(others.result()) == 12
    assert (
        max(throttled.result()) < 750
    )  # five frames, at 95 ms each, are ahead of it; with the kernel's own leaf seconds
    assert median(others.result()) < 20
    assert load.result() > 3
    assert beside < load.result()  # 300 times as much, in less time


def test_the_link_is_shared_equally_whoever_has_more_connections(box: Box) -> None:
    lab = box.lab
    alice, bob = lab.clients
    few, many = lab.servers4[:2]
    link = (8_000_000, 8_000_000)
    box.shape(Shaped(ALICE, 8_000_000), link=link, clients=(BOB,))  # bob is unclassified here: the default class
    greedy = [seconds(bob, traffic.tcp_down, many, 700_000) for _ in range(4)]
    taken = seconds(alice, traffic.tcp_down, few, 1_500_000).result()
    assert 0.8 < 1_500_000 * 8 / taken / 4_000_000 < 1.2
    assert max(each.result() for each in greedy) > taken  # or she had not been in company to the end


def test_changes_under_load_lose_no_packet(box: Box) -> None:
    lab, shaper, ended = box.lab, box.shaper, threading.Event()
    box.shape(Shaped(ALICE, 20_000_000))
    moving = [
        client.start(keep_moving, move, lab.servers4[0], ended)
        for client, move in zip(lab.clients, (traffic.udp_down, traffic.udp_up), strict=True)
    ]
    try:
        for number in range(24):
            rate, others = (30_000_000, 0) if number % 2 else (10_000_000, 20)
            more = (Shaped(Account(100 + n), 64_000) for n in range(others))
            changes, problems = box.shape(Shaped(ALICE, rate), *more)
            assert len(changes) == 2 + 40
            assert problems == ()
    finally:
        ended.set()
    (asked, came), (sent, _) = (each.result() for each in moving)
    assert came == asked
    assert lab.upload_drops() == 0
    assert shaper.read_stats()[ids(ALICE, EVERYONE)[1]].packets >= sent


def keep_moving(move: Callable[..., traffic.Moved], server: str, ended: threading.Event) -> tuple[int, int]:
    """How many datagrams it moved until the end, one second of them at least, and how many of them came here."""
    count = came = 0
    while not ended.is_set() or count < 400:
        came += move(server, 48_000, packet=1200, bits=4_000_000).down // 1200
        count += 40
    return count, came


def test_what_left_a_class_in_a_flood_is_what_the_carrier_billed(box: Box) -> None:
    lab = box.lab
    box.shape(Shaped(ALICE, 1_000_000))
    before = lab.carrier.settle()
    lab.clients[0].call(traffic.udp_up, lab.servers4[0], 1_500_000)
    bill = (lab.carrier.settle() - before).of(lab.servers4[0])
    sent = box.shaper.read_stats()[ids(ALICE, EVERYONE)[1]]
    assert sent.drops > 0
    assert (sent.bytes, sent.packets, sent.backlog) == (bill.up_bytes, bill.up_packets, 0)


def test_a_restart_adopts_what_is_there(box: Box) -> None:
    shaped = (Shaped(ALICE, 128_000), Shaped(BOB, 1_000_000))
    box.shape(*shaped, link=(20_000_000, 5_000_000), clients=(ALICE, BOB))
    box.lab.clients[0].call(traffic.ping, box.lab.servers4[0], count=3)
    with box_in(box.lab) as again:
        assert again.shape(*shaped, link=(20_000_000, 5_000_000), clients=(ALICE, BOB)) == ((), ())
        assert again.shaper.read_stats()[ids(ALICE, EVERYONE)[1]].packets == 3


def test_killed_between_any_two_steps_a_restart_finishes(box: Box) -> None:
    link, shaped = Link(20_000_000, 5_000_000), (Shaped(ALICE, 128_000), Shaped(BOB, 64_000))
    full = wanted(link, Demand(EVERYONE, shaped, (ALICE,)))
    for goal in (full, Tree(), full):
        steps = len(diff(box.tree, goal))
        for done in range(steps):
            box.shaper.apply(diff(box.tree, goal)[: 1 if done < steps - 1 else None])
            assert box.lab.clients[0].call(traffic.ping, box.lab.servers4[1], count=1).down
        assert box.tree == goal


def test_nothing_is_left_and_nothing_of_others_goes(box: Box) -> None:
    before = tc_and_links(box.lab.router)
    box.lab.router.ip("link add ifb-other type ifb")
    box.shape(Shaped(ALICE, 128_000))
    assert tc_and_links(box.lab.router) != before
    assert box.shaper.remove(keep="wan0") == []
    removed = box.shaper.remove()
    assert removed == ["redirect of wan0", "qdisc htb on wan0", "interface ifb-wan0"]
    assert box.shaper.remove() == []
    box.lab.router.run(["ip", "link", "del", "ifb-other"])
    assert tc_and_links(box.lab.router) == before


def test_shaping_that_ends_leaves_nothing(box: Box) -> None:
    before = tc_and_links(box.lab.router)
    box.shape(Shaped(ALICE, 128_000))
    assert box.shape()[1] == ()
    assert tc_and_links(box.lab.router) == before


def test_a_foreign_root_qdisc_stays_unless_it_is_to_be_replaced(box: Box) -> None:
    router = box.lab.router
    router.run(["tc", "qdisc", "add", "dev", "wan0", "root", "handle", "1:", "pfifo", "limit", "999"])
    try:
        seen = box.shaper.observe()
        assert seen
        assert seen.problem.startswith("somebody else's qdisc `pfifo` is at the root of wan0")
        assert box.shape(Shaped(ALICE, 128_000))[1] == ()
        assert "limit 999p" in router.run(["tc", "qdisc", "show", "dev", "wan0", "root"])
        assert box.tree.download
        with box_in(box.lab, replace_foreign=True) as other:
            assert other.shape(Shaped(ALICE, 128_000))[1] == ()
            assert other.tree.upload == other.tree.download
            assert other.shaper.observe() == box.shaper.observe()
    finally:
        subprocess.run(router.command(["tc", "qdisc", "del", "dev", "wan0", "root"]), capture_output=True, check=False)


def test_an_ifb_left_half_made_is_taken_and_one_of_others_is_not(box: Box) -> None:
    box.lab.router.ip("link add ifb-wan0 type ifb")
    assert box.shape(Shaped(ALICE, 128_000))[1] == ()
    assert box.tree.device
    box.shaper.remove()
    box.lab.router.ip("link add ifb-wan0 type ifb", "link set ifb-wan0 alias mine")
    problems = box.shape(Shaped(ALICE, 128_000))[1]
    box.lab.router.ip("link del ifb-wan0")
    assert problems[0] == "download cannot be shaped as wanted: add device failed: File exists"
    assert box.lab.clients[0].call(traffic.ping, box.lab.servers4[0], count=1).down


def test_an_ifb_that_somebody_deletes_is_mended(box: Box) -> None:
    box.shape(Shaped(ALICE, 128_000))
    router, client = box.lab.router, box.lab.clients[0]
    router.ip("link del ifb-wan0")
    assert (box.tree.redirect, box.tree.device) == (Redirect.STALE, False)
    changes, problems = box.shape(Shaped(ALICE, 128_000))
    assert [changes[0].kind, changes[1].kind, changes[-1].kind] == [
        ChangeKind.REMOVE_REDIRECT, ChangeKind.ADD_DEVICE, ChangeKind.ADD_REDIRECT,
    ]  # fmt: skip
    assert problems == ()
    assert client.call(traffic.ping, box.lab.servers4[0], count=2).down
    router.ip("link set ifb-wan0 down")
    assert box.tree.redirect is Redirect.STALE
    assert box.shape(Shaped(ALICE, 128_000))[1] == ()
    assert client.call(traffic.ping, box.lab.servers4[0], count=2).down


@pytest.mark.parametrize(
    "command",
    [
        "tc qdisc del dev wan0 root",
        "tc qdisc del dev ifb-wan0 root",
        "tc qdisc replace dev ifb-wan0 root handle 5: pfifo",
        "tc filter del dev wan0 ingress pref 20",
        "tc class del dev wan0 classid 7a00:2",
        "tc qdisc del dev wan0 parent 7a00:2",
        "tc class change dev wan0 parent 7a00:1 classid 7a00:69 htb rate 1mbit",
    ],
)
def test_what_somebody_else_breaks_is_mended(box: Box, command: str) -> None:
    box.shape(Shaped(ALICE, 128_000))
    whole = box.tree
    box.lab.router.run(command.split())
    assert box.tree != whole
    assert box.shape(Shaped(ALICE, 128_000))[1] == ()
    assert box.tree == whole


def test_a_wan_that_comes_back_with_another_link_type_is_shaped_again() -> None:
    with Lab(WanKind.TUN, clients=("alice",)) as lab, box_in(lab) as box:
        rate, seen = 1_000_000, []
        for kind in (WanKind.TUN, WanKind.TAP, WanKind.TUN):
            lab.recreate_wan(kind)
            assert box.tree.upload is None
            assert box.tree.redirect is Redirect.NONE
            box.classify({lab.servers4[0]: ids(ALICE, EVERYONE)[1]})
            assert box.shape(Shaped(ALICE, rate))[1] == ()
            seen.append((box.tree.upload or {})[ids(ALICE, EVERYONE)[1]].ceil)
            for what in (traffic.tcp_down, traffic.tcp_up):
                taken = seconds(lab.clients[0], what, lab.servers4[0], 200_000).result()
                assert 0.9 < 200_000 * IN_FULL_PACKETS * 8 / taken / rate < 1.02
        assert seen == [rate, 1_009_328, rate]


def test_without_the_interface_there_is_nothing_to_shape() -> None:
    with Lab(WanKind.TUN, clients=()) as lab, box_in(lab) as box:
        box.shape(Shaped(ALICE, 128_000))
        lab.carrier.stop()
        assert box.shaper.observe() is None
        assert box.shaper.read_stats() == {}
        assert box.shaper.apply([Change(ChangeKind.ADD_QDISC, Side.UPLOAD)]) == (
            "upload cannot be shaped: its interface is gone",
        )
        assert box.shaper.remove() == ["interface ifb-wan0"]


def test_hundreds_change_at_once_and_are_read_at_once(box: Box) -> None:
    def crowd(rate: int) -> list[Shaped]:
        return [Shaped(Account(number), rate) for number in range(2, 502)]

    box.shape(*crowd(64_000))
    begin = time.monotonic()
    changes, problems = box.shape(*crowd(128_000))
    taken = time.monotonic() - begin
    assert (len(changes), problems) == (1000, ())
    assert len(box.shaper.read_stats()) == 502
    assert taken < 2, "0.1 s on an idle machine; one by one 3 s"
    assert {each & 0xFFFF_0000 for each in box.shaper.read_stats()} == {QDISC}
