# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a table stays on a narrow terminal."""

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.views.fit import GAP, Column, fitted, folded_words, is_too_narrow, items, kept_columns

COLUMNS = (
    Column("CLIENT"),
    Column("DOWN NOW", right=True, rank=5),
    Column("UP NOW", right=True, rank=5),
    Column("TODAY", right=True),
    Column("MAC", whole=True, rank=2),
)
WIDTHS = (30, 11, 11, 8, 17)


def test_rates_go_before_addresses_and_names_and_sums_stay():
    assert kept_columns(COLUMNS, WIDTHS, 200) == [0, 1, 2, 3, 4]
    assert kept_columns(COLUMNS, WIDTHS, 60) == [0, 3, 4]
    assert kept_columns(COLUMNS, WIDTHS, 30) == [0, 3]
    assert not is_too_narrow(COLUMNS, WIDTHS, 22)
    assert is_too_narrow(COLUMNS, WIDTHS, 21)


@given(st.integers(22, 200))
def test_what_is_kept_fits_and_only_texts_are_cut(width):
    kept = kept_columns(COLUMNS, WIDTHS, width)
    narrowed = fitted([COLUMNS[at] for at in kept], [WIDTHS[at] for at in kept], width)
    assert sum(narrowed) + GAP * (len(kept) - 1) <= width
    assert [WIDTHS[at] for at in kept[1:]] == narrowed[1:]


def test_a_row_of_a_list_has_a_head_and_says_only_what_there_is():
    heads, rest = items(COLUMNS, ["alice-phone", "-", "", "512 MB", "02:00:00:00:00:10"])
    assert (heads, rest) == ([0], ["TODAY 512 MB", "MAC 02:00:00:00:00:10"])


@given(st.lists(st.text("abc", min_size=1, max_size=12), max_size=12), st.integers(16, 80))
def test_lines_of_a_list_fit_and_lose_no_word(words, width):
    shown = folded_words(words, width)
    assert max(map(len, shown), default=0) <= width
    assert " ".join(shown).split() == words
