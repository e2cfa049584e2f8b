# SPDX-License-Identifier: GPL-2.0-or-later
"""A host name, or an address and a port -> the service of the catalogue that it belongs to. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from esimshaper.core.model.services import Address, Service

LABELS_MAX = 128


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All services by name. `by_ending`: the service of each ending of host names."""

    services: Mapping[str, Service]
    by_ending: Mapping[str, Service]

    def of_name(self, name: str) -> Service | None:
        """The service whose ending of `name` is the longest; endings begin at a dot."""
        labels = name.split(".")[-LABELS_MAX:]
        endings = (".".join(labels[at:]) for at in range(len(labels)))
        return next((self.by_ending[ending] for ending in endings if ending in self.by_ending), None)

    def of_address(self, address: Address, protocol: int, port: int) -> Service | None:
        """The first service that lists the address, the port, or both; one that lists both needs both."""
        return next((each for each in self.services.values() if _fits(each, address, protocol, port)), None)


def catalogue_of(services: Iterable[Service]) -> Catalogue:
    """The catalogue of `services`. Of two with one name, or one ending, the first counts: that of the owner."""
    by_name: dict[str, Service] = {}
    for service in services:
        by_name.setdefault(service.name, service)
    by_ending: dict[str, Service] = {}
    for service in by_name.values():
        for domain in service.domains:
            by_ending.setdefault(domain, service)
    return Catalogue(MappingProxyType(by_name), MappingProxyType(by_ending))


def _fits(service: Service, address: Address, protocol: int, port: int) -> bool:
    if not service.addresses and not service.ports:
        return False
    is_there = not service.addresses or any(address in network for network in service.addresses)
    is_open = not service.ports or any(
        each.protocol == protocol and each.first <= port <= each.last for each in service.ports
    )
    return is_there and is_open
