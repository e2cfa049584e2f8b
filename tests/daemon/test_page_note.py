# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's note of where the page is: there while there is a page, and written when it changes only."""

from dataclasses import replace

import pytest

from esimshaper.core.settings.values import Listen, Web
from esimshaper.daemon.page_note import PageNote
from tests.core.settings.parsing import settings_of
from tests.core.settings.test_tree import GOOD

PLAIN = settings_of(GOOD)
PAGE = replace(PLAIN, web=Web())


def test_it_is_there_while_there_is_a_page(tmp_path):
    file = tmp_path / "page.json"
    note = PageNote(file)
    note.follow(PLAIN)
    assert not file.exists()
    note.follow(PAGE)
    assert '"br0"' in file.read_text()
    note.follow(PLAIN)
    assert not file.exists()


def test_it_is_written_when_it_changes_only(tmp_path):
    file = tmp_path / "page.json"
    PageNote(file).follow(PAGE)
    file.chmod(0o400)
    before = file.stat().st_mtime_ns
    PageNote(file).follow(PAGE)
    assert file.stat().st_mtime_ns == before
    file.chmod(0o600)
    PageNote(file).follow(replace(PLAIN, web=Web(listen=(Listen("192.168.8.1", 8080),))))
    assert "192.168.8.1:8080" in file.read_text()


def test_a_full_disk_keeps_nobody_from_counting(tmp_path, caplog: pytest.LogCaptureFixture):
    PageNote(tmp_path / "nowhere" / "page.json").follow(PAGE)
    assert "listens where it did" in caplog.text
