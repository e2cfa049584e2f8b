# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's wishes as values: a tree of plain values goes in, Settings or all Problems with it come out. Pure.

Shapes, defaults and help texts are in esimshaper.schema.json; edge/settings_file/ holds the tree against it. What is
here is what a schema cannot say: what one value means for another, and what a text must mean.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from enum import StrEnum
from typing import Any

from esimshaper.core.model.identity import BUILT_IN_CLIENTS, ClientKey
from esimshaper.core.model.limits import Quota
from esimshaper.core.model.units import parse_rate
from esimshaper.core.settings.problem import Path, Problem
from esimshaper.core.settings.quotas import (
    Known,
    group_problems,
    parse_subject,
    quota_problems,
    quotas_from,
    rate_problem,
    zone_problem,
)

__all__ = [
    "Client", "Known", "Lan", "Listen", "Meter", "Metrics", "OnFailure", "Path", "Problem", "Settings", "Tls", "Tunnel",
    "Wan", "find_problems", "fits", "mask_capacity", "parse_listen", "parse_mac", "parse_subject", "settings_from",
    "with_uplink",
]  # fmt: skip

MAX_CLIENTS = 1024
"""How many clients are told apart when neither the file nor the mark mask says less."""

_MAC = re.compile("([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A VPN of the router, whose packets on the uplink are UDP or TCP with this port on either side."""

    interface: str
    port: int


@dataclass(frozen=True, slots=True)
class Wan:
    """The uplink; `interface` need not exist yet. What the link carries in bit/s, None where it is not said.

    pattern: what was written if it ends in `*`, else empty. Then `interface` is the one that is meant now, or was
    last, at first the pattern itself; `others` fit as well, and what passes them is counted too.

    replace_qdisc: a root qdisc of somebody else on the uplink may be replaced.
    """

    interface: str
    download: int | None = None
    upload: int | None = None
    replace_qdisc: bool = False
    tunnels: tuple[Tunnel, ...] = ()
    pattern: str = ""
    others: tuple[str, ...] = ()

    @property
    def written(self) -> str:
        """As a person wrote it, which nft understands as well."""
        return self.pattern or self.interface


@dataclass(frozen=True, slots=True)
class Lan:
    """The side of the clients. `leases` are paths of lease files in dnsmasq's format.

    `mark_mask` is one run of at least 2 bits of the 32 of a packet's mark; the account's number stands in them.
    """

    interfaces: tuple[str, ...]
    leases: tuple[str, ...]
    mark_mask: int


@dataclass(frozen=True, slots=True)
class Client:
    """A name for people. `mac` is in lower case with colons; `group` is empty for none."""

    name: str
    mac: ClientKey
    group: str = ""


@dataclass(frozen=True, slots=True)
class Listen:
    """An IP address, without brackets, and a TCP port."""

    address: str
    port: int

    @property
    def is_local(self) -> bool:
        """Only this box can reach it."""
        return ipaddress.ip_address(self.address).is_loopback


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files. With `client_ca` only who shows a certificate that it signed is served; empty for anybody."""

    certificate: str
    key: str
    client_ca: str = ""

    def __str__(self) -> str:
        return f"certificate {self.certificate}, key {self.key}, client_ca {self.client_ca or 'none'}"


@dataclass(frozen=True, slots=True)
class Metrics:
    """What Prometheus reads, and where; without `tls` everybody on the way can read it too."""

    listen: Listen
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """Room in the kernel part. `max_clients` leaves out the built-in ones; the mark mask can number them all."""

    max_clients: int
    max_flows: int

    @property
    def max_accounts(self) -> int:
        """Entries of the map `accounts`: the clients and the built-in ones."""
        return self.max_clients + len(BUILT_IN_CLIENTS)


class OnFailure(StrEnum):
    """What becomes of forwarded traffic while nothing counts it: it passes, or is refused."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Settings:
    """All of /etc/esimshaper/esimshaper.yaml and its conf.d. `timezone` is an IANA name that this box knows."""

    wan: Wan
    lan: Lan
    timezone: str
    clients: tuple[Client, ...]
    metrics: Metrics
    meter: Meter
    quotas: tuple[Quota, ...] = ()
    on_failure: OnFailure = OnFailure.OPEN

    @property
    def as_written(self) -> "Settings":
        """Without what was found out of the uplink."""
        return replace(self, wan=replace(self.wan, interface=self.wan.written, pattern="", others=()))

    @property
    def known(self) -> Known:
        """Whom a quota or a command may name."""
        groups = {client.group for client in self.clients if client.group}
        return Known({client.name: client.mac for client in self.clients}, groups)


def find_problems(tree: Mapping[str, Any], zone: Callable[[str], tzinfo | None]) -> tuple[Problem, ...]:
    """Everything that is wrong in `tree` beyond the schema.

    Each value in `tree` is as the schema wants it; a missing one (in a list: None) is not judged, so that the rest
    can be.
    `zone` gives the rules for the name of a time zone, None where this box has none.
    """
    clients, wan = tree.get("clients", ()), tree.get("wan", {})
    return (
        *_interface_problems(tree),
        *rate_problem(("wan",), wan, "download"),
        *rate_problem(("wan",), wan, "upload"),
        *_mask_problems(tree),
        *_client_problems(clients),
        *group_problems(clients),
        *(zone_problem(("timezone",), tree["timezone"], zone) if "timezone" in tree else ()),
        *quota_problems(tree, zone),
        *_listen_problems(tree),
    )


def settings_from(tree: Mapping[str, Any], zone: Callable[[str], tzinfo]) -> Settings:
    """Turns a complete `tree` without problems into values."""
    lan, meter = tree["lan"], tree["meter"]
    mask = int(lan["mark_mask"])
    address, port = parse_listen(tree["metrics"]["listen"])
    settings = Settings(
        wan=_wan(tree["wan"]),
        lan=Lan(interfaces=tuple(lan["interfaces"]), leases=tuple(lan["leases"]), mark_mask=mask),
        timezone=tree["timezone"],
        clients=tuple(Client(each["name"], parse_mac(each["mac"]), each.get("group", "")) for each in tree["clients"]),
        metrics=Metrics(Listen(address, port), Tls(**tree["metrics"]["tls"]) if "tls" in tree["metrics"] else None),
        meter=Meter(
            max_clients=int(meter.get("max_clients", min(MAX_CLIENTS, mask_capacity(mask)))),
            max_flows=int(meter["max_flows"]),
        ),
        on_failure=OnFailure(tree["on_failure"]),
    )
    return replace(settings, quotas=quotas_from(tree, settings.known, zone))


def _wan(wan: Mapping[str, Any]) -> Wan:
    download, upload = (parse_rate(wan[key]) if key in wan else None for key in ("download", "upload"))
    tunnels = tuple(Tunnel(each["interface"], int(each["port"])) for each in wan.get("tunnels", ()))
    pattern = wan["interface"] if wan["interface"].endswith("*") else ""
    return Wan(wan["interface"], download, upload, wan["replace_qdisc"], tunnels, pattern)


def with_uplink(settings: Settings, present: Sequence[str]) -> Settings:
    """`settings` for what fits the pattern of the uplink now, best first. The same object if nothing is another."""
    wan = settings.wan
    if not wan.pattern:
        return settings
    found = replace(wan, interface=present[0] if present else wan.interface, others=tuple(sorted(present[1:])))
    return settings if found == wan else replace(settings, wan=found)


def fits(name: str, written: str) -> bool:
    """Whether an interface is one that is meant by a name, or by the beginning of a name and `*`."""
    return name.startswith(written[:-1]) if written.endswith("*") else name == written


def mask_capacity(mask: int) -> int:
    """How many clients the bits of a mark mask can number beside the built-in ones.

    Raises ValueError unless `mask` is one run of at least 2 bits: an account is shifted into it as a whole.
    """
    run = mask // (mask & -mask) if mask else 0
    if run & (run + 1):
        raise ValueError("the bits are not in one piece")
    if run < 3:
        raise ValueError("fewer than 2 bits are set")
    return run + 1 - len(BUILT_IN_CLIENTS)


def parse_mac(text: str) -> ClientKey:
    """A MAC address in lower case with colons, from one of either case, with colons or dashes.

    Raises ValueError for anything else, and for addresses that no device can send from (IEEE 802: group bit, zero).
    """
    if not _MAC.fullmatch(text):
        raise ValueError(f"`{text}` is not a MAC address")
    pairs = text.replace("-", ":").lower().split(":")
    if int(pairs[0], 16) & 1:
        raise ValueError(f"`{text}` is the address of a group, not of one device")
    if set(pairs) == {"00"}:
        raise ValueError(f"`{text}` is the empty address, not that of a device")
    return ClientKey(":".join(pairs))


def parse_listen(text: str) -> tuple[str, int]:
    """IP address and port, from `127.0.0.1:19473` or `[::1]:19473`. Raises ValueError for anything else."""
    host, _, port = text.rpartition(":")
    address = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        raise ValueError(f"`{text}` is not an IP address and a port") from None
    if (version == 6) != (address != host):
        raise ValueError(f"`{text}` needs brackets around an IPv6 address, and only there")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ValueError(f"`{text}` does not end in a port from 1 to 65535")
    return address, int(port)


def _interface_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    wan, lans = tree.get("wan", {}), tree.get("lan", {}).get("interfaces", ())
    uplink = wan.get("interface") or ""
    if "*" in uplink[:-1] or uplink == "*":
        message = f"`{uplink}` does not name an uplink"
        yield Problem(("wan", "interface"), message, "A `*` may stand at the end only: wwan* for wwan0, wwan1 ...")
    seen: set[str] = set()
    for position, name in enumerate(lans):
        yield from _side_problems(("lan", "interfaces", position), name, wan.get("interface"), seen)
    for position, tunnel in enumerate(wan.get("tunnels", ())):
        path = ("wan", "tunnels", position, "interface")
        yield from _side_problems(path, (tunnel or {}).get("interface"), wan.get("interface"), seen)


def _side_problems(path: Path, name: str | None, wan: str | None, seen: set[str]) -> Iterator[Problem]:
    """What is wrong with naming this interface here; `seen` are the others, and then this one."""
    if name is None:
        return
    if "*" in name:
        yield Problem(path, f"`{name}` is not one interface", "Name each interface.")
    if wan and fits(name, wan):
        yield Problem(path, f"`{name}` is the uplink (wan.interface)", "An interface is on one side only.")
    if name in seen:
        yield Problem(path, f"`{name}` is listed twice", "Remove one of the two.")
    seen.add(name)


def _mask_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    mask = tree.get("lan", {}).get("mark_mask")
    wanted = tree.get("meter", {}).get("max_clients")
    if mask is None:
        return
    try:
        capacity = mask_capacity(int(mask))
    except ValueError as error:
        hint = "At least 2 bits in one piece are needed, for example 0xff000000 (253 clients) or 0xfff00000 (4093)."
        yield Problem(("lan", "mark_mask"), f"`{int(mask):#010x}` cannot number clients: {error}", hint)
        return
    if wanted is not None and wanted > capacity:
        message = f"{int(wanted)} clients do not fit into lan.mark_mask {int(mask):#010x}, which can number {capacity}"
        bits = (int(wanted) + len(BUILT_IN_CLIENTS) - 1).bit_length()
        hint = f"Set max_clients to {capacity} or less, or give the mask {bits} bits."
        yield Problem(("meter", "max_clients"), message, hint)
    room = capacity if wanted is None else min(int(wanted), capacity)
    clients = tree.get("clients", ())
    if len(clients) > room:
        message = f"{len(clients)} clients are named, but only {room} can be told apart"
        hint = "Give lan.mark_mask more bits, and raise meter.max_clients where it is set."
        yield Problem(("clients", room), message, hint)


def _client_problems(clients: Sequence[Mapping[str, Any] | None]) -> Iterator[Problem]:
    names: set[str] = set()
    owners: dict[ClientKey, str] = {}
    for position, client in enumerate(clients):
        if client is None:
            continue
        if (name := client.get("name")) is not None:
            path = ("clients", position, "name")
            if fault := _name_fault(name):
                yield Problem(path, fault, "Choose another name, for example alice-phone.")
            elif name in names:
                yield Problem(path, f"the name `{name}` is used twice", "Give each client a name of its own.")
            names.add(name)
        if (text := client.get("mac")) is not None:
            path = ("clients", position, "mac")
            try:
                mac = parse_mac(text)
            except ValueError as error:
                yield Problem(path, str(error), "`esimshaper clients` shows the addresses of the devices in use.")
                continue
            if mac in owners:
                yield Problem(path, f"`{text}` already belongs to {owners[mac]}", "Keep one name for each device.")
            owners.setdefault(mac, f"`{name}`" if name else "another client")


def _name_fault(name: str) -> str:
    """What keeps `name` from being a client's name beside those that the meter gives itself; empty if nothing."""
    if name in BUILT_IN_CLIENTS:
        return f"`{name}` is the name of a built-in client"
    if not name.isprintable():
        return "the name has invisible characters"
    if _MAC.fullmatch(name) or _is_ip_address(name):
        return f"`{name}` looks like an address, which is what clients without a name are called"
    return ""


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _listen_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    listen = tree.get("metrics", {}).get("listen")
    if listen is None:
        return
    try:
        parse_listen(listen)
    except ValueError as error:
        hint = 'Write it as 127.0.0.1:19473 (this box only), 0.0.0.0:19473 or "[::]:19473" (everyone who can reach it).'
        yield Problem(("metrics", "listen"), str(error), hint)
