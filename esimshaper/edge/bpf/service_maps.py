# SPDX-License-Identifier: GPL-2.0-or-later
"""Map `service_policies` <- ServicePolicies; map `refused` -> what was dropped by it. Owns views of both.

A row has the 256 services of an account. Of an account without any policy no row is looked at, here and in the kernel.
"""

import mmap
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from esimshaper.core.model.counts import Event
from esimshaper.core.model.identity import Account
from esimshaper.core.model.service_policies import Refused, ServicePolicies, ServicePolicy
from esimshaper.core.model.services import NUMBER_UNNAMED
from esimshaper.edge.bpf import layouts, libbpf

_EVENTS = layouts.SERVICES * layouts.EVENT.size
_FREE = ServicePolicy()
_Row = Mapping[int, ServicePolicy]
_NO_ROW: _Row = MappingProxyType({})


class ServiceMaps:
    """Knows what is written, by an earlier daemon too. Raises OSError."""

    def __init__(self, maps: Mapping[str, libbpf.Map]) -> None:
        # A write by a view costs no system call. Packets see the parts of a policy change one after the other in either
        # way.
        self._policies = _view(maps["service_policies"], mmap.PROT_READ | mmap.PROT_WRITE)
        self._refused = _view(maps["refused"], mmap.PROT_READ)
        self._written = dict(_found(maps["service_policies"]))
        self._rows: dict[Account, _Row] = {}
        self._raw: dict[Account, bytes] = {}
        self._events: Refused = MappingProxyType({})

    def close(self) -> None:
        self._policies.close()
        self._refused.close()

    def write(self, policies: ServicePolicies) -> None:
        """Makes these the policies of all services; writes what is new."""
        known: dict[int, dict[int, bytes]] = {}
        for account in {**self._written, **policies}:
            row = policies.get(account, _NO_ROW)
            if self._rows.get(account) is row:
                continue
            if id(row) not in known:
                known[id(row)] = _packed(row)
            self._write(account, known[id(row)])
            self._rows[account] = row

    def read_refused(self) -> Refused:
        """What was dropped of services that are blocked, so far, of accounts that have a policy; the same object while
        nothing is."""
        changed = {}
        for account in self._written:
            raw = self._refused[account * _EVENTS : (account + 1) * _EVENTS]
            if raw != self._raw.get(account, bytes(_EVENTS)):
                self._raw[account] = raw
                changed[account] = _events(raw)
        if changed:
            self._events = MappingProxyType({**self._events, **changed})
        return self._events

    def _write(self, account: Account, row: dict[int, bytes]) -> None:
        before = self._written.get(account, {})
        size, first = layouts.SERVICE_POLICY.size, account * layouts.SERVICES
        # The row of the unnamed says that there are others. It comes last, and goes first.
        for number in sorted({**before, **row}, key=lambda each: (each == NUMBER_UNNAMED) is bool(row)):
            new = row.get(number, bytes(size))
            if new != before.get(number, bytes(size)):
                self._policies[(first + number) * size : (first + number + 1) * size] = new
        if row:
            self._written[account] = row
        else:
            self._written.pop(account, None)


def _packed(row: _Row) -> dict[int, bytes]:
    """By number of the service. What is held to one rate, or in one class, shares that."""
    limited = {number: policy for number, policy in row.items() if policy != _FREE}
    if not limited:
        return {}
    rates = dict.fromkeys((each.class_id, each.police_rate) for each in limited.values() if each.paced)
    buckets = {rate: min(place, layouts.SERVICE_BUCKETS - 1) for place, rate in enumerate(rates)}
    with_first = {NUMBER_UNNAMED: _FREE, **limited}
    return {number: _bytes(number, each, buckets) for number, each in with_first.items()}


def _bytes(number: int, policy: ServicePolicy, buckets: Mapping[tuple[int, int], int]) -> bytes:
    flags = layouts.SERVICE_BLOCKED * policy.blocked | layouts.SERVICE_PACED * policy.paced
    flags |= layouts.SERVICE_METERED_ONLY * policy.metered_only
    flags |= layouts.SERVICE_ANY * (number == NUMBER_UNNAMED)
    bucket = buckets.get((policy.class_id, policy.police_rate), 0)
    rate = min(policy.police_rate, (1 << 32) - 1)
    pools = policy.pools[: layouts.SERVICE_POOLS]
    rest = (0,) * (layouts.SERVICE_POOLS - len(pools))
    return layouts.SERVICE_POLICY.pack(flags, bucket, policy.class_id, rate, *pools, *rest)


def _found(policies: libbpf.Map) -> Iterator[tuple[Account, dict[int, bytes]]]:
    """Rows that an earlier daemon wrote. A view of all of the map would count as memory of this process."""
    for account in range(policies.max_entries // layouts.SERVICES):
        first = policies.lookup(layouts.NUMBER.pack(account * layouts.SERVICES)) or b""
        if layouts.SERVICE_POLICY.unpack(first)[0] & layouts.SERVICE_ANY:
            numbers = range(layouts.SERVICES)
            keys = (layouts.NUMBER.pack(account * layouts.SERVICES + number) for number in numbers)
            found = zip(numbers, (policies.lookup(key) or b"" for key in keys), strict=True)
            yield Account(account), {number: raw for number, raw in found if any(raw)}


def _events(raw: bytes) -> Mapping[int, Event]:
    found = enumerate(layouts.EVENT.iter_unpack(raw))
    return MappingProxyType({number: Event(*fields) for number, fields in found if any(fields)})


def _view(map_: libbpf.Map, access: int) -> mmap.mmap:
    return mmap.mmap(map_.fd, map_.max_entries * map_.value_size, prot=access)
