# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that people allow: for a time, by itself over, and taken back."""

import pytest

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.withholding import MOST_ALLOWED, AllowedName
from esimshaper.core.saver.allowing import allow, holding

LOGIN = AllowedName("login.example", 1060)


def test_a_name_is_allowed_for_a_time_and_the_last_word_counts():
    assert allow((), "Login.example.", 60, 1000.5) == (LOGIN,)
    assert allow((LOGIN,), "login.example", 600, 1010) == (AllowedName("login.example", 1610),)


def test_it_ends_by_itself():
    assert holding((LOGIN,), 1059.9) == (LOGIN,)
    assert holding((LOGIN,), 1060) == ()
    assert allow((LOGIN,), "b.example", 60, 1060) == (AllowedName("b.example", 1120),)


def test_it_can_be_taken_back_once():
    assert allow((LOGIN,), "login.example", None, 1000) == ()
    with pytest.raises(Unusable, match="not allowed by hand"):
        allow((LOGIN,), "login.example", None, 1060)


def test_what_is_no_name_and_what_has_no_room_is_said():
    with pytest.raises(Unusable, match="`com` is no host name"):
        allow((), "com", 60, 0)
    many = tuple(AllowedName(f"a{number}.example", 99) for number in range(MOST_ALLOWED))
    with pytest.raises(Unusable, match="names are allowed already"):
        allow(many, "b.example", 60, 0)
    assert len(allow(many, "a3.example", 60, 0)) == MOST_ALLOWED
