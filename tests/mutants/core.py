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
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.tools import ROOT

ROOMS = ("limits", "meter", "saving", "shaping")
WORDS = ("model/hours.py", "model/period.py")
"""The words that decide something."""
KILLERS = ("tests/core", "tests/replay")
EQUIVALENT = Path(__file__).with_name("core.txt")
PYTHON = ROOT / ".venv/mutants/bin/python"
"""The interpreter of an environment with mutmut and mypy: `make mutants` makes it."""
COPIED = ("Makefile", "bench", "bpf", "debian", "esimshaper", "etc", "pyproject.toml", "systemd", "tests")
MOST = 0.05
"""Which share of the mutants may survive without being listed."""

SURVIVED, MYPY, UNTRIED = 0, 37, (None, 2, 5, 33, 34)
"""Exit statuses that mutmut notes: of tests that pass, of a mutant that mypy refuses, of one without a test run."""


class Mutant(NamedTuple):
    """A survivor: its file below the core, and the lines that differ, each with its sign, without leading blanks."""

    file: str
    lines: tuple[str, ...]


class Result(NamedTuple):
    """How many mutants of a file were made, how many mypy refused, and which of them survived.

    untried: functions, each with the number of its mutants that no test was run for.
    """

    file: str
    made: int
    by_mypy: int
    untried: Mapping[str, int]
    survivors: Sequence[Mutant]

    @property
    def tried(self) -> int:
        """Those that a test or mypy has judged."""
        return self.made - sum(self.untried.values())


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
    core = ROOT / "esimshaper/core"
    found = (path for room in ROOMS for path in sorted((core / room).glob("[!_]*.py")))
    return [*found, *(core / word for word in WORDS)]


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


def results(tree: Path) -> Iterator[Result]:
    place = tree / "mutants/esimshaper/core"
    for path in sorted(place.rglob("*.py.meta")):
        file = str(path.relative_to(place)).removesuffix(".meta")
        codes = json.loads(path.read_text())["exit_code_by_key"]
        survivors = [Mutant(file, difference(tree, name)) for name, code in codes.items() if code == SURVIVED]
        untried = Counter(function_of(name) for name, code in codes.items() if code in UNTRIED)
        yield Result(file, len(codes), list(codes.values()).count(MYPY), untried, survivors)


def function_of(name: str) -> str:
    """FUNCTION of MODULE.x_FUNCTION__mutmut_3, and CLASS.METHOD of MODULE.xǁCLASSǁMETHOD__mutmut_3."""
    mangled = name.rpartition(".")[2].partition("__mutmut_")[0]
    return mangled[1:].strip("ǁ").replace("ǁ", ".") if "ǁ" in mangled else mangled.removeprefix("x_")


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


def report(found: Sequence[Result], known: Mapping[Mutant, str]) -> bool:
    """Prints survivors that are not known, functions that no test was run for, and a line for each file.

    Returns whether few enough of the mutants that were tried survive, and some of each file were tried.
    """
    for each in found:
        for mutant in each.survivors:
            if mutant not in known:
                sys.stdout.write("\n  ".join([f"survived: {place_of(mutant)}", *mutant.lines]) + "\n")
        for function, number in each.untried.items():
            sys.stdout.write(f"not tried: {number} of {each.file} {function}\n")
    sys.stdout.write(table_of(found, known))
    tried, left = sum(each.tried for each in found), sum(len(unlisted(each, known)) for each in found)
    sys.stdout.write(f"{left} of {tried} survived ({100 * left / max(tried, 1):.1f} %; at most {100 * MOST:g} %)\n")
    idle = [each.file for each in found if each.made and not each.tried]
    for file in idle:
        sys.stdout.write(f"{file}: no mutant was tried\n")
    return tried > 0 and not idle and left <= tried * MOST


def unlisted(result: Result, known: Mapping[Mutant, str]) -> list[Mutant]:
    return [mutant for mutant in result.survivors if mutant not in known]


def table_of(found: Sequence[Result], known: Mapping[Mutant, str]) -> str:
    """A line for each file. Mutants that were not tried say nothing of the tests, so they are in no other column."""
    lines = [f"\n{'file':32} mutants   tried  by mypy  not tried  equivalent  survived"]
    for each in found:
        left = len(unlisted(each, known))
        counts = (f"{each.made:8}", f"{each.tried:7}", f"{each.by_mypy:8}", f"{each.made - each.tried:10}")
        lines.append(f"{each.file:32}{' '.join(counts)} {len(each.survivors) - left:11} {left:9}")
    return "\n".join(lines) + "\n"


def place_of(mutant: Mutant) -> str:
    """FILE:LINE of the first line that is changed; without a line where the file has changed meanwhile."""
    wanted = next((line[1:] for line in mutant.lines if line[0] == "-"), "")
    lines = (ROOT / "esimshaper/core" / mutant.file).read_text().splitlines()
    number = next((number for number, line in enumerate(lines, 1) if line.strip() == wanted), None)
    return f"{mutant.file}:{number}" if number else mutant.file
