# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the edges see in one tick: the kernel's counters and all around them. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from esimshaper.core.model.counts import Budget, Counters, Event, Reason
from esimshaper.core.model.identity import (
    ACCOUNT_UNATTRIBUTED,
    FIRST_CLIENT_ACCOUNT,
    Account,
    ClientKey,
    Lease,
    Neighbour,
)


@dataclass(frozen=True, slots=True)
class Table:
    """How full a kernel map is."""

    name: str
    entries: int
    max_entries: int


@dataclass(frozen=True, slots=True)
class Tunnels:
    """What passed through tunnels of the router, absolute counts.

    outer: their packets on the WAN, which are what is billed. inner: what each account claims of that, by what it sent
    and got inside them.
    """

    outer: Counters = field(default_factory=Counters)
    inner: Mapping[Account, Counters] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """All kernel counters at one moment.

    `epoch` is a random number made with the maps: counters of two readings are comparable only within one epoch.
    `boottime` is CLOCK_BOOTTIME in seconds. `owners` names each account that is in use, pseudo-clients included.
    `accounts` and `owners` have clients only; `budgets` has the accounts of groups and of everyone too, whose numbers
    are in `groups` and `everyone`. `free` are accounts that the next new clients will get. `wasted`: bytes billed, then
    dropped by a block. `announced`: the limit, a value of the Budget, that the kernel last announced as passed.
    `queued`: bytes of uploads that were given to a tc class of an account. `tunnels_account` is that of the `outer`
    packets of `tunnels`; neither they nor the `inner` ones are in `accounts`, but `budgets` have the inner ones.
    """

    epoch: int
    boottime: float
    accounts: Mapping[Account, Counters]
    owners: Mapping[Account, ClientKey]
    budgets: Mapping[Account, Budget] = field(default_factory=dict)
    groups: Mapping[str, Account] = field(default_factory=dict)
    everyone: Account = ACCOUNT_UNATTRIBUTED
    free: tuple[Account, ...] = ()
    wasted: Mapping[Account, int] = field(default_factory=dict)
    events: Mapping[Reason, Event] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    announced: Mapping[Account, int] = field(default_factory=dict)
    queued: Mapping[Account, int] = field(default_factory=dict)
    tunnels: Tunnels = field(default_factory=Tunnels)
    tunnels_account: Account = ACCOUNT_UNATTRIBUTED

    @property
    def clients(self) -> list[Account]:
        """Accounts of those who are no pseudo-clients."""
        return [account for account in self.owners if account >= FIRST_CLIENT_ACCOUNT]


class Hook(Enum):
    """Where a program of ours is attached."""

    LAN_INGRESS = "lan_ingress"
    WAN_INGRESS = "wan_ingress"
    WAN_EGRESS = "wan_egress"
    TUNNEL_INGRESS = "tunnel_ingress"
    TUNNEL_EGRESS = "tunnel_egress"


@dataclass(frozen=True, slots=True)
class Attachment:
    """Whether the program of one hook sits on an interface; `problem` says why not, for people, else is empty.

    `index` is the kernel's number of the interface, 0 where there is none: one that was made anew has another.
    """

    interface: str
    hook: Hook
    attached: bool
    problem: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class ClassCounters:
    """What left the WAN through the tc classes of an account since these were made; `backlog` is what waits in them.

    IP-layer bytes, and packets, of uploads. `link`: number of the interface, which is another when a modem comes back.
    """

    link: int = 0
    bytes: int = 0
    packets: int = 0
    backlog: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """What the edges saw for one tick. `clock_trusted`: the wall clock is synchronised.

    `sent`: read after `reading`; only accounts whose classes are the same since the last tick, or since packets are
    given to them; None if that is unknown. `members`: by account of a group, or of everyone, the clients that have had
    a class of their own in it since the last tick.
    """

    reading: Reading
    attachments: tuple[Attachment, ...] = ()
    leases: tuple[Lease, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    clock_trusted: bool = True
    sent: Mapping[Account, ClassCounters] | None = None
    members: Mapping[Account, frozenset[Account]] = field(default_factory=dict)
