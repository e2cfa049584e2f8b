# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary, in the order in which a byte meets it. Pure: no logic beyond adding and subtracting counters.

    packet -> meter (kernel) -> reading -> usage -> ledger -> history, metrics, reports

Bytes are IP-layer bytes as the carrier bills them; packets are those on the wire, after segmentation.
Down is towards the clients (Prometheus: receive), up is towards the carrier (transmit).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum
from typing import NewType

Account = NewType("Account", int)
"""Number of a kernel slot with counters (index of the map `accounts`)."""

ClientKey = NewType("ClientKey", str)
"""Who a client is: its MAC in lower case, an IP address on links without MACs, or a pseudo-client."""

ROUTER = ClientKey("router")
UNATTRIBUTED = ClientKey("unattributed")
OTHERS = ClientKey("others")
"""All devices that no account was left for, as one: held to limits like any device that is not listed."""

# The accounts that are there from the start; the same numbers as in bpf/esimshaper.h.
ACCOUNT_UNATTRIBUTED = Account(0)
ACCOUNT_ROUTER = Account(1)
FIRST_CLIENT_ACCOUNT = Account(2)
PSEUDO_CLIENTS: Mapping[Account, ClientKey] = {ACCOUNT_UNATTRIBUTED: UNATTRIBUTED, ACCOUNT_ROUTER: ROUTER}
PSEUDO_KEYS = frozenset(PSEUDO_CLIENTS.values())
BUILT_IN_CLIENTS = PSEUDO_KEYS | {OTHERS}
"""Clients that are no single device. The account of OTHERS is the last one that a mark can number."""


class Reason(IntEnum):
    """Named early exits and failures of the kernel part: the list REASONS of bpf/esimshaper.h, in its order."""

    NOT_IP = 0
    LOOPED_BACK = 1
    NOT_FOR_US = 2
    WAN_IN_TRUNCATED = 3
    WAN_IN_FLOW_MISSING = 4
    WAN_IN_FRAGMENT_ORPHAN = 5
    WAN_IN_ICMP_ERROR_ORPHAN = 6
    WAN_OUT_UNMARKED = 7
    WAN_OUT_TRUNCATED = 8
    WAN_SEGMENTS_UNKNOWN = 9
    FLOW_NOT_STORED = 10
    FRAGMENT_NOT_STORED = 11
    ADDRESS_NOT_STORED = 12
    UPLOAD_BLOCKED = 13
    DOWNLOAD_BLOCKED = 14
    FLOW_RESET = 15
    LAN_CLIENTS_FULL = 16
    LAN_NO_SOURCE = 17
    ANNOUNCEMENT_LOST = 18
    TUNNEL_UNKNOWN = 19
    PACED = 20

    @property
    def label(self) -> str:
        """As in metrics and tables."""
        return self.name.lower()


UNATTRIBUTED_REASONS = (
    Reason.WAN_IN_TRUNCATED,
    Reason.WAN_IN_FLOW_MISSING,
    Reason.WAN_IN_FRAGMENT_ORPHAN,
    Reason.WAN_IN_ICMP_ERROR_ORPHAN,
    Reason.WAN_OUT_UNMARKED,
)
"""Each byte of the account `unattributed` is counted under exactly one of these."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Bytes and packets in both directions: an absolute count, or the difference of two."""

    down_bytes: int = 0
    up_bytes: int = 0
    down_packets: int = 0
    up_packets: int = 0

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(
            self.down_bytes + other.down_bytes,
            self.up_bytes + other.up_bytes,
            self.down_packets + other.down_packets,
            self.up_packets + other.up_packets,
        )

    def __sub__(self, other: "Counters") -> "Counters":
        return Counters(
            self.down_bytes - other.down_bytes,
            self.up_bytes - other.up_bytes,
            self.down_packets - other.down_packets,
            self.up_packets - other.up_packets,
        )

    def __bool__(self) -> bool:
        return bool(self.down_packets or self.up_packets or self.down_bytes or self.up_bytes)

    @property
    def total_bytes(self) -> int:
        return self.down_bytes + self.up_bytes


NOTHING = Counters()


@dataclass(frozen=True, slots=True)
class Budget:
    """What the kernel compares with limits: absolute counts since the maps were made, one for each Direction.

    Unlike billed bytes it holds an upload only if it was let through; while a packet is being decided on it may hold it
    for a moment more. Differences of budgets, never of billed bytes, are what tallies are made of: so the counter at
    which a limit ends is the same number at every reading.
    """

    both: int = 0
    download: int = 0
    upload: int = 0

    def __add__(self, other: "Budget") -> "Budget":
        return Budget(self.both + other.both, self.download + other.download, self.upload + other.upload)

    def __sub__(self, other: "Budget") -> "Budget":
        return Budget(self.both - other.both, self.download - other.download, self.upload - other.upload)


UNUSED = Budget()


@dataclass(frozen=True, slots=True)
class Event:
    """How often a Reason came up, and the bytes of the packets concerned."""

    packets: int = 0
    bytes: int = 0


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


Usage = Mapping[ClientKey, Counters]
"""What moved between two readings, by client; clients that moved nothing are left out."""


class Protocol(IntEnum):
    """IP protocol numbers that get a name in tables (IANA)."""

    ICMP = 1
    TCP = 6
    UDP = 17
    GRE = 47
    ESP = 50
    ICMPV6 = 58
    SCTP = 132


@dataclass(frozen=True, slots=True)
class Flow:
    """One conversation of a client. Detail only: the kernel may drop the oldest flows, totals do not depend on them.

    `wan_address` and `wan_port` are ours as the carrier sees them; `client_address` and `client_port` are those behind
    the NAT, empty and 0 where they could not be found out. Ports are 0 for protocols without ports; for ping
    `wan_port` is the echo identifier. Ages are in seconds.
    """

    client: ClientKey
    protocol: int
    remote_address: str
    remote_port: int
    wan_address: str
    wan_port: int
    counters: Counters
    age: float
    idle: float
    client_address: str = ""
    client_port: int = 0


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
class Lease:
    """One line of a DHCP server's lease file. `expires` is None for a lease that does not."""

    mac: str
    address: str
    hostname: str
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry of the kernel's neighbour table."""

    mac: str
    address: str
    interface: str


@dataclass(frozen=True, slots=True)
class Sent:
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

    `sent`: read after `reading`; only accounts that have had their classes, ever since the last tick or since packets
    are given to these; None if that is unknown.
    """

    reading: Reading
    attachments: tuple[Attachment, ...] = ()
    leases: tuple[Lease, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    clock_trusted: bool = True
    sent: Mapping[Account, Sent] | None = None


class Resolution(Enum):
    """How finely history is kept; the value is the name in the database, the API and the command line."""

    FIVE_MINUTES = "5min"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """What one client used in one bucket of history. `start` is Unix time in seconds.

    `estimated`: some bytes may stand in the wrong bucket or be missing (a long time unread, or a power cut).
    """

    resolution: Resolution
    start: int
    client: ClientKey
    counters: Counters
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class HistoryPeriod:
    """One bucket of history, summed over clients."""

    start: int
    counters: Counters
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """What people know of a client: `name` is from the configuration, `hostname` from a DHCP lease; both optional."""

    key: ClientKey
    name: str = ""
    hostname: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The label `client` of metrics: the configured name, else the key."""
        return self.name or self.key


@dataclass(frozen=True, slots=True)
class Bucket:
    """Key of what is booked but not yet saved: a client's five minutes. `start` is Unix time in seconds."""

    start: int
    client: ClientKey


@dataclass(frozen=True, slots=True)
class Pending:
    """What moved in one Bucket since the last save."""

    counters: Counters
    estimated: bool = False


class Unusable(Exception):  # noqa: N818 - a word of the vocabulary: what was asked for cannot be done here
    """An expected failure, for people: `message` says what is wrong, `hint` what to do about it (may be empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class MetricType(Enum):
    """The types of Prometheus that are in use; the value is the word of the exposition format."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. `samples` maps the values of `labels`, in their order, to a number, so none appears twice."""

    name: str
    help: str
    type: MetricType
    labels: tuple[str, ...] = ()
    samples: Mapping[tuple[str, ...], float] = field(default_factory=dict)
