# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of clients: their accounts in the kernel, their keys and their names. Pure: values only."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from esimshaper.core.model.units import format_client

Account = NewType("Account", int)
"""Number of a slot of the kernel with counters (index of the map `accounts`)."""

ClientKey = NewType("ClientKey", str)
"""Key of a client: its MAC in lower case, an IP address on links without MACs, or a pseudo-client."""

ROUTER = ClientKey("router")

UNATTRIBUTED = ClientKey("unattributed")

OTHERS = ClientKey("others")
"""All devices that found no free account, as one client. It is held to limits like a device that is not listed."""

# The accounts that are there from the start; the same numbers as in bpf/contract.h.
ACCOUNT_UNATTRIBUTED = Account(0)

ACCOUNT_ROUTER = Account(1)

FIRST_CLIENT_ACCOUNT = Account(2)

PSEUDO_CLIENTS: Mapping[Account, ClientKey] = {ACCOUNT_UNATTRIBUTED: UNATTRIBUTED, ACCOUNT_ROUTER: ROUTER}

PSEUDO_KEYS = frozenset(PSEUDO_CLIENTS.values())

BUILT_IN_CLIENTS = PSEUDO_KEYS | {OTHERS}
"""Clients that are no single device. The account of OTHERS is the last one of clients."""


def composed(name: str) -> str:
    """`name` in Unicode's form NFC (UAX #15): spellings that look alike to a person are one name."""
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True, slots=True)
class Lease:
    """One line of a DHCP server's lease file. `expires` is None for a lease without an end."""

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
class Identity:
    """The names of a client: `name` is from the configuration, `hostname` from a DHCP lease; both may be empty."""

    key: ClientKey
    name: str = ""
    hostname: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The label `client` of metrics: the configured name, else the key."""
        return self.name or self.key

    @property
    def called(self) -> str:
        """How people call it."""
        return format_client(self.label, self.key, self.hostname)
