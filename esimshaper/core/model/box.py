# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of `doctor`: what esimshaper.edge.probe sees, and what esimshaper.core.diagnosis says of it.

Pure: values only. A fact that is None could not be found out; `BoxFacts.unknown` then says why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.errors import Failure
from esimshaper.core.model.kernel import DEFAULT_MARK_MASK


@dataclass(frozen=True, slots=True)
class Privileges:
    """Of the process that asks: its effective capabilities, in names like CAP_BPF."""

    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Directory:
    """`path` may not exist yet; then the rest is that of the nearest parent. `volatile`: in memory only."""

    path: str
    exists: bool
    writable: bool
    free_bytes: int
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class Bpffs:
    """The place of the pins."""

    path: str
    mounted: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class Compiler:
    """Debian's bcc in the interpreter at `python`. `detail` says why it cannot be used, and is empty if it can."""

    python: str
    version: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """Unix time in seconds, whether the kernel believes that somebody sets the clock right (adjtimex), and whether
    there is a hardware clock that goes on while the box is off.
    """

    unix: float
    synchronised: bool
    hardware: bool = True


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface. `type` is ARPHRD_*, `kind` that of rtnetlink (bridge, wireguard), often empty.

    offloads: hw-tc-offload is on, so the card may do what tc filters say by itself. root: kind of a root qdisc that
    somebody chose; empty for the kernel's own choice and for ours. base: number of the interface that a VLAN or macvlan
    is made on.
    """

    index: int
    name: str
    type: int
    kind: str = ""
    up: bool = True
    master: int = 0
    xdp: bool = False
    offloads: bool = False
    root: str = ""
    base: int = 0


@dataclass(frozen=True, slots=True)
class TcFilter:
    """A tc filter, maybe ours. Low priorities run first; 0 stands for tcx. `name` is the label of a program."""

    interface: str
    direction: str
    priority: int
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Flowtable:
    """An nft flowtable; `hardware`: with `flags offload`, so that packets may never reach the processor."""

    name: str
    hardware: bool


class MarkAccess(Enum):
    """What somebody else does with the packet mark. UNREADABLE: an xtables rule whose bits cannot be listed."""

    WRITES = "writes"
    READS = "reads"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class MarkUse:
    """`where` names the rule for people; `bits` are those that it changes or compares."""

    where: str
    access: MarkAccess
    bits: int


@dataclass(frozen=True, slots=True)
class LeaseFile:
    """`problem` is empty if the file can be read."""

    path: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of the configuration that the box has to fit. shapes: something is to be slowed down (a throttle quota,
    or a rate of the link). blocks: some quota ends in a block. replaces_qdisc: wan.replace_qdisc. files: where it is;
    certificates: those that metrics.tls names.
    """

    wan: str
    lans: tuple[str, ...]
    leases: tuple[str, ...] = ()
    mark_mask: int = DEFAULT_MARK_MASK
    shapes: bool = False
    blocks: bool = False
    replaces_qdisc: bool = False
    files: tuple[str, ...] = ()
    tunnels: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()


class Feature(Enum):
    """What limits need of the kernel beside the meter; the value is its name for people."""

    HTB = "the queueing discipline htb"
    TBF = "the queueing discipline tbf"
    FQ_CODEL = "the queueing discipline fq_codel"
    IFB = "the network device ifb"
    REDIRECT = "the tc filter u32 with the action mirred"
    REJECT = "nftables with sets and reject"


@dataclass(frozen=True, slots=True)
class Service:
    """The systemd unit, in systemctl's words: `loaded` or `not-found`, `enabled`, `active`, `success`, and its user."""

    load: str
    enabled: str
    active: str
    result: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """What the daemon says of itself. detached, problems: sentences. events: bytes by name of a Reason."""

    version: str
    detached: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BoxFacts:
    """Everything that was looked at. `wanted`, and all about the network but nft, is None without a configuration.

    version: this program's. daemon: whether somebody accepts connections at its socket, `running` what it said, if we
    may ask. service: None without systemd. may_ask: whether this user may ask the daemon, going by its group.
    unreadable: files of the configuration, leases and certificates that the user of the service may not read; only root
    finds out.
    missing_features: what limits need and the kernel has not. `mark_uses` are rules of nft, `rules` those of `ip rule`.
    forwarding: whether the router forwards IPv4 at all.
    """

    wanted: Wanted | None = None
    privileges: Privileges | None = None
    kernel: str | None = None
    failures: tuple[Failure, ...] | None = None
    bpffs: Bpffs | None = None
    compiler: Compiler | None = None
    libbpf: str | Failure | None = None
    jit: bool | None = None
    libraries: Mapping[str, str] | None = None
    clock: Clock | None = None
    state: Directory | None = None
    version: str = ""
    daemon_listens: bool | None = None
    daemon_status: DaemonStatus | None = None
    service: Service | None = None
    may_ask: bool | None = None
    unreadable: tuple[str, ...] | None = None
    missing_features: frozenset[Feature] | None = None
    forwarding: bool | None = None
    interfaces: tuple[Interface, ...] | None = None
    ingress_qdiscs: tuple[str, ...] | None = None
    filters: tuple[TcFilter, ...] | None = None
    default_routes: tuple[str, ...] | None = None
    flowtables: tuple[Flowtable, ...] | None = None
    mark_uses: tuple[MarkUse, ...] | None = None
    rules: tuple[MarkUse, ...] | None = None
    leases: tuple[LeaseFile, ...] | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One kind of traffic in the self-test, over one kind of link, as IP-layer bytes and packets.

    least: what was sent for certain, going by payload. billed: what crossed the link, counted at its far end.
    counted: what our programs booked to the client who caused it. strayed: what they booked to nobody.
    """

    link: str
    what: str
    least: Counters
    billed: Counters
    counted: Counters
    strayed: Counters = field(default_factory=Counters)


@dataclass(frozen=True, slots=True)
class LimitTrial:
    """A limit in the self-test: how many bytes it allowed, in packets of `packet` bytes, and how many got through."""

    link: str
    what: str
    limit: int
    packet: int
    passed: int


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What came of it. trouble: (sentence, hint) if it could not be run to its end."""

    exchanges: tuple[Exchange, ...] = ()
    limit_trials: tuple[LimitTrial, ...] = ()
    failure: Failure | None = None
    trouble: tuple[str, str] | None = None


class Severity(Enum):
    """How bad a finding is. Only a PROBLEM keeps the box from metering truthfully."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: name of the check, how bad, the consequence in plain words, what to do (may be empty)."""

    check: str
    severity: Severity
    sentence: str
    hint: str = ""

    @classmethod
    def ok(cls, check: str, sentence: str) -> "Finding":
        return cls(check, Severity.OK, sentence)

    @classmethod
    def note(cls, check: str, sentence: str, hint: str = "") -> "Finding":
        return cls(check, Severity.NOTE, sentence, hint)

    @classmethod
    def warning(cls, check: str, sentence: str, hint: str = "") -> "Finding":
        return cls(check, Severity.WARNING, sentence, hint)

    @classmethod
    def problem(cls, check: str, sentence: str, hint: str = "") -> "Finding":
        return cls(check, Severity.PROBLEM, sentence, hint)


Findings = Iterator[Finding]
