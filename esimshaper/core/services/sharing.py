# SPDX-License-Identifier: GPL-2.0-or-later
"""Which addresses stand for more than one service. Pure, and bounded.

One service has an address to itself, until a second one, or a host of no service, is found there: then it is shared, as
those of CDNs are. The portal of a hotel answers for every name with its own address: many services within a minute are
none, and nothing is believed of that address for some time.
"""

from collections import OrderedDict
from enum import Enum

from esimshaper.core.model.services import Address
from esimshaper.core.services.bindings import BINDINGS, keep

PORTAL_SERVICES = 8
PORTAL_SECONDS = 60.0
DISTRUST_SECONDS = 600.0
CROWDED = 1_024
"""So many addresses with several services are looked at closely."""


class Tenancy(Enum):
    """What an address stands for."""

    ONE = "one"
    SHARED = "shared"
    PORTAL = "portal"


class Sharing:
    """What is known of addresses, for all clients together."""

    def __init__(self, size: int = BINDINGS) -> None:
        self._size = size
        self._services: OrderedDict[Address, str | None] = OrderedDict()  # None: more than one
        self._recent: OrderedDict[Address, tuple[float, set[str]]] = OrderedDict()
        self._portals: OrderedDict[Address, float] = OrderedDict()

    def note(self, address: Address, service: str, now: float) -> tuple[Tenancy, bool]:
        """An address was found to be of this service. Returns the tenancy of the address, and whether that is new."""
        was = self.of(address, now)
        first = self._services.get(address, service)
        keep(self._services, address, first if first == service else None, self._size)
        if first != service:
            self._look_closely(address, {service, first or service}, now)
        tenancy = self.of(address, now)
        return tenancy, tenancy is not was

    def of(self, address: Address, now: float) -> Tenancy:
        """The tenancy of an address."""
        if now < self._portals.get(address, 0.0):
            return Tenancy.PORTAL
        return Tenancy.ONE if self._services.get(address, "") is not None else Tenancy.SHARED

    def _look_closely(self, address: Address, services: set[str], now: float) -> None:
        since, recent = self._recent.get(address, (now, set()))
        if now - since > PORTAL_SECONDS:
            since, recent = now, set()
        recent |= services
        keep(self._recent, address, (since, recent), CROWDED)
        if len(recent) >= PORTAL_SERVICES:
            del self._recent[address]
            keep(self._portals, address, now + DISTRUST_SECONDS, CROWDED)
