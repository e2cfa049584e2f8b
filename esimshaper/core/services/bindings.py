# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS answers -> the name by which a client knows an address. Pure, and bounded.

    client asks for www.example.org, which is edge.cdn.example, at 192.0.2.7    -> (client, 192.0.2.7): www.example.org
    client asks for edge.cdn.example, as resolvers of programs do, at 192.0.2.8 -> (client, 192.0.2.8): www.example.org

Answers are kept for each client apart, since two may get one address of a CDN for two services; and by use, not by
their time to live, since programs keep addresses far longer.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

from esimshaper.core.model.services import Address
from esimshaper.core.services.dns import Message

K = TypeVar("K")

BINDINGS = 16_384
ALIASES = 4_096
NEVER = [ipaddress.ip_network(each) for each in ("0.0.0.0/8", "127.0.0.0/8", "::/127")]
"""Addresses by which block lists answer."""


class Bindings:
    """The names of addresses, by client. What was used least lately is forgotten first."""

    def __init__(self) -> None:
        self._names: OrderedDict[tuple[Address, Address], str] = OrderedDict()
        self._asked: OrderedDict[tuple[Address, str], str] = OrderedDict()

    def learn(self, client: Address, answer: Message) -> None:
        """Binds each address of an answer to what the client first asked for."""
        name = self._asked.get((client, answer.name), answer.name)
        for alias in answer.aliases:
            if alias != name:
                _keep(self._asked, (client, alias), name, ALIASES)
        for address in _worth_keeping(answer.addresses):
            _keep(self._names, (client, address), name, BINDINGS)

    def name_of(self, client: Address, address: Address) -> str | None:
        """The name that the client knows an address by."""
        if (client, address) not in self._names:
            return None
        self._names.move_to_end((client, address))
        return self._names[client, address]


def _keep(table: OrderedDict[K, str], key: K, name: str, most: int) -> None:
    table[key] = name
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)


def _worth_keeping(addresses: Iterable[Address]) -> Iterable[Address]:
    return (address for address in addresses if not any(address in network for network in NEVER))
