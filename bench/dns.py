# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that DNS refuses, and answers that are kept: what they cost beyond the router, and dnsmasq itself.

In: a Place. Out: Rows. Real dnsmasq processes at ports of their own, with the configuration that esimshaper-resolver
writes; upstream is a server that adds up what it is asked and says, with headers of IPv4 and UDP.
"""

import contextlib
import random
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from bench.place import Place
from bench.process import memory
from bench.rows import Row, Verdict, aim, exact, number
from esimshaper import block_lists
from esimshaper.edge.dnsmasq import files, server
from tests.edge.dnsmasq.resolvers import AAAA, HTTPS, NXDOMAIN, A, Resolver, router_and_upstream

NAMES = 100_000
MEMORY_AIM, RELOAD_AIM = 15, 0.5
"""MiB, s"""

THIRD_PARTIES = 30

FASTER = 10
"""So much faster than in life goes the mix, with all times to live; dnsmasq counts these in whole seconds."""
SHORT_TTL, LONG_TTL = 10 // FASTER, 60 // FASTER
MIN_TTL = 600 // FASTER
PART_KEPT = 40
"""% of dnsmasq's own bytes that are left at most."""
MIX_NAMES, MIX_A_SECOND = 150, 1.0 * FASTER
"""Some twenty devices, each with 3,000 names a day while people are awake; Zipf's law says which name."""
HEADERS = 28


def rows(place: Place) -> Iterator[Row]:
    """Refused names first, then the mix."""
    folder = place.disk / "dns"
    (folder / "etc").mkdir(parents=True)
    yield from refused(folder)
    yield from mix(folder, 60 if place.quick else 240)


def refused(folder: Path) -> Iterator[Row]:
    """A page with blocked third parties, beside a list of NAMES names."""
    names = [f"{word}{at}.example" for at in range(NAMES) for word in (random.Random(at).randbytes(6).hex(),)]
    began = time.monotonic()
    _give(folder, names)
    took = time.monotonic() - began
    options = f"--conf-dir={folder / 'etc'}"
    (folder / "etc" / server.CONF).write_text(server.configuration(folder / files.SERVERS, metered=False))
    with router_and_upstream(folder, options) as (router, upstream):
        assert router.process
        before = upstream.queries()
        asked = [router.ask(name, kind)[0] for name in names[:THIRD_PARTIES] for kind in (A, AAAA, HTTPS)]
        wrong = sum(code != NXDOMAIN for code in asked) + upstream.queries() - before
        yield exact(
            "questions that left for a page's 30 blocked third parties", wrong, "packets", f"{len(asked)} asked"
        )
        yield aim(f"dnsmasq with {NAMES:,} names", memory(router.process.pid).resident, "MiB", MEMORY_AIM)
        yield aim("a list is read again", _reload(folder, router, names), "s", RELOAD_AIM, "to the first other answer")
    yield Row(f"{NAMES:,} names of a list are read and written", took, "s", detail="once for each change of the list")


def _give(folder: Path, names: list[str]) -> None:
    (folder / "list").write_text("".join(f"0.0.0.0 {name}\n" for name in names))
    order = {"lists": [str(folder / "list")], "kept": str(folder / "state/names"), "files": str(folder)}
    if problems := block_lists.obey(order | {"withheld": (), "allowed": ()})["problems"]:
        raise RuntimeError(str(problems))


def _reload(folder: Path, router: Resolver, names: list[str]) -> float:
    """Seconds from the signal to the first answer by the new list, without its first name."""
    assert router.process
    _give(folder, names[1:])
    began = time.monotonic()
    router.process.send_signal(signal.SIGHUP)
    while router.ask(names[0], A)[0] == NXDOMAIN:
        pass
    return time.monotonic() - began


class Upstream:
    """Answers each question with one address; `bytes`: of all questions and answers as they cross the uplink."""

    def __init__(self) -> None:
        self.bytes = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port: int = self._socket.getsockname()[1]
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ends.is_set():
            with contextlib.suppress(TimeoutError):
                question, sender = self._socket.recvfrom(4096)
                answer = _answer(question)
                self._socket.sendto(answer, sender)
                self.bytes += len(question) + len(answer) + 2 * HEADERS


def _answer(question: bytes) -> bytes:
    """Names that begin with `s` may be kept for a short time only, as those of content networks are."""
    end = question.index(b"\0", 12) + 5
    kind = struct.unpack(">H", question[end - 4 : end - 2])[0]
    ttl = SHORT_TTL if question[13:14] == b"s" else LONG_TTL
    address = bytes(range(16)) if kind == AAAA else bytes((192, 0, 2, 1))
    record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, ttl, len(address)) + address
    return question[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question[12:end] + record


def mix(folder: Path, seconds: float) -> Iterator[Row]:
    """The same questions to a dnsmasq that keeps nothing, to one of Debian, and to one with our configuration."""
    ours = server.configuration(folder / "nothing", metered=False, min_ttl=MIN_TTL, stale=86400 // FASTER)
    kept = tuple(f"--{line}" for line in ours.splitlines() if "-cache" in line)
    with contextlib.ExitStack() as stack:
        ups = [stack.enter_context(Upstream()) for _ in range(3)]
        resolvers = [
            Resolver(folder, (f"--server=127.0.0.1#{up.port}", *options))
            for up, options in zip(ups, (("--cache-size=0",), (), kept), strict=True)
        ]
        for each in resolvers:
            stack.callback(each.stop)
            each.start()
        asked = _ask(resolvers, seconds)
    none, usual, used = (up.bytes for up in ups)
    part = 100 * used / usual
    detail = f"{number(used / asked)} B a question, dnsmasq alone {number(usual / asked)} B, without a cache "
    detail += f"{number(none / asked)} B; {asked} questions of {seconds * FASTER / 60:.0f} minutes"
    verdict = Verdict.PASS if part <= PART_KEPT else Verdict.MISS
    yield Row("DNS on the uplink, of what dnsmasq alone asks", part, "%", f"<= {PART_KEPT}", verdict, detail)


def _ask(resolvers: list[Resolver], seconds: float) -> int:
    chosen = random.Random(16)
    names = [f"{'s' if at % 2 else 'l'}{at}.test" for at in range(MIX_NAMES)]
    weights = [1 / (at + 1) for at in range(MIX_NAMES)]
    began, asked = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        time.sleep(max(0.0, asked / 2 / MIX_A_SECOND - elapsed))
        name = chosen.choices(names, weights)[0]
        for kind in (A, AAAA):
            for each in resolvers:
                each.ask(name, kind)
        asked += 2
    return asked
