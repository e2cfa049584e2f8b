# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `router` -> what a router that is blocked may still do. Pure."""

import ipaddress

from esimshaper.core.model.limits import Network
from esimshaper.core.settings.amounts import size_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.values import Upkeep

LARGEST = {4: 16, 6: 32}
"""The shortest prefix of each family: of more addresses than that everything would be reachable."""

_HINT = 'Write an address or a range: ["198.51.100.7", "2001:db8::/48"].'


def router_from(router: Block) -> Upkeep | None:
    """The upkeep of the router; None without a size of its reserve."""
    reserve = size_from(router, "reserve", 0)
    listed = enumerate(router.get("reachable", ()))
    found = [
        router.parse_value(("reachable", position), text, parse_network, _HINT)
        for position, text in listed
        if text is not None
    ]
    return None if reserve is None else Upkeep(reserve, tuple(filter(None, found)))


def parse_network(text: str) -> Network:
    """An address, or a range of addresses with the length of its prefix. Raises ValueError."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"`{text}` is not an address or a range of addresses: {_reason(text, error)}") from None
    least = LARGEST[network.version]
    if network.prefixlen < least:
        raise ValueError(f"`{text}` is too large: a range of IPv{network.version} has a prefix of /{least} at least")
    return network


def _reason(text: str, error: ValueError) -> str:
    try:
        return f"the range that has it is {ipaddress.ip_network(text, strict=False)}"
    except ValueError:
        return "names cannot be used here" if text[:1].isalpha() and ":" not in text else str(error)
