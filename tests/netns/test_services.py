# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes of devices that speak as at home are counted as what they were for, by the whole program."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Reason
from esimshaper.core.model.services import Volume
from esimshaper.edge.bpf import layouts
from esimshaper.edge.bpf.names import NamesMaps, Rename
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.names.aes import Aes
from esimshaper.lab import Lab, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.sites import resolve
from esimshaper.lab.world import LAN4
from esimshaper.names.service import NamesService
from esimshaper.selftest.hellos import quic_datagrams
from tests.heads import whole_quic_hello
from tests.netns.namer import Namer, flow_table, reading_of, rows
from tests.netns.router import Router, bytes_of

VIDEO, PHOTOS, FILMS, STRANGE = "r3.googlevideo.com", "p1.icloud-content.com", "c1.nflxvideo.net", "www.strange.test"
NAMES = {VIDEO: 0, PHOTOS: 1, FILMS: 2, STRANGE: 3}
CLIENT = "alice-phone"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(names=NAMES) as built:
        yield built


def ask(lab: Lab, name: str) -> str:
    return lab.client(CLIENT).call(resolve, name, f"{LAN4}.1")


def fetch(lab: Lab, name: str, size: int) -> None:
    lab.client(CLIENT).call(traffic.tls_down, lab.servers4[NAMES[name]], name, size)


def send(*datagrams: bytes, server: str, gap: float = 0.0) -> None:
    """From a port of its own, to that of QUIC."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((server, 443))
        for datagram in datagrams:
            sock.send(datagram)
            time.sleep(gap)


def settled(router: Router, service: str) -> dict[str, Volume]:
    """The rows once the last name is there, which comes some milliseconds after its packet."""
    router.settle()
    wait_until(f"bytes of {service}", lambda: service in rows(router, CLIENT))
    return rows(router, CLIENT)


def test_what_a_device_fetches_is_counted_as_what_it_was_for_and_all_of_it_is_the_bill(
    lab: Lab, router: Router, namer: Namer
) -> None:
    before = router.measure()
    for name in NAMES:
        assert ask(lab, name) == lab.servers4[NAMES[name]]
        fetch(lab, name, 100_000)
    found = settled(router, "netflix")
    assert {name: volume.down_bytes // 100_000 for name, volume in found.items() if volume} == dict.fromkeys(
        ("youtube", "icloud", "netflix", "other"), 1
    )
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    mine = sum(found.values(), Volume())
    key = lab.client(CLIENT).mac
    entry = next(each for each in router.get("/v1/clients")["clients"] if each["key"] == key)
    assert (mine.down_bytes, mine.up_bytes) == (entry["total"]["down_bytes"], entry["total"]["up_bytes"])
    flows = {flow["name"]: flow for flow in router.json("flows")["flows"]}
    assert {(flow["service"], flow["how"]) for name, flow in flows.items() if name == VIDEO} == {("youtube", "sni")}


def test_hello_over_two_datagrams_and_what_was_only_asked_for(lab: Lab, router: Router, namer: Namer) -> None:
    alice = lab.client(CLIENT)
    hello = quic_datagrams(VIDEO)
    alice.call(lambda: send(*hello, server=lab.servers4[5]))
    found = settled(router, "youtube")
    assert found["youtube"].up_bytes == sum(28 + len(each) for each in hello)
    assert not found.get("unnamed")
    alice.call(resolve, FILMS, f"{LAN4}.1")
    alice.call(lambda: send(b"\x99" * 500, server=lab.servers4[NAMES[FILMS]]))
    assert settled(router, "netflix")["netflix"].up_bytes == 528


def test_dead_or_hanging_process_is_missed_by_names_only(lab: Lab, router: Router, namer: Namer) -> None:
    fetch(lab, VIDEO, 50_000)
    named = settled(router, "youtube")["youtube"]
    before = router.measure()
    for stop, go_on in (
        (namer.kill, namer.start),
        (lambda: namer.send(signal.SIGSTOP), lambda: namer.send(signal.SIGCONT)),
    ):
        stop()
        ask(lab, PHOTOS)
        fetch(lab, PHOTOS, 50_000)
        router.settle()
        go_on()
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    found = settled(router, "icloud")  # what waited in the ring while the process was stopped or dead
    assert found["youtube"] == named
    fetch(lab, FILMS, 50_000)
    assert settled(router, "netflix")["netflix"].down_bytes > 50_000


def test_services_of_the_owner_are_names_after_a_reload(lab: Lab, router: Router, namer: Namer) -> None:
    fetch(lab, STRANGE, 10_000)
    assert "strange" not in settled(router, "other")
    (router.place / "services.d").mkdir()
    (router.place / "services.d" / "mine.yaml").write_text("services: [{name: strange, domains: [strange.test]}]\n")
    done = router.run("reload")
    assert "strange" in done.stdout, done.stderr

    def named() -> bool:
        fetch(lab, STRANGE, 10_000)
        return "strange" in rows(router, CLIENT)

    wait_until("the new name", named)


def test_nearly_all_conversations_have_their_name_within_three_kilobytes(
    lab: Lab, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hellos of TLS, and of QUIC in two datagrams; what has come by then is read just before the kernel is told."""
    spent: list[int] = []
    state = Path(router.environment["STATE_DIRECTORY"])
    names = NamesService(Path(router.environment["ESIMSHAPER_PINS"]), catalogue_file.place(state), Aes())
    with closing(names), closing(flow_table(router)) as flows:

        def name(maps: NamesMaps, renames: Sequence[Rename]) -> int:
            for each in renames:
                value = flows.lookup(each.flow)
                if each.number in wanted and value:
                    spent.append(sum(layouts.flow_counts(layouts.FLOW.unpack(value))[:2]))
            return tell(maps, renames)

        numbers = {name: number for number, name in reading_of(router).service_names.items()}
        wanted, tell = {numbers["youtube"], numbers["icloud"]}, NamesMaps.name
        monkeypatch.setattr(NamesMaps, "name", name)
        names.step(0)
        alice, number = lab.client(CLIENT), 40
        for at in range(number):
            if at % 2:
                alice.call(lambda: send(*quic_datagrams(VIDEO), server=lab.servers4[5]))
                names.step(1)
                continue
            fetching = threading.Thread(target=fetch, args=(lab, PHOTOS, 30_000))
            fetching.start()
            while fetching.is_alive():
                names.step(0.05)
    assert len(spent) == number
    assert sorted(spent)[number * 95 // 100 - 1] <= 3_000, sorted(spent)


def test_thousand_conversations_a_second_lose_no_name(lab: Lab, router: Router, namer: Namer) -> None:
    """Of two thousand within two seconds each is named; the process stays small, and takes a part of a processor."""
    hello, number = whole_quic_hello(VIDEO), 2_000
    server = lab.servers4[6]
    used = _processor(namer.pid)

    def flood() -> None:
        began = time.monotonic()
        for at in range(number):
            send(hello, server=server)
            time.sleep(max(0.0, began + at / 1_000 - time.monotonic()))

    lab.client(CLIENT).call(flood)
    assert namer.resident() <= 17, "right after a start, too"
    size = number * (28 + len(hello))
    router.settle()
    wait_until("all names", lambda: rows(router, CLIENT)["youtube"].up_bytes == size)
    assert not {Reason.HEAD_LOST, Reason.HEAD_LEFT_OUT} & reading_of(router).events.keys()
    wait_until("rest, and less memory", lambda: namer.resident() <= 16)
    sys.stderr.write(f"processor {_processor(namer.pid) - used} resident {namer.resident()}\n")


def _processor(pid: int) -> float:
    """Seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
