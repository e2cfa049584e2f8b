# SPDX-License-Identifier: GPL-2.0-or-later
"""How exact a cut is: 5 MB on a link of 20 Mbit/s and 40 ms, ours beside a cut that polls and beside openNDS.

In: a Place. Out: Rows. Two figures for each cut. Forwarded: what programs got and what left as an upload, beyond the
limit; resets are counted apart. Billed: all that the carrier counted beyond the limit, so also what was on its way when
the cut came. That it cannot be less than rate x round trip: the server hears of it half a round trip later, and then
half a round trip's worth of data is still to come.
"""

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from statistics import median

from bench import ends, opennds_peer
from bench.daemon_lab import introduce, mac, running
from bench.place import Place
from bench.polled_peer import Polled
from bench.rows import Row, Verdict, aim, number
from esimshaper.lab import Bill, Host, Lab, Shape, WanKind, traffic

LIMIT = 5_000_000
RATE, DELAY_MS = 20_000_000, 20
IN_FLIGHT = RATE // 8 * 2 * DELAY_MS // 1000
SHAPE = Shape(delay_ms=DELAY_MS, down_bits=RATE, up_bits=RATE, queue_bytes=15_000)
SIZE = 100_000_000  # more than any of them lets through
FLOOD = 8_000_000  # bytes that each of two clients sends, without asking whether they arrive
SILENCE = 3.0  # seconds without progress after which a program gives up, so long retries are billed
FULL_PACKET = 1500

Peer = Callable[[Lab, Host], contextlib.AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Case:
    """What clients do at once until they are cut: each with a server and, if there are several, a CPU of its own."""

    name: str
    moves: tuple[str, ...]
    ipv6: bool = False


SINGLE = (
    Case("TCP down, IPv4", ("down",)),
    Case("TCP up, IPv4", ("up",)),
    Case("TCP down, IPv6", ("down",), ipv6=True),
    Case("TCP up, IPv6", ("up",), ipv6=True),
)
TOGETHER = (
    Case("two clients of a group, TCP down and up", ("down", "up")),
    Case("two clients of a group, UDP up from two CPUs", ("flood", "flood")),
)
STRANGERS = Case("two clients of a group never seen before, UDP up from two CPUs", ("flood", "flood"))
DEAF = Case("TCP down, IPv4, resets thrown away at both ends", ("down",))


@dataclass(frozen=True, slots=True)
class Cut:
    """IP bytes of one case. `down` and `up` were let through; `late` came to no program any more.

    `billed` is all but what was lost on the air before the cut.
    """

    down: int
    up: int
    billed: int
    resets: int
    late: int

    @property
    def beyond(self) -> int:
        return max(0, self.down + self.up - LIMIT)

    @property
    def unused(self) -> int:
        return max(0, LIMIT - self.down - self.up)

    @property
    def billed_beyond(self) -> int:
        return self.billed - LIMIT


def rows(place: Place) -> Iterator[Row]:
    """Ours, without the resets, polled, openNDS."""
    yield from ours(place)
    yield from polled(place)
    yield from opennds(place)


def ours(place: Place) -> Iterator[Row]:
    rounds = 1 if place.quick else 3
    single = (SINGLE[0], SINGLE[3]) if place.quick else SINGLE
    plan = [case for case in (STRANGERS, *single, *TOGETHER, DEAF) for _ in range(rounds)]
    names = [f"c{number}" for number in range(sum(len(case.moves) for case in plan))]
    done: dict[Case, list[Cut]] = {}
    with lab_of(names) as lab, running(place, lab, settings(plan, names)) as router:
        first = 0
        for position, case in enumerate(plan):
            if position == rounds:
                introduce(lab.clients[first:], router)
            if case is DEAF:
                ends.deafen(lab.internet, lab.servers4[first])
            done.setdefault(case, []).append(cut(lab, case, range(first, first + len(case.moves))))
            first += len(case.moves)
    for case, cuts in done.items():
        if case is DEAF:
            yield Row(
                f"{case.name}: billed beyond it", billed(cuts), "bytes", detail=f"what the resets spare; {of(cuts)}"
            )
            continue
        yield forwarded_row(case, cuts)
        if "flood" not in case.moves:  # a flood of UDP is not asked whether it arrives, but none of it leaves
            yield aim(f"{case.name}: billed beyond it", billed(cuts), "bytes", IN_FLIGHT * 1.2, of(cuts))


def polled(place: Place) -> Iterator[Row]:
    """A cut once a second, at moments spread over that second."""
    phases = (0.5,) if place.quick else (0.0, 0.33, 0.67)
    plan: list[tuple[Case, Peer]] = []
    for case in SINGLE[:2]:
        plan += [(case, functools.partial(Polled, limit=LIMIT, phase=phase)) for phase in phases]
    yield from peer_rows("polled each second", plan)


def opennds(place: Place) -> Iterator[Row]:
    """Debian's package, with its own default of how often it looks; downloads only.

    Of uploads its version 9 counts nothing beside iptables 1.8, so it would never cut them: that is no comparison.
    """
    what = "openNDS"
    if place.quick:
        yield Row(f"{what}: left out by --quick", 0, "runs")
        return
    try:
        package = opennds_peer.unpack(place.disk / "opennds")
    except opennds_peer.CannotRun as problem:
        yield Row(f"{what}: could not run here", 0, "runs", detail=str(problem))
        return
    try:
        yield from peer_rows(
            f"{what} {package.version}, looks each 15 s",
            [(SINGLE[0], functools.partial(opennds_peer.Portal, package=package, limit=LIMIT))],
        )
    except opennds_peer.CannotRun as problem:
        yield Row(f"{what}: could not run here", 0, "runs", detail=str(problem))


def peer_rows(what: str, plan: Sequence[tuple[Case, Peer]]) -> Iterator[Row]:
    done: dict[Case, list[Cut]] = {}
    for case, peer in plan:
        with lab_of(["c0"]) as lab, peer(lab, lab.clients[0]):
            done.setdefault(case, []).append(cut(lab, case, [0]))
    for case, cuts in done.items():
        yield Row(f"{case.name}, {what}: forwarded beyond the limit", median(each.beyond for each in cuts), "bytes",
                  detail=of(cuts, lambda each: each.beyond))  # fmt: skip
        yield Row(f"{case.name}, {what}: billed beyond it", billed(cuts), "bytes", detail=of(cuts))


@contextlib.contextmanager
def lab_of(names: Sequence[str]) -> Iterator[Lab]:
    with Lab(WanKind.TUN, names, shape=SHAPE, servers=len(names)) as lab:
        ends.watch_internet(lab.internet)
        yield lab


def settings(plan: Sequence[Case], names: Sequence[str]) -> str:
    """Each client has the limit; those of a case with several share it."""
    clients: list[str] = []
    groups: list[str] = []
    left = iter(enumerate(names))
    for case in plan:
        group = f"group{len(groups)}" if len(case.moves) > 1 else ""
        groups += [group] if group else []
        for client, name in (next(left) for _ in case.moves):
            of_group = f", group: {group}" if group else ""
            clients.append(f'  - {{name: {name}, mac: "{mac(client)}"{of_group}}}\n')
    limit = f"limit: {LIMIT}B, period: day, then: block"
    quotas = [f"  - {{name: each, for: each-client, {limit}}}\n"]
    quotas += [f"  - {{name: {group}, for: group/{group}, {limit}}}\n" for group in groups]
    return "clients:\n" + "".join(clients) + "quotas:\n" + "".join(quotas)


def cut(lab: Lab, case: Case, numbers: Sequence[int]) -> Cut:
    """Let these clients work until nothing moves any more."""
    clients = [lab.clients[number] for number in numbers]
    servers = [(lab.servers6 if case.ipv6 else lab.servers4)[number] for number in numbers]
    for client in clients:
        ends.watch(client, deaf=case is DEAF)
    with ends.Resets(lab.router, lab.wan_interface) as leaving:
        before = lab.carrier.settle()
        start = threading.Barrier(len(clients))
        works: list[Future[None]] = []
        for index, (client, server, move) in enumerate(zip(clients, servers, case.moves, strict=True)):
            works.append(client.start(work, index, start, move, server))
        lost = lost_before_the_cut(lab, before, works)
        bill = lab.carrier.settle(0.5) - before
        resets = leaving.of(servers)
    arrived = ends.arrived(clients)
    billed = bill.of(*servers)
    left = billed.up_bytes + bill.lost.up_bytes  # what the carrier's queue drops has left the router
    return Cut(arrived.delivered, left - resets, billed.down_bytes - lost + left, arrived.resets + resets, arrived.late)


def lost_before_the_cut(lab: Lab, before: Bill, works: Sequence[Future[None]]) -> int:
    """Downloads that were billed and never came, while the limit was not reached: no cut can spare those bytes."""
    lost = 0
    while not all(each.done() for each in works):
        bill = lab.carrier.bill() - before
        if bill.seen_by_router.total_bytes < LIMIT + IN_FLIGHT // 2:  # half of it is on its way to the router
            lost = bill.lost.down_bytes
        time.sleep(0.01)
    for each in works:
        each.result()
    return lost


def work(index: int, start: threading.Barrier, move: str, server: str) -> None:
    """In the client's namespace: on a CPU of its own, at the same time as the others, to the end by whatever error."""
    cores = sorted(os.sched_getaffinity(0))
    if start.parties > 1:
        os.sched_setaffinity(0, {cores[index % len(cores)]})
    start.wait(10)
    with contextlib.suppress(OSError):
        if move == "down":
            traffic.tcp_down(server, SIZE, timeout=SILENCE)
        elif move == "up":
            traffic.tcp_up(server, SIZE, timeout=SILENCE)
        else:
            flood(server, FLOOD)


def flood(server: str, size: int) -> None:
    """Datagrams as fast as they go."""
    with traffic._udp(server, 9) as sock:
        for _ in range(size // 1200):
            with contextlib.suppress(OSError):  # refused, which is what is wanted
                sock.send(bytes(1200))


def forwarded_row(case: Case, cuts: Sequence[Cut]) -> Row:
    """Not one byte beyond the limit; and a cut that comes too early is no cut at the limit."""
    worst, early = max(each.beyond for each in cuts), max(each.unused for each in cuts)
    last = cuts[-1]
    detail = (
        f"worst of {len(cuts)}; at most {number(early)} B of {number(LIMIT)} left over; the last: {number(last.down)} B"
        f" down, {number(last.up)} B up, {number(last.resets)} B of resets, {number(last.late)} B came to no program"
    )
    wrong = worst or early > 2 * FULL_PACKET * len(case.moves)
    return Row(
        f"{case.name}: forwarded beyond the limit",
        worst,
        "bytes",
        "0",
        Verdict.FAIL if wrong else Verdict.PASS,
        detail,
    )


def billed(cuts: Sequence[Cut]) -> float:
    return median(each.billed_beyond for each in cuts)


def of(cuts: Sequence[Cut], figure: Callable[[Cut], int] = lambda cut: cut.billed_beyond) -> str:
    figures = sorted(map(figure, cuts))
    return f"{number(figures[0])} to {number(figures[-1])} of {len(cuts)}; rate x round trip is {number(IN_FLIGHT)}"
