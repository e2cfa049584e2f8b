# SPDX-License-Identifier: GPL-2.0-or-later
"""Installed classes and wanted ones -> the changes between them, in order. Pure.

    installed --diff--> transition (all of both) --policies name what is wanted--> --diff--> wanted

As with policies, no packet may pass unshaped in between (R12). So wanted classes are made beside the installed ones,
then policies name them, and only then classes go that no policy names any more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from esimshaper.core.model.shaping import QDISC, Change, ChangeKind, Class, Classes, Redirect, Side, Tree


def classes_that_move(installed: Tree, wanted: Tree) -> frozenset[int]:
    """Ids of leaves that are installed below another parent than wanted.

    HTB cannot move a class: it has to go and be made anew, and packets that are given to it meanwhile pass unshaped.
    So no policy may name it before it goes.
    """
    return frozenset(
        number
        for _, before, after in _differing_sides(installed, wanted)
        for number in before.keys() & after.keys()
        if after[number].leaf and before[number].parent != after[number].parent
    )


def without(tree: Tree, ids: frozenset[int]) -> Tree:
    """`tree` less these classes."""
    if not ids:
        return tree
    upload, download = (
        None if classes is None else {number: each for number, each in classes.items() if number not in ids}
        for classes in (tree.upload, tree.download)
    )
    return replace(tree, upload=upload, download=download)


def transition(installed: Tree, wanted: Tree) -> Tree:
    """`wanted`, and beside it all other installed classes: for as long as policies may name classes of either."""
    upload, download = (_all_of(installed.side(side), wanted.side(side)) for side in Side)
    redirect = Redirect.THERE if Redirect.THERE in (installed.redirect, wanted.redirect) else Redirect.NONE
    return Tree(upload, download, installed.device or wanted.device, redirect)


def _all_of(before: Classes | None, after: Classes | None) -> Classes | None:
    return after if before == after else {**(before or {}), **(after or {})}


def diff(installed: Tree, wanted: Tree) -> Sequence[Change]:
    """The fewest changes from one tree to the other, in an order that lets no packet pass unshaped meanwhile."""
    # Arriving packets are sent to the IFB only while it is there and up. No class is made before its parent, none goes
    # before its children. First classes get slower, then classes go, then come new ones, then classes get faster.
    return (
        *_removals(installed, wanted),
        *_additions(installed, wanted),
        *_class_changes(installed, wanted),
        *_redirection(installed, wanted),
    )


def _keeps_redirect(installed: Tree, wanted: Tree) -> bool:
    return installed.redirect is wanted.redirect is Redirect.THERE and installed.device


def _removals(installed: Tree, wanted: Tree) -> Iterator[Change]:
    if installed.redirect is not Redirect.NONE and not _keeps_redirect(installed, wanted):
        yield Change(ChangeKind.REMOVE_REDIRECT, Side.DOWNLOAD)
    for side in Side:
        if installed.side(side) is not None and wanted.side(side) is None:
            yield Change(ChangeKind.REMOVE_QDISC, side)
    if installed.device and not wanted.device:
        yield Change(ChangeKind.REMOVE_DEVICE, Side.DOWNLOAD)


def _additions(installed: Tree, wanted: Tree) -> Iterator[Change]:
    if wanted.device and not installed.device:
        yield Change(ChangeKind.ADD_DEVICE, Side.DOWNLOAD)
    for side in Side:
        if wanted.side(side) is not None and installed.side(side) is None:
            yield Change(ChangeKind.ADD_QDISC, side)


def _redirection(installed: Tree, wanted: Tree) -> Iterator[Change]:
    if wanted.redirect is Redirect.THERE and not _keeps_redirect(installed, wanted):
        yield Change(ChangeKind.ADD_REDIRECT, Side.DOWNLOAD)


def _class_changes(installed: Tree, wanted: Tree) -> Iterator[Change]:
    sides = [(side, before, after) for side, before, after in _differing_sides(installed, wanted) if wanted.side(side)]
    kept = {side: _kept(before, after) for side, before, after in sides}
    changed = {side: _changed(before, after, kept[side]) for side, before, after in sides}
    for side, before, _ in sides:
        slower = (new for new in changed[side] if not _is_faster(before[new.id], new))
        yield from (Change(ChangeKind.CHANGE_CLASS, side, new) for new in slower)
    for side, before, _ in sides:
        gone = (each for each in reversed(_parents_first(before)) if each.id not in kept[side])
        yield from (Change(ChangeKind.REMOVE_CLASS, side, each) for each in gone)
    for side, _, after in sides:
        new = (each for each in _parents_first(after) if each.id not in kept[side])
        yield from (Change(ChangeKind.ADD_CLASS, side, each) for each in new)
    for side, before, _ in sides:
        faster = (new for new in changed[side] if _is_faster(before[new.id], new))
        yield from (Change(ChangeKind.CHANGE_CLASS, side, new) for new in faster)


def _differing_sides(installed: Tree, wanted: Tree) -> list[tuple[Side, Classes, Classes]]:
    # Most often the sides are equal, as a tick only looks whether they still are; that comparison is quick.
    sides = [(side, installed.side(side) or {}, wanted.side(side) or {}) for side in Side]
    return [(side, before, after) for side, before, after in sides if before != after]


def _kept(before: Classes, after: Classes) -> set[int]:
    """Classes that stay: under the same parent, which stays, and still with a queue or still without."""
    kept = {QDISC}
    for each in _parents_first(before):
        new = after.get(each.id)
        if new and new.parent == each.parent and each.parent in kept and (new.leaf is None) == (each.leaf is None):
            kept.add(each.id)
    return kept


def _changed(before: Classes, after: Classes, kept: set[int]) -> list[Class]:
    return [after[each] for each in sorted(kept - {QDISC}) if before[each] != after[each]]


def _is_faster(old: Class, new: Class) -> bool:
    return (new.ceil, new.rate) > (old.ceil, old.rate)


def _parents_first(classes: Classes) -> list[Class]:
    """The classes by depth, then by id. A class without its parent counts as one of the first."""

    def depth(each: Class) -> int:
        above = classes.get(each.parent)
        return 0 if above is None else 1 + depth(above)

    return sorted(classes.values(), key=lambda each: (depth(each), each.id))
