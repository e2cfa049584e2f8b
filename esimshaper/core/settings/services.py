# SPDX-License-Identifier: GPL-2.0-or-later
"""A file of the catalogue: a tree of plain values goes in, Services and all Problems with it come out. Pure."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from esimshaper.core.model.host_names import in_ascii
from esimshaper.core.model.services import BUILT_IN, TCP, UDP, Network, Ports, Service
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.problem import Problem

PROTOCOLS = {"tcp": TCP, "udp": UDP}
_PORTS = re.compile(r"(tcp|udp)/([0-9]{1,5})(?:-([0-9]{1,5}))?")
_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
NAME_LENGTH = 253


def services_from(tree: Mapping[str, Any]) -> tuple[tuple[Service, ...], tuple[Problem, ...]]:
    """The services of one file that the schema has seen; of a service with a problem nothing is kept."""
    problems: list[Problem] = []
    found: dict[str, Service] = {}
    for block in Block(tree, problems).blocks("services"):
        before = len(problems)
        service = _service_from(block)
        if service and service.name in BUILT_IN:
            block.refuse(
                "name", f"`{service.name}` is what bytes are called that no file names", "Choose another name."
            )
        elif service and service.name in found:
            block.refuse("name", f"`{service.name}` stands in this file twice", "Write all of it in one place.")
        elif service and len(problems) == before:
            found[service.name] = service
    return tuple(found.values()), tuple(problems)


def _service_from(block: Block) -> Service | None:
    name = block.name()
    if name is None:
        return None
    domains = _each(block, "domains", host_name, "Write a host name, without https:// and without `*.`: example.org.")
    addresses = _each(block, "addresses", _network, 'Write a network such as "198.51.100.0/24".')
    ports = _each(block, "ports", _ports, "Write tcp/443, or udp/8801-8810.")
    return Service(
        name, block.get("category"), block.get("title", {}), block.get("about", ""), domains, addresses, ports
    )


def _each(block: Block, key: str, parser: Any, hint: str) -> tuple[Any, ...]:  # noqa: ANN401 - of any of three kinds
    values = enumerate(block.get(key, ()))
    parsed = (block.parse_value((key, at), value, parser, hint) for at, value in values if value is not None)
    return tuple(each for each in parsed if each is not None)


def host_name(text: str) -> str:
    """`text` as DNS knows it. Raises ValueError for what is no host name."""
    try:
        name = in_ascii(text.strip()).rstrip(".").encode("idna").decode()  # labels of up to 63
    except ValueError:
        name = ""
    if not _DOMAIN.fullmatch(name) or len(name) > NAME_LENGTH:
        raise ValueError(f"`{text}` is no host name")
    return name


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"`{text}` is no network") from None


def _ports(text: str) -> Ports:
    found = _PORTS.fullmatch(text)
    first, last = (int(found[2]), int(found[3] or found[2])) if found else (0, 0)
    if not found or not 0 < first <= last < 65536:
        raise ValueError(f"`{text}` is no port")
    return Ports(PROTOCOLS[found[1]], first, last)
