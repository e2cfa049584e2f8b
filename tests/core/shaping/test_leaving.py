# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes that are not wanted any more go when nothing waits in them, and what they dropped was read."""

from dataclasses import replace

from esimshaper.core.model.shaping import DEFAULT, PATIENCE, QDISC, Redirect, Side, Tree, Wire
from esimshaper.core.shaping.steps import NoteRestored
from esimshaper.core.shaping.tree import ROOT, UNLIMITED, Link, demand_of, unlimited, wanted
from tests.core.shaping.fake_tc import ALICE, BOB, EVERYONE, Hands, ids
from tests.core.shaping.test_plan import OUTCOME, SHAPED, WISH


def test_a_class_goes_once_nothing_waits_in_it_and_what_holds_it_stays_as_long() -> None:
    hands = Hands()
    hands.enforce(WISH)
    before = dict(hands.kernel.tree.upload or {})
    member, group = ids(ALICE)[2], before[ids(ALICE)[2]].parent
    hands.waiting = {Side.UPLOAD: {QDISC, group, member}}
    fewer = replace(WISH, outcome=replace(OUTCOME, policies=dict(OUTCOME.policies), shaped=SHAPED[1:]))
    hands.enforce(fewer)
    hands.enforce(fewer)
    after = dict(hands.kernel.tree.upload or {})
    assert not any(hands.installed[ALICE].classes), "nothing more is given to it"
    assert before.keys() - after.keys() == {group + 1}, "the leaf of the group, which is empty"
    assert (after[member], after[group]) == (before[member], before[group]), "with the rate that it had"
    assert member not in (hands.kernel.tree.download or {}), "nothing waits there"
    hands.enforce(fewer)
    assert hands.kernel.tree.upload == after
    hands.waiting = {}
    hands.enforce(fewer)
    assert hands.kernel.tree.upload == after, "what it dropped until now is read first"
    hands.enforce(replace(fewer, classes_read=False))
    assert hands.kernel.tree.upload == after, "nobody has read it"
    assert NoteRestored() not in hands.enforce(fewer), "it was no stranger"
    assert hands.kernel.tree == wanted(
        Link(), demand_of(EVERYONE, SHAPED[1:], [ALICE, BOB], fewer.outcome.policies, Link())
    )
    assert hands.enforce(fewer) == [], "all is as wanted"


def test_where_nothing_is_shaped_any_more_what_waits_leaves_by_its_class_and_all_else_at_once() -> None:
    hands = Hands()
    hands.enforce(replace(WISH, rates=Link(128_000, 128_000)))
    before = hands.kernel.tree
    nothing = replace(WISH, outcome=replace(OUTCOME, shaped=()))
    hands.waiting = {side: {QDISC, ids(ALICE)[0]} for side in Side}
    hands.enforce(nothing)
    hands.enforce(nothing)
    for side in Side:
        classes = hands.kernel.tree.side(side) or {}
        assert set(classes) == {ROOT, DEFAULT, ids(ALICE)[0]}
        assert classes[ids(ALICE)[0]] == (before.side(side) or {})[ids(ALICE)[0]]
        assert classes[DEFAULT].ceil == UNLIMITED
    assert hands.kernel.device
    assert hands.kernel.redirect is Redirect.NONE, "what arrives goes past it, so that it gets empty"
    hands.waiting = {Side.UPLOAD: {QDISC}}
    hands.enforce(nothing)
    hands.enforce(nothing)
    assert hands.kernel.tree == Tree(upload=unlimited(Wire()))
    hands.waiting = {}
    hands.enforce(nothing)
    hands.enforce(nothing)
    assert hands.kernel.tree == Tree()
    assert hands.enforce(nothing) == []


def test_a_queue_that_is_never_empty_keeps_no_class_for_ever() -> None:
    hands = Hands()
    hands.enforce(replace(WISH, rates=Link(128_000, 128_000)))
    hands.waiting = {Side.UPLOAD: {QDISC}}
    for seconds in (0, PATIENCE - 1, PATIENCE):
        nothing = replace(
            WISH, outcome=replace(OUTCOME, shaped=()), reading=replace(WISH.reading, boottime=float(seconds))
        )
        hands.enforce(nothing)
        assert (hands.kernel.tree == Tree()) == (seconds == PATIENCE)
