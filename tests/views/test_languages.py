# SPDX-License-Identifier: GPL-2.0-or-later
"""What people read, in each language: fitted to the terminal, and no English where there is a word."""

import io
import re

import pytest
from rich.console import Console

from esimshaper.core.model.counts import UNATTRIBUTED_IN_WORDS
from esimshaper.core.report.documents import clients_document, status_document
from esimshaper.languages import texts
from esimshaper.languages.choice import ENGLISH, NAMES
from esimshaper.views import core_texts
from esimshaper.views.fit import cells_of
from esimshaper.views.page import Page, plain_lines, renderable
from esimshaper.views.pages import clients_page, status_page
from tests import synthetic_router as router
from tests import tools

OTHERS = sorted(set(NAMES) - {ENGLISH})
TITLE = re.compile(r"\b[A-Z]{3,}\b")
NAMES_OF_THINGS = {"WAN", "MAC", "DNS", "SIM"}


@pytest.fixture
def speak():
    tools.find("msgfmt")
    yield texts.speak
    texts.speak(ENGLISH)


def pages() -> list[Page]:
    state, facts = router.state(), router.facts()
    return [
        status_page(status_document(state, facts, {}, {})),
        clients_page(clients_document(state, facts, {}, {})),
    ]


@pytest.mark.parametrize("width", [48, 80, 120])
@pytest.mark.parametrize("language", NAMES)
def test_a_page_is_as_wide_as_the_terminal_at_most(speak, language, width):
    speak(language)
    for page in pages():
        output = io.StringIO()
        Console(file=output, width=width, highlight=False).print(renderable(page, width), crop=False)
        assert max(cells_of(line) for line in output.getvalue().splitlines()) <= width


@pytest.mark.parametrize("language", OTHERS)
def test_columns_of_a_pipe_stand_below_each_other(speak, language):
    speak(language)
    lines = [line for page in pages() for line in plain_lines(page) if "alice-phone" in line or " 状" in line]
    assert len({cells_of(line.partition("192.168.8.20")[0]) for line in lines if "192.168.8.20" in line}) == 1


@pytest.mark.parametrize("language", OTHERS)
def test_titles_are_in_the_language_that_is_spoken(speak, language):
    speak(language)
    found = {word for page in pages() for line in plain_lines(page) for word in TITLE.findall(line)}
    assert found <= NAMES_OF_THINGS | {"KB", "MB", "GB"}


def test_a_reason_is_said_in_the_language_that_is_spoken(speak):
    speak("ja")
    lines = [line for page in pages() for line in plain_lines(page)]
    assert any("まで 256 kbit/s に速度制限" in line for line in lines)
    assert not any("throttled" in line or " until " in line for line in lines)


def test_what_the_daemon_says_of_bytes_without_a_device_is_known():
    assert set(core_texts.UNATTRIBUTED) == set(UNATTRIBUTED_IN_WORDS.values())
