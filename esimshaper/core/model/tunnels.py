# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of tunnels: how packets that carry one are known on the uplink. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass

IPV4_IN, TCP, UDP, IPV6_IN, GRE, ESP = 4, 6, 17, 41, 47, 50
"""Protocol numbers of IP (IANA); IPV4_IN and IPV6_IN carry packets of that family."""

VXLAN_PORT, OLD_VXLAN_PORT, GENEVE_PORT = 4789, 8472, 6081
"""Of RFC 7348, of Linux where nothing else is said, and of RFC 8926."""


@dataclass(frozen=True, slots=True)
class TunnelEnd:
    """Packets that carry a tunnel on the uplink: of `protocol`, and with `port` on either side (0: it has no ports).

    peer: the only address at the far end, empty for any. unasked: the far end may begin, or its ports are not mirrored.
    """

    protocol: int
    port: int = 0
    peer: str = ""
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class TunnelLink:
    """An interface, as the kernel describes it: its number, and its kind (`gre`; empty for hardware).

    remote: the address at the far end, empty where there is none. port: UDP port of a VXLAN or GENEVE, 0 for others.
    """

    index: int
    kind: str = ""
    remote: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class TunnelKind:
    """What a kind of interface puts on the uplink: protocols, and bytes before each packet inside.

    added, added6: with the far end's address in IPv4, in IPv6. port: of UDP, where the interface names none.
    """

    protocols: tuple[int, ...]
    added: int = 0
    added6: int = 0
    port: int = 0


VPN_KINDS = frozenset({"wireguard", "amneziawg", "ovpn", "ovpn-dco"})
"""VPNs inside the kernel, by the kind of the link: known on the uplink by the port that the settings name."""

TUNNEL_KINDS: Mapping[str, TunnelKind] = {
    "ipip": TunnelKind((IPV4_IN,), 20),
    "sit": TunnelKind((IPV6_IN, IPV4_IN), 20),
    "gre": TunnelKind((GRE,), 20 + 4),
    "gretap": TunnelKind((GRE,), 20 + 4 + 14),
    # Linux puts 8 bytes of options before it, the limit of encapsulations, where nobody forbids that (RFC 2473).
    "ip6tnl": TunnelKind((IPV4_IN, IPV6_IN), 0, 40 + 8),
    "ip6gre": TunnelKind((GRE,), 0, 40 + 8 + 4),
    "ip6gretap": TunnelKind((GRE,), 0, 40 + 8 + 4 + 14),
    "vxlan": TunnelKind((UDP,), 20 + 8 + 8 + 14, 40 + 8 + 8 + 14, OLD_VXLAN_PORT),
    "geneve": TunnelKind((UDP,), 20 + 8 + 8 + 14, 40 + 8 + 8 + 14, GENEVE_PORT),
    "vti": TunnelKind((ESP,), 20 + 8 + 8 + 2 + 16),
    "vti6": TunnelKind((ESP,), 0, 40 + 8 + 8 + 2 + 16),
    "xfrm": TunnelKind((ESP,), 20 + 8 + 8 + 2 + 16, 40 + 8 + 8 + 2 + 16),
}
"""Tunnels that the kernel knows by their interface alone, by the kind of the link (`ip -d link`)."""
