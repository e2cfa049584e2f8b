# SPDX-License-Identifier: GPL-2.0-or-later
"""IPsec by policy between the router of a lab and its internet host, as strongSwan sets it up. Needs ESP."""

import socket
from types import TracebackType
from typing import Self

from esimshaper.lab import Lab
from esimshaper.lab.world import LAN4

KEY = "0x" + "11" * 20
UDP_ENCAP, UDP_ENCAP_ESPINUDP, PORT = 100, 2, 4500  # linux/udp.h, RFC 3948


class PolicyIpsec:
    """Between the LAN and one server, in tunnel mode, with AES-GCM; in UDP where `in_udp`."""

    def __init__(self, lab: Lab, server: str, *, in_udp: bool = False) -> None:
        self.lab, self.server, self.in_udp = lab, server, in_udp
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        router, internet, lan = self.lab.router, self.lab.internet, f"{LAN4}.0/24"
        udp = f" encap espinudp {PORT} {PORT} 0.0.0.0" if self.in_udp else ""
        crypt = f"mode tunnel{udp} aead rfc4106(gcm(aes)) {KEY} 128"
        up, down = f"src {router.ipv4} dst {internet.ipv4}", f"src {internet.ipv4} dst {router.ipv4}"
        out, back = f"src {lan} dst {self.server}/32", f"src {self.server}/32 dst {lan}"
        for host in (router, internet):
            ours, theirs = (up, down) if host is router else (down, up)
            leaving, coming = (out, back) if host is router else (back, out)
            # No reqid on either side: a template takes the states of its own one only.
            host.ip(
                f"xfrm state add {up} proto esp spi 0x100 {crypt}",
                f"xfrm state add {down} proto esp spi 0x200 {crypt}",
                f"xfrm policy add {leaving} dir out tmpl {ours} proto esp mode tunnel",
                f"xfrm policy add {coming} dir in tmpl {theirs} proto esp mode tunnel",
                f"xfrm policy add {coming} dir fwd tmpl {theirs} proto esp mode tunnel",
            )
            if self.in_udp:
                self.sockets.append(host.call(_unpacks_udp))
        # Packets of the tunnel go as they are.
        router.run(["nft", f"insert rule ip esimshaper_lab postrouting ip daddr {self.server} accept"])
        internet.ip(f"route replace {lan} via {router.ipv4}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in (self.lab.router, self.lab.internet):
            host.ip("xfrm policy flush", "xfrm state flush")
        for each in self.sockets:
            each.close()


def _unpacks_udp() -> socket.socket:
    """What a key exchange daemon has open."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", PORT))
    sock.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP)
    return sock
