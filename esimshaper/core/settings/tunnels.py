# SPDX-License-Identifier: GPL-2.0-or-later
"""`wan.tunnels` and the links that are there now -> how the tunnels are known on the uplink. Pure.

with a port         a VPN: UDP or TCP with that port
without a port      a tunnel that the kernel knows by its link (GRE, 6in4 ...); of any other kind: a translator
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from esimshaper.core.model.tunnels import (
    GENEVE_PORT,
    GRE,
    IPV4_IN,
    IPV6_IN,
    OLD_VXLAN_PORT,
    TCP,
    TUNNEL_KINDS,
    UDP,
    VXLAN_PORT,
    TunnelEnd,
    TunnelLink,
)
from esimshaper.core.settings.values import Settings, Tunnel

PROTOCOLS = {"udp": UDP, "tcp": TCP}

Links = Mapping[str, TunnelLink]


def is_translator(tunnel: Tunnel, links: Links) -> bool:
    """Whether packets come out of the interface anew (464XLAT, NAT64), and not inside others."""
    link = links.get(tunnel.interface)
    return not tunnel.port and (link is None or link.kind not in TUNNEL_KINDS)


def servers(settings: Settings) -> frozenset[str]:
    """Interfaces of VPNs whose clients are clients of ours: they are named under lan.interfaces, too."""
    return frozenset(each.interface for each in settings.wan.tunnels) & frozenset(settings.lan.interfaces)


def ends(tunnels: Iterable[Tunnel], links: Links, served: Collection[str] = ()) -> frozenset[TunnelEnd]:
    """The packets on the uplink that carry these tunnels; those of a tunnel without a port only while it is there.

    served: interfaces of VPNs that this router serves, where the far end begins.
    """
    return frozenset(
        replace(end, unasked=end.unasked or tunnel.interface in served)
        for tunnel in tunnels
        for end in _ends(tunnel, links)
    )


def _ends(tunnel: Tunnel, links: Links) -> list[TunnelEnd]:
    link = links.get(tunnel.interface)
    kind = TUNNEL_KINDS.get(link.kind) if link else None
    if tunnel.port:
        protocols = [PROTOCOLS[tunnel.protocol]] if tunnel.protocol else [UDP, TCP]
        return [TunnelEnd(each, tunnel.port, tunnel.peer, kind is not None) for each in protocols]
    if kind is None or link is None:
        return []
    peer = tunnel.peer or link.remote
    return [TunnelEnd(each, link.port or kind.port, peer, unasked=True) for each in kind.protocols]


def added(tunnels: Iterable[Tunnel], links: Links) -> Mapping[int, int]:
    """Bytes that a tunnel adds to each packet, by the number of its interface; of kinds that add always the same."""
    found = {}
    for tunnel in tunnels:
        link = links.get(tunnel.interface)
        if link and (kind := TUNNEL_KINDS.get(link.kind)):
            outside6 = ":" in (tunnel.peer or link.remote) or not kind.added
            found[link.index] = kind.added6 if outside6 else kind.added
    return found


def ends_to_refuse(tunnels: Iterable[Tunnel]) -> frozenset[TunnelEnd]:
    """The packets that may carry these tunnels, whatever links there will be: for an uplink that counts nothing."""
    tunnels = tuple(tunnels)
    found = {TunnelEnd(end.protocol, end.port) for end in ends((each for each in tunnels if each.port), {})}
    if any(not each.port for each in tunnels):
        found |= {TunnelEnd(each) for each in (IPV4_IN, IPV6_IN, GRE)}
        found |= {TunnelEnd(UDP, port) for port in (VXLAN_PORT, OLD_VXLAN_PORT, GENEVE_PORT)}
    return frozenset(found)
