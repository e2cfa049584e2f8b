# SPDX-License-Identifier: GPL-2.0-or-later
"""Services that are blocked for every client -> names that DNS refuses, and those that it must not. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from esimshaper.core.model.services import Service


class Names(NamedTuple):
    """withheld: names that are not answered. kept: names below one of these that others need, and that are."""

    withheld: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def blocked_for_all(blocked: Iterable[Collection[str]]) -> tuple[str, ...]:
    """The services that are blocked for each client, sorted; `blocked` has those of one client each."""
    each = [frozenset(services) for services in blocked]
    return tuple(sorted(frozenset.intersection(*each))) if each else ()


def names_of(services: Collection[str], catalogue: Mapping[str, Service]) -> Names:
    """The names of `services`, but for those that another service has as well."""
    mine = {name for each in services if each in catalogue for name in catalogue[each].domains}
    others = {name for each, service in catalogue.items() if each not in services for name in service.domains}
    withheld = mine - others
    return Names(tuple(sorted(withheld)), tuple(sorted(name for name in others if _is_below(name, withheld))))


def _is_below(name: str, above: Collection[str]) -> bool:
    while rest := name.partition(".")[2]:
        if rest in above:
            return True
        name = rest
    return False
