# SPDX-License-Identifier: GPL-2.0-or-later
"""Map `pool_numbers` <-> Pools: which account each pool has. It is as old as the counters."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from esimshaper.core.model.identity import Account
from esimshaper.core.model.service_sets import Pool
from esimshaper.edge.bpf import layouts, libbpf


class PoolNumbers:
    """Knows what is written, by an earlier daemon too. `first` is the account of the first pool. Raises OSError."""

    def __init__(self, numbers: libbpf.Map, first: Account) -> None:
        self._map = numbers
        self._all = range(first, first + numbers.max_entries)
        self._wanted: tuple[Pool, ...] | None = None
        self.given: Mapping[Account, Pool] = MappingProxyType(dict(self._found()))
        """The pools that there are; the same object while they stay."""

    def want(self, pools: tuple[Pool, ...]) -> bool:
        """Gives each of `pools` an account, as far as there are any, and frees all others. Whether one is new.

        Nothing may refer to the others any more: what comes next counts where they have counted.
        """
        if pools is self._wanted:
            return False
        known = {pool: account for account, pool in self.given.items()}
        for pool in known.keys() - set(pools):
            self._map.delete(_key(pool))
            del known[pool]
        new = [pool for pool in dict.fromkeys(pools) if pool not in known]
        taken = set(known.values())
        free = (Account(number) for number in self._all if number not in taken)
        given = dict(zip(new, free, strict=False))
        for pool, account in given.items():
            self._map.update(_key(pool), layouts.NUMBER.pack(account))
        if given or len(known) != len(self.given):
            self.given = MappingProxyType({account: pool for pool, account in (known | given).items()})
        self._wanted = pools
        return bool(given)

    def _found(self) -> Iterable[tuple[Account, Pool]]:
        for key in list(self._map.keys()):
            if number := self._map.lookup(key):
                holder, services = layouts.POOL_KEY.unpack(key)
                yield Account(layouts.NUMBER.unpack(number)[0]), Pool(Account(holder), services)


def _key(pool: Pool) -> bytes:
    return layouts.POOL_KEY.pack(pool.holder, pool.services)
