# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a table stays on a narrow terminal."""

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.views.fit import (
    GAP,
    Column,
    cells_of,
    fitted,
    fitting,
    folded_words,
    is_too_narrow,
    items,
    kept_columns,
)

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
    heads, rest = items(COLUMNS, ["alice-phone", "-", "", "512 MB", "02:00:00:00:00:10"], 20)
    assert (heads, rest) == ([0], ["TODAY 512 MB", "MAC 02:00:00:00:00:10"])


@given(st.lists(st.text("abc", min_size=1, max_size=12), max_size=12), st.integers(16, 80))
def test_lines_of_a_list_fit_and_lose_no_word(words, width):
    shown = folded_words(words, width)
    assert max(map(len, shown), default=0) <= width
    assert " ".join(shown).split() == words


def test_a_name_keeps_twenty_columns_while_another_column_can_go():
    columns = (Column("CLIENT"), Column("TODAY", right=True), Column("MAC", whole=True, rank=2))
    assert kept_columns(columns, (40, 8, 17), 49) == [0, 1, 2]
    assert kept_columns(columns, (40, 8, 17), 48) == [0, 1]


def test_what_is_too_long_to_head_a_row_of_a_list_stands_below_it_whole():
    columns = (Column("CLIENT"), Column("REMOTE", whole=True), Column("UP", right=True))
    remote = "[2001:db8:ffff:1234:5678:9abc:def0:1]:3478"
    assert items(columns, ["alice-phone", remote, "2 MB"], 48) == ([0], [f"REMOTE {remote}", "UP 2 MB"])
    assert items(columns, ["alice-phone", "192.0.2.1:443", "2 MB"], 48) == ([0, 1], ["UP 2 MB"])


def test_characters_of_east_asia_take_two_columns_and_those_that_join_none():
    assert [cells_of(text) for text in ("tv", "爱丽丝", "リビング", "e\u0301", "evas-böok")] == [2, 6, 8, 1, 9]
    assert [fitting("爱丽丝", width) for width in (0, 1, 2, 3, 6, 9)] == [0, 0, 1, 1, 3, 3]


@given(st.text(st.sampled_from("aé爱リ\u0301-")), st.integers(0, 12))
def test_what_fits_is_as_long_as_it_may_be(text, width):
    number = fitting(text, width)
    assert cells_of(text[:number]) <= width
    assert number == len(text) or cells_of(text[: number + 1]) > width
