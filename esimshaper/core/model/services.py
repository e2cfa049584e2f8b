# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of services: what the bytes of a conversation were for. Pure: values only."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

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
