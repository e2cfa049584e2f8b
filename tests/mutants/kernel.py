# SPDX-License-Identifier: GPL-2.0-or-later
"""Mistakes of kernel.txt in bpf/, tests of tests/bpf against them, as root -> which of them no test has found."""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from esimshaper.core.model.packages import DEBIAN_PYTHON
from tests.bpf.trees import copied, replaced

LIST = Path(__file__).with_name("kernel.txt")
SECONDS = 300
"""As long as the tests of one mutant may take: a mistake may also be one that never ends."""

TESTS = {
    "contract.h": ("test_contract", "test_robust", "test_limits", "test_reset"),
    "parse.h": ("test_parse", "test_attribute", "test_count", "test_robust"),
    "maps.h": ("test_reasons", "test_attribute", "test_limits"),
    "size.h": ("test_count", "test_tunnel", "test_attribute"),
    "carried.h": ("test_lan", "test_attribute", "test_receiver"),
    "attribution.h": ("test_receiver", "test_lan", "test_attribute", "test_reasons", "test_parse", "test_robust"),
    "services.h": ("test_services", "test_heads"),
    "heads.h": ("test_heads",),
    "rename.h": ("test_services",),
    "tunnel.h": ("test_tunnel", "test_services"),
    "translator.h": ("test_translator",),
    "uplink.h": ("test_uplinks",),
    "compare.h": ("test_limits", "test_police", "test_tunnel", "test_uplinks"),
    "scopes.h": ("test_scopes",),
    "pools.h": ("test_pools", "test_service_limits"),
    "limits.h": ("test_limits", "test_police", "test_tunnel", "test_urgent", "test_uplinks"),
    "urgent.h": ("test_urgent",),
    "receiver.h": ("test_receiver",),
    "names.h": ("test_reserve",),
    "reset.h": ("test_reset", "test_limits"),
    "frame.h": ("test_reasons", "test_count", "test_attribute", "test_robust"),
    "at_wan.h": (
        *("test_count", "test_attribute", "test_limits", "test_tunnel", "test_police", "test_reasons", "test_receiver"),
        *("test_lan", "test_parse", "test_urgent"),
    ),
    "at_tunnel.h": ("test_tunnel", "test_limits", "test_receiver", "test_police"),
    "at_translator.h": ("test_translator",),
    "at_lan.h": ("test_receiver", "test_lan", "test_limits", "test_reasons", "test_attribute"),
    "at_server.h": ("test_tunnel", "test_receiver"),
    "meter.c": ("test_count", "test_attribute"),
}
"""Which tests of tests/bpf concern a file, those first that find most."""


class Mutant(NamedTuple):
    """A mistake: what it is in words, in which file of bpf/, and which text becomes which.

    `old` is in the file exactly once. `equivalent`: why no test can see it, or empty.
    """

    file: str
    what: str
    old: str
    new: str
    equivalent: str = ""


class Outcome(StrEnum):
    """What became of a mutant. One that is no program says nothing of the tests, and must be mended."""

    KILLED = "killed"
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    NO_PROGRAM = "no program"


class Result(NamedTuple):
    """One mutant; `by` is the test that found it, or the reason why none can."""

    file: str
    what: str
    outcome: Outcome
    by: str = ""


def listed(text: str) -> list[Mutant]:
    """The mutants of a list in the form of kernel.txt."""
    mutants = []
    for section in re.split(r"^(?=[a-z_]+\.[ch]$)", text, flags=re.MULTILINE)[1:]:
        file, *entries = re.split(r"^\* ", section, flags=re.MULTILINE)
        for entry in entries:
            what, *lines = entry.rstrip("\n").split("\n")
            old, new, why = ([line[1:] for line in lines if line.startswith(sign)] for sign in "-+=")
            mutants.append(Mutant(file.strip(), what, "\n".join(old), "\n".join(new), " ".join(why).strip()))
    return mutants


def run(arguments: Sequence[str] = ()) -> list[Result]:
    """Runs those mutants whose file or description has one of the words, or all, and prints each at once."""
    parser = argparse.ArgumentParser(prog="tests.mutants.kernel", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants with one of these words in their file or description")
    words = parser.parse_args(arguments).words
    mutants = listed(LIST.read_text())
    chosen = [each for each in mutants if not words or any(word in f"{each.file} {each.what}" for word in words)]
    results = []
    for result, seconds in results_of(chosen):
        sys.stdout.write(f"{result.outcome:10} {seconds:4.0f} s  {result.file:13} {result.what}  [{result.by}]\n")
        sys.stdout.flush()
        results.append(result)
    sys.stdout.write(table_of(results))
    return results


def table_of(results: Sequence[Result]) -> str:
    """A line for each file, and one for all: how many mutants there are, and what became of them."""
    head = "".join(f"{outcome:>12}" for outcome in Outcome)
    lines = [f"\n{'file':16}{'mutants':>8}{head}"]
    for file in (*dict.fromkeys(each.file for each in results), ""):
        outcomes = [each.outcome for each in results if file in ("", each.file)]
        counted = "".join(f"{outcomes.count(outcome):12}" for outcome in Outcome)
        lines.append(f"{file or 'all':16}{len(outcomes):8}{counted}")
    return "\n".join(lines) + "\n"


def results_of(mutants: Iterable[Mutant]) -> Iterator[tuple[Result, float]]:
    """Each with the seconds that it took."""
    with tempfile.TemporaryDirectory(prefix="esimshaper-mutants-") as folder:
        tree = copied(Path(folder), "tests", "pyproject.toml")
        for mutant in mutants:
            began = time.monotonic()
            yield result_of(tree, mutant), time.monotonic() - began


def result_of(tree: Path, mutant: Mutant) -> Result:
    """Makes the mistake, runs the tests, and takes it back."""
    if mutant.equivalent:
        return Result(mutant.file, mutant.what, Outcome.EQUIVALENT, mutant.equivalent)
    source = tree / "bpf" / mutant.file
    before = source.read_text()
    replaced(source, mutant.old, mutant.new)
    try:
        return Result(mutant.file, mutant.what, *tested(tree, TESTS[mutant.file]))
    finally:
        source.write_text(before)


def tested(tree: Path, names: Iterable[str]) -> tuple[Outcome, str]:
    """Runs tests until the first of them fails."""
    files = [f"tests/bpf/{name}.py" for name in names]
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={tree.parent / 'pytest'}"]
    command = ["nice", "-n", "19", DEBIAN_PYTHON, "-m", "pytest", *options, *files]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Outcome.KILLED, f"not done after {SECONDS} s"
    if done.returncode == 0:
        return Outcome.SURVIVED, ""
    lines = done.stdout.splitlines()
    found = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    refused = [line for line in lines if line.startswith("E ") and "FailedOperation" in line]
    if done.returncode != 1 or not found or refused:
        return Outcome.NO_PROGRAM, (refused or lines)[-1]
    return Outcome.KILLED, found[0].partition("::")[2].partition(" - ")[0]


if __name__ == "__main__":
    survived = [each for each in run(sys.argv[1:]) if each.outcome in (Outcome.SURVIVED, Outcome.NO_PROGRAM)]
    sys.exit(bool(survived))
