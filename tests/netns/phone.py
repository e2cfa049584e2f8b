# SPDX-License-Identifier: GPL-2.0-or-later
"""A phone somewhere in the world that exits by the lab's router: the router serves a WireGuard, and the phone is in it.

phone  wg0 10.98.0.2 == UDP == eth0 -- [internet host] -- wan0 [router] wg0 10.98.0.1, NAT -- wan0 -- [servers]
"""

import os
from contextlib import ExitStack
from typing import Self

from esimshaper.lab import Lab, namespaces
from esimshaper.lab.namespaces import Host
from tests.netns.vpn import give_key, run_wireguard

PORT = 51900
OUTSIDE, INSIDE = "198.18.0.2", "10.98.0.2"


class Phone:
    """`host`: the phone; `interface`: the server's, in the router."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.interface = f"wgs{os.getpid()}"
        self._own = f"wgp{os.getpid()}"
        self.host = Host("phone", f"{lab.name}-phone")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._plug()
            keys = [self._start(self.lab.router, self.interface), self._start(self.host, self._own)]
            self._connect(*keys)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _plug(self) -> None:
        namespaces.add([self.host.netns])
        self._stack.callback(namespaces.remove, [self.host.netns])
        self.lab.internet.ip(
            f"link add phone0 type veth peer name eth0 netns {self.host.netns}",
            "addr add 198.18.0.1/24 dev phone0",
            "link set phone0 up",
        )
        self.host.ip(
            "link set lo up",
            f"addr add {OUTSIDE}/24 dev eth0",
            "link set eth0 up",
            "route add default via 198.18.0.1",
        )

    def _start(self, host: Host, name: str) -> str:
        """The public key of a new interface."""
        run_wireguard(self._stack, host, name)
        return give_key(host, name)

    def _connect(self, server: str, own: str) -> None:
        router = self.lab.router
        router.run(["wg", "set", self.interface, "listen-port", str(PORT), "peer", own, "allowed-ips", f"{INSIDE}/32"])
        peer = ["peer", server, "endpoint", f"{router.ipv4}:{PORT}", "allowed-ips", "0.0.0.0/0"]
        self.host.run(["wg", "set", self._own, *peer])
        router.ip(f"addr add 10.98.0.1/24 dev {self.interface}", f"link set {self.interface} up")
        servers = (f"route add {server}/32 dev {self._own}" for server in self.lab.servers4)
        self.host.ip(f"addr add {INSIDE}/24 dev {self._own}", f"link set {self._own} up", *servers)

    @property
    def setting(self) -> str:
        """As in `wan.tunnels`."""
        return f"{{interface: {self.interface}, port: {PORT}}}"
