# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies of the program with one line changed, to see what comes of it. Only files."""

import shutil
from pathlib import Path

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


def replaced(path: Path, old: str, new: str) -> None:
    """Replaces `old`, which must be there exactly once."""
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{path.name} has {text.count(old)} times: {old}")
    path.write_text(text.replace(old, new))
