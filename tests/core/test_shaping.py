# SPDX-License-Identifier: GPL-2.0-or-later
"""What shall be shaped, as classes, and the way there from anything that is found."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.classes import DEFAULT, QDISC, Change, Class, Leaf, Redirect, Side, Step, Tree, Wire
from esimshaper.core.model import Account
from esimshaper.core.shaping import (
    MAX_ACCOUNT,
    ROOT,
    UNLIMITED,
    Link,
    Shaped,
    both,
    class_ids,
    diff,
    wanted,
)

ETHERNET = Wire(1500, 14)
ALICE, BOB = Account(2), Account(3)


class Kernel:
    """What tc would do with each change, with its refusals; and what would become of packets meanwhile."""

    def __init__(self, tree: Tree) -> None:
        self.classes = {side: None if tree.side(side) is None else dict(tree.side(side) or {}) for side in Side}
        self.device, self.redirect = tree.device, tree.redirect

    def apply(self, change: Change) -> None:
        getattr(self, change.step.name.lower())(change)
        if change.step is not Step.REMOVE_REDIRECT and self.redirect is Redirect.THERE:
            assert self.device, "arriving packets are sent to an IFB that is not there"

    def of(self, change: Change) -> dict[int, Class]:
        classes = self.classes[change.side]
        assert classes is not None, "no qdisc"
        return classes

    def add_device(self, _: Change) -> None:
        assert not self.device
        assert self.redirect is Redirect.NONE, "a filter to the device that was here before is still there"
        self.device = True

    def remove_device(self, _: Change) -> None:
        assert self.device
        assert self.redirect is Redirect.NONE
        assert self.classes[Side.DOWNLOAD] is None
        self.device = False

    def add_redirect(self, _: Change) -> None:
        assert self.redirect is Redirect.NONE
        assert self.device
        self.redirect = Redirect.THERE

    def remove_redirect(self, _: Change) -> None:
        assert self.redirect is not Redirect.NONE
        self.redirect = Redirect.NONE

    def add_qdisc(self, change: Change) -> None:
        assert self.classes[change.side] is None
        assert change.side is Side.UPLOAD or self.device
        self.classes[change.side] = {}

    def remove_qdisc(self, change: Change) -> None:
        self.of(change)
        self.classes[change.side] = None

    def add_class(self, change: Change) -> None:
        classes, item = self.of(change), change.item
        assert item
        assert item.id not in classes
        assert item.parent == QDISC or classes[item.parent].leaf is None
        classes[item.id] = item

    def change_class(self, change: Change) -> None:
        classes, item = self.of(change), change.item
        assert item
        old = classes[item.id]
        assert (old.parent, old.leaf is None) == (item.parent, item.leaf is None)
        assert old != item
        classes[item.id] = item

    def remove_class(self, change: Change) -> None:
        classes, item = self.of(change), change.item
        assert item
        assert all(each.parent != item.id for each in classes.values()), "it has children"
        del classes[item.id]

    @property
    def tree(self) -> Tree:
        return Tree(self.classes[Side.UPLOAD], self.classes[Side.DOWNLOAD], self.device, self.redirect)


@st.composite
def shaped(draw: st.DrawFn) -> Tree:
    """Any tree that could be wanted."""
    accounts = draw(st.lists(st.integers(2, 9).map(Account), unique=True))
    rates = st.integers(1_000, 10**8)
    listed = [Shaped(account, draw(rates)) for account in accounts]
    link = Link(draw(st.none() | rates), draw(st.none() | rates), draw(st.sampled_from([Wire(), ETHERNET])))
    return wanted(link, listed, draw(st.lists(st.integers(2, 9).map(Account), unique=True)))


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
                classes[each] = replace(classes[each], leaf=leaf)
        sides.append(draw(st.sampled_from([classes, None])) if classes else None)
    device = tree.device and draw(st.booleans())
    redirect = draw(st.sampled_from([Redirect.NONE, Redirect.THERE if device else Redirect.STALE, Redirect.STALE]))
    return Tree(sides[0], sides[1] if device else None, device, redirect)


@given(found(), shaped())
def test_changes_lead_from_anything_found_to_what_is_wanted_and_none_is_refused(actual: Tree, wished: Tree) -> None:
    kernel = Kernel(actual)
    for change in diff(actual, wished):
        kernel.apply(change)
    assert kernel.tree == wished


@given(found(), shaped())
def test_no_class_goes_while_packets_are_given_to_it(actual: Tree, wished: Tree) -> None:
    kernel, meanwhile = Kernel(actual), both(actual, wished)
    for change in diff(actual, meanwhile):
        kernel.apply(change)
    for side in Side:
        assert {*(actual.side(side) or ()), *(wished.side(side) or ())} == {*(kernel.tree.side(side) or ())}
    assert kernel.tree == meanwhile
    for change in diff(meanwhile, wished):
        assert change.step.name.startswith("REMOVE_")
        kernel.apply(change)
    assert kernel.tree == wished


@given(shaped())
def test_what_is_right_is_left_alone(tree: Tree) -> None:
    assert not diff(tree, tree)


@given(found(), shaped())
def test_what_gets_slower_comes_before_what_gets_faster(actual: Tree, wished: Tree) -> None:
    faster = False
    for change in diff(actual, wished):
        if change.step is Step.CHANGE_CLASS and change.item:
            before = (actual.side(change.side) or {})[change.item.id]
            grows = (change.item.ceil, change.item.rate) > (before.ceil, before.rate)
            assert grows or not faster
            faster = grows
        else:
            assert not faster or change.step is Step.ADD_REDIRECT


@given(shaped(), st.data())
def test_another_rate_is_one_change_each_way(tree: Tree, data: st.DataObject) -> None:
    before, after = (
        wanted(Link(), [Shaped(ALICE, rate), Shaped(BOB, 64_000)], [])
        for rate in data.draw(st.lists(st.integers(10_000, 10**8), min_size=2, max_size=2, unique=True))
    )
    changes = diff(before, after)
    assert {change.step for change in changes} <= {Step.CHANGE_CLASS}
    assert [change.item.id for change in changes if change.item] in ([], [class_ids(ALICE).throttled] * 2)


def test_a_new_client_beside_others_changes_nothing_of_theirs() -> None:
    link = Link(20_000_000, 5_000_000)
    changes = diff(wanted(link, [], [ALICE]), wanted(link, [], [ALICE, BOB]))
    assert [(change.step, change.item.id) for change in changes if change.item] == [
        (Step.ADD_CLASS, class_ids(BOB).open)
    ] * 2


def test_nothing_to_shape_costs_nothing() -> None:
    assert wanted(Link(), [], [ALICE, BOB]) == Tree()


def test_an_upload_rate_alone_needs_no_ifb() -> None:
    tree = wanted(Link(upload=5_000_000), [], [ALICE])
    assert tree.upload
    assert (tree.download, tree.device, tree.redirect) == (None, False, Redirect.NONE)


def test_everybody_shares_the_link_equally() -> None:
    tree = wanted(Link(20_000_000, 5_000_000), [], [ALICE, BOB])
    for side, rate in ((Side.DOWNLOAD, 20_000_000), (Side.UPLOAD, 5_000_000)):
        classes = tree.side(side) or {}
        assert classes[ROOT].rate == classes[ROOT].ceil == rate
        ids = [DEFAULT, class_ids(ALICE).open, class_ids(BOB).open]
        shares = {(each.parent, each.rate, each.ceil, each.leaf) for each in (classes[number] for number in ids)}
        assert len(shares) == 1
        assert shares.pop()[:3] == (ROOT, 800, rate)


def test_a_rate_of_one_way_gives_each_client_a_class_both_ways() -> None:
    """The kernel knows one class of an open account. What passed by it would look like dropped."""
    tree = wanted(Link(download=1_000_000), [Shaped(ALICE, 128_000)], [ALICE, BOB])
    assert tree.upload is not None
    assert tree.upload.keys() == (tree.download or {}).keys()
    assert wanted(Link(download=1_000_000), [], [ALICE, BOB]).upload is None


def test_without_a_link_rate_only_the_throttled_have_classes() -> None:
    tree = wanted(Link(), [Shaped(ALICE, 128_000)], [ALICE, BOB])
    assert tree.upload == tree.download
    assert set(tree.upload or ()) == {ROOT, DEFAULT, class_ids(ALICE).throttled}
    assert (tree.upload or {})[DEFAULT].ceil == UNLIMITED


@pytest.mark.parametrize("rate", [64_000, 128_000, 1_000_000, 20_000_000])
def test_ip_bytes_get_the_rate_when_packets_are_full_and_never_more(rate: int) -> None:
    ceil = (wanted(Link(wire=ETHERNET), [Shaped(ALICE, rate)], []).upload or {})[class_ids(ALICE).throttled].ceil
    for size in (100, 576, 1000, 1500):
        assert ceil * size / (size + ETHERNET.header) <= rate
    assert ceil * 1500 / 1514 > rate * 0.999


def test_a_slow_queue_is_short_and_takes_no_super_packets() -> None:
    classes = wanted(Link(), [Shaped(ALICE, 128_000), Shaped(BOB, 20_000_000)], []).upload or {}
    slow, fast = (classes[class_ids(account).throttled].leaf for account in (ALICE, BOB))
    assert slow == Leaf(limit=5 * 1500 + 750, largest=2250)
    assert fast == Leaf(limit=166 * 1500 + 750, largest=2250)
    assert (classes[DEFAULT].leaf or Leaf(0, 0)).largest > 600_000


def test_class_ids_are_all_different_and_fit() -> None:
    ids = [number for account in range(MAX_ACCOUNT + 1) for number in vars_of(Account(account))]
    assert len(set(ids)) == len(ids)
    assert not {ROOT, DEFAULT, QDISC} & set(ids)
    assert all(QDISC < number < QDISC + 0x7A00 for number in ids)
    with pytest.raises(ValueError, match="beyond"):
        class_ids(Account(MAX_ACCOUNT + 1))


def vars_of(account: Account) -> tuple[int, int]:
    ids = class_ids(account)
    return ids.open, ids.throttled
