# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue as a plain document, for the process that names conversations: it reads no YAML. Pure; JSON types only.

What only people read is left out.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from esimshaper.core.model.services import Ports, Service

DOCUMENT_VERSION = 1


def compiled(services: Iterable[Service]) -> dict[str, Any]:
    """The document of these services, in their order."""
    return {"version": DOCUMENT_VERSION, "services": [_entry(each) for each in services]}


def services_of(document: Mapping[str, Any]) -> tuple[Service, ...]:
    """The services of a document. Raises ValueError for one of another version, or that nobody here has written."""
    try:
        if document["version"] != DOCUMENT_VERSION:
            raise ValueError("the compiled catalogue is of another version")
        return tuple(_service(each) for each in document["services"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the compiled catalogue is damaged: {error!r}") from None


def _entry(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "category": service.category,
        "domains": list(service.domains),
        "addresses": [str(each) for each in service.addresses],
        "ports": [[each.protocol, each.first, each.last] for each in service.ports],
    }


def _service(entry: Mapping[str, Any]) -> Service:
    return Service(
        entry["name"],
        entry["category"],
        domains=tuple(entry["domains"]),
        addresses=tuple(ipaddress.ip_network(each) for each in entry["addresses"]),
        ports=tuple(Ports(*each) for each in entry["ports"]),
    )
