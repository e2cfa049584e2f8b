# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage: who shall be shaped how -> classes -> the changes that make tc so. Pure.

    QDISC -- root 1 (rate of the link)
              |- default 2          everything that is nobody's
              |- open               of each client, if the link has a rate, either way: equal shares of it
              `- throttled          of each account with a throttle rate, for it and those under it

A leaf has next to no rate of its own and borrows the rest from above, up to its ceiling, in turns with its siblings.
So shares are equal whoever comes and goes, and throttled clients can neither starve the others nor overrun the link.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from esimshaper.core.classes import DEFAULT, QDISC, Change, Class, Classes, Leaf, Redirect, Side, Step, Tree, Wire
from esimshaper.core.limits import Shaped
from esimshaper.core.model import Account

ROOT = QDISC | 1

UNLIMITED = 32_000_000_000
"""bit/s of a link whose rate is not configured: below what a 32-bit number of bytes per second holds."""
LEAST = 800
"""bit/s that a leaf has by itself. It counts even when the link is full, so it is little even for 1,000 leaves."""

_FIRST = 0x10
_IDS_EACH = 2
MAX_ACCOUNT = ((QDISC >> 16) - _FIRST) // _IDS_EACH - 1
"""The leaf qdisc of a class has the class's minor number as its major: ours must not be among them."""

_DELAY_MS = 100
"""What may wait in a leaf, at its rate."""
_LEAST_FRAMES = 5
"""What may wait in any leaf: fewer, and one TCP connection cannot fill 128 kbit/s."""
_MOST_BYTES = 1_500_000
"""What may wait in any leaf: as in a device's own queue, 1,000 packets."""
_SPLIT_BELOW = 50_000_000
"""bit/s. A GSO packet of 64 KB takes 10 ms at this rate, and 4 s at 128 kbit/s; HTB itself never splits one."""
_NEVER_SPLIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Link:
    """What the WAN can carry, in bit/s of IP-layer bytes; None where it is not configured."""

    download: int | None = None
    upload: int | None = None
    wire: Wire = field(default_factory=Wire)

    def rate(self, side: Side) -> int | None:
        return self.upload if side is Side.UPLOAD else self.download


@dataclass(frozen=True, slots=True)
class ClassIds:
    """Where packets of an account go: while it is open, and while it is over."""

    open: int
    throttled: int


def class_ids(account: Account) -> ClassIds:
    """A pure function of the number, so that policies can name classes. ValueError above MAX_ACCOUNT."""
    if not 0 <= account <= MAX_ACCOUNT:
        raise ValueError(f"account {account} is beyond the {MAX_ACCOUNT + 1} that tc class ids are planned for")
    first = QDISC | _FIRST + _IDS_EACH * account
    return ClassIds(first, first + 1)


def wanted(link: Link, shaped: Sequence[Shaped], clients: Sequence[Account]) -> Tree:
    """What tc shall look like. Where nothing is to be shaped there is nothing at all, and so no cost.

    `clients` are those that get a fair share of a link with a rate.
    """
    shares = clients if link.upload or link.download else ()  # packets are given to one class, whichever way they go
    upload, download = (
        _classes(link.rate(side), link.wire, shaped, shares) if shaped or link.rate(side) else None for side in Side
    )
    redirect = Redirect.NONE if download is None else Redirect.THERE
    return Tree(upload, download, download is not None, redirect)


def _classes(rate: int | None, wire: Wire, shaped: Sequence[Shaped], clients: Sequence[Account]) -> Classes:
    most = _framed(rate, wire) if rate else UNLIMITED
    found = [Class(ROOT, QDISC, most, most), _leaf(DEFAULT, ROOT, most, wire)]
    found += [_leaf(class_ids(account).open, ROOT, most, wire) for account in clients]
    found += [
        _leaf(class_ids(each.account).throttled, ROOT, min(_framed(each.rate, wire), most), wire) for each in shaped
    ]
    return {each.id: each for each in found}


def _framed(rate: int, wire: Wire) -> int:
    """The rate in frames that gives this rate in IP-layer bytes when packets are full; smaller ones get less, not more.

    HTB counts whole frames, and its `overhead` cannot be negative. (A size table can, but forgets the headers of GSO.)
    """
    return max(1, rate * wire.frame // (8 * wire.mtu)) * 8


def _leaf(class_id: int, parent: int, ceil: int, wire: Wire) -> Class:
    frames = min(max(ceil * _DELAY_MS // 8000, _LEAST_FRAMES * wire.frame), _MOST_BYTES) // wire.frame
    limit = frames * wire.frame + wire.frame // 2  # full packets leave half a frame over, so a ping always finds room
    largest = wire.frame * 3 // 2 if ceil < _SPLIT_BELOW else _NEVER_SPLIT
    return Class(class_id, parent, min(LEAST, ceil), ceil, Leaf(limit, largest))


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
