# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents stay true: the paths and rules that they name exist, and their configurations are good."""

import re
from itertools import product
from pathlib import Path

import pytest

from esimshaper.cli import guesses
from esimshaper.edge import settings_file

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "DESIGN.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "design").glob("*.md")),
]
SOURCES = [
    path
    for folder, pattern in (("esimshaper", "*.py"), ("bpf", "*.[ch]"), ("tests", "*.py"), ("bench", "*.py"))
    for path in sorted((ROOT / folder).rglob(pattern))
]
PATH = re.compile(r"`((?:[\w.-]+/)+(?:[\w.*{},-]+)?|[\w-]+\.(?:md|py))`")
RULE = re.compile(r"\bR([1-9]\d?)\b")
BASES = (ROOT, ROOT / "esimshaper", ROOT / "design")
NO_PATH = re.compile(r"^(group|client)/|[A-Z]{4,}-|-[A-Z]{4,}")
"""Subjects of quotas, and names with a part that differs, such as programs-DIGEST."""


def rooms_to_come() -> set[str]:
    """Paths that DESIGN.md announces for later work: the first column of its table of rooms."""
    text = (ROOT / "DESIGN.md").read_text().partition("| room | will hold |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `([^`]+)`", text, re.MULTILINE))


def is_there(path: str) -> bool:
    """A path from one of BASES; a name without a folder may be that of any file of ours."""
    if "/" not in path:
        return any(path == source.name for source in [*SOURCES, *DOCUMENTS, *ROOT.glob("*")])
    return any(any(base.glob(path.rstrip("/"))) for base in BASES)


def spelled_out(path: str) -> list[str]:
    """`daemon/{ticker,bookings}.py` -> both paths."""
    parts = [part.strip("{}").split(",") for part in re.split(r"(\{[^}]*\})", path)]
    return ["".join(choice) for choice in product(*parts)]


def rules() -> list[int]:
    return [int(number) for number in re.findall(r"^\* \*\*R(\d+)\*\*", (ROOT / "DESIGN.md").read_text(), re.MULTILINE)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_path_that_a_document_names_is_there(document):
    to_come = {room.strip("/") for room in rooms_to_come()}
    named = {path for found in PATH.findall(document.read_text()) for path in spelled_out(found)}
    missing = {path for path in named if not is_there(path) and not NO_PATH.search(path)}
    assert {path for path in missing if path.rstrip("/") not in to_come} == set()


def test_rules_are_numbered_from_one_without_a_gap():
    assert rules() == list(range(1, len(rules()) + 1))


@pytest.mark.parametrize("path", [*SOURCES, *DOCUMENTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_each_rule_that_is_named_exists(path):
    assert {int(number) for number in RULE.findall(path.read_text())} <= set(rules())


def test_each_file_of_design_is_in_the_index():
    index = (ROOT / "DESIGN.md").read_text()
    assert [path.name for path in (ROOT / "design").glob("*.md") if f"design/{path.name}" not in index] == []


def test_lines_of_a_configuration_within_sentences_are_good(tmp_path):
    texts = [
        (ROOT / "README.md").read_text(),
        *(each for advice in guesses.MEANT.values() for each in [advice.meaning]),
    ]
    lines = {line for text in texts for line in re.findall(r"`((?:blocks|quotas|router): [\[{][^`]*[\]}])`", text)}
    lines |= {f"quotas: [{line}]" for text in texts for line in re.findall(r"`- ({name: [^`]*})`", text)}
    assert len(lines) >= 4
    for line in lines:
        path = tmp_path / "esimshaper.yaml"
        path.write_text(f"{SIDES}{DEVICES}{line}\n")
        settings_file.load(path)


SIDES = "wan: {interface: wwan0}\nlan: {interfaces: [br0]}\n"
DEVICES = 'clients: [{name: tv, mac: "02:00:00:00:00:11"}, {name: alice-phone, mac: "02:00:00:00:00:10"}]\n'


def test_configurations_in_the_readme_are_good(tmp_path):
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    first, *others = blocks
    assert first.startswith("wan:")
    for block in blocks:
        lines = block if "lan:" in block else first + block
        lines = lines if lines.count("wan:") == 1 else "lan: {interfaces: [br0]}\n" + block
        path = tmp_path / "esimshaper.yaml"
        path.write_text(lines)
        settings_file.load(path)
