# SPDX-License-Identifier: GPL-2.0-or-later
"""How many names this router's resolver refuses: of its own answers, and of no others."""

import pytest

from esimshaper.core.model.services import Head, HeadKind
from esimshaper.core.services.catalogue import catalogue_of
from esimshaper.core.services.live import LiveNames
from esimshaper.edge.names.aes import Aes
from tests.heads import answer
from tests.hellos import dns_answer


@pytest.fixture
def names() -> LiveNames:
    return LiveNames(catalogue_of([]), {}, Aes())


def test_refusals_of_this_router_are_counted_beside_all_that_it_answers(names: LiveNames) -> None:
    refused = answer(1, "ads.example", message=dns_answer("ads.example", [], flags=0x8183))
    for head in (refused, answer(1, "www.example", "192.0.2.7"), refused):
        names.take(head, 0.0)
    names.take(Head(HeadKind.ANSWER, refused.account, refused.flow, refused.length, refused.packet), 0.0)
    assert (names.tally["answers"], names.tally["resolved"], names.tally["refused"]) == (4, 3, 2)
    assert len(names.bindings) == 1
