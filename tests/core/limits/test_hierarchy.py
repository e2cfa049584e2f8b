# SPDX-License-Identifier: GPL-2.0-or-later
"""Hierarchy: who stands under whom."""

from esimshaper.core.limits.hierarchy import by_subject, hierarchies, override_for
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED
from esimshaper.core.model.limits import EVERYONE, STRANGER, Override, OverrideKind, Subject
from tests.core.limits_router import ALICE, BOB, TV, client, group

FOUND = hierarchies(
    (ALICE, BOB, TV, ROUTER, UNATTRIBUTED), {ALICE: "alice", TV: "tv"}, {TV: "family"}, (group("empty"),)
)


def test_listed_clients_are_in_their_group_and_all_others_in_unknown():
    expected = {
        client(ALICE): (client(ALICE), EVERYONE),
        client(BOB): (client(BOB), group("unknown"), EVERYONE),
        client(TV): (client(TV), group("family"), EVERYONE),
        client(ROUTER): (client(ROUTER), EVERYONE),
        client(UNATTRIBUTED): (client(UNATTRIBUTED), EVERYONE),
        STRANGER: (STRANGER, group("unknown"), EVERYONE),
        group("family"): (group("family"), EVERYONE),
        group("unknown"): (group("unknown"), EVERYONE),
        group("empty"): (group("empty"), EVERYONE),
        EVERYONE: (EVERYONE,),
    }
    assert expected == FOUND


def nearest(*overrides: Override) -> dict[Subject, Override | None]:
    return {subject: override_for(hierarchy, by_subject(overrides)) for subject, hierarchy in FOUND.items()}


def test_the_nearest_word_by_hand_counts():
    whole = Override(EVERYONE, OverrideKind.BLOCK)
    guests = Override(group("unknown"), OverrideKind.ALLOW)
    bob = Override(client(BOB), OverrideKind.BLOCK, 5)
    found = nearest(bob, guests, whole)
    assert (found[client(BOB)], found[STRANGER], found[client(ALICE)]) == (bob, guests, whole)
    assert found.keys() == FOUND.keys()
    assert set(nearest().values()) == {None}
