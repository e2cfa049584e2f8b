# SPDX-License-Identifier: GPL-2.0-or-later
"""The list `clients` -> the clients with a name: their addresses and groups. Pure."""

import ipaddress
import re
import unicodedata

from esimshaper.core.model.identity import BUILT_IN_CLIENTS, ClientKey
from esimshaper.core.model.limits import UNKNOWN_GROUP, SubjectKind
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.values import Client

MAX_GROUPS = 31  # the kernel has room for one more: group/unknown
_GROUP_BYTES = 32  # of struct group_key in bpf/contract.h
_COLLECTIVE = frozenset({SubjectKind.EVERYONE.value, SubjectKind.EACH_CLIENT.value})
_SUBJECT = re.compile("(client|group)[/\u2044\u2215]")  # also with the signs of fractions and divisions
_MAC = re.compile("([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")


def clients_from(tree: Block) -> tuple[Client, ...]:
    """The clients that have both a name and an address."""
    names: set[str] = set()
    groups: set[str] = set()
    owners: dict[ClientKey, str] = {}
    clients = []
    for client in tree.blocks("clients"):
        name, key, group = _name(client, names), _key(client, owners), _group(client, groups)
        if name is not None and key is not None:
            clients.append(Client(name, key, group, client.get("priority") == "first"))
    return tuple(clients)


def _name(client: Block, names: set[str]) -> str | None:
    """The client's name, which is added to `names`. A wrong name, or one of `names`, adds a problem."""
    name = client.name()
    if name is None:
        return None
    if fault := _name_fault(name):
        client.refuse("name", fault, "Choose another name, for example alice-phone.")
    elif name in names:
        client.refuse("name", f"the name `{name}` is used twice", "Give each client a name of its own.")
    names.add(name)
    return name


def _name_fault(name: str) -> str:
    """Why `name` cannot stand beside the names that the meter itself gives to clients; empty if it can."""
    plain = unicodedata.normalize("NFKC", name).lower()  # no other width or size of letters hides such a word
    if plain in BUILT_IN_CLIENTS:
        return f"`{name}` is the name of a built-in client"
    if plain in _COLLECTIVE or _SUBJECT.match(plain):
        return f"`{name}` is what commands and quotas call somebody else"
    if not name.isprintable():
        return "the name has invisible characters"
    if _MAC.fullmatch(name) or _is_ip_address(name):
        return f"`{name}` looks like an address, which is what clients without a name are called"
    return ""


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _key(client: Block, owners: dict[ClientKey, str]) -> ClientKey | None:
    """The client's MAC or IP address, which is added to `owners`. A wrong one, or one of `owners`, adds a problem."""
    hint = "`esimshaper clients` shows the addresses of the devices in use."
    keys = {
        name: key
        for name, parser in (("mac", parse_mac), ("address", parse_address))
        if (key := client.parse(name, parser, hint))
    }
    if len(keys) == 2:
        client.refuse("address", "a client has either a MAC address or an IP address", "Remove one of the two.")
    for name, key in keys.items():
        if key in owners:
            message = f"`{client.get(name)}` already belongs to {owners[key]}"
            client.refuse(name, message, "Keep one name for each device.")
        owners.setdefault(key, f"`{client.get('name')}`" if client.get("name") else "another client")
    return next(iter(keys.values()), None)


def parse_address(text: str) -> ClientKey:
    """The IP address of a device that comes in by a link without MAC addresses, as the meter writes it. ValueError."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"`{text}` is not an IP address") from None
    if ip.is_unspecified or ip.is_multicast or ip.is_loopback:
        raise ValueError(f"`{text}` is not the address of a device")
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return ClientKey(str(mapped or ip))


def parse_mac(text: str) -> ClientKey:
    """A MAC address in lower case with colons, from one of either case, with colons or dashes.

    Raises ValueError for anything else, and for addresses that no device can send from (IEEE 802: group bit, zero).
    """
    if not _MAC.fullmatch(text):
        raise ValueError(f"`{text}` is not a MAC address")
    pairs = text.replace("-", ":").lower().split(":")
    if int(pairs[0], 16) & 1:
        raise ValueError(f"`{text}` is the address of a group, not of one device")
    if set(pairs) == {"00"}:
        raise ValueError(f"`{text}` is the empty address, not that of a device")
    return ClientKey(":".join(pairs))


def _group(client: Block, groups: set[str]) -> str:
    """The client's group, empty for none; it is added to `groups`. A wrong name or a group too many adds a problem."""
    name = client.name("group")
    if name is None:
        return ""
    if name == UNKNOWN_GROUP:
        hint = "Leave the group out, or choose another name."
        client.refuse("group", f"`{name}` is the group of all devices that are not listed here", hint)
    elif not name.isprintable():
        client.refuse("group", "the group's name has invisible characters", "Choose another name, such as kids.")
    elif len(name.encode(errors="replace")) > _GROUP_BYTES:
        hint = f"A group's name has room for {_GROUP_BYTES} bytes; letters beyond a to z take 2 to 4 each."
        client.refuse("group", f"the group's name `{name}` is too long", hint)
    if name not in groups and len(groups) == MAX_GROUPS:  # one problem for all groups beyond
        client.refuse("group", f"there are more than {MAX_GROUPS} groups", "Let clients share groups.")
    groups.add(name)
    return name
