# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas by service -> pools in the kernel: which there are to be, what each counted, and where it ends. Pure.

    quota video, for each-client   tv, its account 7   pool 803 of (7, video)       row of 7: youtube, netflix -> 803
    quota youtube, for everyone    everyone, 256       pool 809 of (256, youtube)   rows of all: youtube -> 809

A free account has its pools before a device comes, so a new one is limited from its first byte (R13). The kernel counts
in a pool from the tick on after it was given. Until then what the services moved counts, as the meter has booked it.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from esimshaper.core.limits import tally
from esimshaper.core.limits.policy import Place, Policies, ends_of
from esimshaper.core.model.counts import UNUSED, Budget, Usage
from esimshaper.core.model.identity import PSEUDO_KEYS, Account, ClientKey
from esimshaper.core.model.limits import EACH_CLIENT, EVERYONE, STRANGER, Apart, Subject, SubjectKind
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.service_policies import ServicePools
from esimshaper.core.model.service_sets import POOLS_OF_A_PACKET, Pool, ServiceSet
from esimshaper.core.model.services import ServiceUsage, Volume
from esimshaper.core.model.tick import Tick

_NO_SETS: tuple[ServiceSet, ...] = ()

Sets = Mapping[Subject, tuple[ServiceSet, ...]]
"""The sets that quotas name, by the subject that these are for."""


def sets_of(rules: Rules) -> Sets:
    """Each set once, in the order of the quotas."""
    found: dict[Subject, dict[ServiceSet, None]] = {}
    for quota in rules.quotas:
        if quota.services:
            found.setdefault(quota.subject, {})[quota.services] = None
    return {subject: tuple(each) for subject, each in found.items()}


class Pools(NamedTuple):
    """Fields of an Outcome: by account and number of a service the pools that count it, and all that are to be."""

    pools: ServicePools
    wanted_pools: tuple[Pool, ...]


def pools_of(rules: Rules, reading: Reading) -> Pools:
    """The pools of now, and those that there are to be."""
    sets = sets_of(rules)
    if not sets:
        return Pools({}, ())
    found = (Pool(holder, each.key) for holder, subject in _holders(reading) for each in _own(subject, sets))
    return Pools(_rows(sets, rules, reading), tuple(found))


def _rows(sets: Sets, rules: Rules, reading: Reading) -> ServicePools:
    """By account and number of a service: the pools of now that count it, those of the client itself first."""
    if not reading.pools:
        return {}
    known = {pool: number for number, pool in reading.pools.items()}
    every = {each for own in sets.values() for each in own}
    numbers = {each: sorted(each.numbers(reading.service_names, rules.categories)) for each in every}
    holders = {Subject(SubjectKind.GROUP, name): account for name, account in reading.groups.items()}
    holders[EVERYONE] = reading.everyone
    found: dict[Account, Mapping[int, tuple[Account, ...]]] = {}
    alike: dict[tuple[tuple[ServiceSet, Account], ...], Mapping[int, tuple[Account, ...]]] = {}
    for account, subject in _clients(reading):
        chain = [
            (account, subject),
            *((holders[each], each) for each in rules.hierarchy(subject)[1:] if each in holders),
        ]
        pools = tuple(
            (each, known[pool])
            for holder, whose in chain
            for each in _own(whose, sets)
            if (pool := Pool(holder, each.key)) in known
        )
        if pools not in alike:
            alike[pools] = _row(pools, numbers)
        if alike[pools]:
            found[account] = alike[pools]
    return found


def policies(place: Place, accounts: Mapping[Account, Subject]) -> Policies:
    """The Policy of each pool of these accounts; of free ones that of a stranger."""
    found = {}
    for number, pool in place.reading.pools.items():
        if pool.holder in accounts:
            subject = accounts[pool.holder]
            own = [each for each in place.held.get(subject, ()) if each.quota.services]
            held = [each for each in own if each.quota.services and each.quota.services.key == pool.services]
            found[number] = ends_of(held, place.budgets.get(number, UNUSED))
    return found


def turn_of(
    tick: Tick, budgets: Mapping[Account, Budget], moved: Mapping[Apart, tally.Deltas]
) -> Mapping[Apart, tuple[tally.Deltas, tally.Announced]]:
    """What tallies of each set follow from. `budgets`: as booked now; moved: since the last reading."""
    announced: dict[int, dict[Subject, tuple[int, Budget]]] = {}
    for number, count in tick.reading.announced.items():
        pool = tick.reading.pools.get(number)
        if pool and pool.holder in tick.subjects:
            found = announced.setdefault(pool.services, {})
            found[tick.subjects[pool.holder]] = (count, budgets.get(number, UNUSED))
    every = {each for own in sets_of(tick.rules).values() for each in own}
    return {each: (moved.get(each, {}), announced.get(each.key, {})) for each in every}


def moved(
    tick: Tick, budgets: Mapping[Account, Budget], usage: Usage, services: ServiceUsage
) -> Mapping[Apart, tally.Deltas]:
    """What each subject moved of each set. `budgets`: what was added to accounts; usage, services: what was booked."""
    sets = sets_of(tick.rules)
    if not sets:
        return {}
    reading, seen = tick.reading, tick.step.seen
    by_key = {each.key: each for own in sets.values() for each in own}
    earlier = reading.pools if seen is None or seen.pools is reading.pools else seen.pools
    found: dict[Apart, dict[Subject, Budget]] = {each: {} for each in by_key.values()}
    counting: set[tuple[Subject, int]] = set()
    for number, pool in reading.pools.items():
        if pool.services in by_key and pool.holder in tick.subjects and earlier.get(number) == pool:
            subject = tick.subjects[pool.holder]
            counting.add((subject, pool.services))
            if number in budgets:
                found[by_key[pool.services]][subject] = budgets[number]
    for client, counters in usage.items():
        whole = Volume(counters.down_bytes, counters.up_bytes)
        for subject in tick.rules.hierarchy(Subject(SubjectKind.CLIENT, client)):
            for each in _own(subject, sets):
                if (subject, each.key) not in counting:
                    volume = each.volume(services.get(client, {}), whole, tick.rules.categories)
                    before = found[each].get(subject, UNUSED)
                    found[each][subject] = before + Budget(volume.total_bytes, volume.down_bytes, volume.up_bytes)
    return {each: own for each, own in found.items() if own}


def _own(subject: Subject, sets: Sets) -> tuple[ServiceSet, ...]:
    """The sets that a subject has pools of."""
    if subject.kind is not SubjectKind.CLIENT or ClientKey(subject.id) in PSEUDO_KEYS:
        return sets.get(subject, _NO_SETS)
    return tuple(dict.fromkeys((*sets.get(subject, _NO_SETS), *sets.get(EACH_CLIENT, _NO_SETS))))


def _clients(reading: Reading) -> Iterator[tuple[Account, Subject]]:
    """Accounts of clients, and free ones."""
    for account, client in reading.owners.items():
        yield account, Subject(SubjectKind.CLIENT, client)
    for account in reading.free:
        yield account, STRANGER


def _holders(reading: Reading) -> Iterator[tuple[Account, Subject]]:
    """All accounts that can have pools."""
    if reading.everyone:
        yield reading.everyone, EVERYONE
    for name, account in reading.groups.items():
        yield account, Subject(SubjectKind.GROUP, name)
    yield from _clients(reading)


def _row(
    pools: Iterable[tuple[ServiceSet, Account]], numbers: Mapping[ServiceSet, Iterable[int]]
) -> Mapping[int, tuple[Account, ...]]:
    row: dict[int, tuple[Account, ...]] = {}
    for each, pool in pools:
        for number in numbers[each]:
            row[number] = (*row.get(number, ()), pool)[:POOLS_OF_A_PACKET]
    return MappingProxyType(row)
