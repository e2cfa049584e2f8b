# SPDX-License-Identifier: GPL-2.0-or-later
"""The manual pages: what man makes of them, and that they say all that the program can do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from esimshaper.cli import manual
from esimshaper.cli import syntax as cli_syntax
from esimshaper.cli.main import build_parser
from esimshaper.edge.host.messages import MESSAGE_IDS, SUMMED_UP_ID, Message
from tests import tools
from tests.cli.test_main import esimshaper

NOVEMBER = {"SOURCE_DATE_EPOCH": "1763856000"}


def page(section: int) -> str:
    command = [sys.executable, "-m", "esimshaper.cli.manual", str(section)]
    environment = os.environ | NOVEMBER
    return subprocess.run(command, cwd=tools.ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def shown(section: int) -> str:
    """The page as a person reads it, with each run of spaces as one."""
    command = [tools.find("mandoc"), "-T", "ascii", "-O", "width=200"]
    text = subprocess.run(command, input=page(section), capture_output=True, text=True, check=True).stdout
    return re.sub(r"\s+", " ", re.sub(".\b", "", text))


@pytest.mark.parametrize("section", [5, 8])
def test_neither_mandoc_nor_man_has_a_complaint(section, tmp_path):
    path = tmp_path / f"page.{section}"
    path.write_text(page(section))
    for command in ([tools.find("mandoc"), "-T", "lint", "-W", "warning"], [tools.find("man"), "--warnings", "-l"]):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANPAGER": "true"}
        done = subprocess.run([*command, path], env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert command[1:2] != ["-T"] or not done.stdout


def test_the_page_of_the_command_has_every_verb_and_option():
    text = shown(8)
    before, verbs = cli_syntax.read(build_parser())
    for command in (before, *verbs):
        assert command.description in text
        for argument in (*command.options, *command.places):
            assert " ".join((", ".join(argument.flags), argument.value)).strip() in text
            assert argument.help in text


def test_every_message_of_the_journal_is_in_the_page_of_the_command():
    """Programs search for them by MESSAGE_ID; the subject says what each is about."""
    text = shown(8)
    for number in (*MESSAGE_IDS.values(), SUMMED_UP_ID, *(message.id for message in Message)):
        assert re.search(rf"{number} [A-Za-z]", text), number
    assert "CLIENT is STATE now." in text


def settings(schema: manual.Schema) -> set[tuple[str, str]]:
    """Each setting of a schema, with its help."""
    found = set()
    for name, part in schema.get("properties", {}).items():
        found |= {(name, part["description"])} | settings(part)
    return found | (settings(schema["items"]) if "items" in schema and not found else set())


def test_the_page_of_the_configuration_has_every_setting():
    text = shown(5)
    schema = json.loads(Path(manual.SCHEMA).read_text())
    for name, description in settings(schema):
        assert name in text
        assert description.replace("`", "") in text


def test_the_example_is_a_good_configuration(tmp_path):
    path = tmp_path / "example.yaml"
    path.write_text(manual.EXAMPLE)
    assert esimshaper("check", path).returncode == 0
    assert " ".join(manual.EXAMPLE.split()) in shown(5)


def test_the_day_is_that_of_the_source():
    assert "2025-11-23" in page(8).splitlines()[1]
