# SPDX-License-Identifier: GPL-2.0-or-later
"""Mistakes that mutmut makes in rooms of the core -> which of them neither a test nor mypy finds.

Works in a copy of the tree, which is gone at the end. mutmut leaves constants and decorated functions as they are.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.tools import ROOT

ROOMS = ("limits", "meter", "saving", "shaping")
KILLERS = ("tests/core", "tests/replay")
EQUIVALENT = Path(__file__).with_name("core.txt")
PYTHON = ROOT / ".venv/mutants/bin/python"
"""The interpreter of an environment with mutmut and mypy: `make mutants` makes it."""
COPIED = ("Makefile", "bench", "bpf", "debian", "esimshaper", "etc", "pyproject.toml", "systemd", "tests")
MOST = 0.05
"""Which share of the mutants may survive without being listed."""

SURVIVED, MYPY, UNTRIED = 0, 37, (None, 2, 5, 33, 34)
"""Exit statuses that mutmut notes: of tests that pass, of a mutant that mypy refuses, of one that was not tested."""


class Mutant(NamedTuple):
    """A survivor: its file below the core, and the lines that differ, each with its sign, without leading blanks."""

    file: str
    lines: tuple[str, ...]


class Tried(NamedTuple):
    """How many mutants of a file were made, and which of them survived."""

    file: str
    number: int
    by_mypy: int
    untried: int
    survivors: list[Mutant]


def run(arguments: Sequence[str] = ()) -> bool:
    """Mutates `arguments`, or all files of the rooms; prints a table; returns whether few enough survive."""
    files = list(arguments) or [str(path.relative_to(ROOT)) for path in of_rooms()]
    with tempfile.TemporaryDirectory(prefix="esimshaper-mutants-") as folder:
        tree = Path(folder) / "tree"
        copy_tree(tree)
        configure(tree, files)
        mutmut(tree, "run", "--max-children", "1")
        return report(list(results(tree)), equivalents(EQUIVALENT.read_text()))


def of_rooms() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / "esimshaper/core" / room).glob("[!_]*.py"))]


def copy_tree(tree: Path) -> None:
    tree.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree)


def configure(tree: Path, files: Sequence[str]) -> None:
    """Tells mutmut what to mutate and what must find it."""
    settings = {
        "source_paths": ["esimshaper"],
        "only_mutate": files,
        "also_copy": [name for name in COPIED if name not in ("esimshaper", "pyproject.toml")],
        "pytest_add_cli_args_test_selection": KILLERS,
        # The same examples each time: a survivor of today is one of tomorrow.
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "--hypothesis-seed=1"],
        # What mutmut writes between the mutants has a `type: ignore` too many.
        "type_check_command": ["mypy", "--output", "json", "--no-warn-unused-ignores", *files],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    with (tree / "pyproject.toml").open("a") as project:
        project.write("\n".join(["", "[tool.mutmut]", "use_git_change_detection = false", *lines, ""]))


def mutmut(tree: Path, *arguments: str, **options: bool) -> "subprocess.CompletedProcess[str]":
    """mypy of the same environment is found on PATH."""
    environment = {"PATH": f"{PYTHON.parent}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tree), "LANG": "C.UTF-8"}
    command = [str(PYTHON), "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=tree, env=environment, text=True, check=True, **options)


def results(tree: Path) -> Iterator[Tried]:
    place = tree / "mutants/esimshaper/core"
    for path in sorted(place.rglob("*.py.meta")):
        file = str(path.relative_to(place)).removesuffix(".meta")
        codes = json.loads(path.read_text())["exit_code_by_key"]
        survivors = [Mutant(file, difference(tree, name)) for name, code in codes.items() if code == SURVIVED]
        counted = list(codes.values())
        untried = sum(counted.count(code) for code in UNTRIED)
        yield Tried(file, len(codes), counted.count(MYPY), untried, survivors)


def difference(tree: Path, name: str) -> tuple[str, ...]:
    """The lines that a mutant changes."""
    shown = mutmut(tree, "show", name, capture_output=True).stdout.splitlines()
    return tuple(line[0] + line[1:].strip() for line in shown if re.match(r"[-+](?!--|\+\+)", line))


def equivalents(text: str) -> dict[Mutant, str]:
    """The mutants of core.txt, each with the reason why no test can find it."""
    found = {}
    for section in re.split(r"^(?=\S+\.py$)", text, flags=re.MULTILINE)[1:]:
        file, *entries = re.split(r"^\* ", section, flags=re.MULTILINE)
        for entry in entries:
            reason, *lines = entry.strip().splitlines()
            found[Mutant(file.strip(), tuple(line[0] + line[1:].strip() for line in lines))] = reason
    return found


def report(tried: Sequence[Tried], known: dict[Mutant, str]) -> bool:
    """Prints survivors that are not known, then a line for each file; returns whether they are few enough."""
    number = left = 0
    for each in tried:
        survivors = [mutant for mutant in each.survivors if mutant not in known]
        for mutant in survivors:
            sys.stdout.write("\n  ".join([f"survived: {place_of(mutant)}", *mutant.lines]) + "\n")
        number, left = number + each.number, left + len(survivors)
    sys.stdout.write(f"\n{'file':32} mutants  by mypy  not tried  equivalent  survived\n")
    for file, made, by_mypy, untried, survivors in tried:
        listed = sum(mutant in known for mutant in survivors)
        row = (f"{made:8}", f"{by_mypy:8}", f"{untried:10}", f"{listed:11}", f"{len(survivors) - listed:9}")
        sys.stdout.write(f"{file:32}{' '.join(row)}\n")
    sys.stdout.write(f"{left} of {number} survived ({100 * left / max(number, 1):.1f} %; at most {100 * MOST:g} %)\n")
    return left <= number * MOST


def place_of(mutant: Mutant) -> str:
    """FILE:LINE of the first line that is changed; without a line where the file has changed meanwhile."""
    wanted = next((line[1:] for line in mutant.lines if line[0] == "-"), "")
    lines = (ROOT / "esimshaper/core" / mutant.file).read_text().splitlines()
    number = next((number for number, line in enumerate(lines, 1) if line.strip() == wanted), None)
    return f"{mutant.file}:{number}" if number else mutant.file
