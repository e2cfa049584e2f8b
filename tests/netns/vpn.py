# SPDX-License-Identifier: GPL-2.0-or-later
"""A WireGuard tunnel from the lab's router to its internet host, in user space. Owns both processes and interfaces.

    router  wgaPID 10.99.N.2 --NAT--  UDP over wan0  -- ENDPOINT:PORT, 10.99.N.1 wgbPID  internet host

What is sent to `through` goes in. The carrier sees UDP to and from `endpoint` only.
"""

import itertools
import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from esimshaper.lab import Lab
from esimshaper.lab.namespaces import Host, wait_until

PORT = 51820
SOCKETS = Path("/var/run/wireguard")
_numbers = itertools.count()


def run_wireguard(stack: ExitStack, host: Host, name: str) -> None:
    """A WireGuard interface in user space, until `stack` is closed."""
    process = host.popen(["wireguard-go", "-f", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(process.wait, 10)
    stack.callback(process.kill)
    stack.callback((SOCKETS / f"{name}.sock").unlink, missing_ok=True)
    wait_until(f"the start of {name}", lambda: process.poll() is not None or (SOCKETS / f"{name}.sock").exists())


def give_key(host: Host, name: str) -> str:
    """Gives an interface a new private key, and returns the public one."""
    private = host.run(["wg", "genkey"]).strip()
    host.run(["wg", "set", name, "private-key", "/dev/stdin"], text_in=private)
    return host.run(["wg", "pubkey"], text_in=private).strip()


class Vpn:
    """`endpoint`: an address of the internet host; `through`: addresses of it that are reached by the tunnel."""

    def __init__(self, lab: Lab, endpoint: str, through: Sequence[str], *, keepalive: int = 0) -> None:
        number = next(_numbers)
        self.lab, self.endpoint, self.through = lab, endpoint, through
        self.port = PORT + number
        self.interface, self._far = f"wga{os.getpid()}{number}", f"wgb{os.getpid()}{number}"
        self._near_net, self._near_net6 = f"10.99.{number}", f"fd99:{number:x}::"
        self._keepalive = keepalive
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            keys = [self._start(self.lab.router, self.interface), self._start(self.lab.internet, self._far)]
            self._connect(*keys)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, host: Host, name: str) -> str:
        """The public key of a new interface."""
        self._make(host, name)
        return give_key(host, name)

    def _make(self, host: Host, name: str) -> None:
        run_wireguard(self._stack, host, name)

    def _connect(self, near: str, far: str) -> None:
        self._join(near, far)
        for host, name, last in ((self.lab.router, self.interface, 2), (self.lab.internet, self._far, 1)):
            host.ip(
                f"addr add {self._near_net}.{last}/24 dev {name}",
                f"addr add {self._near_net6}{last}/64 dev {name}",
                f"link set {name} up",
            )
        gates = {False: f"{self._near_net}.1", True: f"{self._near_net6}1"}
        self.lab.router.ip(
            *(f"route replace {each} via {gates[':' in each]} dev {self.interface} onlink" for each in self.through)
        )
        rule = "add rule {0} vpn postrouting oifname {1} masquerade"
        chain = "add table {0} vpn\nadd chain {0} vpn postrouting {{ type nat hook postrouting priority srcnat; }}"
        lines = [line.format(family, self.interface) for family in ("ip", "ip6") for line in (chain, rule)]
        self.lab.router.run(["nft", "-f", "-"], text_in="\n".join(lines) + "\n")

    def _join(self, near: str, far: str) -> None:
        """Makes each end know the other's public key."""
        outside = f"[{self.endpoint}]" if ":" in self.endpoint else self.endpoint
        peer = ["allowed-ips", "0.0.0.0/0,::/0", "persistent-keepalive", str(self._keepalive)]
        self._answer_from_endpoint()
        self.lab.internet.run(["wg", "set", self._far, "listen-port", str(self.port), "peer", near, *peer[:2]])
        self.lab.router.run(["wg", "set", self.interface, "peer", far, "endpoint", f"{outside}:{self.port}", *peer])

    def _answer_from_endpoint(self) -> None:
        """The wireguard-go of Debian 13 leaves it to the routes by which of its addresses a server answers."""
        internet, router = self.lab.internet, self.lab.router
        family, to = ("-6", router.ipv6) if ":" in self.endpoint else ("-4", router.ipv4)
        table = str(self.port)
        internet.run(["ip", family, "rule", "add", "ipproto", "udp", "sport", table, "lookup", table])
        route = [to, "dev", internet.interface, "src", self.endpoint, "table", table]
        internet.run(["ip", family, "route", "replace", *route])

    @property
    def setting(self) -> str:
        """As in `wan.tunnels`."""
        return f"{{interface: {self.interface}, port: {self.port}}}"


class KernelVpn(Vpn):
    """The same with the kernel's own WireGuard, where it has one."""

    def _make(self, host: Host, name: str) -> None:
        host.ip(f"link add {name} type wireguard")
        self._stack.callback(host.ip, f"link del {name}")


class KernelTunnel(Vpn):
    """A tunnel of the kernel itself, which needs no port in the configuration: both ends know each other's address."""

    def _start(self, host: Host, name: str) -> str:
        host.ip(f"link add {name} type {self._kind(host)}")
        self._stack.callback(host.ip, f"link del {name}")
        return ""

    def _kind(self, host: Host) -> str:
        """What `ip link` is to make at one end."""
        raise NotImplementedError

    def _join(self, near: str, far: str) -> None:
        pass

    @property
    def setting(self) -> str:
        return f"{{interface: {self.interface}}}"


class Vxlan(KernelTunnel):
    """Over IPv4."""

    def _kind(self, host: Host) -> str:
        far = self.endpoint if host is self.lab.router else self.lab.router.ipv4
        source = f"local {self.endpoint} " if host is not self.lab.router else ""
        return f"vxlan id 7 {source}remote {far} dstport {self.port} nolearning"


class FourInSix(KernelTunnel):
    """IPv4 in IPv6, as DS-Lite and MAP-E set it up; `endpoint` and `through` accordingly."""

    def _kind(self, host: Host) -> str:
        ends = (self.lab.router.ipv6, self.endpoint)
        local, remote = ends if host is self.lab.router else ends[::-1]
        return f"ip6tnl mode ipip6 local {local} remote {remote} encaplimit none"
