# SPDX-License-Identifier: GPL-2.0-or-later
"""Each screen in Chromium, in four languages, in the light and in the dark, on phones and on a desk: axe-core has
nothing to say, nothing is wider than the screen, and nothing is asked for from anywhere else.
"""

import os
from collections.abc import Collection, Mapping

import pytest

from esimshaper.languages.choice import NAMES
from tests.web.browser.driven import drive
from tests.web.browser.site import POLICY, serving
from tests.web.gallery import pages

WIDTHS = (320, 390, 1280)
THOROUGH = os.environ.get("AXE") == "thorough"
"""All rules at each size and in each scheme: minutes, for whoever changes the style."""


def audit(languages: list[str], only: Collection[str] = (), **job: object) -> list[str]:
    """What is wrong with all screens, or `only` some, in these languages."""
    drawn = {f"/{language}/{name}": html for language in languages for name, html in pages(language).items()}

    def is_wanted(path: str) -> bool:
        return not only or path.rpartition("/")[2].partition("?")[0] in only

    return audit_of({path: html for path, html in drawn.items() if is_wanted(path)}, **job)


def audit_of(served: Mapping[str, str], policy: str = POLICY, **job: object) -> list[str]:
    """What is wrong with these pages, by their paths."""
    with serving(served, policy) as base:
        looked_at = {path.strip("/"): base + path for path in served if "?" not in path}
        defaults = {"widths": WIDTHS, "schemes": ["light", "dark"], "script": True, "shots": "", "whole": True}
        return list(drive("audit.py", **{**defaults, "pages": looked_at, "thorough": THOROUGH, **job}))


def test_every_screen_in_every_language_is_for_everybody():
    assert audit(list(NAMES)) == []


def test_screens_are_whole_without_script():
    assert audit(["en"], script=False, widths=[390], schemes=["light"]) == []


@pytest.fixture
def too_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = '<p><img src="http://192.0.2.1/x.png"></p><pre>' + "x" * 500 + "</pre>"
    monkeypatch.setattr("tests.web.browser.test_screens.pages", lambda _language: {"bad": f"<!DOCTYPE html>{fault}"})


def test_a_fault_would_be_found(too_wide):
    found = "\n".join(audit(["en"], widths=[320], schemes=["light"]))
    assert "asks http://192.0.2.1/x.png" in found
    assert "px wide" in found
    assert "image-alt" in found


def test_a_page_that_is_left_open_goes_on_and_says_when_nobody_answers():
    with serving({"/me": pages("en")["me"]}) as base:
        assert drive("refresh.py", url=f"{base}/me") == {"meter": "8", "width": "8"}
