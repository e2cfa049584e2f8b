# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage: the classes that are there, and those that shall be -> the changes that make tc so. Pure.

As with policies (policy_steps.py) nobody may run free in between. So first all that is wanted is made, beside what is
there (`both`); then policies name it; then goes what none of them names any more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from esimshaper.core.model.shaping import QDISC, Change, Class, Classes, Redirect, Side, Step, Tree


def moved(actual: Tree, wished: Tree) -> frozenset[int]:
    """Leaves that are there, below another parent. HTB cannot move one: it goes, and is made anew, and what is given to
    it meanwhile runs free. So first nothing must be given to it."""
    sides = [(actual.side(side) or {}, wished.side(side) or {}) for side in Side]
    return frozenset(
        number
        for before, after in sides
        for number in before.keys() & after.keys()
        if after[number].leaf and before[number].parent != after[number].parent
    )


def without(tree: Tree, ids: frozenset[int]) -> Tree:
    upload, download = (
        None if classes is None else {number: each for number, each in classes.items() if number not in ids}
        for classes in (tree.upload, tree.download)
    )
    return replace(tree, upload=upload, download=download)


def both(actual: Tree, wished: Tree) -> Tree:
    """`wished`, and what else there is in `actual`: for as long as packets may still be given to classes of either."""
    upload, download = (_both(actual.side(side), wished.side(side)) for side in Side)
    redirect = Redirect.THERE if Redirect.THERE in (actual.redirect, wished.redirect) else Redirect.NONE
    return Tree(upload, download, actual.device or wished.device, redirect)


def _both(before: Classes | None, after: Classes | None) -> Classes | None:
    return None if before is None and after is None else {**(before or {}), **(after or {})}


def diff(actual: Tree, wished: Tree) -> Sequence[Change]:
    """The fewest changes that make the one the other, in an order that neither cuts the link off nor lets anyone run.

    Arriving packets are sent to the IFB only while it is there and up; no class is missed while its parent lacks; what
    becomes slower comes before what becomes faster. A new rate is a change of the class, which keeps its queue.
    """
    return (
        *_away(actual, wished),
        *_added(actual, wished),
        *_class_changes(actual, wished),
        *_redirected(actual, wished),
    )


def _keeps_redirect(actual: Tree, wished: Tree) -> bool:
    return actual.redirect is wished.redirect is Redirect.THERE and actual.device


def _away(actual: Tree, wished: Tree) -> Iterator[Change]:
    if actual.redirect is not Redirect.NONE and not _keeps_redirect(actual, wished):
        yield Change(Step.REMOVE_REDIRECT, Side.DOWNLOAD)
    for side in Side:
        if actual.side(side) is not None and wished.side(side) is None:
            yield Change(Step.REMOVE_QDISC, side)
    if actual.device and not wished.device:
        yield Change(Step.REMOVE_DEVICE, Side.DOWNLOAD)


def _added(actual: Tree, wished: Tree) -> Iterator[Change]:
    if wished.device and not actual.device:
        yield Change(Step.ADD_DEVICE, Side.DOWNLOAD)
    for side in Side:
        if wished.side(side) is not None and actual.side(side) is None:
            yield Change(Step.ADD_QDISC, side)


def _redirected(actual: Tree, wished: Tree) -> Iterator[Change]:
    if wished.redirect is Redirect.THERE and not _keeps_redirect(actual, wished):
        yield Change(Step.ADD_REDIRECT, Side.DOWNLOAD)


def _class_changes(actual: Tree, wished: Tree) -> Iterator[Change]:
    sides = [(side, actual.side(side) or {}, classes) for side in Side if (classes := wished.side(side)) is not None]
    changed = {side: _changed(before, after) for side, before, after in sides}
    kept = {side: _kept(before, after) for side, before, after in sides}
    for side, before, _ in sides:
        yield from (Change(Step.CHANGE_CLASS, side, new) for new in changed[side] if not _looser(before[new.id], new))
    for side, before, _ in sides:
        gone = (each for each in reversed(_parents_first(before)) if each.id not in kept[side])
        yield from (Change(Step.REMOVE_CLASS, side, each) for each in gone)
    for side, _, after in sides:
        new = (each for each in _parents_first(after) if each.id not in kept[side])
        yield from (Change(Step.ADD_CLASS, side, each) for each in new)
    for side, before, _ in sides:
        yield from (Change(Step.CHANGE_CLASS, side, new) for new in changed[side] if _looser(before[new.id], new))


def _kept(before: Classes, after: Classes) -> set[int]:
    """Classes that stay: under the same parent, which stays, and still with a queue or still without."""
    kept = {QDISC}
    for each in _parents_first(before):
        new = after.get(each.id)
        if new and new.parent == each.parent and each.parent in kept and (new.leaf is None) == (each.leaf is None):
            kept.add(each.id)
    return kept


def _changed(before: Classes, after: Classes) -> list[Class]:
    return [after[each] for each in sorted(_kept(before, after) - {QDISC}) if before[each] != after[each]]


def _looser(old: Class, new: Class) -> bool:
    return (new.ceil, new.rate) > (old.ceil, old.rate)


def _parents_first(classes: Classes) -> list[Class]:
    """By depth, then by id. A class whose parent is not there counts as one of the first."""

    def depth(each: Class) -> int:
        above = classes.get(each.parent)
        return 0 if above is None else 1 + depth(above)

    return sorted(classes.values(), key=lambda each: (depth(each), each.id))
