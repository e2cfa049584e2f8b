# SPDX-License-Identifier: GPL-2.0-or-later
"""The maps of several uplinks: which interface belongs to which, what each carried, and what its queue was given.

Owns nothing; the Meter closes the maps.
"""

from collections.abc import Collection, Mapping

from esimshaper.core.model.counts import NOTHING, Counters, sum_of
from esimshaper.core.model.identity import Account
from esimshaper.core.model.reading import ByUplink
from esimshaper.edge.bpf import layouts, libbpf


class UplinkMaps:
    """Knows the names of the slots, which stay the same for the life of the maps. Raises OSError."""

    def __init__(self, maps: Mapping[str, libbpf.Map], tunnels: Account, scopes: Mapping[str, int]) -> None:
        self._maps = maps
        self._bits = {key: layouts.UPLINK_SCOPES + number - 1 for key, number in scopes.items()}
        self._scoped: Mapping[str, Collection[str]] | None = None
        self._at_first: Mapping[str, Collection[str]] = {}
        self._rows = tunnels + 1
        names = ((key, maps["uplink_names"].lookup(key) or bytes(4)) for key in list(maps["uplink_names"].keys()))
        self._slots = {key.rstrip(b"\0").decode(): int(layouts.NUMBER.unpack(slot)[0]) for key, slot in names}
        self._names = {slot: name for name, slot in self._slots.items()}
        self._tunnels = tunnels
        self._parsed: dict[tuple[int, int], tuple[tuple[int, ...], Counters]] = {}
        self._sums: dict[Account, tuple[tuple[Counters, ...], Counters]] = {}

    def read(self) -> ByUplink:
        """What each uplink carried for each account, without empty ones; of tunnels as their own account."""
        found: dict[str, dict[Account, Counters]] = {name: {} for name in self._slots}
        for row, fields in self._maps["by_uplink"].used(layouts.COUNTERS):
            slot, number = divmod(row, self._rows)
            known = self._parsed.get((slot, number))
            if known is None or known[0] != fields:
                known = self._parsed[slot, number] = (fields, Counters(*fields))
            found[self._names[slot]][Account(number)] = known[1]
        return found

    def sums(self, by_uplink: ByUplink, accounts: Collection[Account]) -> tuple[dict[Account, Counters], Counters]:
        """What all uplinks carried for each account, and for tunnels. Each of `accounts` has an entry."""
        found = dict.fromkeys(accounts, NOTHING)
        for account in {account for carried in by_uplink.values() for account in carried}:
            parts = tuple(carried[account] for carried in by_uplink.values() if account in carried)
            known = self._sums.get(account)
            if known is None or known[0] != parts:  # as most of a crowd are, each second
                known = self._sums[account] = (parts, parts[0] if len(parts) == 1 else sum_of(parts))
            found[account] = known[1]
        return found, found.pop(self._tunnels, NOTHING)

    def gone(self) -> Mapping[str, int]:
        """Of the uploads at each uplink, those that a tap saw leave, and those that none compares, so far."""
        queues = dict(self._maps["uplink_queues"].used(layouts.UPLINK_QUEUE))
        return {name: sum(queues.get(slot, ())) for slot, name in self._names.items()}

    def assign(
        self, links: Mapping[int, str], free: Collection[str], at_first: Mapping[str, Collection[str]] | None = None
    ) -> None:
        """Sets which interface, by its number, belongs to which uplink. `free`: uplinks that are not metered.

        at_first: keys of the scopes that an uplink is in while neither `note_scopes` nor an earlier daemon said it.
        """
        self._at_first = at_first or {}
        map_ = self._maps["uplinks"]
        for link, name in links.items():
            self.add(link, name, metered=name not in free)
        for key in set(map_.keys()) - {layouts.LINK.pack(link) for link in links}:
            map_.delete(key)

    def add(self, link: int, name: str, *, metered: bool) -> None:
        """The same for one interface."""
        if name in self._slots:
            flags = self._scopes_of(link, name) | (layouts.UPLINK_METERED if metered else 0)
            self._maps["uplinks"].update(layouts.LINK.pack(link), layouts.UPLINK.pack(self._slots[name], flags))

    def note_scopes(self, scoped: Mapping[str, Collection[str]]) -> None:
        """Sets the keys of the scopes that each uplink is in, by its name."""
        if not self._bits or scoped == self._scoped:
            return
        self._scoped = {name: frozenset(keys) for name, keys in scoped.items()}
        map_ = self._maps["uplinks"]
        for key in list(map_.keys()):
            slot, flags = layouts.UPLINK.unpack(map_.lookup(key) or bytes(layouts.UPLINK.size))
            wanted = self._bits_of(self._names[slot], self._scoped) | flags & layouts.UPLINK_METERED
            if wanted != flags:
                map_.update(key, layouts.UPLINK.pack(slot, wanted))

    def _scopes_of(self, link: int, name: str) -> int:
        """The flags of its scopes; before the first `note_scopes` as an earlier daemon left them."""
        if self._scoped is not None:
            return self._bits_of(name, self._scoped)
        known = self._maps["uplinks"].lookup(layouts.LINK.pack(link))
        slot, flags = layouts.UPLINK.unpack(known) if known else (None, 0)
        if slot == self._slots[name]:
            return int(flags) & ~layouts.UPLINK_METERED
        return self._bits_of(name, self._at_first)

    def _bits_of(self, name: str, scoped: Mapping[str, Collection[str]]) -> int:
        keys = scoped.get(name, ())
        return sum(1 << bit for key, bit in self._bits.items() if key in keys)
