# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes that no policy names any more -> those that stay until what waits in them has left. Pure.

What waits was charged when it was given to its class. With the class it would be lost, so no carrier would bill it.
What a class drops is known when it is read. So it goes in the tick after the one that found it empty, once that has
read it (R8).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from esimshaper.core.model.shaping import QDISC, Classes, Side, Tree, Wire
from esimshaper.core.shaping import tree

Waiting = Mapping[Side, Collection[int]]
"""Ids of classes in which packets wait; of QDISC while anything waits at all."""


def all_of(installed: Tree) -> Waiting:
    """As if packets waited everywhere."""
    found = ((side, installed.side(side)) for side in Side)
    return {side: {QDISC, *classes} for side, classes in found if classes is not None}


def either(one: Waiting, other: Waiting) -> Waiting:
    """Where packets wait by one of both."""
    return {side: {*one.get(side, ()), *other.get(side, ())} for side in Side}


def staying(installed: Tree, wanted: Tree, waiting: Waiting, wire: Wire) -> Tree:
    """`wanted`, and beside it each installed class in which packets wait, with what it hangs below."""
    upload, download = (_staying(installed.side(side), wanted.side(side), waiting.get(side, ()), wire) for side in Side)
    # What arrives goes past an IFB that is not wanted, so that it gets empty.
    return replace(wanted, upload=upload, download=download, device=wanted.device or download is not None)


def _staying(before: Classes | None, after: Classes | None, waiting: Collection[int], wire: Wire) -> Classes | None:
    if not before or (after is None and QDISC not in waiting):
        return after
    stays = dict(tree.unlimited(wire) if after is None else after)
    for each in waiting:
        number = each
        while number in before and number not in stays:
            stays[number] = before[number]
            number = before[number].parent
    return stays
