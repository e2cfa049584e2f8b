# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: what the kernel says of a tunnel's interface, by netlink (include/uapi/linux/if_tunnel.h, if_link.h)."""

import ipaddress
import struct
from collections.abc import Iterable, Mapping
from socket import if_nametoindex

from esimshaper.core.model.tunnels import TunnelLink
from esimshaper.edge import netlink
from esimshaper.edge.netlink import Netlink

_GETLINK, _NEWLINK = 18, 16
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, number, flags, changed flags
_INFO = 18  # IFLA_LINKINFO
_INFO_KIND, _INFO_DATA = 1, 2
_PORT = struct.Struct("!H")

# Attributes with the far end's address: IFLA_IPTUN_REMOTE, IFLA_GRE_REMOTE, IFLA_VTI_REMOTE, and of VXLAN and GENEVE
# one for each family.
_REMOTE = {
    **dict.fromkeys(("ipip", "sit", "ip6tnl"), (3,)),
    **dict.fromkeys(("gre", "gretap", "ip6gre", "ip6gretap"), (7,)),
    **dict.fromkeys(("vti", "vti6"), (5,)),
    "vxlan": (2, 16),
    "geneve": (2, 7),
}
_PORT_OF = {"vxlan": 15, "geneve": 5}


def read(names: Iterable[str]) -> Mapping[str, TunnelLink]:
    """The links of these names that are there. Raises OSError."""
    kernel = Netlink()
    try:
        return {name: link for name in names if (link := _read(kernel, name))}
    finally:
        kernel.close()


def _read(kernel: Netlink, name: str) -> TunnelLink | None:
    try:
        index = if_nametoindex(name)
    except OSError:
        return None
    asked = kernel.ask(netlink.message(_GETLINK, 0, _LINK.pack(0, 0, index, 0, 0)))
    while True:
        data = memoryview(kernel.receive())
        for kind, number, (start, end) in netlink.messages(data):
            if number == asked:
                return _link(data[start:end], index) if kind == _NEWLINK else None


def _link(body: memoryview, index: int) -> TunnelLink:
    info = _nested(body, netlink.attributes(body, _LINK.size, len(body)), _INFO)
    if _INFO_KIND not in info:
        return TunnelLink(index)
    kind = bytes(body[slice(*info[_INFO_KIND])]).partition(b"\0")[0].decode(errors="replace")
    data = _nested(body, info, _INFO_DATA)
    found = (_address(bytes(body[slice(*data[each])])) for each in _REMOTE.get(kind, ()) if each in data)
    port = data.get(_PORT_OF.get(kind, 0))
    return TunnelLink(index, kind, next(filter(None, found), ""), _PORT.unpack_from(body, port[0])[0] if port else 0)


def _nested(body: memoryview, found: Mapping[int, netlink.Place], kind: int) -> dict[int, netlink.Place]:
    return netlink.attributes(body, *found[kind]) if kind in found else {}


def _address(value: bytes) -> str:
    """The address of one host; empty for none, and for a group."""
    if len(value) not in (4, 16):
        return ""
    ip = ipaddress.ip_address(value)
    return "" if ip.is_unspecified or ip.is_multicast else str(ip)
