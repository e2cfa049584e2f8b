# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings as values, block by block, and what one can ask of them. Pure: values only."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from esimshaper.core.model.approval import Approval
from esimshaper.core.model.channels import NOBODY_TOLD, NoticeSettings
from esimshaper.core.model.decisions import NO_LOW_DATA, LowData, ServiceRule
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, ClientKey
from esimshaper.core.model.limits import Curfew, Network, Quota
from esimshaper.core.model.metrics import ServiceMetrics
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.scope import Scope
from esimshaper.core.model.trips import Trip
from esimshaper.core.model.units import format_endpoint
from esimshaper.core.model.uplinks import ONLY_UPLINK, Uplink
from esimshaper.core.model.watch import NOT_WATCHED, Watch
from esimshaper.core.model.withholding import NOTHING_SAVED, SaverSettings

WEB_PORT = 80
WEB_TLS_PORT = 443
"""Where the page is, if the settings do not say."""

LONGEST_NAME = 15
"""Bytes of the kernel's own name of an interface (IFNAMSIZ without the zero); alternative names may be longer."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What the router makes packets anew in: a VPN or another tunnel, or a translator such as that of 464XLAT.

    port: of a VPN, on either side of its packets on the uplink; 0 for what has none.
    protocol: `udp` or `tcp`, empty for both. peer: the address of the VPN's server, empty for any.
    """

    interface: str
    port: int = 0
    protocol: str = ""
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Stacked:
    """An interface that fits the pattern and has no programs of its own, as its packets are counted at another one."""

    interface: str
    at: str
    why: str  # completes the sentence `it is counted at OTHER, ...`
    index: int = 0  # its number, if packets are routed to it
    port: int = 0  # its number, if it is a port of `at`, whose packets leave by its queue

    def __str__(self) -> str:
        return f"{self.interface} is counted at {self.at}, {self.why}"


@dataclass(frozen=True, slots=True)
class Wan:
    """The side of the carrier. `interface` need not exist yet; `download`, `upload`: what it carries in bit/s, or None.

    pattern: `wan.interface` of the file if it ends in `*` or is AUTO, else empty. found_by: as of Uplink. others: all
    interfaces but `interface` that fit the pattern now, and are counted too, but for those of a stack that are counted
    at another one, `stacked`.
    replace_qdisc: a root qdisc that another program put on the uplink may be replaced. measure: as of Uplink.
    unbilled: networks that end in the modem, written as 192.168.8.0/24; the carrier bills nothing of them.
    name: of the only uplink. listed: where the file has a list, all of it; interface, rates and replace_qdisc are then
    those of the one where traffic is shaped, and others has all further interfaces of all of them.
    """

    interface: str  # where there is a pattern: the interface that fits best now, or fitted last; at first the pattern
    download: int | None = None
    upload: int | None = None
    replace_qdisc: bool = False
    tunnels: tuple[Tunnel, ...] = ()
    pattern: str = ""
    others: tuple[str, ...] = ()
    unbilled: tuple[str, ...] = ()
    stacked: tuple[Stacked, ...] = ()
    name: str = ONLY_UPLINK
    found_by: str = ""
    listed: tuple[Uplink, ...] = ()
    measure: bool = True

    @property
    def written(self) -> str:
        """The interface as the file names it; of a list, all of them."""
        return " ".join(each.interface for each in self.listed) or self.pattern or self.interface

    @property
    def counted_apart(self) -> tuple[str, ...]:
        """The names of the uplinks, sorted, if the kernel part has to tell one from another; else none."""
        needed = len(self.listed) > 1 or any(each.asks or not each.metered for each in self.listed)
        return tuple(sorted(each.name for each in self.listed)) if needed else ()

    @property
    def uplinks(self) -> tuple[Uplink, ...]:
        """Each of them, in the order of the file."""
        only = (self.name, self.written, True, self.download, self.upload, self.replace_qdisc)
        there = (self.interface, *self.others)
        return self.listed or (Uplink(*only, there, self.found_by, measure=self.measure),)

    @property
    def shaped(self) -> str:
        """The name of the uplink where traffic is shaped."""
        return next((each.name for each in self.uplinks if self.interface in each.interfaces), self.uplinks[0].name)


@dataclass(frozen=True, slots=True)
class Lan:
    """The side of the clients. `leases` are paths of lease files of DHCP servers.

    `mark_mask` is one run of at least 2 bits of the 32 of a packet's mark, where the account's number stands as well.
    NO_MARK leaves the mark alone.
    """

    interfaces: tuple[str, ...]
    leases: tuple[str, ...]
    mark_mask: int


@dataclass(frozen=True, slots=True)
class Client:
    """A name for people. `key`: a MAC address in lower case with colons, or an IP address. `group`: empty for none.

    first: it goes before others where the link is full.
    """

    name: str
    key: ClientKey
    group: str = ""
    first: bool = False


@dataclass(frozen=True, slots=True)
class Listen:
    """An IP address, without brackets, and a TCP port."""

    address: str
    port: int

    @property
    def is_local(self) -> bool:
        """Only this box can reach the address."""
        return ipaddress.ip_address(self.address).is_loopback


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files. With `client_ca`, clients must show a certificate that it signed; empty for anybody."""

    certificate: str
    key: str
    client_ca: str = ""

    def __str__(self) -> str:
        return f"certificate {self.certificate}, key {self.key}, client_ca {self.client_ca or 'none'}"


@dataclass(frozen=True, slots=True)
class Metrics:
    """Where Prometheus reads the metrics. Without `tls` they cross the network in the clear."""

    listen: Listen
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Web:
    """The page. listen: empty for port WEB_PORT of each address of the LAN, with `tls` for WEB_TLS_PORT as well.

    names: host names of this router.
    plan: each device sees what is left of the plan, and of limits that it shares with others.
    """

    listen: tuple[Listen, ...] = ()
    names: tuple[str, ...] = ()
    plan: bool = True
    tls: Tls | None = None

    def __str__(self) -> str:
        where = ", ".join(format_endpoint(each.address, each.port) for each in self.listen)
        ports = f"ports {WEB_PORT} and {WEB_TLS_PORT}" if self.tls else f"port {WEB_PORT}"
        return f"on, at {where or f'{ports} of the LAN'}"


@dataclass(frozen=True, slots=True)
class MeterRoom:
    """Room in the kernel part. `max_clients` leaves out the built-in ones; a packet can carry the number of each."""

    max_clients: int
    max_flows: int

    @property
    def max_accounts(self) -> int:
        """Entries of the map `accounts`: the clients and the built-in ones."""
        return self.max_clients + len(BUILT_IN_CLIENTS)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a router that is blocked may still do: `reserve` bytes in each window, and where to.

    reachable: the first half of the reserve is for these, also for devices while everyone is blocked.
    """

    reserve: int
    reachable: tuple[Network, ...] = ()


DEFAULT_UPKEEP = Upkeep(5_000_000)
"""As in the schema."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Whether the kernel part counts bytes by service; without `names` it neither does nor looks what packets hold.

    metrics: which of them Prometheus finds.
    """

    names: bool = True
    metrics: ServiceMetrics = ServiceMetrics.EVERYONE


NAMED = ServiceSettings()


class OnFailure(StrEnum):
    """The fate of forwarded traffic while nothing counts it: OPEN lets it pass, CLOSED refuses it."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Settings:
    """All of /etc/esimshaper/esimshaper.yaml and its conf.d. `timezone` is an IANA name that this box knows.

    devices: the kernel's name of an interface, by the name that these settings call it, where the two differ.
    plans: what carriers have sold. trips: days with a name, for reports. web: None for no page. watch: what counts as
    abnormal use. notices: how people are told. saver: what saves data beyond limits. rules, low_data: what holds for
    services. approval: what waits for the word of the owner; None: nothing.
    """

    wan: Wan
    lan: Lan
    timezone: str
    clients: tuple[Client, ...]
    metrics: Metrics
    meter: MeterRoom
    quotas: tuple[Quota, ...] = ()
    on_failure: OnFailure = OnFailure.OPEN
    router: Upkeep = DEFAULT_UPKEEP
    blocks: tuple[Curfew, ...] = ()
    services: ServiceSettings = NAMED
    devices: Mapping[str, str] = field(default_factory=dict)
    plans: tuple[Plan, ...] = ()
    trips: tuple[Trip, ...] = ()
    web: Web | None = None
    watch: Watch = NOT_WATCHED
    notices: NoticeSettings = NOBODY_TOLD
    saver: SaverSettings = NOTHING_SAVED
    approval: Approval | None = None
    rules: tuple[ServiceRule, ...] = ()
    low_data: LowData = NO_LOW_DATA

    @property
    def as_written(self) -> "Settings":
        """The settings as the files have them, without the interfaces that were found for the names."""
        wan = replace(self.wan, interface=self.wan.written, pattern="", others=(), stacked=(), found_by="")
        if wan.listed:
            listed = tuple(
                replace(each, interfaces=(), found_by="", metered=each.metered or each.asks) for each in wan.listed
            )
            wan = replace(shaped_at(wan, listed[0]), listed=listed)
        return replace(self, wan=wan, devices={})

    @property
    def uplinks(self) -> tuple[Uplink, ...]:
        """Each way to the Internet, in the order of the file."""
        return self.wan.uplinks

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Those of the quotas, each once, sorted."""
        return tuple(sorted({quota.scope for quota in self.quotas if quota.scope}))

    @property
    def counted_apart(self) -> tuple[str, ...]:
        """The names of the uplinks, sorted, if the kernel part has to tell one from another; else none."""
        names = tuple(sorted(each.name for each in self.uplinks))
        return self.wan.counted_apart or (names if self.scopes else ())

    @property
    def in_short(self) -> str:
        """How much of each kind there is: a file or a part that was left out by mistake shows in it."""
        counted = ((len(self.clients), "named client"), (len(self.quotas), "quota"), (len(self.blocks), "block"))
        counted = (*counted, *(((len(self.plans), "plan"),) if self.plans else ()))
        kinds = (f"{number} {what}{'s' * (number != 1)}" for number, what in counted if number or what != "block")
        return ", ".join((f"WAN {self.wan.written}", f"LAN {' '.join(self.lan.interfaces)}", *kinds))

    @property
    def uplink_names(self) -> tuple[str, ...]:
        """The names under which packets leave by an uplink: those that the kernel may have, and nft understands."""
        return self._names_of(self.uplinks)

    @property
    def metered_names(self) -> tuple[str, ...]:
        """The same of those that quotas look at."""
        return self._names_of(each for each in self.uplinks if each.metered)

    @property
    def names_at(self) -> Mapping[str, tuple[str, ...]]:
        """The same of each uplink, by its name."""
        return {each.name: self._names_of((each,)) for each in self.uplinks}

    def _names_of(self, uplinks: Iterable[Uplink]) -> tuple[str, ...]:
        names: list[str] = []
        for each in uplinks:
            names.append(each.interface)
            names += (one for one in map(self.device, each.interfaces[:1]) if not _begins_as(each.pattern, one))
        return _as_in_the_kernel(names)

    def devices_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """The kernel's names of these interfaces, without those that it cannot have: nft would refuse them."""
        return _as_in_the_kernel(map(self.device, names))

    def device(self, name: str) -> str:
        """The kernel's name of the interface that these settings call `name`."""
        return self.devices.get(name, name)


def shaped_at(wan: Wan, uplink: Uplink) -> Wan:
    """`wan`, where traffic is shaped at the best interface of one of its uplinks."""
    interface = next(iter(uplink.interfaces), uplink.interface)
    rates = replace(wan, download=uplink.download, upload=uplink.upload, measure=uplink.measure)
    return replace(rates, interface=interface, replace_qdisc=uplink.replace_qdisc, found_by=uplink.found_by)


def _begins_as(pattern: str, name: str) -> bool:
    return pattern.endswith("*") and name.startswith(pattern[:-1])


def _as_in_the_kernel(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if len(name.encode()) <= LONGEST_NAME))
