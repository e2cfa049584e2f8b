# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts with a rate -> the wanted classes of tc, and the class ids of each policy. Pure.

    QDISC -- root 1 (rate of the link)
              |- urgent 3        on a slow link: a leaf of each client, and of the router, for small packets and DNS
              |- paced           of each client, one for all services that share a pace
              |- default 2       packets that no account's class is for
              |- open            of each client, if the link has a rate, either way: equal shares of it
              |- throttled       of each client with a throttle rate
              `- group           (its rate) of each group with a throttle rate, and of everyone
                  |- members     one of each client below it, of those who came first: equal shares of it
                  `- throttled   everything else that is below it: the router, and clients that have just come

A leaf has next to no rate of its own. It borrows the rest from above, up to its ceiling, in turns with its siblings. So
shares are equal whoever comes and goes, and throttled clients can neither starve the others nor overrun the link.

Urgent packets have a part of the link by themselves, so they need not wait until a full packet is paid for; with all of
it they could starve the rest. Then come clients that the settings name first, then all others.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from esimshaper.core.model.identity import ACCOUNT_ROUTER, ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.limits import (
    CLASS_IN_GRANDPARENT,
    CLASS_IN_PARENT,
    CLASS_OPEN,
    CLASS_SELF,
    CLASS_URGENT,
    NO_CLASSES,
    Policy,
    Shaped,
)
from esimshaper.core.model.shaping import DEFAULT, QDISC, Class, Classes, Leaf, Paced, Redirect, Side, Tree, Wire, held
from esimshaper.core.shaping import pacing

ROOT, URGENT = QDISC | 1, QDISC | 3

UNLIMITED = 32_000_000_000
"""bit/s of a link whose rate is not configured: below what a 32-bit number of bytes per second holds."""
LEAST_RATE = 200
"""bit/s that a class has by itself: a frame in a minute, which HTB gives in any case (`mbuffer` in sch_htb.c)."""

_AHEAD_SECONDS = 2
_FRAME = 1514  # bytes

_GROUP_IDS, _CLIENT_IDS = 0x10, 0x60
"""Where minor numbers of groups and everyone begin, two each, and those of clients, four each."""
_URGENT_IDS, _URGENT_END = 0x7A01, 0x8000
"""Where those of urgent leaves begin, one each, and where they end: the kernel itself gives numbers from there on."""
MAX_ACCOUNT = (pacing.IDS - _CLIENT_IDS) // 4 - 1
"""The last account that has class ids; a client beyond it is held to a rate by drops.

The leaf qdisc of a class has the class's minor number as its major, and QDISC's own must not be among them.
"""

_DELAY_MS = 100
"""Milliseconds of its rate that may wait in a leaf."""
_LEAST_FRAMES = 5
"""Frames that may always wait in a leaf: with fewer one TCP connection cannot fill 128 kbit/s."""
_MOST_BYTES = 1_500_000
"""The most bytes that may wait in a leaf: 1,000 packets, as in a device's own queue."""
_SPLIT_BELOW = 50_000_000
"""bit/s. A GSO packet of 64 KB takes 10 ms at this rate, and 4 s at 128 kbit/s; HTB itself never splits one."""
_NEVER_SPLIT = 1 << 20

SLOW = 2_000_000
"""bit/s below which a link has urgent classes: there a full packet takes 6 ms and more, and some wait in each queue."""
_PACKET_MS = 38
_TCP_HEADERS, _LEAST_SEGMENT, _FULL_SEGMENT = 52, 536, 1400
"""Bytes: with its usual options; what every host takes (RFC 9293, 3.7.1); from there on nothing is gained."""
_URGENT_RATE, _URGENT_CEIL = (1, 3), (3, 4)
"""The part of the link that urgent packets have by themselves, and the most of it."""
_URGENT_FRAMES, _OPEN_FRAMES = 2, 3
"""Frames that may always wait in an urgent leaf, and in an open one: enough for TCP where packets are short."""
_FOR_THE_OTHERS = 5
"""Beside clients that go first, the others have one in so many bytes of the link by themselves."""
_ORDER_URGENT, _ORDER_FIRST, _ORDER = range(3)


@dataclass(frozen=True, slots=True)
class Link:
    """The rates of the WAN, in bit/s of IP-layer bytes; None where a rate is not configured."""

    download: int | None = None
    upload: int | None = None
    wire: Wire = field(default_factory=Wire)

    def rate(self, side: Side) -> int | None:
        return self.upload if side is Side.UPLOAD else self.download

    def held_below(self, carrier: int | None) -> "Link":
        """These rates, held a little below what the carrier gives in bit/s.

        None: nobody knows. 0: nothing passes, so there is nothing to hold.
        """
        if not carrier:
            return self
        down, up = held(self.download, carrier, Side.DOWNLOAD), held(self.upload, carrier, Side.UPLOAD)
        return replace(self, download=down, upload=up)

    def held_as_measured(self, rates: Mapping[Side, int]) -> "Link":
        """These rates, held a little below what was measured in bit/s of these directions."""
        down, up = (
            held(self.rate(side), rates[side], side) if side in rates else self.rate(side)
            for side in (Side.DOWNLOAD, Side.UPLOAD)
        )
        return replace(self, download=down, upload=up)

    @property
    def segment(self) -> int | None:
        """The most bytes of data in a packet of TCP that is no longer than it should be in others' way; None for any.

        Beside a download two of them are on their way at once, and what comes behind waits for both.
        """
        slowest = min((rate for rate in (self.download, self.upload) if rate), default=None)
        if slowest is None:
            return None
        fits = slowest * _PACKET_MS // 8000 - _TCP_HEADERS
        return None if fits >= _FULL_SEGMENT else max(fits, _LEAST_SEGMENT)

    @property
    def is_slow(self) -> bool:
        """Whether a full packet is in the way of others for long, either way."""
        return any(rate is not None and rate < SLOW for rate in (self.download, self.upload))


@dataclass(frozen=True, slots=True)
class Demand:
    """The accounts that need classes. `everyone` is the account of everyone; those of groups have greater numbers.

    shaped: accounts with a throttle limit. sharing: clients that get a fair share of a link with a rate. above: the
    accounts above a client, the nearest first, if one of them is among `shaped`. urgent: accounts with a class for
    urgent packets. first: clients that borrow from the link before others. paced: classes of services.
    """

    everyone: Account
    shaped: tuple[Shaped, ...] = ()
    sharing: tuple[Account, ...] = ()
    above: Mapping[Account, tuple[Account, ...]] = field(default_factory=dict)
    urgent: tuple[Account, ...] = ()
    first: frozenset[Account] = frozenset()
    paced: tuple[Paced, ...] = ()

    def is_group(self, account: Account) -> bool:
        """Whether it is one of a group, or that of everyone."""
        return account >= self.everyone


def demand_of(
    everyone: Account,
    shaped: tuple[Shaped, ...],
    clients: Iterable[Account],
    policies: Mapping[Account, Policy],
    link: Link,
    *,
    first: frozenset[Account] = frozenset(),
    paced: tuple[Paced, ...] = (),
) -> Demand:
    """The Demand of these clients at a link with these rates."""
    with_ids = tuple(sorted(account for account in clients if account <= MAX_ACCOUNT))
    fit = tuple(each for each in shaped if each.account <= MAX_ACCOUNT or each.account >= everyone)
    groups = {each.account for each in fit if each.account >= everyone}
    chains = ((client, tuple(_above(client, policies))) for client in (with_ids if groups else ()))
    above = {client: chain for client, chain in chains if groups.intersection(chain)}
    sharing = with_ids if link.download or link.upload else ()
    # The router asks for names on behalf of all. It has no open class: what else it sends is in the default one.
    urgent = (ACCOUNT_ROUTER, *sharing) if link.is_slow else ()
    with_urgent = tuple(filter(_has_urgent_id, urgent))
    return Demand(everyone, fit, sharing, above, with_urgent, first.intersection(sharing), paced)


def _above(account: Account, policies: Mapping[Account, Policy]) -> Iterator[Account]:
    for _ in (CLASS_IN_PARENT, CLASS_IN_GRANDPARENT):
        account = policies[account].parent if account in policies else ACCOUNT_UNATTRIBUTED
        if not account:
            return
        yield account


@dataclass(frozen=True, slots=True)
class _Assignment:
    """A class that the policy of `account` names, at `place` (CLASS_OPEN, ...). `rate`: of the throttle, 0 for none."""

    account: Account
    place: int
    id: int
    parent: int
    rate: int = 0


def _class_assignments(demand: Demand) -> Iterator[_Assignment]:
    rates = {each.account: each.rate for each in demand.shaped}
    for account in demand.urgent:
        yield _Assignment(account, CLASS_URGENT, QDISC | _URGENT_IDS + account, URGENT)
    for account in demand.sharing:
        yield _Assignment(account, CLASS_OPEN, _client_id(account, 0), ROOT)
    for account, rate in rates.items():
        if demand.is_group(account):
            group = _group_id(account, demand.everyone)
            yield _Assignment(account, CLASS_SELF, group + 1, group, rate)
        else:
            yield _Assignment(account, CLASS_SELF, _client_id(account, 1), ROOT, rate)
    for account, place, group in _memberships(demand):
        # So a client that changes its group keeps its class of everyone, whatever place that has in its policy.
        number = _client_id(account, 3 if group == demand.everyone else 2)
        yield _Assignment(account, place, number, _group_id(group, demand.everyone), rates[group])


def _memberships(demand: Demand) -> Iterator[tuple[Account, int, Account]]:
    """Clients that have a class of their own in a group, the place of that class in their policies, and the group."""
    # HTB lets a class that has sent nothing for a minute send a frame at once, also while the group owes: the others
    # wait until that is made good. So a group has classes only for as many members as may all do so within 2 s:
    #
    #     members <= rate * 2 s / frame          128 kbit/s: 21, 1 Mbit/s: 165
    #
    # The clients that came first get them. A client that makes up addresses, or comes late, shares the group's own
    # leaf.
    room = {each.account: each.rate * _AHEAD_SECONDS // (8 * _FRAME) for each in demand.shaped}
    for account, above in demand.above.items():
        for place, group in zip((CLASS_IN_PARENT, CLASS_IN_GRANDPARENT), above, strict=False):
            if room.get(group, 0) > 0:
                room[group] -= 1
                yield account, place, group


def _client_id(account: Account, number: int) -> int:
    """`number`: 0 open, 1 throttled, 2 as a member of its group, 3 of everyone."""
    return QDISC | _CLIENT_IDS + 4 * account + number


def _has_urgent_id(account: Account) -> bool:
    return _URGENT_IDS + account < _URGENT_END


def _group_id(account: Account, everyone: Account) -> int:
    """Class id of the group; the next number is the leaf for members without a class of their own."""
    return QDISC | _GROUP_IDS + 2 * (account - everyone)


def class_ids(demand: Demand, left_out: Iterable[int] = ()) -> Mapping[Account, tuple[int, ...]]:
    """`Policy.classes` of each account that has any, without the ids in `left_out`."""
    without = frozenset(left_out)
    found: dict[Account, list[int]] = {}
    for each in _class_assignments(demand):
        if each.id not in without:
            found.setdefault(each.account, list(NO_CLASSES))[each.place] = each.id
    return {account: tuple(ids) for account, ids in found.items()}


def with_classes(
    policies: Mapping[Account, Policy], ids: Mapping[Account, tuple[int, ...]]
) -> Mapping[Account, Policy]:
    """Policies that name these classes."""
    return {
        account: replace(policy, classes=ids[account]) if account in ids else policy
        for account, policy in policies.items()
    }


def members(policies: Mapping[Account, Policy]) -> Mapping[Account, frozenset[Account]]:
    """The clients with a class of their own in each group, and in everyone."""
    found: dict[Account, set[Account]] = {}
    for account, policy in policies.items():
        for place, group in zip((CLASS_IN_PARENT, CLASS_IN_GRANDPARENT), _above(account, policies), strict=False):
            if policy.classes[place]:
                found.setdefault(group, set()).add(account)
    return {group: frozenset(accounts) for group, accounts in found.items()}


def wanted(link: Link, demand: Demand) -> Tree:
    """The wanted tree. Where nothing is to be shaped there is none, and so no cost."""
    assignments = tuple(_class_assignments(demand))
    rates = [link.rate(side) for side in Side]
    made = {
        rate: _tree(rate, link.wire, demand, assignments)
        for rate in set(rates)
        if demand.shaped or demand.paced or rate
    }
    upload, download = (made.get(rate) for rate in rates)
    redirect = Redirect.NONE if download is None else Redirect.THERE
    return Tree(upload, download, download is not None, redirect)


def unlimited(wire: Wire) -> Classes:
    """What holds nobody: one class for all, for as long as others cannot go yet."""
    return _tree(None, wire, Demand(ACCOUNT_UNATTRIBUTED), ())


def _tree(rate: int | None, wire: Wire, demand: Demand, assignments: Iterable[_Assignment]) -> Classes:
    most = to_frame_rate(rate, wire) if rate else UNLIMITED
    ceilings = {each.rate: min(to_frame_rate(each.rate, wire), most) for each in demand.shaped}
    part = _part_of_the_others(most, demand)
    frames = _OPEN_FRAMES if demand.urgent else _LEAST_FRAMES
    found = [Class(ROOT, QDISC, most, most), _leaf(DEFAULT, ROOT, most, _queue(most, wire, frames), part)]
    if demand.urgent:
        found.append(Class(URGENT, ROOT, _part(most, _URGENT_RATE), _part(most, _URGENT_CEIL)))
    for each in demand.shaped:
        if demand.is_group(each.account):
            ceil = ceilings[each.rate]
            found.append(Class(_group_id(each.account, demand.everyone), ROOT, min(LEAST_RATE, ceil), ceil))
    for one in assignments:
        if one.place == CLASS_URGENT:
            ceil = _part(most, _URGENT_CEIL)
            found.append(_leaf(one.id, URGENT, ceil, _queue(ceil, wire, _URGENT_FRAMES), order=_ORDER_URGENT))
        elif one.place == CLASS_OPEN:
            by_itself, order = (LEAST_RATE, _ORDER_FIRST) if one.account in demand.first else (part, _ORDER)
            found.append(_leaf(one.id, ROOT, most, _queue(most, wire, frames), by_itself, order))
        else:
            ceil = ceilings[one.rate]
            found.append(_leaf(one.id, one.parent, ceil, _queue(ceil, wire)))
    for paced in demand.paced:
        ceil = min(to_frame_rate(paced.rate, wire), most)
        found.append(_leaf(paced.id, ROOT, ceil, pacing.queue(wire)))
    return {each.id: each for each in found}


def _part(rate: int, part: tuple[int, int]) -> int:
    return max(8, rate * part[0] // (8 * part[1]) * 8)


def _part_of_the_others(most: int, demand: Demand) -> int:
    """What each client that does not go first has by itself, and all that have no class."""
    others = len(demand.sharing) - len(demand.first) + 1
    return max(LEAST_RATE, _part(most, (1, _FOR_THE_OTHERS * others))) if demand.first else LEAST_RATE


def to_frame_rate(rate: int, wire: Wire) -> int:
    """The rate of frames that gives this rate of IP-layer bytes if packets are full; smaller packets get less, not
    more.

    HTB counts whole frames, and its `overhead` cannot be negative. (A size table can, but forgets the headers of GSO.)
    """
    return max(1, rate * wire.frame // (8 * wire.mtu)) * 8


def _leaf(class_id: int, parent: int, ceil: int, leaf: Leaf, least: int = LEAST_RATE, order: int = _ORDER) -> Class:
    return Class(class_id, parent, min(least, ceil), ceil, leaf, order)


@lru_cache(64)
def _queue(ceil: int, wire: Wire, least_frames: int = _LEAST_FRAMES) -> Leaf:
    frames = min(max(ceil * _DELAY_MS // 8000, least_frames * wire.frame), _MOST_BYTES) // wire.frame
    limit = frames * wire.frame + wire.frame // 2  # full packets leave half a frame over, so a ping always finds room
    largest = wire.frame * 3 // 2 if ceil < _SPLIT_BELOW else _NEVER_SPLIT
    return Leaf(limit, largest)
