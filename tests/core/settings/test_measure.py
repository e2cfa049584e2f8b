# SPDX-License-Identifier: GPL-2.0-or-later
"""`saver.measure`: a share of films of which something can be learned, and only beside a pace."""

from fractions import Fraction

import pytest

from esimshaper.core.model.measure import NEVER
from tests.core.settings.parsing import messages_of, settings_of
from tests.core.settings.test_tree import tree_with

ALL = {"for": "each-client", "only": "video", "rate": "2500kbit"}


def test_nothing_is_measured_unless_that_is_asked_for():
    assert settings_of(tree_with(("saver",), {"pace": [ALL]})).saver.measure == NEVER


@pytest.mark.parametrize("written", ["1/8", "2/8", "1/2", "1/32"])
def test_a_share_of_films_can_go_without_the_pace(written):
    assert settings_of(tree_with(("saver",), {"pace": [ALL], "measure": written})).saver.measure == Fraction(written)


@pytest.mark.parametrize("written", ["3/4", "1/33", "1/99"])
def test_a_share_of_which_nothing_could_be_learned_is_refused(written):
    messages = messages_of(tree_with(("saver",), {"pace": [ALL], "measure": written}))
    assert messages == [(("saver", "measure"), f"`{written}` is not between 1/32 and 1/2")]


def test_without_a_pace_there_is_nothing_to_measure():
    messages = messages_of(tree_with(("saver",), {"measure": "1/8"}))
    assert messages == [(("saver", "measure"), "there is no pace that could rest")]
