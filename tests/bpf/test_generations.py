# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps of one generation are made and removed as a whole, whoever is killed meanwhile."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from esimshaper.core.model.errors import FailedOperation
from esimshaper.core.model.identity import ACCOUNT_ROUTER, FIRST_CLIENT_ACCOUNT
from esimshaper.core.model.packages import DEBIAN_PYTHON
from esimshaper.daemon.observer import last_readings, open_meter
from esimshaper.edge.bpf import compiler, layouts, libbpf
from esimshaper.edge.bpf.pins import Pins
from esimshaper.lab.carrier import python_environment
from tests.bpf.conftest import MARK_MASK, skb
from tests.bpf.packets import SERVER4, UDP, WAN4, ethernet, ipv4, udp
from tests.bpf.test_reasons import BPF_MAP_TYPE_HASH, pin_map
from tests.kernel_parts import Loan, kernel_parts

ACCOUNTS = 64


class KilledError(BaseException):
    """Nothing in the program catches it, as nothing catches SIGKILL."""


def numbers_to_hand_out(wanted: compiler.Build) -> Iterator[int]:
    free = libbpf.Map(wanted.generation / "free_accounts", 0, layouts.NUMBER.size)
    while (number := free.pop()) is not None:
        yield layouts.NUMBER.unpack(number)[0]
    free.close()


@pytest.fixture
def lend() -> Iterator[Callable[[compiler.Build], None]]:
    loans: list[Loan | None] = []
    yield lambda wanted: loans.append(kernel_parts.lend(wanted))
    for loan in filter(None, loans):
        kernel_parts.take_back(loan)


def test_orphaned_child_and_its_successor_hand_out_each_number_once(bpffs: Path) -> None:
    """The daemon was killed while its child compiled, and started again at once."""
    wanted = compiler.Build(str(bpffs / "pins"), MARK_MASK, ACCOUNTS, 256)
    command = [DEBIAN_PYTHON, "-m", "esimshaper.edge.bpf.compiler", json.dumps(asdict(wanted))]
    children = [
        subprocess.Popen(command, env=python_environment(), stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for child in children:
        _, said = child.communicate(timeout=60)
        assert child.returncode == 0, said
    assert list(numbers_to_hand_out(wanted)) == list(range(FIRST_CLIENT_ACCOUNT, ACCOUNTS - 1))


def test_files_in_the_working_directory_are_not_compiled_in(
    bpffs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("parse.h", "struct.py"):
        (tmp_path / name).write_text("this is not ours\n")
    monkeypatch.chdir(tmp_path)
    wanted = compiler.Build(str(bpffs / "pins"), MARK_MASK, ACCOUNTS, 256)
    compiler.build(wanted)
    assert {pin.name for pin in wanted.programs.iterdir()} == set(wanted.names())


@pytest.mark.parametrize("steps", [0, 1, 5, 9, 14])
def test_removal_killed_half_way_leaves_no_half_for_the_next_start(
    bpffs: Path, monkeypatch: pytest.MonkeyPatch, lend: Callable[[compiler.Build], None], steps: int
) -> None:
    wanted = compiler.Build(str(bpffs / "pins"), MARK_MASK, ACCOUNTS, 256)
    pins = Pins(Path(wanted.pins))
    lend(wanted)
    before = open_meter(wanted)
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", killed_after(steps))
        with pytest.raises(KilledError):
            pins.remove_all()
    pins.close()

    pins = Pins(Path(wanted.pins))
    lend(wanted)  # where nothing is left, as only there it would be made anew
    after = open_meter(wanted)
    assert after.epoch != before.epoch
    assert [after.program(name).label for name in compiler.PROGRAMS]
    assert list(numbers_to_hand_out(wanted)) == list(range(FIRST_CLIENT_ACCOUNT, ACCOUNTS - 1))
    assert pins.generations() == [wanted.generation]
    for each in (before, after, pins):
        each.close()
    shutil.rmtree(wanted.pins)


def killed_after(steps: int):
    left = iter(range(steps))
    unlink = os.unlink

    def step(*arguments, **options) -> None:
        if next(left, None) is None:
            raise KilledError
        unlink(*arguments, **options)

    return step


def test_pins_of_which_somebody_removed_one_are_an_error_that_names_it(
    bpffs: Path, lend: Callable[[compiler.Build], None]
) -> None:
    wanted = compiler.Build(str(bpffs / "pins"), MARK_MASK, ACCOUNTS, 256)
    lend(wanted)
    open_meter(wanted).close()
    (wanted.generation / "flows").unlink()
    with pytest.raises(FailedOperation, match="flows"):
        open_meter(wanted)


def test_counters_of_the_layout_before_are_read_for_a_last_time(
    bpffs: Path, lend: Callable[[compiler.Build], None]
) -> None:
    """SCHEMA 8 had no map `moved`, and a fragment's value was an account."""
    wanted = compiler.Build(str(bpffs / "pins"), MARK_MASK, ACCOUNTS, 256)
    lend(wanted)
    with contextlib.closing(open_meter(wanted)) as meter:
        upload = ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53)))
        libbpf.dry_run(meter.program("wan_egress_ethernet").fd, upload, skb())
        counted = meter.read().accounts
    (wanted.generation / "moved").unlink()
    (wanted.generation / "fragments").unlink()
    pin_map(wanted.generation / "fragments", BPF_MAP_TYPE_HASH, layouts.FRAGMENT_KEY.size, layouts.NUMBER.size, 16)
    older = wanted.generation.with_name(wanted.generation.name.replace(f"v{compiler.SCHEMA}", "v8"))
    wanted.generation.rename(older)
    with contextlib.closing(Pins(Path(wanted.pins))) as pins:
        ((generation, reading),) = last_readings(pins)
        assert (generation, reading.accounts) == (older, counted)
        assert counted[ACCOUNT_ROUTER].up_bytes == 28
        lend(wanted)
        open_meter(wanted).close()
        assert older in pins.generations()
        pins.remove_all()
