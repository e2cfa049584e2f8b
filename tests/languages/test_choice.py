# SPDX-License-Identifier: GPL-2.0-or-later
"""Which language a person is answered in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.languages.choice import NAMES, for_browser, for_terminal, tag, understood


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("ja", "ja"),
        ("ja_JP.UTF-8", "ja"),
        ("JA-jp", "ja"),
        ("zh", "zh_Hans"),
        ("zh-CN", "zh_Hans"),
        ("zh_CN.GB18030", "zh_Hans"),
        ("zh-SG", "zh_Hans"),
        ("zh-Hans-TW", "zh_Hans"),
        ("zh-TW", "zh_Hant"),
        ("zh_TW.UTF-8", "zh_Hant"),
        ("zh_HK@x", "zh_Hant"),
        ("zh-MO", "zh_Hant"),
        ("zh-Hant", "zh_Hant"),
        ("zh-Hant-CN", "zh_Hant"),
        ("zh_Hant", "zh_Hant"),
        ("de", None),
        ("C", None),
        ("*", None),
        ("", None),
    ],
)
def test_a_tag_or_a_locale_means_one_of_our_languages_or_none(name, language):
    assert understood(name) == language


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("de-DE,de;q=0.9,ja;q=0.5,en;q=0.7", "en"),
        ("de, zh-TW;q=0.8, zh;q=0.9", "zh_Hans"),
        ("fr;q=0.9,ja;q=0.8", "ja"),
        ("ja;q=0,en;q=0.1", "en"),
        ("ja;q=nan,zh-HK", "zh_Hant"),
        ("ja;q=2,;;;=,q", "en"),
        (",".join(["de"] * 30 + ["ja"]), "en"),
    ],
)
def test_a_browser_is_answered_in_the_language_that_it_wants_most(accepted, language):
    assert for_browser("", accepted) == language


def test_what_was_chosen_on_the_page_counts_more_than_the_browser():
    assert for_browser("zh_Hant", "ja") == "zh_Hant"
    assert for_browser("tlh", "ja") == "ja"


@given(st.text(), st.text())
def test_any_header_gives_one_of_our_languages(chosen, accepted):
    assert for_browser(chosen, accepted) in NAMES


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh_Hant"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "zh_TW", "LC_ALL": "zh_CN"}, "zh_Hans"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "de:ja:en"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LANGUAGE": "en"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LANGUAGE": "", "LC_ALL": ""}, "ja"),
        ({"LANGUAGE": "ja"}, "ja"),
        ({"LC_ALL": "C", "LANGUAGE": "ja"}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "ja"}, "ja"),
    ],
)
def test_a_terminal_is_answered_in_the_language_of_its_locale(environment, language):
    assert for_terminal(environment) == language


def test_html_writes_a_hyphen():
    assert [tag(language) for language in NAMES] == ["en", "zh-Hans", "zh-Hant", "ja"]
