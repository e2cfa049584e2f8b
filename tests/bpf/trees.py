# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies of the program with one line changed, to see what comes of it. Owns the files, and programs made from them."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from esimshaper.core.model.packages import DEBIAN_PYTHON
from esimshaper.edge.bpf import compiler
from esimshaper.edge.bpf.meter import Meter

ROOT = Path(__file__).parents[2]


def copied(to: Path, *parts: str) -> Path:
    """The program, and other `parts` of the checkout, below a new folder of `to`."""
    tree = to / "tree"
    for part in ("esimshaper", "bpf", *parts):
        ignored = shutil.ignore_patterns("__pycache__")
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tree / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, tree / part)
    return tree


@contextlib.contextmanager
def looking_by_priority(folder: Path, pins: Path, accounts: int, flows: int, mark_mask: int) -> Iterator[Meter]:
    """Programs whose hook at the LAN reads skb->priority, since BPF_PROG_TEST_RUN cannot set tc_index."""
    tree = copied(folder)
    replaced(tree / "bpf" / "carried.h", "u32 crossing = skb->tc_index;", "u32 crossing = skb->priority;")
    wanted = compiler.Build(str(pins), mark_mask, accounts, flows)
    command = [DEBIAN_PYTHON, "-m", "esimshaper.edge.bpf.compiler", json.dumps(asdict(wanted))]
    subprocess.run(command, check=True, cwd=tree, env={"PYTHONPATH": str(tree), "PATH": "/usr/sbin:/usr/bin"})
    (programs,) = wanted.generation.glob("programs-*")
    with contextlib.closing(Meter(wanted.generation, programs)) as meter:
        yield meter


def replaced(path: Path, old: str, new: str) -> None:
    """Replaces `old`, which must be there exactly once."""
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{path.name} has {text.count(old)} times: {old}")
    path.write_text(text.replace(old, new))
