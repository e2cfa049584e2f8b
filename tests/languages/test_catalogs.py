# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogs have every text of the sources, translated, with the same places; without them English is spoken."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from esimshaper.languages import catalogs, texts
from esimshaper.languages.choice import ENGLISH, NAMES
from tests import messages, tools


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return messages.collected(tmp_path_factory.mktemp("collected"))


def said(catalog: Path, *which: str) -> list[str]:
    """Texts of a catalog as they stand in it, without comments, translations and the head."""
    command = [tools.find("msgattrib"), "--no-wrap", "--no-location", "--sort-output", *which, str(catalog)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if line.startswith("msgctxt ") or line[:6] == "msgid "][1:]


def test_each_language_but_english_has_a_catalog():
    assert {catalog.stem for catalog in messages.CATALOGS} == set(NAMES) - {ENGLISH}


@pytest.mark.parametrize("catalog", messages.CATALOGS, ids=lambda path: path.stem)
def test_a_catalog_has_the_texts_of_the_sources_and_no_others(catalog, collected):
    assert said(catalog) == said(collected), "`make messages` collects them"


@pytest.mark.parametrize("catalog", messages.CATALOGS, ids=lambda path: path.stem)
def test_every_text_is_translated(catalog):
    assert said(catalog, "--untranslated") + said(catalog, "--only-fuzzy") == []


@pytest.mark.parametrize("catalog", messages.CATALOGS, ids=lambda path: path.stem)
def test_a_catalog_has_the_places_of_the_english_texts(catalog, tmp_path):
    command = [tools.find("msgfmt"), "--check", "--output-file", str(tmp_path / "compiled"), str(catalog)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_text_of_which_a_catalog_knows_nothing_is_english(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogs, "FOLDER", tmp_path)
    read = catalogs.translations.__wrapped__
    assert read("ja").gettext("Quotas") == "Quotas"
    assert read("../../etc/passwd").gettext("Quotas") == "Quotas"


@pytest.fixture
def speak():
    yield texts.speak
    texts.speak(ENGLISH)


def test_the_language_of_a_terminal_is_chosen_once(speak):
    tools.find("msgfmt")
    speak("ja")
    assert texts.spoken() == "ja"
    assert texts._("Quotas") == "データ枠"
    assert texts._("") == ""
    assert texts.N_("Quotas") == "Quotas"


def test_each_thread_of_a_server_speaks_its_own_language():
    with texts.speaking("ja"), ThreadPoolExecutor() as others:
        assert others.submit(texts.spoken).result() == ENGLISH
        assert texts.spoken() == "ja"
    assert texts.spoken() == ENGLISH
