# SPDX-License-Identifier: GPL-2.0-or-later
"""An uplink without IPv4: tayga translates in the router (464XLAT, as clatd sets it up) and at the carrier (NAT64).

client --IPv4-- br0 [router: NAT] clat = tayga --IPv6 over wan0-- nat64 = tayga [internet] --IPv4-- server
"""

import ipaddress
import shutil
import subprocess
from contextlib import ExitStack
from typing import Self

from esimshaper.lab import Lab
from esimshaper.lab.namespaces import Host

PREFIX = "2001:db8:64:ff9b::"
CLAT4, CLAT6 = "192.0.0.1", "2001:db8:c1a7::1"  # RFC 7335
POOL = "192.168.255"
MTU = 1480  # of IPv4: what is 20 bytes longer in IPv6 fits into 1500


class Clat:
    """Both translators, for a `with` block; each ends with it."""

    interface = "clat"
    mtu = MTU

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _build(self) -> None:
        self._translate_at_the_carrier()
        self._translate_in_the_router()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def inside(self, server: str) -> str:
        """How devices reach an IPv4 server by the translator of the router."""
        return server

    def outside(self, server: str) -> str:
        """How the carrier's bill names an IPv4 server."""
        return _embedded(server)

    def _translate_at_the_carrier(self) -> None:
        internet = self.lab.internet
        self._tayga(internet, "nat64", f"ipv4-addr {POOL}.1", f"dynamic-pool {POOL}.0/24")
        internet.ip(
            f"route add {POOL}.0/24 dev nat64",
            f"route add {PREFIX}/96 dev nat64",
            f"route add {CLAT6}/128 via {self.lab.router.ipv6} dev gw0",
        )

    def _translate_in_the_router(self) -> None:
        router = self.lab.router
        self._tayga(router, self.interface, "ipv4-addr 192.0.0.2", f"map {CLAT4} {CLAT6}")
        router.run(["ip", "-4", "addr", "flush", "dev", "wan0"])
        router.ip(
            f"addr add {CLAT4}/32 dev {self.interface}",
            f"route replace default dev {self.interface}",
            f"route add {CLAT6}/128 dev {self.interface}",
        )
        rule = f"chain c {{ type nat hook postrouting priority srcnat; oifname {self.interface} masquerade; }};"
        router.run(["nft", "-f", "-"], text_in=f"table ip clat {{ {rule} }}\n")

    def _tayga(self, host: Host, device: str, *lines: str) -> None:
        folder = self.lab.directory / device
        folder.mkdir()
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        config = folder / "tayga.conf"
        config.write_text(
            "\n".join((f"tun-device {device}", f"prefix {PREFIX}/96", f"data-dir {folder}", *lines)) + "\n"
        )
        command = ["tayga", "--config", str(config)]
        host.run([*command, "--mktun"])
        self._stack.callback(host.run, [*command, "--rmtun"])
        host.ip(f"link set {device} mtu {self.mtu} up")
        process = host.popen([*command, "--nodetach"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(process.wait, 10)
        self._stack.callback(process.kill)


class Nat64(Clat):
    """A translator for devices that have IPv6 only, in the router; the carrier has IPv4."""

    interface = "nat64"
    mtu = 1500

    def inside(self, server: str) -> str:
        return _embedded(server)

    def outside(self, server: str) -> str:
        return server

    def _build(self) -> None:
        self._tayga(self.lab.router, self.interface, f"ipv4-addr {POOL}.1", f"dynamic-pool {POOL}.0/24")
        self.lab.router.ip(f"route add {POOL}.0/24 dev nat64", f"route add {PREFIX}/96 dev nat64")


def _embedded(server: str) -> str:
    """An IPv4 address in IPv6, RFC 6052."""
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(PREFIX)) + int(ipaddress.IPv4Address(server))))
