# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of plans: each phrase in each language with the same places, and amounts without any rounding."""

from string import Formatter

import pytest

from esimshaper.views.plan_phrases import LANGUAGES, PHRASES, phrase
from esimshaper.views.plan_words import exact_size


@pytest.mark.parametrize("name", PHRASES)
def test_each_phrase_has_the_same_places_in_each_language(name):
    texts = [form for text in PHRASES[name] for form in text.split("|")]
    places = [{field for _, field, _, _ in Formatter().parse(text) if field} - {"n"} for text in texts]
    assert len(PHRASES[name]) == len(LANGUAGES)
    assert all(each == places[0] for each in places)
    assert all(texts)


def test_one_and_several_are_told_apart_where_the_language_does():
    assert phrase("days", "en", 1) == "1 day"
    assert phrase("days", "en", 3) == "3 days"
    assert phrase("days", "ja", 1) == "1 日間"


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
