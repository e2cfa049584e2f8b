# SPDX-License-Identifier: GPL-2.0-or-later
"""What a look at the box has shown -> what the configuration of a new router is likely to be. Pure.

Nothing of it is put in force: `esimshaper setup` shows it, and a person says yes or something else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from esimshaper.core.model.box import Interface, LeaseFile
from esimshaper.core.model.kernel import LINK_TYPES
from esimshaper.core.model.links import MODEM_NAMES, bridge_owner, is_private
from esimshaper.core.settings.uplink import TUNNELS

DEFAULT_LEASES = "/var/lib/misc/dnsmasq.leases"
"""What the configuration has if it names no lease file (esimshaper.schema.json)."""

_MADE_HERE = frozenset({"bridge", "bond", "dummy", "ifb", "veth", "team", "vrf", "tun", "vlan"})
"""Kinds that are an uplink only where a default route says so."""

_ADAPTERS = ("usb", "enx")
"""So are named modems and phones, and adapters that make a port of the LAN."""


@dataclass(frozen=True, slots=True)
class Look:
    """The interfaces, those of default routes, IPv4 addresses by interface, lease files, and the zone of the box."""

    interfaces: tuple[Interface, ...]
    default_routes: tuple[str, ...] = ()
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leases: tuple[LeaseFile, ...] = ()
    zone: str = "UTC"


def uplinks(look: Look) -> tuple[str, ...]:
    """The interfaces that may be the uplink, the likeliest first."""
    found = [
        link
        for link in _usable(look)
        if link.kind not in TUNNELS
        and link.kind != "ifb"
        and (link.kind not in _MADE_HERE or link.name in look.default_routes)
        and (link.name in look.default_routes or _is_modem(look, link) or not _is_private(look, link.name))
    ]
    return tuple(link.name for link in sorted(found, key=lambda each: _worth(look, each)))


def _worth(look: Look, link: Interface) -> tuple[bool, bool, bool, bool]:
    """Sorts the likeliest uplink first: a modem, a default route, no Wi-Fi (that of a hotel), up."""
    route = link.name in look.default_routes
    return (not _is_modem(look, link), not route, link.name.startswith("wl"), not link.up)


def lans(look: Look, uplink: str) -> tuple[str, ...]:
    """The interfaces that may lead to the devices, the likeliest first."""
    found = [
        link
        for link in _usable(look)
        if link.name not in (uplink, *look.default_routes)
        and link.kind not in TUNNELS
        and link.kind not in ("ifb", "dummy")
        and (link.kind == "bridge" or _is_private(look, link.name))
    ]
    return tuple(link.name for link in sorted(found, key=lambda each: _inner_worth(look, each)))


def proposed_lans(look: Look, uplink: str) -> tuple[str, ...]:
    """Those of them that are the LAN: its bridges; without a bridge, whatever has a private address."""
    likely = [name for name in lans(look, uplink) if not bridge_owner(name) and _is_private(look, name)]
    kinds = {link.name: link.kind for link in look.interfaces}
    bridges = [name for name in likely if kinds[name] == "bridge"]
    return tuple(bridges or likely)


def _inner_worth(look: Look, link: Interface) -> tuple[bool, bool, bool, bool]:
    return (bool(bridge_owner(link.name)), not _is_private(look, link.name), link.kind != "bridge", not link.up)


def lease_files(look: Look) -> tuple[str, ...]:
    """The lease files to be named: those of DHCP servers that are known; none where the default alone is right."""
    found = tuple(file.path for file in look.leases if file.format)
    return () if found in ((), (DEFAULT_LEASES,)) else found


def described(look: Look, name: str) -> str:
    """An interface in a few words: its kind, its addresses, and whether a default route leaves by it."""
    link = next((link for link in look.interfaces if link.name == name), None)
    return ", ".join(_words(look, link)) if link else "not there now"


def _words(look: Look, link: Interface) -> Iterator[str]:
    if _is_modem(look, link):
        yield "a modem or phone, by its name"
    elif link.name.startswith("wl"):
        yield "Wi-Fi"
    else:
        yield link.kind or LINK_TYPES[link.type]
    if link.name in look.default_routes:
        yield "default route"
    yield from look.addresses.get(link.name, ())
    if not link.up:
        yield "down"


def _usable(look: Look) -> Iterator[Interface]:
    """Interfaces whose packets could be counted, and that are no port of a bridge."""
    for link in look.interfaces:
        if link.type in LINK_TYPES and not link.master:
            yield link


def _is_modem(look: Look, link: Interface) -> bool:
    inside = link.name.startswith(_ADAPTERS) and link.name not in look.default_routes and _is_private(look, link.name)
    return link.name.startswith(MODEM_NAMES) and not inside


def _is_private(look: Look, name: str) -> bool:
    return any(map(is_private, look.addresses.get(name, ())))
