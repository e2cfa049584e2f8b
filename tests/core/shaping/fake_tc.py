# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests of classes: accounts, the ids that policies name, a kernel that refuses what tc would, hands for plans."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy, Shaped
from esimshaper.core.model.shaping import QDISC, Change, ChangeKind, Class, Redirect, Shaping, Side, Tree, Wire
from esimshaper.core.shaping import plan, steps
from esimshaper.core.shaping.leaving import Waiting
from esimshaper.core.shaping.plan import Memory, Wish
from esimshaper.core.shaping.steps import Report, Step
from esimshaper.core.shaping.tree import Demand, class_ids

ALICE, BOB, TV = Account(2), Account(3), Account(4)
EVERYONE, FAMILY, GUESTS = Account(20), Account(21), Account(22)


def ids(account: Account, everyone: Account = EVERYONE) -> tuple[int, ...]:
    """Of every class that an account may have. A client is in a group here."""
    above = () if account >= everyone else (Account(everyone + 1), everyone)
    shaped = tuple(Shaped(each, 1_000_000) for each in (account, *above))
    urgent = (account,) if above and account < 0x5FF else ()
    demand = Demand(everyone, shaped, (account,) if above else (), {account: above}, urgent)
    return class_ids(demand)[account]


class Kernel:
    """What tc would do with each change, with its refusals; and what would become of packets meanwhile."""

    def __init__(self, tree: Tree) -> None:
        self.classes = {side: None if tree.side(side) is None else dict(tree.side(side) or {}) for side in Side}
        self.device, self.redirect = tree.device, tree.redirect

    def apply(self, change: Change) -> None:
        getattr(self, change.kind.name.lower())(change)
        if change.kind is not ChangeKind.REMOVE_REDIRECT and self.redirect is Redirect.THERE:
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


class Hands:
    """What carries out plans, as the daemon's enforcer does, on a Kernel; `steps` are all that were done.

    failing: what ChangeClasses reports, though it changes all the same. groups_added: what AddGroups reports.
    problem: who is in our way at the WAN. is_there: there is such an interface, with this `wire`. waiting: classes in
    which something waits.
    """

    def __init__(self, tree: Tree | None = None, installed: Mapping[Account, Policy] | None = None) -> None:
        self.kernel = Kernel(tree or Tree())
        self.installed = dict(installed or {})
        self.memory = Memory()
        self.steps: list[Step] = []
        self.problems: tuple[str, ...] | None = None
        self.failing: tuple[str, ...] = ()
        self.groups_added = False
        self.problem = ""
        self.waiting: Waiting = {}
        self.is_there, self.wire = True, Wire()

    def enforce(self, wish: Wish) -> list[Step]:
        """One tick; the steps that were done in it."""
        begun = len(self.steps)
        now = plan.begin(self.memory, self.installed, wish)
        while now:
            report = self.carry_out(now.steps)
            if not now.after:
                self.memory, self.problems = now.memory, now.problems
            now = now.after(report) if now.after else None
        return self.steps[begun:]

    def carry_out(self, todo: Iterable[Step]) -> Report:
        report = Report()
        for step in todo:
            self.steps.append(step)
            match step:
                case steps.AddGroups():
                    report = replace(report, groups_added=self.groups_added)
                case steps.LookAtClasses():
                    found = Shaping(self.kernel.tree, self.wire, self.problem)
                    report = replace(report, found=found if self.is_there else None)
                case steps.LookAtWaiting():
                    report = replace(report, waiting=self.waiting)
                case steps.ChangeClasses(changes):
                    for change in changes:
                        self.change(change)
                    report = replace(report, failed=(*report.failed, *self.failing))
                case steps.WritePolicies(policies):
                    for account, policy in policies.items():
                        self.write(account, policy)
        return report

    def change(self, change: Change) -> None:
        self.kernel.apply(change)

    def write(self, account: Account, policy: Policy) -> None:
        self.installed[account] = policy
