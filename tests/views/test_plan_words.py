# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of plans: each phrase in each language with the same places, and amounts without any rounding."""

import re

import pytest

from esimshaper.core.plan.terms import terms_of
from esimshaper.languages.choice import ENGLISH, NAMES
from esimshaper.views.plan_phrases import phrase
from esimshaper.views.plan_words import exact_size, words_of
from tests import tools
from tests.core.plan.test_golden import plans

OF_ENGLISH = re.compile(r"\b(the|of|is|in|to|each|then|full|above|nothing)\b")
"""Words that stand in nearly each English sentence, and in no name."""


@pytest.mark.parametrize("language", sorted(set(NAMES) - {ENGLISH}))
def test_each_plan_is_said_as_a_whole_in_each_language(language):
    tools.find("msgfmt")
    for plan in plans():
        terms = terms_of(plan)
        terms["note"] = None  # words of whoever wrote the plan
        for step in (step for meter in terms["meters"] for step in meter["steps"]):
            step["note"] = None
        words = words_of(terms, language)
        assert len(words) == len(words_of(terms, ENGLISH))
        assert not OF_ENGLISH.search("\n".join(words))


def test_one_and_several_are_told_apart_where_the_language_does():
    tools.find("msgfmt")
    assert phrase("days", "en", 1) == "1 day"
    assert phrase("days", "en", 3) == "3 days"
    assert phrase("days", "ja", 1) == "1 日間"


def test_a_line_is_as_people_write_it():
    tools.find("msgfmt")
    plan = next(plan for plan in plans() if plan.name == "Mobal")
    said = {language: words_of(terms_of(plan), language)[3] for language in NAMES}
    assert said["en"] == "  up to 30 GB: JPY 4,378, full speed"
    assert said["zh_Hans"] == said["zh_Hant"].replace("為", "为") == "  到 30 GB 为止：JPY 4,378，全速"
    assert said["ja"] == "  30 GB まで：JPY 4,378、制限なし"


@pytest.mark.parametrize(
    ("size", "binary", "shown"),
    [
        (3 * 1000**3, False, "3 GB"),
        (1_500_000_000, False, "1.5 GB"),
        (12 * 1024**3, True, "12 GB"),
        (366_000_000, False, "366 MB"),
        (128, False, "128 B"),
        (1_234_567, False, "1234.567 KB"),
        (1_234_567_891, False, "1234567.891 KB"),
        (0, False, "0 B"),
    ],
)
def test_amounts_are_written_exactly(size, binary, shown):
    assert exact_size(size, binary=binary) == shown
