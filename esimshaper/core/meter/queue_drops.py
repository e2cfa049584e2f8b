# SPDX-License-Identifier: GPL-2.0-or-later
"""Queued and sent -> queue drops: no carrier has billed them, so nobody is charged for them (R8). Pure.

In: bytes given to the tc classes of each account (Reading), then bytes that left them or wait in them (ClassCounters).
Out: QueueDrops of each account, credits to limits, and Usage without the bytes that did not leave.

    queued - sent - waiting = dropped    counted as used by nobody: credited to limits, and never taken back
    queued - sent           = unsent     not in the ledger: it holds what left, so its sums never fall

An upload of 1,000 bytes into a class that can send 300 now and lets 100 wait:

    queued 1000   sent 300   waiting 100  ->  dropped 600: limits count 400      unsent 700: the ledger has 300
    queued 1000   sent 400   waiting   0  ->  dropped 600: limits count 400      unsent 600: the ledger has 400
"""

# The two are not read at one moment:
#
#      t0 counters                 t1 class statistics
#         | queued 1000               | sent 500 (200 of them were queued after t0)
#     ----+---------------------------+------------------> time
#
# What is queued and sent between t0 and t1 is in `sent` and not in `queued`. It makes `dropped` smaller, never larger;
# the next look puts that right. In the other order a byte that was sent could be credited as dropped. For the same
# reason a comparison starts from counters that were read after its first statistics: see QueueDrops.surplus.
#
# Bytes that cannot be compared (of a class made anew, a device that came back) are charged.

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from esimshaper.core.model.counts import NOTHING, UNUSED, Budget, Counters, Usage
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.proportion import in_proportion
from esimshaper.core.model.reading import ClassCounters
from esimshaper.core.model.rules import Hierarchy
from esimshaper.core.model.state import Booked, QueueDrops
from esimshaper.core.model.tick import Step

Drops = Mapping[Account, QueueDrops]


def compare(step: Step, sent: Mapping[Account, ClassCounters] | None) -> Drops:
    """The QueueDrops of each account by now.

    `sent` was read after the reading; None if it could not be read.
    """
    before = step.before.drops if step.before else {}
    if sent is None:
        return before
    if step.seen:
        # Nothing had been queued at the last reading: this account is compared from its first byte on.
        new = (account for account in sent if account not in before and not step.seen.queued.get(account))
        before = {**before, **{account: QueueDrops(ClassCounters(sent[account].link), surplus=0) for account in new}}
    queued = step.reading.queued
    return {account: _compare(before.get(account), queued.get(account, 0), now) for account, now in sent.items()}


def _compare(before: QueueDrops | None, queued: int, now: ClassCounters) -> QueueDrops:
    if before is None or _is_made_anew(before.sent, now):
        return QueueDrops(now, surplus=None if queued or _accounted(now) else 0)
    if before.surplus is None:
        before = replace(before, surplus=queued - _accounted(before.sent))
    elif before.sent == now and before.queued == queued:
        return before
    missing = queued - _accounted(now) - (before.surplus or 0)
    return replace(before, sent=now, queued=queued, dropped=max(before.dropped, missing))


def _accounted(sent: ClassCounters) -> int:
    """Bytes that were given to the class and are known not to be lost."""
    return sent.bytes + sent.backlog


def _is_made_anew(before: ClassCounters, now: ClassCounters) -> bool:
    return now.link != before.link or now.bytes < before.bytes or now.packets < before.packets


def is_broken(before: Drops, after: Drops) -> bool:
    """Whether a comparison has broken off. After a crash it must not be taken up again."""
    return any(
        entry.surplus is not None and not _continues(entry, after.get(account)) for account, entry in before.items()
    )


def _continues(before: QueueDrops, after: QueueDrops | None) -> bool:
    """Whether `after` belongs to the comparison of `before`."""
    if after is None or after.queued < before.queued:  # the maps are new
        return False
    return after.surplus is not None or before.surplus is None


def new_drops(before: Drops, after: Drops) -> Mapping[Account, int]:
    """Bytes dropped between two looks: to be credited to the limits of the queue's owner and of its ancestors."""
    sizes = ((account, entry.dropped - _credited(before.get(account), entry)) for account, entry in after.items())
    return {account: size for account, size in sizes if size}


def _credited(before: QueueDrops | None, after: QueueDrops) -> int:
    """Bytes that were credited before in the comparison that `after` belongs to; a new comparison has credited none."""
    return before.dropped if before is not None and _continues(before, after) else 0


def credit(
    deltas: Mapping[Subject, Budget], drops: Mapping[Subject, int], hierarchies: Mapping[Subject, Hierarchy]
) -> Mapping[Subject, Budget]:
    """`deltas` less `drops`, for their subjects and all ancestors, whose budgets had these bytes added as well."""
    following = dict(deltas)
    for subject, size in drops.items():
        for each in hierarchies.get(subject, (subject,)):
            following[each] = following.get(each, UNUSED) - Budget(size, 0, size)
    return following


@dataclass(frozen=True, slots=True)
class QueueMembers:
    """The clients whose uploads a queue holds: the account's owner; in a queue of a group or of everyone, its members.

    members: by account of such a group, two lists of clients. Those of the first have no queue of their own in it.
    """

    # Nobody knows which member lost how much in a queue that they share. So drops are shared out in proportion to what
    # each sent: first among the members without a queue of their own, and the rest among the others.
    owners: Mapping[Account, ClientKey]
    members: Mapping[Account, Sequence[Sequence[ClientKey]]] = field(default_factory=dict)

    def of(self, account: Account) -> Sequence[Sequence[ClientKey]]:
        """The lists of clients that pay less, in this order."""
        if account in self.members:
            return self.members[account]
        return ((self.owners.get(account, UNATTRIBUTED),),)


def queue_members(
    owners: Mapping[Account, ClientKey],
    groups: Mapping[Account, Subject],
    hierarchies: Mapping[Subject, Hierarchy],
    own: Mapping[Account, Collection[Account]],
) -> QueueMembers:
    """`groups`: accounts of groups and of everyone. `own`: by such an account, clients with their own queue in it."""
    members: dict[Account, Sequence[Sequence[ClientKey]]] = {}
    for group, subject in groups.items():
        without: list[ClientKey] = []
        with_own: list[ClientKey] = []
        for account, client in owners.items():
            if subject in hierarchies[Subject(SubjectKind.CLIENT, client)]:
                (with_own if account in own.get(group, ()) else without).append(client)
        members[group] = without, with_own
    return QueueMembers(owners, members)


def deduct_drops(usage: Usage, booked: Booked | None, after: Drops, queues: QueueMembers) -> tuple[Usage, Drops]:
    """`usage` without the bytes that did not leave, and `after` with a note of that.

    No client's usage falls below zero: the rest of a credit waits for its next upload.
    """
    sizes = {client: counters.up_bytes for client, counters in usage.items()}
    for client, size in _left_waiting(booked, after) if booked else ():
        charge(sizes, ((client,),), size)
    noted = dict(after)
    for account, entry in after.items():
        size = _unsent(entry, shared=account in queues.members) - entry.unsent
        if size:
            clients = queues.of(account)
            done = deduct(sizes, clients, size) if size > 0 else -charge(sizes, clients, -size)
            noted[account] = replace(entry, unsent=entry.unsent + done)
    return {client: _with_upload(usage.get(client, NOTHING), size) for client, size in sizes.items()}, noted


def _left_waiting(booked: Booked, after: Drops) -> Iterator[tuple[ClientKey, int]]:
    """Bytes that waited in a client's own queue when its comparison ended. They may have left, so they are charged."""
    # The owner is that of `booked`: after a reboot another client may have the account.
    for account, entry in booked.drops.items():
        if entry.unsent > entry.dropped and not _continues(entry, after.get(account)):
            yield booked.owners.get(account, UNATTRIBUTED), entry.unsent - entry.dropped


def _unsent(entry: QueueDrops, *, shared: bool) -> int:
    """Bytes that the ledger must not have. Of a queue that members share, these are the dropped ones only."""
    # Bytes that wait in a shared queue might be billed to another member later.
    if shared or entry.surplus is None:
        return entry.dropped
    return max(0, entry.queued - entry.sent.bytes - entry.surplus)


def charge(sizes: dict[ClientKey, int], clients: Sequence[Sequence[ClientKey]], size: int) -> int:
    """Adds `size` to the first client; returns how much was added."""
    first = next((client for each in clients for client in each), None)
    if first is None:
        return 0
    sizes[first] = sizes.get(first, 0) + size
    return size


def deduct(sizes: dict[ClientKey, int], clients: Iterable[Iterable[ClientKey]], size: int) -> int:
    """Takes `size` off, in proportion to what each client has; returns how much was taken."""
    left = size
    for each in clients:
        uploads = {client: sizes[client] for client in each if sizes.get(client, 0) > 0}
        for client, share in in_proportion(min(left, sum(uploads.values())), uploads).items():
            sizes[client] -= share
            left -= share
    return size - left


def _with_upload(counters: Counters, size: int) -> Counters:
    return counters if counters.up_bytes == size else replace(counters, up_bytes=size)
