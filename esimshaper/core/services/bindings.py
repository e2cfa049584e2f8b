# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS answers -> the name by which a client knows an address. Pure, and bounded.

    client asks for www.example.org, which is edge.cdn.example, at 192.0.2.7    -> (client, 192.0.2.7): www.example.org
    client asks for edge.cdn.example, as resolvers of programs do, at 192.0.2.8 -> (client, 192.0.2.8): www.example.org

Answers are kept for each client apart, since two may get one address of a CDN for two services; and by use, not by
their time to live, since programs keep addresses far longer.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from esimshaper.core.model.services import Address
from esimshaper.core.services.dns import Message
from esimshaper.core.services.verdict import Known

K = TypeVar("K")
V = TypeVar("V")
C = TypeVar("C", bound=Hashable)
"""What tells clients apart: an address in a capture, an account in the kernel."""

BINDINGS = 16_384
ALIASES = 4_096
NEVER = [
    ipaddress.ip_network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
        *("::/127", "::ffff:0:0/96", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
]
"""Addresses that nobody has on the Internet: block lists and portals answer by them, and what is at home has them."""


class Bindings(Generic[C]):
    """The names of addresses, by client. What was used least lately is forgotten first."""

    def __init__(self, size: int = BINDINGS) -> None:
        self._size = size
        self._known: OrderedDict[tuple[C, Address], Known] = OrderedDict()
        self._clients: dict[Address, tuple[C, ...]] = {}
        self._asked: OrderedDict[tuple[C, str], str] = OrderedDict()

    def learn(self, client: C, answer: Message) -> tuple[Known, tuple[Address, ...]]:
        """Binds each address of an answer to what the client first asked for. Returns that name, and what it bound."""
        known = Known(self._asked.get((client, answer.name), answer.name))
        for alias in answer.aliases:
            if alias != known.name:
                keep(self._asked, (client, alias), known.name, ALIASES)
        addresses = tuple(_worth_keeping(answer.addresses))
        for address in addresses:
            self.bind(client, address, known)
        return known, addresses

    def bind(self, client: C, address: Address, known: Known) -> None:
        """Binds one address."""
        if (client, address) not in self._known:
            self._clients[address] = (*self._clients.get(address, ()), client)
        if dropped := keep(self._known, (client, address), known, self._size):
            self._let_go(*dropped)

    def name_of(self, client: C, address: Address) -> Known | None:
        """The name that the client knows an address by."""
        known = self._known.get((client, address))
        if known:
            self._known.move_to_end((client, address))
        return known

    def all(self) -> Iterable[tuple[C, Address, Known]]:
        """Everything that is bound."""
        return ((client, address, known) for (client, address), known in self._known.items())

    def of(self, address: Address) -> Iterable[tuple[C, Known]]:
        """The clients that know an address, and by what names."""
        return ((client, self._known[client, address]) for client in self._clients.get(address, ()))

    def drop(self, address: Address) -> None:
        """Drops all names of an address."""
        for client in self._clients.pop(address, ()):
            del self._known[client, address]

    def _let_go(self, client: C, address: Address) -> None:
        others = tuple(each for each in self._clients[address] if each != client)
        if others:
            self._clients[address] = others
        else:
            del self._clients[address]


def keep(table: OrderedDict[K, V], key: K, value: V, most: int) -> K | None:
    """Sets an entry as the one that was used last. Of more than `most`, drops the other end, and returns its key."""
    table[key] = value
    table.move_to_end(key)
    return table.popitem(last=False)[0] if len(table) > most else None


def _worth_keeping(addresses: Iterable[Address]) -> Iterable[Address]:
    return (address for address in addresses if not any(address in network for network in NEVER))
