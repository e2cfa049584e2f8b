# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of services: what the bytes of a conversation were for. Pure: values only."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

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
