# SPDX-License-Identifier: GPL-2.0-or-later
"""All that is known of a conversation -> its name, how it is known, service and category. Pure.

Captures (flows.py) and live conversations (live.py) are judged here, so that `explain` shows what the router decides.
"""

from dataclasses import dataclass

from esimshaper.core.model.services import HIDDEN, OTHER, UNNAMED, Address, How, Service
from esimshaper.core.services.catalogue import Catalogue
from esimshaper.core.services.conversation import Identity
from esimshaper.core.services.patterns import Pattern


@dataclass(frozen=True, slots=True)
class Known:
    """A name by which a client knows an address. It was asked for (How.DNS), or said to `port` there before."""

    name: str
    how: How = How.DNS
    protocol: int = 0
    port: int = 0


@dataclass(frozen=True, slots=True)
class FarEnd:
    """Whom the client talks to; the port is 0 without one."""

    address: Address
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a conversation was for. category: None for a service without one."""

    name: str | None
    how: How
    service: str
    category: str | None


def verdict_of(catalogue: Catalogue, identity: Identity, known: Known | None, far_end: FarEnd) -> Verdict:
    """The verdict. known: the name by which the client knows the address of the far end.

    One that was asked for goes before patterns; one that another conversation has said to that port, behind all.
    """
    name, how, service = _named(catalogue, identity, known, far_end)
    if service is None:
        label, category = (OTHER if name else UNNAMED), None
    else:
        label, category = service.name, service.category
    if how is How.HIDDEN:
        label, category = (label if service else HIDDEN), HIDDEN
    return Verdict(name, how, label, category)


def label_of(catalogue: Catalogue, name: str) -> str:
    """The name of the service that a host belongs to."""
    service = catalogue.of_name(name)
    return service.name if service else OTHER


def hides(catalogue: Catalogue, name: str) -> bool:
    """Whether the name says only that somebody hides."""
    service = catalogue.of_name(name)
    return service is not None and service.category == HIDDEN


def _named(
    catalogue: Catalogue, identity: Identity, known: Known | None, far_end: FarEnd
) -> tuple[str | None, How, Service | None]:
    """Name, how it is known, and service: what a device says of a conversation goes before what it asked for."""
    asked = known.name if known and known.how is How.DNS else None
    if identity.name and hides(catalogue, identity.name):
        # The name that an encrypted hello shows is the same for all sites; the one that was asked for is not.
        if asked and asked != identity.name and not hides(catalogue, asked):
            return asked, How.DNS, catalogue.of_name(asked)
        return identity.name, How.HIDDEN, catalogue.of_name(identity.name)
    if identity.name:
        return identity.name, identity.how, catalogue.of_name(identity.name)
    if asked:
        return asked, (How.HIDDEN if hides(catalogue, asked) else How.DNS), catalogue.of_name(asked)
    if identity.pattern is Pattern.HIDDEN:
        return None, How.HIDDEN, None
    if found := catalogue.of_address(far_end.address, far_end.protocol, far_end.port):
        return None, How.ADDRESS, found
    if identity.pattern:
        return None, How.PATTERN, catalogue.services.get(identity.pattern.value)
    if known and (known.protocol, known.port) == (far_end.protocol, far_end.port):
        return known.name, known.how, catalogue.of_name(known.name)
    return None, How.NONE, None
