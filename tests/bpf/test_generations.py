# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps of one generation are made and removed as a whole, whoever is killed meanwhile."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from esimshaper.core.model.errors import FailedOperation
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT
from esimshaper.core.model.packages import DEBIAN_PYTHON
from esimshaper.daemon.observer import open_meter
from esimshaper.edge.bpf import compiler, layouts, libbpf
from esimshaper.edge.bpf.pins import Pins
from esimshaper.lab.carrier import python_environment

ACCOUNTS = 64


class KilledError(BaseException):
    """Nothing in the program catches it, as nothing catches SIGKILL."""


def numbers_to_hand_out(wanted: compiler.Build) -> Iterator[int]:
    free = libbpf.Map(wanted.generation / "free_accounts", 0, layouts.NUMBER.size)
    while (number := free.pop()) is not None:
        yield layouts.NUMBER.unpack(number)[0]
    free.close()


def test_orphaned_child_and_its_successor_hand_out_each_number_once(bpffs: Path) -> None:
    """The daemon was killed while its child compiled, and started again at once."""
    wanted = compiler.Build(str(bpffs / "pins"), 0xFF000000, ACCOUNTS, 256)
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
    wanted = compiler.Build(str(bpffs / "pins"), 0xFF000000, ACCOUNTS, 256)
    compiler.build(wanted)
    assert {pin.name for pin in wanted.programs.iterdir()} == set(compiler.PROGRAMS)


@pytest.mark.parametrize("steps", [0, 1, 5, 9, 14])
def test_removal_killed_half_way_leaves_no_half_for_the_next_start(
    bpffs: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    wanted = compiler.Build(str(bpffs / "pins"), 0xFF000000, ACCOUNTS, 256)
    pins = Pins(Path(wanted.pins))
    before = open_meter(wanted)
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", killed_after(steps))
        with pytest.raises(KilledError):
            pins.remove_all()
    pins.close()

    pins = Pins(Path(wanted.pins))
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


def test_pins_of_which_somebody_removed_one_are_an_error_that_names_it(bpffs: Path) -> None:
    wanted = compiler.Build(str(bpffs / "pins"), 0xFF000000, ACCOUNTS, 256)
    open_meter(wanted).close()
    (wanted.generation / "flows").unlink()
    with pytest.raises(FailedOperation, match="flows"):
        open_meter(wanted)
