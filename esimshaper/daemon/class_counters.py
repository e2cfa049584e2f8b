# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes that left the WAN through the tc classes of each account: class statistics -> ClassCounters, by account."""

from collections.abc import Iterable, Mapping

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy
from esimshaper.core.model.reading import ClassCounters
from esimshaper.core.model.shaping import ClassStats
from esimshaper.edge.tc.shaper import Shaper

INCOMPLETE = ClassCounters()
"""Stands for an account without some class that its policy names: its packets may pass by its classes."""

_NONE = frozenset[int]()


class ClassReader:
    """Reads the shaper. Knows the classes that policies name: `installed` are those that an earlier daemon wrote."""

    # It is read once a second, and there may be four classes of each of a thousand accounts. So only those accounts are
    # looked at to whose classes something was given since, or in whose classes something waits.

    def __init__(self, shaper: Shaper, installed: Mapping[Account, Policy]) -> None:
        self._shaper = shaper
        self._classes = {account: _class_ids(policy) for account, policy in installed.items()}
        self._leaving: dict[Account, frozenset[int]] = {}  # named no more, but still there: what waits in them leaves
        self._queued: dict[Account, int] = {}
        self._sent: dict[Account, ClassCounters] = {}
        self._left_out: set[Account] = set()  # of the next `read`: their counters begin anew

    def note_policies(self, policies: Mapping[Account, Policy]) -> None:
        """Notes policies that were written: packets are now given to the classes that they name."""
        for account, policy in policies.items():
            before, classes = self._classes.get(account, frozenset()), _class_ids(policy)
            if classes == before:
                continue
            self._classes[account] = classes
            # Nothing has left the new ones yet, and the old ones are read until they go. So the sum goes on.
            self._set_leaving(account, (self._leaving.get(account, _NONE) | before) - classes)
            self._sent.pop(account, None)

    def note_remade(self, class_ids: Iterable[int] | None) -> None:
        """Notes classes that were made or removed; None: all of them.

        Accounts that have any of them are left out of the next `read`.
        """
        changed = None if class_ids is None else frozenset(class_ids)
        for account, named in self._classes.items() if changed is None or changed else ():
            leaving = self._leaving.get(account, _NONE)
            classes = named | leaving
            if classes if changed is None else classes & changed:
                self._set_leaving(account, _NONE if changed is None else leaving - changed)
                self._left_out.add(account)
                self._sent.pop(account, None)

    def read(self, queued: Mapping[Account, int]) -> Mapping[Account, ClassCounters] | None:
        """The counters by account. An account that is left out cannot be compared with the last read. None: cannot be
        read.

        `queued` is what was given to the classes of each account, read just before.
        """
        looked_at = {
            account: classes | self._leaving.get(account, _NONE)
            for account, classes in self._classes.items()
            if (classes or account in self._leaving) and self._moves(account, queued)
        }
        if looked_at:
            try:
                stats = self._shaper.read_stats(frozenset[int]().union(*looked_at.values()))
            except OSError:
                return None
            for account, classes in looked_at.items():
                if not self._leaving.get(account, _NONE) <= stats.keys():  # they went with their interface
                    self._set_leaving(account, _NONE)
                    self._sent.pop(account, None)
                    continue
                self._sent[account] = _sum([stats.get(each) for each in classes])
                self._queued[account] = queued.get(account, 0)
        self._left_out.clear()
        return {account: sent for account, sent in self._sent.items() if sent is not INCOMPLETE}

    def _set_leaving(self, account: Account, classes: frozenset[int]) -> None:
        if classes:
            self._leaving[account] = classes
        else:
            self._leaving.pop(account, None)

    def _moves(self, account: Account, queued: Mapping[Account, int]) -> bool:
        if account in self._left_out:
            return False
        known = self._sent.get(account)
        return known is None or known.backlog > 0 or queued.get(account, 0) != self._queued.get(account, 0)


def _class_ids(policy: Policy) -> frozenset[int]:
    return frozenset(policy.classes) - {0}


def _sum(stats: Iterable[ClassStats | None]) -> ClassCounters:
    total = INCOMPLETE
    for each in stats:
        if each is None:
            return INCOMPLETE
        total = ClassCounters(
            each.link, total.bytes + each.bytes, total.packets + each.packets, total.backlog + each.backlog
        )
    return total
