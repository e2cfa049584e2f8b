# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage: who shall be shaped how -> the classes of tc, and who names which of them. Pure.

    QDISC -- root 1 (rate of the link)
              |- default 2       everything that is nobody's
              |- open            of each client, if the link has a rate, either way: equal shares of it
              |- throttled       of each client with a throttle rate
              `- group           (its rate) of each group with a throttle rate, and of everyone
                  |- members     one of each client below it, of those who came first: equal shares of it
                  `- throttled   everything else that is below it: the router, and who has just come

A leaf has next to no rate of its own and borrows the rest from above, up to its ceiling, in turns with its siblings.
So shares are equal whoever comes and goes, and throttled clients can neither starve the others nor overrun the link.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import NO_CLASSES, Policy, Shaped
from esimshaper.core.model.shaping import DEFAULT, QDISC, Class, Classes, Leaf, Redirect, Side, Tree, Wire

ROOT = QDISC | 1

UNLIMITED = 32_000_000_000
"""bit/s of a link whose rate is not configured: below what a 32-bit number of bytes per second holds."""
LEAST = 200
"""bit/s that a class has by itself, about what HTB gives in any case: a frame at once, if it sent none for a minute,
also when the link or the group is full. The others then wait until that is made good."""
_AHEAD_SECONDS, _FRAME = 2, 1514
"""A group has as many members' classes as may do that at once without a longer silence after it."""

_GROUP_IDS, _CLIENT_IDS = 0x10, 0x60
"""Where minor numbers of groups and everyone begin, two each, and those of clients, four each."""
MAX_ACCOUNT = ((QDISC >> 16) - _CLIENT_IDS) // 4 - 1
"""The leaf qdisc of a class has the class's minor number as its major: ours must not be among them. Clients beyond have
no classes; who is throttled without one is held to the rate by drops."""

_DELAY_MS = 100
"""What may wait in a leaf, at its rate."""
_LEAST_FRAMES = 5
"""What may wait in any leaf: fewer, and one TCP connection cannot fill 128 kbit/s."""
_MOST_BYTES = 1_500_000
"""What may wait in any leaf: as in a device's own queue, 1,000 packets."""
_SPLIT_BELOW = 50_000_000
"""bit/s. A GSO packet of 64 KB takes 10 ms at this rate, and 4 s at 128 kbit/s; HTB itself never splits one."""
_NEVER_SPLIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Link:
    """What the WAN can carry, in bit/s of IP-layer bytes; None where it is not configured."""

    download: int | None = None
    upload: int | None = None
    wire: Wire = field(default_factory=Wire)

    def rate(self, side: Side) -> int | None:
        return self.upload if side is Side.UPLOAD else self.download


@dataclass(frozen=True, slots=True)
class Demand:
    """Who shall have classes; `everyone`: whose account that is, those of groups follow it.

    shaped: accounts with a throttle limit. sharing: clients that get a fair share of a link with a rate. above: the
    accounts above a client, the nearest first, if one of them is among `shaped`.
    """

    everyone: Account
    shaped: tuple[Shaped, ...] = ()
    sharing: tuple[Account, ...] = ()
    above: Mapping[Account, tuple[Account, ...]] = field(default_factory=dict)

    def is_group(self, account: Account) -> bool:
        return account >= self.everyone


def demand_of(
    everyone: Account,
    shaped: tuple[Shaped, ...],
    clients: Iterable[Account],
    policies: Mapping[Account, Policy],
    *,
    shares: bool,
) -> Demand:
    """`shares`: the link has a rate, either way."""
    few = tuple(sorted(account for account in clients if account <= MAX_ACCOUNT))
    fit = tuple(each for each in shaped if each.account <= MAX_ACCOUNT or each.account >= everyone)
    groups = {each.account for each in fit if each.account >= everyone}
    chains = ((client, tuple(_above(client, policies))) for client in (few if groups else ()))
    return Demand(everyone, fit, few if shares else (), {client: c for client, c in chains if groups.intersection(c)})


def _above(account: Account, policies: Mapping[Account, Policy]) -> Iterator[Account]:
    for _ in NO_CLASSES[2:]:
        account = policies[account].parent if account in policies else Account(0)
        if not account:
            return
        yield account


@dataclass(frozen=True, slots=True)
class _Use:
    """A class that packets are given to: its place in the `classes` of whose policy, its parent, and its rate if it has
    another than the link."""

    account: Account
    place: int
    id: int
    parent: int
    rate: int | None = None


def _uses(demand: Demand) -> Iterator[_Use]:
    rates = {each.account: each.rate for each in demand.shaped}
    for account in demand.sharing:
        yield _Use(account, 0, _client_id(account, 0), ROOT)
    for account, rate in rates.items():
        if demand.is_group(account):
            group = _group_id(account, demand.everyone)
            yield _Use(account, 1, group + 1, group, rate)
        else:
            yield _Use(account, 1, _client_id(account, 1), ROOT, rate)
    for account, place, group in _members(demand):
        number = _client_id(account, 3 if group == demand.everyone else 2)
        yield _Use(account, place, number, _group_id(group, demand.everyone), rates[group])


def _members(demand: Demand) -> Iterator[tuple[Account, int, Account]]:
    """Clients that have a class of their own in a group, its place in their policies, and the group. Who came first has
    one; to make up addresses, or to come after hundreds, is to share that of who has none."""
    room = {each.account: each.rate * _AHEAD_SECONDS // (8 * _FRAME) for each in demand.shaped}
    for account, above in demand.above.items():
        for place, group in enumerate(above, 2):
            if room.get(group, 0) > 0:
                room[group] -= 1
                yield account, place, group


def members(demand: Demand) -> Mapping[Account, frozenset[Account]]:
    """By group, or everyone, which clients have a class of their own in it."""
    found: dict[Account, set[Account]] = {}
    for account, _, group in _members(demand):
        found.setdefault(group, set()).add(account)
    return {group: frozenset(accounts) for group, accounts in found.items()}


def _client_id(account: Account, number: int) -> int:
    """`number`: 0 open, 1 throttled, 2 as a member of its group, 3 of everyone. So one who changes its group keeps its
    class of everyone."""
    return QDISC | _CLIENT_IDS + 4 * account + number


def _group_id(account: Account, everyone: Account) -> int:
    """Of the parent; the next one is the leaf for who has none."""
    return QDISC | _GROUP_IDS + 2 * (account - everyone)


def classes(demand: Demand, without: Iterable[int] = ()) -> Mapping[Account, tuple[int, ...]]:
    """What each policy is to name: `Policy.classes` of those accounts that have any, but no id that is in `without`."""
    left_out = frozenset(without)
    found: dict[Account, list[int]] = {}
    for use in _uses(demand):
        if use.id not in left_out:
            found.setdefault(use.account, list(NO_CLASSES))[use.place] = use.id
    return {account: tuple(ids) for account, ids in found.items()}


def named(policies: Mapping[Account, Policy], classes: Mapping[Account, tuple[int, ...]]) -> dict[Account, Policy]:
    """Policies that name these classes."""
    return {
        account: replace(policy, classes=classes[account]) if account in classes else policy
        for account, policy in policies.items()
    }


def wanted(link: Link, demand: Demand) -> Tree:
    """What tc shall look like. Where nothing is to be shaped there is nothing at all, and so no cost."""
    upload, download = (
        _tree(link.rate(side), link.wire, demand) if demand.shaped or link.rate(side) else None for side in Side
    )
    redirect = Redirect.NONE if download is None else Redirect.THERE
    return Tree(upload, download, download is not None, redirect)


def _tree(rate: int | None, wire: Wire, demand: Demand) -> Classes:
    most = _framed(rate, wire) if rate else UNLIMITED

    def ceil(rate: int | None) -> int:
        return min(_framed(rate, wire), most) if rate else most

    found = [Class(ROOT, QDISC, most, most), _leaf(DEFAULT, ROOT, most, wire)]
    for each in demand.shaped:
        if demand.is_group(each.account):
            rate_of_all = ceil(each.rate)
            found.append(Class(_group_id(each.account, demand.everyone), ROOT, min(LEAST, rate_of_all), rate_of_all))
    found += [_leaf(use.id, use.parent, ceil(use.rate), wire) for use in _uses(demand)]
    return {each.id: each for each in found}


def _framed(rate: int, wire: Wire) -> int:
    """The rate in frames that gives this rate in IP-layer bytes when packets are full; smaller ones get less, not more.

    HTB counts whole frames, and its `overhead` cannot be negative. (A size table can, but forgets the headers of GSO.)
    """
    return max(1, rate * wire.frame // (8 * wire.mtu)) * 8


def _leaf(class_id: int, parent: int, ceil: int, wire: Wire) -> Class:
    return Class(class_id, parent, min(LEAST, ceil), ceil, _queue(ceil, wire))


@lru_cache(64)
def _queue(ceil: int, wire: Wire) -> Leaf:
    frames = min(max(ceil * _DELAY_MS // 8000, _LEAST_FRAMES * wire.frame), _MOST_BYTES) // wire.frame
    limit = frames * wire.frame + wire.frame // 2  # full packets leave half a frame over, so a ping always finds room
    largest = wire.frame * 3 // 2 if ceil < _SPLIT_BELOW else _NEVER_SPLIT
    return Leaf(limit, largest)
