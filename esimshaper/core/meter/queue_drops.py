# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage queued and sent -> what our own queues dropped: no carrier has billed it, so nobody is charged for it. Pure.

In: what was given to the tc classes of each account (Reading), then what left them and waits in them (ClassCounters).
Out: QueueDrops for each account, what is to be credited to limits, and Usage less what did not leave.

    queued - sent - waiting = dropped    counted as used by nobody: credited to limits, and never taken back
    queued - sent           = unsent     not in the ledger: it holds what left, so its sums never fall

The two are not read at one moment. Present statistics are read after the present counters: what is queued and sent in
between is then missing from the one and not from the other, and makes `dropped` less, not more. In the other order a
byte that was sent could be credited. For the same reason a comparison starts from counters that were read after its
first statistics (`surplus`), unless nothing had been queued before. What cannot be compared (a class made anew, a
device that came back) is charged.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from esimshaper.core.model.counts import NOTHING, UNUSED, Budget, Counters, Usage
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.reading import ClassCounters, Reading
from esimshaper.core.model.state import Baseline, QueueDrops, comparable
from esimshaper.core.model.units import in_proportion

Entries = Mapping[Account, QueueDrops]


def compared(
    baseline: Baseline | None, last: Reading | None, reading: Reading, sent: Mapping[Account, ClassCounters] | None
) -> Entries:
    """What each account's queue dropped by now. `sent` was read after `reading`; None if it could not be read.

    `last` is the reading before, if it is known: what was not used then is compared from its first byte on.
    """
    begun, known = comparable(baseline, reading), comparable(last, reading)
    before = begun.unsent if begun else {}
    if sent is None:
        return before
    if known:
        unused = (account for account in sent if account not in before and not known.queued.get(account))
        before = {**before, **{account: QueueDrops(ClassCounters(sent[account].link), surplus=0) for account in unused}}
    return {
        account: _compared(before.get(account), reading.queued.get(account, 0), now) for account, now in sent.items()
    }


def _compared(before: QueueDrops | None, queued: int, now: ClassCounters) -> QueueDrops:
    if before is None or _is_anew(before.sent, now):
        return QueueDrops(now, surplus=None if queued or _passed(now) else 0)
    if before.surplus is None:
        before = replace(before, surplus=queued - _passed(before.sent))
    elif before.sent == now and before.queued == queued:
        return before
    missing = queued - _passed(now) - (before.surplus or 0)
    return replace(before, sent=now, queued=queued, dropped=max(before.dropped, missing))


def _passed(sent: ClassCounters) -> int:
    return sent.bytes + sent.backlog


def _is_anew(before: ClassCounters, now: ClassCounters) -> bool:
    return now.link != before.link or now.bytes < before.bytes or now.packets < before.packets


def is_broken(before: Entries, after: Entries) -> bool:
    """Whether a comparison ended that was under way. It must not be taken up again after a crash."""
    return any(
        entry.surplus is not None and not _goes_on(entry, after.get(account)) for account, entry in before.items()
    )


def _goes_on(before: QueueDrops, after: QueueDrops | None) -> bool:
    if after is None or after.queued < before.queued:  # the maps are new
        return False
    return after.surplus is not None or before.surplus is None


def dropped_between(before: Entries, after: Entries) -> Mapping[Account, int]:
    """Bytes to be credited to the limits of whose the queue is, and of those above."""
    changes = (
        (account, entry.dropped - _known(before.get(account), entry).dropped) for account, entry in after.items()
    )
    return {account: dropped for account, dropped in changes if dropped}


def _known(before: QueueDrops | None, after: QueueDrops) -> QueueDrops:
    """What was credited in the comparison that `after` goes on with."""
    return before if before is not None and _goes_on(before, after) else QueueDrops(after.sent)


def credited(
    moved: Mapping[Subject, Budget], dropped: Mapping[Subject, int], chains: Mapping[Subject, Sequence[Subject]]
) -> Mapping[Subject, Budget]:
    """`moved` less what was `dropped`, for its subjects and all above them: whoever is above was charged as well."""
    following = dict(moved)
    for subject, size in dropped.items():
        for each in chains.get(subject, (subject,)):
            following[each] = following.get(each, UNUSED) - Budget(size, 0, size)
    return following


@dataclass(frozen=True, slots=True)
class Payers:
    """Whose uploads a queue holds: the client whose account it is, or those below a group or everyone.

    Who of them lost how much in a queue in common nobody knows: it is shared in proportion to what each sent. So first
    come those who have no queue of their own there; what is left over is that of the others.
    """

    owners: Mapping[Account, ClientKey]
    below: Mapping[Account, Sequence[Sequence[ClientKey]]] = field(default_factory=dict)

    def of(self, account: Account) -> Sequence[Sequence[ClientKey]]:
        if account in self.below:
            return self.below[account]
        return ((self.owners.get(account, UNATTRIBUTED),),)


def payers_of(
    owners: Mapping[Account, ClientKey],
    groups: Mapping[Account, Subject],
    chains: Mapping[Subject, Sequence[Subject]],
    own: Mapping[Account, Collection[Account]],
) -> Payers:
    """`groups`: whose accounts they are, with that of everyone. `own`: by such an account, clients that have a queue of
    their own in it."""
    below: dict[Account, Sequence[Sequence[ClientKey]]] = {}
    for group, subject in groups.items():
        first: list[ClientKey] = []
        then: list[ClientKey] = []
        for account, client in owners.items():
            if subject in chains[Subject(SubjectKind.CLIENT, client)]:
                (then if account in own.get(group, ()) else first).append(client)
        below[group] = first, then
    return Payers(owners, below)


def without_unsent(usage: Usage, baseline: Baseline | None, after: Entries, payers: Payers) -> tuple[Usage, Entries]:
    """`usage` with what left only, and `after` with a note of that. No client gets less than nothing: the rest of a
    credit waits for what it uploads next. What had waited is charged to whose account it was in `baseline`: after a
    reboot somebody else may have that number.

    A queue in common is credited with what it dropped only: what waits in it might be billed to somebody else later.
    """
    sizes = {client: counters.up_bytes for client, counters in usage.items()}
    for client, size in _ended(baseline, after) if baseline else ():
        _charge(sizes, ((client,),), size)
    noted = dict(after)
    for account, entry in after.items():
        size = _wanted(entry, shared=account in payers.below) - entry.unsent
        if size:
            asked = payers.of(account)
            done = _credit(sizes, asked, size) if size > 0 else -_charge(sizes, asked, -size)
            noted[account] = replace(entry, unsent=entry.unsent + done)
    return {client: _with_upload(usage.get(client, NOTHING), size) for client, size in sizes.items()}, noted


def _ended(before: Baseline, after: Entries) -> Iterator[tuple[ClientKey, int]]:
    """What waited when a comparison ended, in queues of one client only. It may have left since, so it is charged."""
    for account, entry in before.unsent.items():
        if entry.unsent > entry.dropped and not _goes_on(entry, after.get(account)):
            yield before.owners.get(account, UNATTRIBUTED), entry.unsent - entry.dropped


def _wanted(entry: QueueDrops, *, shared: bool) -> int:
    if shared or entry.surplus is None:
        return entry.dropped
    return max(0, entry.queued - entry.sent.bytes - entry.surplus)


def _charge(sizes: dict[ClientKey, int], asked: Sequence[Sequence[ClientKey]], size: int) -> int:
    first = next((client for clients in asked for client in clients), None)
    if first is None:
        return 0
    sizes[first] = sizes.get(first, 0) + size
    return size


def _credit(sizes: dict[ClientKey, int], asked: Iterable[Iterable[ClientKey]], size: int) -> int:
    """Takes `size` off, in proportion to what there is; how much that was."""
    left = size
    for clients in asked:
        there = {client: sizes[client] for client in clients if sizes.get(client, 0) > 0}
        for client, share in in_proportion(min(left, sum(there.values())), there).items():
            sizes[client] -= share
            left -= share
    return size - left


def _with_upload(counters: Counters, size: int) -> Counters:
    return counters if counters.up_bytes == size else replace(counters, up_bytes=size)
