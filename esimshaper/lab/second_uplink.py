# SPDX-License-Identifier: GPL-2.0-or-later
"""Another way out of the lab's router than its carrier: a veth, with a bill by the counters of its far end.

The device counts frames as on a wire: no super-packets, no IPv6, no ARP. It goes with the lab.
"""

import json
from typing import Any

from esimshaper.core.model.counts import Counters
from esimshaper.lab.namespaces import Host
from esimshaper.lab.world import LAN6, WAN4, Lab

DEVICE, FAR_DEVICE = "wan1", "gw1"
_NEAR, _FAR = "100.65.0.2", "100.65.0.1"
_NET6, _TABLE = "2001:db8:65::", 65
_ETHERNET = 14
_NAT = (
    f'table ip uplink1 {{ chain c {{ type nat hook postrouting priority srcnat; oifname "{DEVICE}" masquerade; }}; }}'
)


class SecondUplink:
    """wan1 of the router, from when it is made."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        router, internet = lab.router, lab.internet
        router.ip(f"link add {DEVICE} type veth peer name {FAR_DEVICE} netns {internet.netns}")
        for host, device in ((router, DEVICE), (internet, FAR_DEVICE)):
            host.sysctl(**{f"ipv6__conf__{device}__disable_ipv6": 1})
            host.ip(f"link set {device} gso_max_segs 1 up")
        far, near = mac_of(internet, FAR_DEVICE), mac_of(router, DEVICE)
        router.ip(f"addr add {_NEAR}/24 dev {DEVICE}", f"neigh add {_FAR} lladdr {far} dev {DEVICE}")
        internet.ip(f"addr add {_FAR}/24 dev {FAR_DEVICE}", f"neigh add {_NEAR} lladdr {near} dev {FAR_DEVICE}")
        router.run(["nft", "-f", "-"], text_in=_NAT)

    def carry6(self, server: str) -> None:
        """From now on this server is reached this way by IPv6, and its answers come this way."""
        router, internet = self.lab.router, self.lab.internet
        ends = (router, DEVICE, internet, FAR_DEVICE), (internet, FAR_DEVICE, router, DEVICE)
        for number, (host, device, other, far) in enumerate(ends):
            values = ("accept_ra", "router_solicitations", "disable_ipv6")
            host.sysctl(**{f"ipv6__conf__{device}__{each}": 0 for each in values})
            host.ip(
                f"addr add {_NET6}{2 - number}/64 dev {device} nodad",
                f"neigh replace {_NET6}{1 + number} lladdr {mac_of(other, far)} dev {device}",
            )
        router.ip(f"route replace {server} via {_NET6}1 dev {DEVICE}")
        internet.ip(f"route add {LAN6}/64 via {_NET6}2 dev {FAR_DEVICE} table {_TABLE}")
        internet.run(["ip", "-6", "rule", "add", "from", server, "lookup", str(_TABLE)])

    def take(self) -> None:
        """From now on packets to the Internet go this way."""
        self.lab.router.ip(f"route replace default via {_FAR} dev {DEVICE}")

    def give_back(self) -> None:
        """From now on they go by the carrier again."""
        self.lab.router.ip(f"route replace default via {WAN4}.1")

    def bill(self) -> Counters:
        """As a carrier counts them: IP-layer bytes, and packets."""
        (link,) = json.loads(self.lab.internet.run(["ip", "-j", "-s", "link", "show", "dev", FAR_DEVICE]))
        down, up = (link["stats64"][way] for way in ("tx", "rx"))
        return Counters(_size(down), _size(up), down["packets"], up["packets"])

    def bytes(self) -> tuple[int, int]:
        """Down and up."""
        found = self.bill()
        return found.down_bytes, found.up_bytes


def mac_of(host: Host, device: str) -> str:
    """The MAC of a device of that host."""
    (link,) = json.loads(host.run(["ip", "-j", "link", "show", "dev", device]))
    return str(link["address"])


def _size(counted: dict[str, Any]) -> int:
    return int(counted["bytes"]) - _ETHERNET * int(counted["packets"])
