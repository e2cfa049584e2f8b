# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests of classes: accounts, the ids that policies name, and a kernel that refuses what tc would."""

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Shaped
from esimshaper.core.model.shaping import QDISC, Change, Class, Redirect, Side, Step, Tree
from esimshaper.core.shaping.tree import Demand, classes

ALICE, BOB, TV = Account(2), Account(3), Account(4)
EVERYONE, FAMILY, GUESTS = Account(20), Account(21), Account(22)


def ids(account: Account, everyone: Account = EVERYONE) -> tuple[int, ...]:
    """Of every class that an account may have. A client is in a group here."""
    above = () if account >= everyone else (Account(everyone + 1), everyone)
    shaped = tuple(Shaped(each, 1_000_000) for each in (account, *above))
    demand = Demand(everyone, shaped, (account,) if above else (), {account: above})
    return classes(demand)[account]


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
