# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of services: what the bytes of a conversation were for. Pure: values only."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple

from esimshaper.core.model.identity import Account, ClientKey

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNNAMED = "unnamed"
"""The service of bytes that nobody could name."""

OTHER = "other"
"""The service of bytes whose name is known, and stands in no catalogue."""

HIDDEN = "hidden"
"""The service, and the category, of bytes that a device hides: VPN, relay, encrypted names."""

BUILT_IN = frozenset({UNNAMED, OTHER, HIDDEN})
"""Services that no catalogue defines."""

NUMBER_UNNAMED, NUMBER_HIDDEN, NUMBER_OTHER = 0, 1, 2
"""Numbers of these in the kernel; those of the catalogue's services are given once in the life of its maps."""

TCP, UDP = 6, 17
"""Protocols of IP, by their numbers."""


class How(Enum):
    """How a name or a service is known, by the word of INTERFACES.md."""

    SNI = "sni"
    QUIC = "quic"
    HTTP = "http"
    DNS = "dns"
    ADDRESS = "address"
    PATTERN = "pattern"
    HIDDEN = "hidden"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Volume:
    """IP-layer bytes in both directions: absolute counts, or the differences of two readings, which may be negative."""

    down_bytes: int = 0
    up_bytes: int = 0

    def __add__(self, other: "Volume") -> "Volume":
        return Volume(self.down_bytes + other.down_bytes, self.up_bytes + other.up_bytes)

    def __sub__(self, other: "Volume") -> "Volume":
        return Volume(self.down_bytes - other.down_bytes, self.up_bytes - other.up_bytes)

    def __bool__(self) -> bool:
        return bool(self.down_bytes or self.up_bytes)

    @property
    def total_bytes(self) -> int:
        return self.down_bytes + self.up_bytes


NO_VOLUME = Volume()

ServiceCounts = Mapping[Account, Mapping[int, Volume]]
"""Absolute counts of the kernel, by account and number of the service."""

ServiceUsage = Mapping[ClientKey, Mapping[str, Volume]]
"""Bytes by client and name of the service; what is not there is nothing."""


def services_sum(one: Mapping[str, Volume], other: Mapping[str, Volume]) -> Mapping[str, Volume]:
    """Both together."""
    if not one or not other:
        return one or other
    return {name: one.get(name, NO_VOLUME) + other.get(name, NO_VOLUME) for name in {**one, **other}}


def name_of_number(number: int, names: Mapping[int, str]) -> str:
    """The name of a service that the kernel knows by `number`; `names` are those that were given."""
    return {NUMBER_UNNAMED: UNNAMED, NUMBER_HIDDEN: HIDDEN}.get(number) or names.get(number) or OTHER


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the far end, from `first` to `last`, of TCP or UDP."""

    protocol: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the catalogue.

    titles: as people say it, by language. about: what else goes with it, a sentence. domains: endings of host names.
    addresses and ports: where there is no name; if both are there, both must fit.
    """

    name: str
    category: str | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    domains: tuple[str, ...] = ()
    addresses: tuple[Network, ...] = ()
    ports: tuple[Ports, ...] = ()


class HeadKind(IntEnum):
    """Where the kernel saw a packet that it copied: enum head_kind of bpf/contract.h."""

    OUT = 0
    """An upload of a conversation without a final name."""

    ANSWER = 1
    """An answer of a name server on the Internet."""

    RESOLVED = 2
    """An answer of a name server on this router."""


class Head(NamedTuple):
    """A packet that the kernel copied, since it may tell what its conversation is for, or what an address is called.

    kind: a HeadKind. flow: the conversation, as the bytes of `struct flow_key`; zeros for RESOLVED. packet: the first
    2,048 bytes from the IP header on, of `length`.
    """

    kind: int
    account: int
    flow: bytes
    length: int
    packet: bytes


class Naming(NamedTuple):
    """A conversation of an account is to be counted under the service `number`, and how people read of its far end.

    final: the kernel is to copy no more of it.
    """

    flow: bytes
    account: int
    number: int
    final: bool
    name: str | None = None
    how: How = How.NONE


class Binding(NamedTuple):
    """New conversations of an account with an address are to begin with the service `number`; None: with none.

    shared: the address stands for other services as well.
    """

    address: Address
    account: int
    number: int | None
    shared: bool = False
