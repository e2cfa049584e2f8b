# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `wan` -> the uplink, its rates and its tunnels. Pure."""

import ipaddress

from esimshaper.core.settings.amounts import rate_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.unbilled import unbilled_from
from esimshaper.core.settings.values import Tunnel, Wan


def wan_from(wan: Block) -> Wan | None:
    """The uplink; None without an interface."""
    interface = wan.parse("interface", _uplink, "A `*` may stand at the end only: wwan* for wwan0, wwan1 ...")
    download, upload = (rate_from(wan, key) for key in ("download", "upload"))
    tunnels = tuple(filter(None, map(_tunnel, wan.blocks("tunnels"))))
    unbilled = unbilled_from(wan)
    if interface is None:
        return None
    pattern = interface if interface.endswith("*") else ""
    return Wan(interface, download, upload, wan.get("replace_qdisc", False), tunnels, pattern, unbilled=unbilled)


def _uplink(name: str) -> str:
    if "*" in name[:-1] or name == "*":
        raise ValueError(f"`{name}` does not name an uplink")
    return name


def _tunnel(tunnel: Block) -> Tunnel | None:
    interface, port, protocol = tunnel.get("interface"), tunnel.get("port"), tunnel.get("protocol", "")
    peer = tunnel.parse("peer", _address, "Write the IP address of the VPN's server, for example 198.51.100.7.")
    if protocol and port is None:
        tunnel.refuse("protocol", "a protocol needs its port", "Write the port as well, or leave both out.")
    return None if interface is None else Tunnel(interface, int(port or 0), protocol, peer or "")


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"`{text}` is not an IP address") from None
