# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that names conversations follows the daemon, hands on what it finds, and outlives what goes wrong.

The maps are of paper here; tests/netns/test_services.py has those of the kernel.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from esimshaper.core.model.services import Address, Head, How, Service
from esimshaper.core.services.compiled import compiled
from esimshaper.edge.bpf import layouts
from esimshaper.edge.bpf.names import Rename
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.names.aes import Aes
from esimshaper.names import service
from esimshaper.names.service import AT_ONCE, TOLD, TRIES, NamesService
from tests.heads import ALICE, SERVER, Call, answer, mapped
from tests.hellos import hello, records
from tests.tools import ROOT

NAME, YOUTUBE, MINE = "r1.googlevideo.com", 7, 8
SERVICES = (Service("youtube", "video", domains=("googlevideo.com",)),)


class Ring:
    """A ring of paper: what is put into it is consumed by the next step."""

    def __init__(self, callback: Callable[[Head], None]) -> None:
        self._callback, self.waiting = callback, list[Head]()
        self.fd, self._other = os.pipe()
        self.is_closed = False

    def put(self, *heads: Head) -> None:
        self.waiting += heads
        os.write(self._other, b"x")

    def consume(self) -> int:
        if self.waiting:
            os.read(self.fd, 100)
        number = len(self.waiting)
        while self.waiting:
            self._callback(self.waiting.pop(0))
        return number

    def close(self) -> None:
        self.is_closed = True
        os.close(self.fd)
        os.close(self._other)


class Maps:
    """Maps of paper, one for each generation that was opened."""

    opened: ClassVar["list[Maps]"] = []
    missing: ClassVar[set[str]] = set()
    without_ring: ClassVar[set[str]] = set()

    def __init__(self, generation: Path, programs: Path) -> None:
        if generation.name in self.missing:
            raise FileNotFoundError(generation)
        self.place = generation, programs
        self.said: list[tuple[Any, ...]] = []
        self.refuses = self.is_closed = False
        self.left = 0
        self.opened.append(self)

    def heads(self, callback: Callable[[Head], None]) -> Ring:
        if self.place[0].name in self.without_ring:
            raise PermissionError("heads")
        self.ring = Ring(callback)
        return self.ring

    def numbers(self) -> dict[str, int]:
        return {"youtube": YOUTUBE, "mine": MINE}

    def name(self, renames: Sequence[Rename]) -> int:
        if self.refuses:
            raise OSError(1, "no")
        assert len(renames) <= AT_ONCE
        self.said.append(("name", *((each.flow, each.number, each.final) for each in renames)))
        return self.left

    def bind(self, address: Address, account: int, number: int, *, shared: bool) -> None:
        self.said.append(("bind", layouts.packed(address), account, number, shared))

    def unbind(self, address: Address, account: int) -> None:
        self.said.append(("unbind", layouts.packed(address), account))

    def note(self, flow: bytes, account: int, how: How, name: str) -> None:
        self.said.append(("note", flow, account, how, name))

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return catalogue_file.place(tmp_path)


@pytest.fixture
def naming_service(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NamesService]:
    monkeypatch.setattr(service, "NamesMaps", Maps)
    monkeypatch.setattr(Maps, "opened", [])
    monkeypatch.setattr(Maps, "missing", set())
    monkeypatch.setattr(Maps, "without_ring", set())
    write(file)
    found = NamesService(tmp_path / "pins", file, Aes())
    yield found
    found.close()


def write(file: Path, generation: str = "v12", epoch: int = 1, services: Sequence[Service] = SERVICES) -> None:
    place = {"generation": generation, "programs": "programs-1", "epoch": epoch}
    catalogue_file.write(file, compiled(services) | place)


def latest() -> Maps:
    return Maps.opened[-1]


def test_what_is_found_out_is_handed_on_with_the_next_conversations_first(
    naming_service: NamesService, tmp_path: Path
) -> None:
    naming_service.step(0)
    call = Call()
    latest().ring.put(call.segment(records(hello(NAME))))
    naming_service.step(0)
    generation = tmp_path / "pins" / "v12"
    assert latest().place == (generation, generation / "programs-1")
    assert latest().said == [
        ("bind", mapped(SERVER), ALICE, YOUTUBE, False),
        ("note", call.flow, ALICE, How.SNI, NAME),
        ("name", (call.flow, YOUTUBE, True)),
    ]


def test_many_conversations_are_named_in_few_calls(naming_service: NamesService) -> None:
    naming_service.step(0)
    latest().ring.put(*(Call().segment(records(hello(NAME))) for _ in range(2 * AT_ONCE + 5)))
    naming_service.step(0)
    assert [len(each) - 1 for each in latest().said if each[0] == "name"] == [AT_ONCE, AT_ONCE, 5]


def test_flood_of_answers_holds_nothing_back(naming_service: NamesService, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[int] = []
    monkeypatch.setattr(Maps, "bind", lambda maps, *_, **__: waiting.append(len(maps.ring.waiting)))
    naming_service.step(0)
    latest().ring.put(*(answer(ALICE, NAME, f"198.51.100.{number}") for number in range(3 * AT_ONCE)))
    naming_service.step(0)
    assert (waiting[0], len(waiting)) == (2 * AT_ONCE, 3 * AT_ONCE)


def test_conversation_that_another_processor_counts_at_is_tried_again(naming_service: NamesService) -> None:
    naming_service.step(0)
    latest().left = 1
    latest().ring.put(Call().segment(records(hello(NAME))))
    naming_service.step(0)
    assert len([each for each in latest().said if each[0] == "name"]) == TRIES


def test_portal_takes_its_bindings_back(naming_service: NamesService, file: Path) -> None:
    many = [Service(f"s{number}", domains=(f"s{number}.test",)) for number in range(9)]
    write(file, services=many)
    naming_service.step(0)
    latest().ring.put(*(answer(ALICE, f"www.s{number}.test", SERVER) for number in range(9)))
    naming_service.step(0)
    assert ("unbind", mapped(SERVER), ALICE) in latest().said


def test_catalogue_that_changes_is_used_at_once_without_opening_anything(
    naming_service: NamesService, file: Path
) -> None:
    naming_service.step(0)
    latest().ring.put(answer(ALICE, "www.mine.test", SERVER))
    naming_service.step(0)
    write(file, services=[*SERVICES, Service("mine", domains=("mine.test",))])
    naming_service.step(0)
    assert [each[3] for each in latest().said] == [2, MINE]
    assert len(Maps.opened) == 1


@pytest.mark.parametrize(("generation", "epoch"), [("v13", 1), ("v12", 2)])
def test_maps_of_another_generation_or_life_are_opened_and_the_old_ones_closed(
    naming_service: NamesService, file: Path, generation: str, epoch: int
) -> None:
    naming_service.step(0)
    before = latest()
    before.ring.put(answer(ALICE, NAME, SERVER))
    naming_service.step(0)
    write(file, generation, epoch)
    naming_service.step(0)
    assert (before.is_closed, before.ring.is_closed, latest() is before) == (True, True, False)
    latest().ring.put(Call(protocol=17).datagram(b"\x99" * 40))
    naming_service.step(0)
    assert [each[1][1] for each in latest().said] == [0], "accounts are others there: nothing learned is of use"


def test_without_a_catalogue_nothing_is_open(naming_service: NamesService, file: Path) -> None:
    naming_service.step(0)
    catalogue_file.remove(file)
    naming_service.step(0)
    assert latest().is_closed
    write(file)
    naming_service.step(0)
    assert len(Maps.opened) == 2


@pytest.mark.parametrize("damage", ["{", "[]", '{"version": 1}', '{"version": 9, "services": []}', "\xff"])
def test_damaged_catalogue_ends_the_naming_until_there_is_a_good_one(
    naming_service: NamesService, file: Path, damage: str
) -> None:
    naming_service.step(0)
    file.write_text(damage, encoding="latin-1")
    naming_service.step(0)
    assert latest().is_closed
    write(file)
    naming_service.step(0)
    assert not latest().is_closed


def test_maps_without_a_ring_for_this_user_are_closed_before_they_are_tried_again(
    naming_service: NamesService,
) -> None:
    Maps.without_ring.add("v12")
    naming_service.step(0)
    naming_service.step(0)
    assert [each.is_closed for each in Maps.opened] == [True, True], "else each try leaves descriptors open"
    Maps.without_ring.clear()
    naming_service.step(0)
    assert [each.is_closed for each in Maps.opened] == [True, True, False]


def test_maps_that_are_not_there_yet_are_waited_for(naming_service: NamesService, capfd: Any) -> None:
    Maps.missing.add("v12")
    for _ in range(TOLD + 5):
        naming_service.step(0)
    assert Maps.opened == []
    assert capfd.readouterr().err.count("not named for now") == TOLD
    Maps.missing.clear()
    naming_service.step(0)
    assert len(Maps.opened) == 1


def test_mistake_of_ours_costs_one_name(
    naming_service: NamesService, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    naming_service.step(0)
    read, bad, good = service.LiveNames.take, Call(), Call()

    def take(names: service.LiveNames, head: Head, now: float) -> None:
        if head.flow == bad.flow:
            raise IndexError("oops")
        read(names, head, now)

    monkeypatch.setattr(service.LiveNames, "take", take)
    latest().ring.put(*(call.segment(records(hello(NAME))) for call in (bad, good)))
    naming_service.step(0)
    assert [each for each in latest().said if each[0] == "name"] == [("name", (good.flow, YOUTUBE, True))]
    assert "oops" in capfd.readouterr().err


def test_kernel_that_refuses_ends_nothing(naming_service: NamesService, capfd: Any) -> None:
    naming_service.step(0)
    latest().refuses = True
    latest().ring.put(Call().segment(records(hello(NAME))))
    naming_service.step(0)
    latest().refuses = False
    latest().ring.put(Call().segment(records(hello(NAME))))
    naming_service.step(0)
    assert latest().said[-1][0] == "name"
    assert "did not take a name" in capfd.readouterr().err


def test_report_for_doctor_has_numbers_and_no_names(tmp_path: Path, naming_service: NamesService, file: Path) -> None:
    report = tmp_path / "report.json"
    service.REPORT_SECONDS, before = 0.0, service.REPORT_SECONDS
    try:
        reporting = NamesService(tmp_path / "pins", file, Aes(), report)
        reporting.step(0)
        assert json.loads(report.read_text())["tally"] == {}
        latest().ring.put(answer(ALICE, NAME, SERVER), Call().segment(records(hello("dns.google"))))
        reporting.step(0)
    finally:
        service.REPORT_SECONDS = before
        reporting.close()
    document = json.loads(report.read_text())
    assert document["tally"] == {"answers": 1, "sni": 1, "encrypted-dns": 0, "refused": 0, "resolved": 1}
    assert "googlevideo" not in report.read_text()


HANGS = """
from pathlib import Path
from esimshaper.names import service
service.HANG_SECONDS = 0.2
class Hanging(service.NamesService):
    def step(self, seconds):
        while True:
            pass
Hanging(Path("/nowhere"), Path("/nowhere"), None).run()
"""


def test_process_that_hangs_is_ended() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == -signal.SIGPROF


def test_few_modules_are_loaded_since_each_stays_in_memory() -> None:
    look = "import sys, esimshaper.names.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-S", "-c", look], cwd=ROOT, text=True, capture_output=True, check=True)
    heavy = {"logging", "asyncio", "hashlib", "hmac", "ssl", "socket", "subprocess", "yaml", "jsonschema", "pyroute2"}
    assert not heavy & set(done.stdout.split())
