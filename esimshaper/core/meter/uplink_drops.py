# SPDX-License-Identifier: GPL-2.0-or-later
"""Drops behind our program, in the queue of somebody else or in a driver: no carrier has billed them (R8). Pure.

In: UplinkCounters, what was charged at an uplink and what a tap saw leave. Out: UplinkDrops, credits to limits, and
Usage without the bytes that did not leave.

    entered - left           = unsent     not in the ledger: it holds what left, so its sums never fall
    sum of unsent - waiting  = dropped    for everyone: credited to limits, and never taken back
    unsent - waiting         = given back  for one account: all that waits may be its own
"""

# A queue of 100 bytes that two clients share; bob floods:
#
#      entered  left   unsent        waiting 100 in all   -> dropped: 5,000 - 100 = 4,900, credited to everyone
#      alice 300   280     20        20 - 100 < 0         -> nothing is credited to alice yet
#      bob 6,000 1,020  4,980        4,980 - 100          -> 4,880 are credited to bob
#
# Nobody knows whose the 100 bytes are that wait. Once none waits, alice and bob are credited to the byte.
#
# `entered` was read before `left`, so bytes that moved in between make `unsent` smaller, never larger.

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from esimshaper.core.meter.queue_drops import QueueMembers, charge, deduct
from esimshaper.core.model.counts import NOTHING, UNUSED, Budget, Usage
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject
from esimshaper.core.model.proportion import in_proportion
from esimshaper.core.model.rules import Hierarchy
from esimshaper.core.model.uplink import UplinkCounters, UplinkDrops

Sizes = Mapping[Account, int]


@dataclass(frozen=True, slots=True)
class Compared:
    """guessed: accounts that have a share of bytes which nobody counted by account."""

    drops: UplinkDrops
    guessed: frozenset[Account] = frozenset()


def compare(before: UplinkDrops, now: UplinkCounters | None) -> Compared:
    """`before` with what `now` says; None: nothing can be compared now. `deduct_unsent` has its `unsent` follow."""
    if now is None or not _continues(before, now):
        fresh = UplinkCounters(now.began, now.means) if now else None
        before = UplinkDrops(fresh, corrected=before.corrected, estimated=before.estimated)
    if now is None:
        return Compared(before)
    left, lost, guessed, not_placed = _left(before, now)
    missing = _missing(now.entered, left)
    dropped = max(before.dropped, sum(missing.values()) - now.waiting)
    certain = {account: size - now.waiting for account, size in missing.items() if size > now.waiting}
    given_back = {account: max(size, before.given_back.get(account, 0)) for account, size in certain.items()}
    after = replace(
        before,
        seen=now,
        left=left,
        given_back={**before.given_back, **given_back},
        dropped=dropped,
        not_placed=not_placed,
        corrected=before.corrected + dropped - before.dropped,
        estimated=before.estimated + lost,
    )
    return Compared(after, guessed)


def _continues(before: UplinkDrops, now: UplinkCounters | None) -> bool:
    return before.seen is not None and now is not None and before.seen.began == now.began


def _missing(entered: Sizes, left: Sizes) -> dict[Account, int]:
    """Bytes of each account that were charged and have not left."""
    return {account: size - left.get(account, 0) for account, size in entered.items() if size > left.get(account, 0)}


def _left(before: UplinkDrops, now: UplinkCounters) -> tuple[Sizes, int, frozenset[Account], tuple[int, int]]:
    """Bytes of each account that left by now; bytes that drivers lost since `before`; accounts with a share of what
    nobody counted; what could not be placed.
    """
    seen = before.seen or UplinkCounters(now.began, now.means)
    unknown, packets = before.not_placed
    unknown += now.unknown - seen.unknown
    packets += now.lost - seen.lost
    left = dict(before.left)
    # Also of accounts that `now` leaves out: counters that were read one by one may seem to fall, back to zero.
    accounts = now.sent.keys() | seen.sent.keys()
    sent = {account: now.sent.get(account, 0) - seen.sent.get(account, 0) for account in accounts}
    for account, size in sent.items():
        left[account] = left.get(account, 0) + size
    # What left without an account belongs to those of whom something is missing.
    missing = _missing(now.entered, left)
    found = min(unknown, sum(missing.values()))
    strays = in_proportion(found, missing)
    for account, size in strays.items():
        left[account] = left.get(account, 0) + size
        sent[account] = sent.get(account, 0) + size
    # A driver says how many packets it lost, and not whose: of mean size, and in proportion to what each gave to it.
    frames = now.frames - seen.frames
    lost = in_proportion(_lost_bytes(packets, frames, sum(sent.values())), sent)
    for account, size in lost.items():
        left[account] -= size
    guessed = frozenset(account for share in (strays, lost) for account, size in share.items() if size)
    return left, sum(lost.values()), guessed, (unknown - found, packets if packets > 0 and not frames else 0)


def _lost_bytes(packets: int, frames: int, size: int) -> int:
    return size * min(packets, frames) // frames if packets > 0 and frames > 0 else 0


def deduct_unsent(
    usage: Usage, before: UplinkDrops, owners: Mapping[Account, ClientKey], after: UplinkDrops, queues: QueueMembers
) -> tuple[Usage, UplinkDrops]:
    """`usage` without the bytes that did not leave, and `after` with a note of that.

    What waited when the comparison of `before` ended may have left: it is charged to its owner in `owners`.
    """
    known: Sizes = before.unsent
    sizes = {client: counters.up_bytes for client, counters in usage.items()}
    if not _continues(before, after.seen):
        known = {}
        for account, size in before.waiting.items():
            charge(sizes, ((owners.get(account, UNATTRIBUTED),),), size)
    missing = _missing(after.seen.entered, after.left) if after.seen else {}
    unsent = dict(known)
    for account in missing.keys() | known.keys():
        size = missing.get(account, 0) - known.get(account, 0)
        if size:
            clients = queues.of(account)
            done = deduct(sizes, clients, size) if size > 0 else -charge(sizes, clients, -size)
            unsent[account] = known.get(account, 0) + done
    following = {
        client: replace(usage.get(client, NOTHING), up_bytes=size)
        for client, size in sizes.items()
        if client in usage or size
    }
    return following, replace(after, unsent=unsent, waiting=_waiting(unsent, after))


def _waiting(unsent: Sizes, after: UplinkDrops) -> Sizes:
    """The bytes that may leave yet, shared out: nobody knows whose they are."""
    size = sum(unsent.values()) - after.dropped
    doubtful = {account: size - after.given_back.get(account, 0) for account, size in unsent.items()}
    return {account: share for account, share in in_proportion(max(0, size), doubtful).items() if share}


def credit(
    deltas: Mapping[Subject, Budget],
    before: UplinkDrops,
    after: UplinkDrops,
    subjects: Mapping[Account, Subject],
    hierarchy: Callable[[Subject], Hierarchy],
) -> Mapping[Subject, Budget]:
    """`deltas` less what was dropped between two looks: of each account, for it and its group; of all, for everyone."""
    dropped = before.dropped if _continues(before, after.seen) else 0
    following = dict(deltas)
    for account, size in new_credits(before, after).items():
        subject = subjects.get(account)
        for each in hierarchy(subject) if subject else ():
            if each != EVERYONE:
                following[each] = following.get(each, UNUSED) - Budget(size, 0, size)
    size = after.dropped - dropped
    if size:
        following[EVERYONE] = following.get(EVERYONE, UNUSED) - Budget(size, 0, size)
    return following


def new_credits(before: UplinkDrops, after: UplinkDrops) -> Sizes:
    """Bytes that are credited to accounts by `after`, and were not by `before`."""
    known: Sizes = before.given_back if _continues(before, after.seen) else {}
    sizes = {account: size - known.get(account, 0) for account, size in after.given_back.items()}
    return {account: size for account, size in sizes.items() if size}
