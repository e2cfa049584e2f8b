# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the root qdisc and the driver of an interface, by netlink. Number of the interface in, UplinkQueue out."""

import struct

from esimshaper.core.model.kernel import ETHERNET
from esimshaper.core.model.links import Link
from esimshaper.core.model.uplink import NO_QUEUE, UplinkQueue
from esimshaper.edge import netlink
from esimshaper.edge.netlink import Netlink
from esimshaper.edge.tc import links, messages, tcmsg

_BELOW, _QDISC, _MASTER, _STATS64, _ELSEWHERE = 5, 6, 10, 23, 37  # IFLA_, include/uapi/linux/if_link.h
_STAB = 8  # TCA_, include/uapi/linux/rtnetlink.h
_U32 = struct.Struct("=I")
_U64 = struct.Struct("=Q")
_TX_DROPPED_AT = 7 * _U64.size  # struct rtnl_link_stats64
_ETHERNET_HEADER = 14  # bytes; every other link type that we count has none


class RootQueues:
    """Owns a netlink socket."""

    def __init__(self) -> None:
        self._netlink = Netlink()

    def close(self) -> None:
        self._netlink.close()

    def read(self, index: int) -> UplinkQueue:
        """Raises OSError: ENODEV where there is no such interface."""
        body = self._netlink.get(links.get(index))
        link, found = links.read(body), links.attributes(body)
        qdisc = netlink.text(body, found[_QDISC])
        (lost,) = _U64.unpack_from(body, found[_STATS64][0] + _TX_DROPPED_AT)
        waiting, dropped = (0, 0) if qdisc == NO_QUEUE else self._root(link)
        # The other end of a veth is named like the interface below, and may be in another network namespace.
        near = _BELOW in found and _ELSEWHERE not in found
        (below,) = _U32.unpack_from(body, found[_BELOW][0]) if near else (0,)
        (bridge,) = _U32.unpack_from(body, found[_MASTER][0]) if _MASTER in found else (0,)
        return UplinkQueue(link.name, qdisc, waiting, dropped, lost, link.up, below, bridge)

    def _root(self, link: Link) -> tuple[int, int]:
        """IP-layer bytes that wait in the root qdisc and all below it, and packets that it dropped."""
        bodies = tcmsg.qdiscs(self._netlink, link.index)
        root = next((body for body in bodies if messages.read_root(body)), None)
        if root is None:
            return 0, 0
        queued = messages.read_stats(root)
        # With a size table (`stab`: ATM cells, headers behind this link) a qdisc counts other bytes than those
        # of the packets. There the larger of two guesses stands for what waits.
        if _STAB in netlink.attributes(root, tcmsg.HEAD.size, len(root)):
            return max(queued.backlog * 9 // 8, queued.waiting * link.mtu), queued.drops
        header = _ETHERNET_HEADER if link.type == ETHERNET else 0
        return max(0, queued.backlog - header * queued.waiting), queued.drops
