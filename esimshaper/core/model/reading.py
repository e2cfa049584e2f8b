# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the edges see in one tick: the kernel's counters and all around them. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from esimshaper.core.model.counts import NOTHING, Budget, Counters, Event, Reason
from esimshaper.core.model.happenings import Told
from esimshaper.core.model.identity import (
    ACCOUNT_UNATTRIBUTED,
    FIRST_CLIENT_ACCOUNT,
    Account,
    ClientKey,
    Lease,
    Neighbour,
)
from esimshaper.core.model.modems import Modem
from esimshaper.core.model.service_policies import Refused
from esimshaper.core.model.service_sets import Pool
from esimshaper.core.model.services import ServiceCounts
from esimshaper.core.model.uplink import UplinkCounters


@dataclass(frozen=True, slots=True)
class Table:
    """How full a kernel map is."""

    name: str
    entries: int
    max_entries: int


@dataclass(frozen=True, slots=True)
class Tunnels:
    """Absolute counts of the router's tunnels.

    outer: packets of the tunnels on the WAN, which is what is billed. inner: what each account claims of that, by what
    it sent and got inside.
    """

    outer: Counters = field(default_factory=Counters)
    inner: Mapping[Account, Counters] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moves:
    """Downloads that the LAN saw go to another account than the WAN charged: what an account got, and gave, so far.

    strayed: bytes of `given` that belong to flows of that account. No honest device lets them go astray.
    strayed_to: the account that got such bytes last.
    """

    got: Counters = NOTHING
    given: Counters = NOTHING
    strayed: int = 0
    strayed_to: Account = ACCOUNT_UNATTRIBUTED


NO_MOVES = Moves()

ByUplink = Mapping[str, Mapping[Account, Counters]]
"""By name of the uplink."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All kernel counters at one moment, at `boottime` (CLOCK_BOOTTIME in seconds).

    `epoch` is a random number made with the maps: counters of two readings are comparable only within one epoch.
    """

    # field             of which accounts                what
    # accounts          clients                          billed bytes, without those of tunnels
    # budgets           clients, groups, everyone        counted against limits, with the claims inside tunnels (inner)
    # owners            clients and pseudo-clients       whose account it is; all that are in use
    # groups, everyone  groups; everyone                 their accounts
    # free              no client's yet                  those that the next new clients will get, in this order
    # wasted            clients                          bytes that were billed, then dropped by a block
    # announced         clients, groups, everyone        the count at which a packet last went past a limit
    # queued            clients, groups, everyone        bytes of uploads that were given to a tc class of the account
    # tunnels_account   that of packets of tunnels       their billed bytes are tunnels.outer
    # reserve_account   no client's, and none of the map  its budget is what passed in spite of a block
    # moves             clients that got or gave any     what the LAN saw go elsewhere: in budgets, not in accounts
    # services          clients                          by number of a service: its bytes on the WAN and claimed inside
    #                                                    tunnels; empty where services are not counted
    # by_uplink         clients, and tunnels_account     billed bytes at each of several uplinks, as charged: the sum
    #                                                    is accounts, and tunnels.outer; empty where there is one
    # scopes            -                                by the key of a Scope: how much higher the numbers of its
    #                                                    accounts are, which budgets and announced have as well
    # pools             of quotas by service             whose they are; the same object while none is given or freed
    # refused           clients                          by number of a service: what was dropped by a block of it, or
    #                                                    of a pool; of clients that have, or had, such a limit

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
    moves: Mapping[Account, Moves] = field(default_factory=dict)
    reserve_account: Account = ACCOUNT_UNATTRIBUTED
    services: ServiceCounts = field(default_factory=dict)
    service_names: Mapping[int, str] = field(default_factory=dict)
    by_uplink: ByUplink = field(default_factory=dict)
    scopes: Mapping[str, int] = field(default_factory=dict)
    pools: Mapping[Account, Pool] = field(default_factory=dict)
    refused: Refused = field(default_factory=dict)

    @property
    def strayed(self) -> Mapping[Account, int]:
        """Bytes that belong to flows of an account, and that another one got."""
        return {account: moved.strayed for account, moved in self.moves.items() if moved.strayed}

    @property
    def clients(self) -> list[Account]:
        """Accounts of clients that are no pseudo-clients."""
        return [account for account in self.owners if account >= FIRST_CLIENT_ACCOUNT]


class Hook(Enum):
    """Where a program of ours may be attached."""

    LAN_INGRESS = "lan_ingress"
    LAN_EGRESS = "lan_egress"
    WAN_INGRESS = "wan_ingress"
    WAN_EGRESS = "wan_egress"
    TUNNEL_INGRESS = "tunnel_ingress"
    TUNNEL_EGRESS = "tunnel_egress"
    SERVER_INGRESS = "server_ingress"
    SERVER_EGRESS = "server_egress"
    TRANSLATOR_INGRESS = "translator_ingress"
    TRANSLATOR_EGRESS = "translator_egress"


@dataclass(frozen=True, slots=True)
class Attachment:
    """Whether the program of one hook sits on an interface; `problem` says for people why it does not, or not first.

    `index` is the kernel's number of the interface (one that is made anew has another), 0 where there is none.
    """

    interface: str
    hook: Hook
    attached: bool
    problem: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class ClassCounters:
    """IP-layer bytes and packets of uploads that the tc classes of an account have sent since they were made.

    backlog: bytes that wait in them. link: number of the interface, which is another when a modem comes back.
    """

    link: int = 0
    bytes: int = 0
    packets: int = 0
    backlog: int = 0


@dataclass(frozen=True, slots=True)
class Detour:
    """Interfaces by which devices reach the Internet and that are not counted, and what that means, as a sentence.

    has_way: devices have any way there at all.
    """

    interfaces: tuple[str, ...] = ()
    sentence: str = ""
    has_way: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """The observations of all edges for one tick. `clock_trusted`: the wall clock is synchronised.

    hardware_clock: what the clock with a battery says, in Unix seconds; None without one.

    sent: read after the reading, of accounts whose set of classes has not changed since the last tick; None if unknown.
    members: by account of a group, or of everyone, the clients with a class of their own in it since the last tick.
    uplink: of uplinks without classes of ours, read after the reading; None while nothing can be compared there.
    told: messages of the daemon since the last tick. modems: those that ModemManager has; empty without it.
    """

    reading: Reading
    attachments: tuple[Attachment, ...] = ()
    leases: tuple[Lease, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    clock_trusted: bool = True
    sent: Mapping[Account, ClassCounters] | None = None
    members: Mapping[Account, frozenset[Account]] = field(default_factory=dict)
    uplink: UplinkCounters | None = None
    hardware_clock: float | None = None
    detour: Detour = field(default_factory=Detour)
    told: tuple[Told, ...] = ()
    modems: tuple[Modem, ...] = ()
