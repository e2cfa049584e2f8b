# SPDX-License-Identifier: GPL-2.0-or-later
"""What left the WAN through the tc classes of each account: class statistics -> Sent, by account. Reads the shaper.

It is read once a second, and there may be four classes for each of a thousand accounts. So only those are looked at
that something was given to since, or where something waits; the others are as they were.
"""

from collections.abc import Iterable, Mapping

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy
from esimshaper.core.model.reading import ClassCounters
from esimshaper.core.model.shaping import ClassStats
from esimshaper.edge.tc.shaper import Shaper

NOWHERE = ClassCounters()
"""Of an account that has not all the classes that the kernel was told of: its packets may pass by them."""


class ClassCounterReader:
    """Knows which classes packets of each account are given to: `told` is what an earlier daemon told the kernel."""

    def __init__(self, shaper: Shaper, told: Mapping[Account, Policy]) -> None:
        self._shaper = shaper
        self._classes = {account: _classes(policy) for account, policy in told.items()}
        self._queued: dict[Account, int] = {}
        self._sent: dict[Account, ClassCounters] = {}
        self._anew: set[Account] = set()

    def told(self, policies: Mapping[Account, Policy]) -> None:
        """The kernel was told these policies."""
        for account, policy in policies.items():
            before, classes = self._classes.get(account, frozenset()), _classes(policy)
            self._classes[account] = classes
            if classes > before:  # new ones, that nothing has left yet
                self._sent.pop(account, None)
            elif classes != before:
                self._begin(account)

    def made_anew(self, class_ids: Iterable[int] | None) -> None:
        """These classes were made or removed; None: all of them. If the kernel gives packets to them already, their
        accounts are left out of the next `read`.
        """
        changed = None if class_ids is None else frozenset(class_ids)
        for account, classes in self._classes.items():
            if classes if changed is None else classes & changed:
                self._begin(account)

    def read(self, queued: Mapping[Account, int]) -> Mapping[Account, ClassCounters] | None:
        """By account; those that are left out cannot be compared with what was read before. None: cannot be read.

        `queued` is what was given to the classes of each account, read just before.
        """
        looked_at = [account for account, classes in self._classes.items() if classes and self._moves(account, queued)]
        if looked_at:
            wanted = frozenset(each for account in looked_at for each in self._classes[account])
            try:
                stats = self._shaper.sent(wanted)
            except OSError:
                return None
            for account in looked_at:
                self._sent[account] = _sum([stats.get(each) for each in self._classes[account]])
                self._queued[account] = queued.get(account, 0)
        self._anew.clear()
        return {account: sent for account, sent in self._sent.items() if sent is not NOWHERE}

    def _begin(self, account: Account) -> None:
        self._anew.add(account)
        self._sent.pop(account, None)

    def _moves(self, account: Account, queued: Mapping[Account, int]) -> bool:
        if account in self._anew:
            return False
        known = self._sent.get(account)
        return known is None or known.backlog > 0 or queued.get(account, 0) != self._queued.get(account, 0)


def _classes(policy: Policy) -> frozenset[int]:
    return frozenset(policy.classes) - {0}


def _sum(stats: Iterable[ClassStats | None]) -> ClassCounters:
    total = NOWHERE
    for each in stats:
        if each is None:
            return NOWHERE
        total = ClassCounters(
            each.link, total.bytes + each.bytes, total.packets + each.packets, total.backlog + each.backlog
        )
    return total
