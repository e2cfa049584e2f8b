# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: the layouts of bpf/contract.h, as Python's struct reads them, and the text of a client's key.

tests/bpf/test_contract.py compares both.
"""

import ipaddress
import struct
from collections.abc import Iterable, Sequence

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import Address
from esimshaper.core.model.tunnels import TunnelEnd

META = struct.Struct("=QII")
ACCOUNT = struct.Struct("=9Q")
POLICY = struct.Struct("=10Q7I4x2Q2I")
TUNNELLED = struct.Struct("=6Q")
MOVED = struct.Struct("=5Qq")
LONG = struct.Struct("=Q")
UPLINK = struct.Struct("=2I")
UPLINK_NAME = struct.Struct("=128s")
COUNTERS = struct.Struct("=4Q")
UPLINK_QUEUE = struct.Struct("=2Q")
TUNNEL_END = struct.Struct("!16sHBx")
TRANSLATED_KEY = struct.Struct("!4sIHH3Bx")
SENT = struct.Struct("=3Q")
RESERVE = struct.Struct("=2Q")
LEEWAY = struct.Struct("=3Q")
GROUP_KEY = struct.Struct("=32s")
SCOPE_NAME = GROUP_KEY
EVENT = struct.Struct("=2Q")
CLIENT_KEY = struct.Struct("=16sI")
NUMBER = struct.Struct("=I")
LINK = struct.Struct("=I")  # the index of an interface, as the key of a set
FLOW_KEY = struct.Struct("!16s16sHHB3x")
FLOW = struct.Struct("=6QIH2B")
FRAGMENT = struct.Struct("=Q6I")
FRAGMENT_KEY = struct.Struct("=16s16sII")
ADDRESS_KEY = struct.Struct("=16s")
NETWORK = struct.Struct("=I16s")
ANNOUNCEMENT = struct.Struct("=16sIII")
SERVICE_NAME = struct.Struct("=32s")
USAGE = struct.Struct("=2q")
RENAME = struct.Struct("=40sIH2x")
SERVICE_POLICY = struct.Struct("=2H2I6H")
POOL_KEY = struct.Struct("=I4xQ")
PACE = struct.Struct("=2Q")
BINDING_KEY = struct.Struct("=16sI")
FLOW_NAME = struct.Struct("=IB123s")
HEAD = struct.Struct("=40sIIB3x")  # and behind it the packet

LAYOUTS = {
    "meta": (NUMBER, META),
    "accounts": (NUMBER, ACCOUNT),
    "policies": (NUMBER, POLICY),
    "tunnelled": (NUMBER, TUNNELLED),
    "moved": (NUMBER, MOVED),
    "tunnel_ends": (TUNNEL_END, NUMBER),
    "tunnel_links": (NUMBER, NUMBER),
    "translated": (TRANSLATED_KEY, NUMBER),
    "sent": (NUMBER, SENT),
    "strayed_to": (NUMBER, NUMBER),
    "surplus": (NUMBER, LONG),
    "resets_due": (NUMBER, LONG),
    "reserve": (NUMBER, RESERVE),
    "reachable": (NETWORK, NUMBER),
    "leeway": (NUMBER, LEEWAY),
    "tunnel_headers": (NUMBER, NUMBER),
    "shaped_links": (NUMBER, NUMBER),
    "lan_links": (LINK, NUMBER),
    "owners": (NUMBER, CLIENT_KEY),
    "groups": (GROUP_KEY, NUMBER),
    "unbilled_in_use": (NUMBER, NUMBER),
    "unbilled": (NETWORK, NUMBER),
    "events": (NUMBER, EVENT),
    "clients": (CLIENT_KEY, NUMBER),
    "flows": (FLOW_KEY, FLOW),
    "fragments": (FRAGMENT_KEY, FRAGMENT),
    "addresses": (ADDRESS_KEY, NUMBER),
    "ipsec_peers": (ADDRESS_KEY, NUMBER),
    "usage": (NUMBER, USAGE),
    "renamed": (NUMBER, LONG),
    "service_numbers": (SERVICE_NAME, NUMBER),
    "bindings": (BINDING_KEY, NUMBER),
    "flow_names": (FLOW_KEY, FLOW_NAME),
    "heads_due": (NUMBER, LONG),
    "service_policies": (NUMBER, SERVICE_POLICY),
    "refused": (NUMBER, EVENT),
    "paces": (NUMBER, PACE),
    "pool_numbers": (POOL_KEY, NUMBER),
    "uplinks": (LINK, UPLINK),
    "uplink_names": (UPLINK_NAME, NUMBER),
    "by_uplink": (NUMBER, COUNTERS),
    "uplink_queues": (NUMBER, UPLINK_QUEUE),
    "own_uplinks": (NUMBER, NUMBER),
    "scope_names": (SCOPE_NAME, NUMBER),
}
"""Key and value of each map; the queue `free_accounts` (NUMBER) and the rings (ANNOUNCEMENT, HEAD) are apart."""

OF_SERVICES = (
    *("usage", "renamed", "service_numbers", "bindings", "flow_names", "heads_due"),
    *("service_policies", "refused", "paces", "pool_numbers"),
)
"""Maps that are not there where bytes have no services."""

OF_UPLINKS = ("uplinks", "uplink_names", "by_uplink", "uplink_queues", "own_uplinks")
"""Maps that are there only where there are several uplinks."""

OF_SCOPES = ("scope_names",)
"""Maps that are there only where quotas name uplinks or plans."""

UPLINK_METERED, UPLINK_SCOPES = 1, 1
"""A flag, and the first bit of those for scopes."""

NEWER = (
    *("fragments", "moved", "sent", "strayed_to", "surplus", "resets_due", "unbilled_in_use", "unbilled"),
    *("tunnel_ends", "tunnel_links", "translated", "lan_links", "owners"),
    *("reserve", "reachable", "leeway", "ipsec_peers", "policies"),
)
"""Maps that were not there, or had another layout, in SCHEMA 8 or 9, whose counters are read for a last time."""

MAC, IP = 0, 1
"""enum client_kind."""

DOWN, UP = 0, 1
"""enum direction."""

PEER_ANY, PEER_LISTED, PEER_UNASKED = 1, 2, 4
"""enum tunnel_peer."""

SERVICES = 256
"""Numbers of services."""

SERVICE_FIRST = 3
"""The first number that is given to a service by its name; those before it are built in."""

TAG_FINAL, TAG_SHARED, BINDING_SHARED = 0x8000, 0x4000, 0x10000

SERVICE_BLOCKED, SERVICE_PACED, SERVICE_METERED_ONLY, SERVICE_ANY = 1, 2, 4, 8
"""enum service_flag."""

SERVICE_POOLS, SERVICE_BUCKETS = 6, 8
"""So many pools one service of an account has at most, and so many police rates all of its services."""

POOLS = 1024
"""Accounts of pools, behind those of all trees; there are none where bytes have no services."""

POOL_ZERO = 1 << 62
"""What thresholds of pools, and announcements of these, are more than they say."""

RENAMES, LINK_HEADER = 12, 14
"""What `name_flows` takes at once, behind so many zeros."""

HEAD_BYTES = 2048

GROUPS = 32
"""The most groups that have an account. Accounts of clients come first, then everyone, then groups, then
ACCOUNT_TUNNELS."""

POLICY_BLOCKED, POLICY_EXEMPT, POLICY_LIMITED, POLICY_WITH_EVERYONE, POLICY_UNLISTED = 1, 2, 4, 8, 16
POLICY_OVER_PLAN, POLICY_SWITCHES, POLICY_THROTTLED = 32, 64, 128
SWITCH_NEVER = (1 << 63) - 1
ANNOUNCE_CLIENT, ANNOUNCE_LIMIT, ANNOUNCE_WARN = 0, 1, 2


WORD_SHIFT = 48
_COUNT = (1 << WORD_SHIFT) - 1


def flow_counts(words: Sequence[int]) -> list[int]:
    """The counts in the first words of FLOW, without what stands above them."""
    return [word & _COUNT for word in words[:4]]


def service_of(word: int) -> int:
    """The number of the service in the tag of a word of bytes."""
    return word >> WORD_SHIFT & (SERVICES - 1)


def tunnel_ends(ends: Iterable[TunnelEnd]) -> dict[bytes, int]:
    """The entries of the map `tunnel_ends`: for each protocol and port one, and one for each peer that is named."""
    entries: dict[bytes, int] = {}
    for end in ends:
        for_all = TUNNEL_END.pack(bytes(16), end.port, end.protocol)
        if end.peer:
            entries[TUNNEL_END.pack(address_bytes(end.peer), end.port, end.protocol)] = PEER_ANY
        whose = (PEER_LISTED if end.peer else PEER_ANY) | PEER_UNASKED * end.unasked
        entries[for_all] = entries.get(for_all, 0) | whose
    return entries


def address_bytes(address: str) -> bytes:
    """An IP address as 16 bytes, IPv4 mapped into IPv6."""
    return packed(ipaddress.ip_address(address))


def packed(address: Address) -> bytes:
    """The same of an address that is read already."""
    return bytes(10) + b"\xff\xff" + address.packed if address.version == 4 else address.packed


def client_bytes(client: ClientKey) -> bytes:
    """A ClientKey as `struct client_key`."""
    if "::" not in client and client.count(":") == 5:  # other IPv6 addresses have 7
        return CLIENT_KEY.pack(bytes.fromhex(client.replace(":", "")), MAC)
    return CLIENT_KEY.pack(address_bytes(client), IP)


def client_key(address: bytes, kind: int) -> ClientKey:
    """`struct client_key` as text."""
    return ClientKey(address[:6].hex(":") if kind == MAC else address_text(address))


def is_client_key(text: str) -> bool:
    """Whether `text` is how a `struct client_key` is written, to the letter."""
    try:
        return client_key(*CLIENT_KEY.unpack(client_bytes(ClientKey(text)))) == text
    except ValueError:
        return False


def network_bytes(network: str) -> bytes:
    """`192.168.8.0/24` or `fe80::/10` as `struct network`."""
    net = ipaddress.ip_network(network)
    return NETWORK.pack(net.prefixlen + (96 if net.version == 4 else 0), packed(net.network_address))


def address_text(address: bytes) -> str:
    """16 bytes, IPv4 mapped into IPv6, as people write it."""
    ip = ipaddress.IPv6Address(address)
    return str(ip.ipv4_mapped or ip)
