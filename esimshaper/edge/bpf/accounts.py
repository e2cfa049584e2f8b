# SPDX-License-Identifier: GPL-2.0-or-later
"""Map `accounts` -> the counters, budgets and notes of each account. Owns nothing."""

from dataclasses import dataclass, field
from typing import NamedTuple

from esimshaper.core.model.counts import NOTHING, Budget, Counters
from esimshaper.core.model.identity import ACCOUNT_ROUTER, Account
from esimshaper.edge.bpf import layouts, libbpf


@dataclass(slots=True)
class Counted:
    """Fields of Reading, by account, without empty accounts. `outer`: bytes of tunnels, as the carrier bills them."""

    counters: dict[Account, Counters] = field(default_factory=dict)
    budgets: dict[Account, Budget] = field(default_factory=dict)
    wasted: dict[Account, int] = field(default_factory=dict)
    announced: dict[Account, int] = field(default_factory=dict)
    queued: dict[Account, int] = field(default_factory=dict)
    outer: Counters = field(default_factory=Counters)


class _Account(NamedTuple):
    """A parsed `struct account`. It is kept while the fields stay the same, as those of most accounts mostly do."""

    fields: tuple[int, ...]
    budget: Budget
    counters: Counters


class AccountReader:
    """Knows what was read last. `everyone`: the first account that is no client's. Of accounts of scopes, which stand
    behind that of tunnels, and of pools, which begin with `pools`, only budgets and announcements are of interest."""

    def __init__(self, accounts: libbpf.Map, everyone: Account, tunnels: Account, pools: Account) -> None:
        self._map = accounts
        self._everyone = everyone
        self._tunnels = tunnels
        self._pools = pools
        self._parsed: dict[int, _Account] = {}

    def read(self) -> Counted:
        """All accounts now. Raises OSError."""
        found = Counted()
        for number, fields in self._map.used(layouts.ACCOUNT):
            account, known = Account(number), self._parsed.get(number)
            if known is None or known.fields != fields:
                known = self._parsed[number] = _parsed(fields) if number < self._pools else _of_pool(fields)
            *_, wasted, announced_at, queued = fields
            if announced_at:
                found.announced[account] = announced_at - (layouts.POOL_ZERO if number >= self._pools else 0)
            if number > self._tunnels:
                found.budgets[account] = known.budget
                continue
            if number == self._tunnels:
                account, found.outer = ACCOUNT_ROUTER, known.counters
            else:
                found.budgets[account] = known.budget
            if number < self._everyone:
                found.counters[account] = known.counters
            if wasted:
                found.wasted[account] = found.wasted.get(account, 0) + wasted
            if queued:
                found.queued[account] = queued
        return found


def _parsed(fields: tuple[int, ...]) -> _Account:
    both, down_bytes, used_up, up_bytes, down_packets, up_packets, *_ = fields
    counters = Counters(down_bytes, up_bytes, down_packets, up_packets)
    return _Account(fields, Budget(both, down_bytes, used_up), counters)


def _of_pool(fields: tuple[int, ...]) -> _Account:
    """A pool may have less than nothing, since names that came late took more off it than it had counted."""
    both, down, up = (number - (1 << 64) if number >> 63 else number for number in fields[:3])
    return _Account(fields, Budget(both, down, up), NOTHING)
