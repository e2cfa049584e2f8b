# SPDX-License-Identifier: GPL-2.0-or-later
"""The names of clients: client keys, configured names, leases and neighbours -> Identities. Pure.

Everything a device says of itself (its DHCP host name) is untrusted: it ends up on terminals and in metrics.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType

from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey, Identity, Lease, Neighbour
from esimshaper.core.model.state import NamesSlice
from esimshaper.core.model.tick import Tick

MAX_HOSTNAME = 63
"""Characters; one label of a domain name (RFC 1035, 2.3.4)."""
MAX_ADDRESSES = 16
"""Per client: a device may make itself any number of IPv6 addresses."""

NO_NAMES: Mapping[ClientKey, str] = MappingProxyType({})

_NO_END = datetime.max.replace(tzinfo=UTC)


def advance(
    before: NamesSlice, tick: Tick, totals: Iterable[ClientKey], given: Mapping[ClientKey, str] = NO_NAMES
) -> NamesSlice:
    """The identities of all clients with an account or with `totals`; the same while what names them is the same.

    `given`: names that the owner gave on the page; they take the place of host names.
    """
    seen = tick.observed
    made_from = ({*tick.reading.owners.values(), *totals}, tick.rules.names, seen.leases, seen.neighbours, given)
    if made_from == before.made_from:
        return before
    # A name that was taken back is no host name that is known from before.
    taken_back = before.made_from[-1].keys() - given.keys() if before.made_from else ()
    known = {key: replace(each, hostname="") if key in taken_back else each for key, each in before.identities.items()}
    return NamesSlice(identities(*made_from[:-1], known, given), made_from)


def identities(
    clients: Iterable[ClientKey],
    names: Mapping[ClientKey, str],
    leases: Sequence[Lease],
    neighbours: Sequence[Neighbour],
    known: Mapping[ClientKey, Identity],
    given: Mapping[ClientKey, str] = NO_NAMES,
) -> Mapping[ClientKey, Identity]:
    """The Identity of each of `clients`.

    `names` are the configured ones; `given`: as in advance. A host name stays `known` after its lease has ended; an
    address does not.
    """
    hostnames = _hostnames(leases)
    addresses = _addresses(leases, neighbours)

    def identity(client: ClientKey) -> Identity:
        if client in PSEUDO_KEYS:
            return Identity(client)
        before = known.get(client)
        hostname = given.get(client) or hostnames.get(client) or (before.hostname if before else "")
        own = [client] if _order(client) else []
        seen = sorted({*own, *addresses.get(client, ())}, key=lambda text: (_order(text), text))
        return Identity(client, names.get(client, ""), hostname, tuple(seen[:MAX_ADDRESSES]))

    return {client: identity(client) for client in clients}


def clean_hostname(text: str) -> str:
    """`text` without anything that is not to be seen (control, direction and line marks), of bounded length.

    `*` is how dnsmasq writes that there is none.
    """
    if text == "*":
        return ""
    short = text[:MAX_HOSTNAME]
    return short if short.isprintable() else "".join(c if c.isprintable() else "?" for c in short)


def _hostnames(leases: Iterable[Lease]) -> Mapping[str, str]:
    """Host names by MAC; of several leases the one that lasts longest counts."""
    by_end = sorted(leases, key=lambda lease: (lease.expires or _NO_END, lease.address))
    return {lease.mac: hostname for lease in by_end if (hostname := clean_hostname(lease.hostname))}


def _addresses(leases: Iterable[Lease], neighbours: Iterable[Neighbour]) -> Mapping[str, set[str]]:
    """Addresses by MAC, in the kernel's spelling, so that none appears in two spellings."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    pairs = [(lease.mac, lease.address) for lease in leases] + [(near.mac, near.address) for near in neighbours]
    for mac, address in pairs:
        if _order(address):
            found[mac].add(_spelling(address))
    return found


@lru_cache(maxsize=8192)
def _spelling(text: str) -> str:
    return str(ipaddress.ip_address(text))


@lru_cache(maxsize=8192)
def _order(text: str) -> tuple[int, ...]:
    """Sorting key of an IP address: IPv4 first, then by number. Empty for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ()
    return address.version, int(address)
