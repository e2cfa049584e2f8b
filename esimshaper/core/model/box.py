# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of `doctor`: facts that esimshaper.edge.probe finds out, and findings of esimshaper.core.diagnosis.

Pure: values only. A fact that is None could not be found out, and `BoxFacts.unknown` has the reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from esimshaper.core.model.channels import NOBODY_TOLD, NoticeSettings
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.errors import Failure
from esimshaper.core.model.kernel import NO_MARK
from esimshaper.core.model.modems import ModemsReport
from esimshaper.core.model.names_report import NamesReport
from esimshaper.core.model.notify_facts import NotifyFacts
from esimshaper.core.model.page_facts import PageFacts, PageWanted
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.resolver_facts import ResolverFacts
from esimshaper.core.model.withholding import NOTHING_SAVED, SaverSettings


@dataclass(frozen=True, slots=True)
class Privileges:
    """The effective capabilities of the process that runs `doctor`, in names like CAP_BPF."""

    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory, or if it does not exist yet, its nearest parent that does. `volatile`: it is in memory only."""

    path: str
    exists: bool
    writable: bool
    free_bytes: int
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class Bpffs:
    """The directory where maps and programs are pinned."""

    path: str
    mounted: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class Compiler:
    """Debian's bcc in the interpreter at `python`. `detail` has the error if bcc cannot be used, and else is empty."""

    python: str
    version: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """The Unix time of the box. `synchronised` is the kernel's opinion (adjtimex).

    hardware: there is a clock that goes on while the box is off.
    """

    unix: float
    synchronised: bool
    hardware: bool = True


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface. `type` is ARPHRD_*, `kind` that of rtnetlink (bridge, wireguard), often empty.

    offloads: hw-tc-offload is on, so the card may execute tc filters itself.
    root: kind of a root qdisc that another program chose; empty for the kernel's own choice and for ours.
    queue: kind of the root qdisc, whoever chose it.
    base: number of the interface below a VLAN or macvlan.
    other_names: alternative names (`altname` of `ip link`).
    program: the one behind a tun or tap interface; empty where there is none, or root alone could find out.
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
    other_names: tuple[str, ...] = ()
    program: str = ""
    queue: str = ""


@dataclass(frozen=True, slots=True)
class TcFilter:
    """A tc filter, maybe ours. Low priorities run first; 0 stands for tcx. `name` is the label of a BPF program."""

    interface: str
    direction: str
    priority: int
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Flowtable:
    """An nft flowtable. `hardware`: it has `flags offload`, so packets may never reach the processor.

    devices: names of the interfaces at which it takes packets in.
    """

    name: str
    hardware: bool
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ipsec:
    """`policies`: how many there are for what leaves. early: modules are loaded that unpack ESP before tc sees it."""

    policies: int
    early: bool = False


class MarkAccess(Enum):
    """What a rule of another program does with the packet mark. UNREADABLE: xtables does not show which bits."""

    WRITES = "writes"
    READS = "reads"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class MarkUse:
    """A rule of another program that changes or compares `bits` of the packet mark. `where` names it for people."""

    where: str
    access: MarkAccess
    bits: int


@dataclass(frozen=True, slots=True)
class LeaseFile:
    """A lease file of lan.leases. `problem` is empty if the file can be read.

    format: the name of the DHCP server that writes such files; empty for a file that is none of those we know.
    """

    path: str
    problem: str = ""
    size: int = 0  # bytes
    format: str = ""
    leases: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of the configuration that the box has to fit. `files` are those of the configuration itself.

    shapes: some quota throttles, the link has a rate, or a plan gets slow. blocks: some quota blocks.
    shared_ports: tunnels by a port that other programs use, and that port, where no protocol and peer are named.
    replaces_qdisc: wan.replace_qdisc. certificates: the files of metrics.tls. names: services.names.
    Interfaces have the kernel's names here. written: how the configuration calls one, where that is another name.
    other_uplinks: those beside `wan` that fit its pattern. stacked: those that do and are counted at another: where,
    and why. unbilled: wan.unbilled. detour: the sentence of a Detour. uplinks: their names.
    found_by: who has named `wan`, where the configuration does not. scopes: what quotas look at, where they name that.
    own: addresses of this router at the LAN.
    """

    wan: str
    lans: tuple[str, ...]
    leases: tuple[str, ...] = ()
    mark_mask: int = NO_MARK
    shapes: bool = False
    blocks: bool = False
    replaces_qdisc: bool = False
    files: tuple[str, ...] = ()
    tunnels: tuple[str, ...] = ()
    shared_ports: tuple[tuple[str, int], ...] = ()
    certificates: tuple[str, ...] = ()
    names: bool = False
    written: Mapping[str, str] = field(default_factory=dict)
    other_uplinks: tuple[str, ...] = ()
    stacked: Mapping[str, str] = field(default_factory=dict)
    unbilled: tuple[str, ...] = ()
    detour: str = ""
    found_by: str = ""
    uplinks: tuple[str, ...] = ()
    plans: tuple[Plan, ...] = ()
    scopes: Mapping[str, str] = field(default_factory=dict)
    page: PageWanted | None = None
    notices: NoticeSettings = NOBODY_TOLD
    saver: SaverSettings = NOTHING_SAVED
    own: tuple[str, ...] = ()

    def called(self, name: str) -> str:
        """An interface by the kernel's name, and by that of the configuration beside it."""
        return f"{name} ({self.written[name]})" if name in self.written else name


class Feature(Enum):
    """Parts of the kernel that limits need beside the meter; the value is a name for people."""

    HTB = "the queueing discipline htb"
    TBF = "the queueing discipline tbf"
    FQ_CODEL = "the queueing discipline fq_codel"
    IFB = "the network device ifb"
    REDIRECT = "the tc filter u32 with the action mirred"
    REJECT = "nftables with sets and reject"


@dataclass(frozen=True, slots=True)
class Service:
    """The systemd unit, in systemctl's words: `loaded` or `not-found`, `enabled`, `active`, `success`, and its user.

    status: the exit status of its last process. said: the last line that it wrote before it failed.
    """

    load: str
    enabled: str
    active: str
    result: str = ""
    user: str = ""
    status: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class SimStatus:
    """The plan of a SIM, empty for none; bytes by the modem's own count, and by ours, of the same time."""

    plan: str = ""
    counted: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """What the daemon reports of itself. `detached` and `problems`: sentences. `events`: bytes by name of a Reason.

    remotes: bytes of its largest flows, by the address of the far end. accepted: false after a refused reload.
    services: of today all bytes, those without a name and those that are hidden; None where nobody asks.
    sims: what it says of the SIM in a modem, by the modem's interface. lists: what is wrong with block lists, in
    sentences. refused: names that DNS refuses; None where dnsmasq is left alone. refused_percent:
    of the answers of DNS within the last hour.
    """

    version: str
    detached: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)
    remotes: Mapping[str, int] = field(default_factory=dict)
    accepted: bool = True
    services: tuple[int, int, int] | None = None
    sims: Mapping[str, SimStatus] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    refused: int | None = None
    refused_percent: int | None = None


@dataclass(frozen=True, slots=True)
class BoxFacts:
    """The results of all probes. Without a configuration `wanted`, and all about the network but nft, is None."""

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
    version: str = ""  # of this program
    daemon_listens: bool | None = None  # a process accepts connections at the daemon's socket
    daemon_status: DaemonStatus | None = None  # None if no daemon runs, or this user may not ask it
    service: Service | None = None  # None without systemd
    may_ask: bool | None = None  # this user is in the group that may ask the daemon; None without such a group
    unreadable: tuple[str, ...] | None = None  # files that the user of the service may not read; only root finds out
    missing_features: frozenset[Feature] | None = None
    forwarding: bool | None = None  # of IPv4
    interfaces: tuple[Interface, ...] | None = None
    ingress_qdiscs: tuple[str, ...] | None = None
    filters: tuple[TcFilter, ...] | None = None
    default_routes: tuple[str, ...] | None = None
    gateways: tuple[str, ...] | None = None  # addresses of the next hops of default routes by the WAN
    private_lans: tuple[str, ...] | None = None  # those of the LAN that have a private IPv4 address
    source_nat: bool | None = None  # some rule gives what leaves the address of the router
    shaper_files: tuple[str, ...] | None = None  # configurations of other traffic shapers for the WAN
    flowtables: tuple[Flowtable, ...] | None = None
    ipsec: Ipsec | None = None
    mark_uses: tuple[MarkUse, ...] | None = None  # rules of nft
    legacy_mark_uses: tuple[MarkUse, ...] | None = None  # rules of iptables-legacy, which nft does not show
    translator_modules: tuple[str, ...] | None = None  # kernel modules that translate between IPv4 and IPv6
    proxies: tuple[str, ...] | None = None  # rules that turn connections of devices round to a program here
    proxy_programs: tuple[str, ...] | None = None  # programs that are known as proxies, and run here
    rules: tuple[MarkUse, ...] | None = None  # rules of `ip rule`
    names: NamesReport | None = None  # None where no process names what bytes are for
    modems: ModemsReport | None = None  # None where no process watches modems
    metered_hints: tuple[str, ...] | None = None  # configurations by which DHCP calls the link metered
    resolver: ResolverFacts | None = None
    page: PageFacts | None = None
    notify: NotifyFacts | None = None
    leases: tuple[LeaseFile, ...] | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)  # why a fact is None, by the name of its check


@dataclass(frozen=True, slots=True)
class Exchange:
    """One kind of traffic in the self-test, over one kind of link, as IP-layer bytes and packets.

    least: the least that the payload comes to. billed: packets that crossed the link, counted at its far end.
    counted: packets that our programs booked to the client. unattributed: packets that they booked to `unattributed`.
    """

    link: str
    what: str
    least: Counters
    billed: Counters
    counted: Counters
    unattributed: Counters = field(default_factory=Counters)


@dataclass(frozen=True, slots=True)
class LimitTrial:
    """A limit in the self-test. It allows `limit` bytes; `passed` bytes got through, in packets of `packet` bytes."""

    link: str
    what: str
    limit: int
    packet: int
    passed: int


@dataclass(frozen=True, slots=True)
class NameTrial:
    """A conversation in the self-test whose hello names a service: bytes that it used, and those under that name."""

    link: str
    what: str
    used: int
    named: int


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The results of a self-test. `trouble` is a sentence and a hint if it could not be completed."""

    exchanges: tuple[Exchange, ...] = ()
    limit_trials: tuple[LimitTrial, ...] = ()
    name_trials: tuple[NameTrial, ...] = ()
    failure: Failure | None = None
    trouble: tuple[str, str] | None = None


class Severity(Enum):
    """How bad a finding is. Only with a PROBLEM the box cannot meter truthfully."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`. `sentence` has the consequence in plain words, `hint` what to do; it may be empty."""

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
