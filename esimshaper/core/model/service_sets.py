# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of quotas by service: which services one names, and the pools that count these. Pure: values only.

A quota by service counts what its subject moves for some services only. Each subject has a pool for each ServiceSet.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from esimshaper.core.model.identity import Account
from esimshaper.core.model.services import (
    HIDDEN,
    NUMBER_HIDDEN,
    NUMBER_OTHER,
    NUMBER_UNNAMED,
    UNNAMED,
    Volume,
    name_of_number,
)

MAX_POOLS = 1024
"""So many pools the kernel has (POOLS in bpf/contract.h)."""

POOLS_OF_A_PACKET = 6
"""So many of these one packet can be counted in (SERVICE_POOLS in bpf/contract.h)."""


class ServiceSet(NamedTuple):
    """Services and categories by name, sorted, as a quota names them."""

    names: tuple[str, ...]

    @property
    def written(self) -> str:
        """As people read it."""
        return ", ".join(self.names)

    @property
    def key(self) -> int:
        """The set in the kernel, as a number of 64 bits."""
        return int.from_bytes(hashlib.sha256("\0".join(self.names).encode()).digest()[:8], "little")

    def has(self, service: str, categories: Mapping[str, str]) -> bool:
        """Whether a service is named, or its category is."""
        if service == HIDDEN:  # the name of a service and of its category
            return HIDDEN in self.names
        return service in self.names or categories.get(service) in self.names

    def numbers(self, names: Mapping[int, str], categories: Mapping[str, str]) -> frozenset[int]:
        """Those of the kernel, where `names` has the numbers of the catalogue's services."""
        every = {NUMBER_UNNAMED, NUMBER_HIDDEN, NUMBER_OTHER, *names}
        return frozenset(number for number in every if self.has(name_of_number(number, names), categories))

    def volume(self, services: Mapping[str, Volume], whole: Volume, categories: Mapping[str, str]) -> Volume:
        """What `services` have of this set; of `whole`, all that a client moved, what they leave is unnamed."""
        named = {name: each for name, each in services.items() if name != UNNAMED}
        found = sum((each for name, each in named.items() if self.has(name, categories)), start=Volume())
        return found + whole - sum(named.values(), start=Volume()) if UNNAMED in self.names else found


class Pool(NamedTuple):
    """A pool by whose it is: `holder` is the account of a client, a group or everyone, `services` a ServiceSet.key."""

    holder: Account
    services: int
