# SPDX-License-Identifier: GPL-2.0-or-later
"""The way from any classes that are found to those that are wanted, and nobody runs free on it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Shaped
from esimshaper.core.model.shaping import QDISC, ChangeKind, Class, Leaf, Redirect, Side, Tree, Wire
from esimshaper.core.shaping.tree import Demand, Link, class_ids, wanted
from esimshaper.core.shaping.tree_diff import classes_that_move, diff, transition
from tests.core.shaping.fake_tc import ALICE, BOB, EVERYONE, FAMILY, GUESTS, Kernel, ids

ETHERNET = Wire(1500, 14)


rates = st.integers(1_000, 10**8)
clients = st.integers(2, 9).map(Account)
hierarchies = st.sampled_from([(EVERYONE,), (FAMILY,), (GUESTS,), (FAMILY, EVERYONE), (GUESTS, EVERYONE)])


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    accounts = draw(st.lists(clients | st.sampled_from([EVERYONE, FAMILY, GUESTS]), unique=True))
    listed = tuple(Shaped(account, draw(rates)) for account in accounts)
    sharing = tuple(draw(st.lists(clients, unique=True)))
    return Demand(EVERYONE, listed, sharing, draw(st.dictionaries(clients, hierarchies)))


@st.composite
def shaped(draw: st.DrawFn) -> Tree:
    """Any tree that could be wanted."""
    link = Link(draw(st.none() | rates), draw(st.none() | rates), draw(st.sampled_from([Wire(), ETHERNET])))
    return wanted(link, draw(demands()))


@st.composite
def found(draw: st.DrawFn) -> Tree:
    """Any tree that could be found: one that was wanted once, and then somebody broke it."""
    tree = draw(shaped())
    sides = []
    for side in Side:
        classes = dict(tree.side(side) or {})
        for each in draw(st.lists(st.sampled_from(sorted(classes)), max_size=3)) if classes else ():
            gone = {each}
            while more := {one.id for one in classes.values() if one.parent in gone} - gone:
                gone |= more
            classes = {number: one for number, one in classes.items() if number not in gone}
        for each in draw(st.lists(st.sampled_from(sorted(classes)), max_size=3)) if classes else ():
            if classes[each].leaf:
                leaf = draw(st.none() | st.builds(Leaf, st.integers(1, 9), st.integers(1, 9)))
                classes[each] = classes[each]._replace(leaf=leaf)
        sides.append(draw(st.sampled_from([classes, None])) if classes else None)
    device = tree.device and draw(st.booleans())
    redirect = draw(st.sampled_from([Redirect.NONE, Redirect.THERE if device else Redirect.STALE, Redirect.STALE]))
    return Tree(sides[0], sides[1] if device else None, device, redirect)


@given(found(), shaped())
def test_changes_lead_from_anything_found_to_what_is_wanted_what_gets_slower_first_and_none_is_refused(
    installed: Tree, target: Tree
) -> None:
    kernel, changes = Kernel(installed), diff(installed, target)
    for change in changes:
        kernel.apply(change)
    assert kernel.tree == target
    faster = False
    for change in changes:
        if change.kind is ChangeKind.CHANGE_CLASS and change.item:
            before = (installed.side(change.side) or {})[change.item.id]
            grows = (change.item.ceil, change.item.rate) > (before.ceil, before.rate)
            assert grows or not faster
            faster = grows
        else:
            assert not faster or change.kind is ChangeKind.ADD_REDIRECT


@given(found(), shaped())
def test_no_class_goes_while_packets_are_given_to_it(installed: Tree, target: Tree) -> None:
    kernel, meanwhile = Kernel(installed), transition(installed, target)
    for change in diff(installed, meanwhile):
        kernel.apply(change)
    for side in Side:
        assert {*(installed.side(side) or ()), *(target.side(side) or ())} == {*(kernel.tree.side(side) or ())}
    assert kernel.tree == meanwhile
    for change in diff(meanwhile, target):
        assert change.kind.name.startswith("REMOVE_")
        kernel.apply(change)
    assert kernel.tree == target


@given(shaped())
def test_what_is_right_is_left_alone(tree: Tree) -> None:
    assert not diff(tree, tree)


@given(st.lists(st.integers(10_000, 10**8), min_size=2, max_size=2, unique=True))
def test_another_rate_is_one_change_each_way(both: list[int]) -> None:
    before, after = (wanted(Link(), Demand(EVERYONE, (Shaped(ALICE, rate), Shaped(BOB, 64_000)))) for rate in both)
    changes = diff(before, after)
    assert {change.kind for change in changes} <= {ChangeKind.CHANGE_CLASS}
    assert [change.item.id for change in changes if change.item] in ([], [ids(ALICE)[1]] * 2)


def test_a_new_client_beside_others_changes_nothing_of_theirs() -> None:
    link = Link(20_000_000, 5_000_000)
    before, after = (wanted(link, Demand(EVERYONE, sharing=each)) for each in ((ALICE,), (ALICE, BOB)))
    changes = [(change.kind, change.item.id) for change in diff(before, after) if change.item]
    assert changes == [(ChangeKind.ADD_CLASS, ids(BOB)[0])] * 2


def test_who_changes_its_group_has_no_class_in_it_for_the_moment_in_which_that_is_made_anew() -> None:
    both_groups = (Shaped(EVERYONE, 5_000_000), Shaped(FAMILY, 128_000), Shaped(GUESTS, 64_000))
    before, after = (Demand(EVERYONE, both_groups, above={ALICE: (group, EVERYONE)}) for group in (FAMILY, GUESTS))
    there = wanted(Link(), before)
    assert classes_that_move(there, wanted(Link(), after)) == {ids(ALICE)[2]}
    named = class_ids(after, {ids(ALICE)[2]})[ALICE]
    assert named == (0, 0, 0, ids(ALICE)[3], 0), "so she shares that of the group's others"


def test_a_class_comes_after_its_parent_and_goes_before_it_whatever_their_numbers_are() -> None:
    one = {4: Class(4, QDISC, 8, 8, Leaf(1, 1))}
    more = {1: Class(1, 2, 8, 8, Leaf(1, 1)), 2: Class(2, 3, 8, 8), 3: Class(3, QDISC, 8, 8)}
    few, many = Tree(one, None), Tree(one | more, None)
    for before, after in ((few, many), (many, few)):
        kernel = Kernel(before)
        for change in diff(before, after):
            kernel.apply(change)
        assert kernel.tree == after


def test_a_group_that_hangs_elsewhere_is_made_anew_with_all_below_it() -> None:
    """HTB moves no class; here somebody else has made the group again, in another place."""
    target = wanted(Link(), Demand(EVERYONE, (Shaped(FAMILY, 128_000),), above={ALICE: (FAMILY,)}))
    upload = dict(target.upload or {})
    group = upload[ids(ALICE)[2]].parent
    upload[group] = upload[group]._replace(parent=QDISC)
    installed = replace(target, upload=upload)
    assert not classes_that_move(installed, target), "no packet is given to it itself"
    kernel = Kernel(installed)
    for change in diff(installed, target):
        kernel.apply(change)
    assert kernel.tree == target


def test_arriving_packets_are_redirected_until_no_policy_names_a_class() -> None:
    installed = wanted(Link(), Demand(EVERYONE, (Shaped(ALICE, 128_000),)))
    assert transition(installed, Tree()) == installed
    assert next(iter(diff(installed, Tree()))).kind is ChangeKind.REMOVE_REDIRECT
