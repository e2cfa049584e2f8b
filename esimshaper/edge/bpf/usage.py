# SPDX-License-Identifier: GPL-2.0-or-later
"""Map `usage` -> bytes of each account by service. Owns views of three maps.

The map has 256 rows for each account, so only rows of accounts that moved are looked at; a view costs no system call.
"""

import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from esimshaper.core.model.identity import Account
from esimshaper.core.model.services import HIDDEN, OTHER, UNNAMED, Volume
from esimshaper.edge.bpf import layouts, libbpf

BUILT_IN = {0: UNNAMED, 1: HIDDEN, 2: OTHER}
"""Numbers of services that have one from the start."""

Services = Mapping[Account, Mapping[int, Volume]]
_NONE: Services = MappingProxyType({})
_TOGETHER = 64
"""So many accounts are compared at once: most of them rest."""


class UsageReader:
    """Knows what was read last. `accounts`: how many accounts have rows. Raises OSError."""

    def __init__(self, maps: Mapping[str, libbpf.Map], accounts: int) -> None:
        self._number = accounts
        self._numbers = maps["service_numbers"]
        self._usage = _view(maps["usage"])
        # What changes wherever a row does: a packet is charged before it is in a row, a name is in the row before it is
        # counted as one.
        self._signs = [(_view(maps[name]), maps[name].value_size) for name in ("accounts", "renamed")]
        self._seen = [bytes(accounts * size) for _, size in self._signs]
        self._moved: set[int] = set()
        self._raw: dict[int, bytes] = {}
        self._rows: Services = _NONE
        self.names: Mapping[int, str] = self._read_names()

    def close(self) -> None:
        for view in (self._usage, *(view for view, _ in self._signs)):
            view.close()

    def read(self) -> Services:
        """The rows that are not 0, by account and number; what did not change is the same object."""
        seen = [view[: self._number * size] for view, size in self._signs]
        compared = zip(self._seen, seen, self._signs, strict=True)
        moved = {number for before, now, (_, size) in compared for number in _differing(before, now, size)}
        # A packet may have been between its account and its row at the last reading.
        looked_at, self._moved, self._seen = moved | self._moved, moved, seen
        changed = dict(self._changed(looked_at))
        if changed:
            self._rows = {**self._rows, **changed}
        return self._rows

    def add(self, names: Iterable[str]) -> Sequence[str]:
        """Gives a number to each service that has none, while there are any. Returns those that got none."""
        known = set(self.names.values())
        new = [name for name in names if name not in known]
        given = dict(zip(range(max(self.names) + 1, layouts.SERVICES), new, strict=False))
        for number, name in given.items():
            self._numbers.update(layouts.SERVICE_NAME.pack(name.encode()), layouts.NUMBER.pack(number))
        self.names = {**self.names, **given}
        return new[len(given) :]

    def _changed(self, numbers: Iterable[int]) -> Iterator[tuple[Account, Mapping[int, Volume]]]:
        size = layouts.SERVICES * layouts.USAGE.size
        for number in numbers:
            raw = self._usage[number * size : (number + 1) * size]
            if raw != self._raw.get(number, bytes(size)):
                self._raw[number] = raw
                fields = enumerate(layouts.USAGE.iter_unpack(raw))
                yield Account(number), {service: Volume(*each) for service, each in fields if any(each)}

    def _read_names(self) -> dict[int, str]:
        return BUILT_IN | service_numbers(self._numbers)


def service_numbers(numbers: libbpf.Map) -> dict[int, str]:
    """The names of services that were given a number."""
    found: dict[int, str] = {}
    for keys, values, number in numbers.chunks():
        names = layouts.SERVICE_NAME.iter_unpack(keys[: number * layouts.SERVICE_NAME.size])
        given = layouts.NUMBER.iter_unpack(values[: number * layouts.NUMBER.size])
        found |= {n: name.rstrip(b"\0").decode() for (name,), (n,) in zip(names, given, strict=True)}
    return found


def _view(map_: libbpf.Map) -> mmap.mmap:
    return mmap.mmap(map_.fd, map_.max_entries * map_.value_size, prot=mmap.PROT_READ)


def _differing(before: bytes, now: bytes, size: int) -> Iterator[int]:
    """The places of values of `size` bytes that are not the same."""
    if before == now:
        return
    for first in range(0, len(now), _TOGETHER * size):
        last = first + _TOGETHER * size
        if before[first:last] != now[first:last]:
            places = range(first, min(last, len(now)), size)
            yield from (at // size for at in places if before[at : at + size] != now[at : at + size])
