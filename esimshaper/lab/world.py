# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab as a whole: builds the topology, hands out its hosts, takes everything away again. Needs root.

    client eth0 --veth-- br0 [router: NAT for IPv4, routes IPv6, dnsmasq] wan0 ==carrier== gw0 [internet: servers on lo]

Owns the namespaces, the processes in them and one run directory; all of it is gone when the `with` block ends, also by
an exception, Ctrl-C or SIGTERM. After SIGKILL the carrier's process tidies up, or else the next lab does.
Only private and documentation addresses are used (RFC 1918, 5737, 6598, 3849).
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

from esimshaper.lab import namespaces
from esimshaper.lab.carrier import GATEWAY_DEVICE, WAN_DEVICE, Carrier, Shape, WanKind, python_environment
from esimshaper.lab.devices import set_gro
from esimshaper.lab.namespaces import PREFIX, RUN_DIR, Host, LabUnavailable, wait_until
from esimshaper.lab.requirements import require
from esimshaper.lab.sites import dns_options, make_certificate

LAN_DEVICE = "br0"
LAN4, LAN6 = "192.168.77", "2001:db8:77::"
WAN4, WAN6 = "100.64.0", "2001:db8:64::"
SERVER4, SERVER6 = "198.51.100", "2001:db8:5::"
BEYOND4, BEYOND6 = "203.0.113.1", "2001:db8:bad::1"
"""Addresses one hop behind the internet host, over a link of 1280 bytes: no host is there, but ICMP errors come."""
BEYOND_MTU = 1280

_QUEUE = 20_000  # packets; a TUN's own ring drops silently, and bill and meter would differ
_MAC_WAN, _MAC_GATEWAY = "02:00:00:00:64:02", "02:00:00:00:64:01"
_NFT = f"""table ip esimshaper_lab {{
    chain postrouting {{
        type nat hook postrouting priority srcnat;
        oifname "{WAN_DEVICE}" masquerade
    }}
}}
"""
_UDHCPC_SCRIPT = """#!/bin/sh
if [ "$1" = bound ]; then
    ip -4 addr replace "$ip/$mask" dev "$interface"
    ip -4 route replace default via "$router" dev "$interface"
fi
"""
_numbers = itertools.count()


class Lab:
    """A travel router with its clients and its carrier.

    clients: one namespace each, with this DHCP host name and MAC 02:00:00:00:00:10, :11 ...
    gro: packets that arrive at wan0 may be joined (a veth WAN always does that, which is its point).
    gso: TUN and TAP hand over and take super-packets, those towards the router with gso_segs == 0 (SKB_GSO_DODGY).
    servers: how many addresses per family the internet host has.
    bare: clients get fixed addresses instead of DHCP and router advertisements, so that fewer programs are needed.
    names: host names, and the number of the server that each is, from 0; the router knows them, and they speak TLS.
    """

    def __init__(
        self,
        wan: WanKind = WanKind.TUN,
        clients: Sequence[str] = ("alice-phone", "bob-laptop"),
        *,
        gro: bool = False,
        gso: bool = False,
        servers: int = 8,
        shape: Shape | None = None,
        bare: bool = False,
        names: Mapping[str, int] | None = None,
    ) -> None:
        self.name = f"{PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.directory = RUN_DIR / self.name
        self.lease_file = self.directory / "dnsmasq.leases"
        self.wan_interface, self.lan_interface = WAN_DEVICE, LAN_DEVICE
        self.kind = wan
        self.servers4 = tuple(f"{SERVER4}.{number}" for number in range(1, servers + 1))
        self.servers6 = tuple(f"{SERVER6}{number:x}" for number in range(1, servers + 1))
        self.router = self._host("router", WAN_DEVICE, _MAC_WAN, f"{WAN4}.2", f"{WAN6}2")
        self.internet = self._host("internet", GATEWAY_DEVICE, _MAC_GATEWAY, f"{WAN4}.1", f"{WAN6}1")
        self.clients = tuple(
            self._host(name, "eth0", f"02:00:00:00:00:{16 + number:02x}") for number, name in enumerate(clients)
        )
        self.carrier = Carrier(self.router.netns, self.internet.netns, gro=gro, gso=gso)
        self._shape, self._bare, self._names = shape, bare, names or {}
        self._stack = ExitStack()

    def _host(self, name: str, interface: str, mac: str, ipv4: str = "", ipv6: str = "") -> Host:
        return Host(name, f"{self.name}-{name}", interface, mac, ipv4, ipv6)

    @property
    def hosts(self) -> tuple[Host, ...]:
        return (self.router, self.internet, *self.clients)

    def client(self, name: str) -> Host:
        """The client of that name. Raises StopIteration if there is none."""
        return next(client for client in self.clients if client.name == name)

    def __enter__(self) -> Self:
        require(self.kind, bare=self._bare, named=bool(self._names))
        namespaces.sweep()
        self._catch_signals()
        try:
            self._build()
        except subprocess.CalledProcessError as problem:
            self.close()
            raise LabUnavailable(
                f"`{' '.join(problem.cmd)}` failed: {' '.join(problem.stderr.split())}.",
                "The kernel needs veth, bridge and nf_tables with NAT (modprobe veth bridge nft_masq).",
            ) from problem
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take everything away; harmless if done twice."""
        self._stack.close()

    def recreate_wan(self, kind: WanKind | None = None) -> None:
        """Delete wan0 and make it again, maybe with another link type: new ifindex, addresses and routes as before."""
        self._unplug()
        self.kind = kind or self.kind
        self._plug()

    def upload_drops(self) -> int:
        """Packets that wan0 or its queue dropped since it was made: past the egress hook, but never at the carrier."""
        link = json.loads(self.router.run(["ip", "-j", "-s", "link", "show", "dev", WAN_DEVICE]))
        queues = json.loads(self.router.run(["tc", "-j", "-s", "qdisc", "show", "dev", WAN_DEVICE, "root"]) or "[]")
        return int(link[0]["stats64"]["tx"]["dropped"]) + sum(int(queue.get("drops", 0)) for queue in queues)

    def _catch_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may, and there the signals arrive
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _leave)
                self._stack.callback(signal.signal, number, signal.SIG_DFL)

    def _build(self) -> None:
        self.directory.mkdir(parents=True)
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        names = [host.netns for host in self.hosts]
        self._stack.callback(namespaces.remove, names)
        namespaces.add(names)
        self._stack.callback(self.carrier.stop)
        for host in self.hosts:
            _prepare(host, forwards=host in (self.router, self.internet))
        self._build_lan()
        self._build_internet()
        self._plug()
        server = None if self._bare else self._serve_addresses()
        self._serve_traffic()
        if server is None:
            self.clients = tuple(_with_fixed_addresses(*each) for each in enumerate(self.clients, 50))
        else:
            self._connect_clients(server)
        if self._shape is not None:
            self.carrier.set_shape(self._shape)

    def _build_lan(self) -> None:
        lines = [
            f"link add {LAN_DEVICE} type bridge forward_delay 0 mcast_snooping 0",
            f"addr add {LAN4}.1/24 dev {LAN_DEVICE}",
            f"addr add {LAN6}1/64 dev {LAN_DEVICE}",
            f"link set {LAN_DEVICE} up",
        ]
        for number, client in enumerate(self.clients):
            lines += [
                f"link add lan{number} type veth peer name eth0 address {client.mac} netns {client.netns}",
                f"link set lan{number} master {LAN_DEVICE} up",
            ]
        self.router.ip(*lines)
        self.router.run(["nft", "-f", "-"], text_in=_NFT)

    def _build_internet(self) -> None:
        self.internet.ip(
            *(f"addr add {address}/32 dev lo" for address in self.servers4),
            *(f"addr add {address}/128 dev lo" for address in self.servers6),
            f"link add beyond0 mtu {BEYOND_MTU} arp off type veth peer name beyond1 mtu {BEYOND_MTU}",
            "link set beyond1 up",
            "link set beyond0 up",
            f"route add {BEYOND4} dev beyond0",
            f"route add {BEYOND6} dev beyond0",
        )

    def _plug(self) -> None:
        """Make wan0 and gw0 and give them addresses and routes."""
        if self.kind is WanKind.VETH:
            self.router.ip(f"link add {WAN_DEVICE} type veth peer name {GATEWAY_DEVICE} netns {self.internet.netns}")
            self.router.call(set_gro, WAN_DEVICE, on=True)
            # With a real qdisc a full veth ring makes the sender wait (kernel 6.16 on) instead of dropping.
            self.internet.run(["tc", "qdisc", "replace", "dev", GATEWAY_DEVICE, "root", "pfifo", "limit", str(_QUEUE)])
        self.carrier.start(self.kind)
        for host, other in ((self.router, self.internet), (self.internet, self.router)):
            device = host.interface
            address = [] if self.kind.is_raw else [f"link set {device} address {host.mac}"]
            host.ip(
                *address,
                f"link set {device} txqueuelen {_QUEUE} up",
                f"addr add {host.ipv4}/24 dev {device}",
                f"addr add {host.ipv6}/64 dev {device}",
                *_routes(host is self.router, other),
            )

    def _unplug(self) -> None:
        self.carrier.stop()
        with contextlib.suppress(subprocess.CalledProcessError):  # a TUN went with its process, or a test deleted it
            self.router.ip(f"link del {WAN_DEVICE}")

    def _serve_addresses(self) -> "subprocess.Popen[bytes]":
        """dnsmasq as at home: DHCP with a lease file, router advertisements, DNS for the names that there are."""
        return self.router.popen(
            [
                "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root",
                *dns_options(self._names, self.servers4, self.servers6),
                "--no-resolv", "--no-hosts", f"--interface={LAN_DEVICE}", "--bind-interfaces",
                f"--log-facility={self.directory / 'dnsmasq.log'}", f"--dhcp-leasefile={self.lease_file}",
                "--dhcp-authoritative", "--no-ping", f"--dhcp-range={LAN4}.50,{LAN4}.199,12h",
                "--enable-ra", f"--dhcp-range={LAN6},ra-only,64,12h",
            ]
        )  # fmt: skip

    def _serve_traffic(self) -> None:
        tls = ["--tls", *map(str, make_certificate(self.directory))] if self._names else []
        process = self.internet.popen(
            [sys.executable, "-m", "esimshaper.lab.servers", *tls, *self.servers4, *self.servers6],
            env=python_environment(),
            stdout=subprocess.PIPE,
        )
        self._stack.callback(_reap, process)
        self._stack.callback(process.kill)
        if _line(process.stdout) != b"ready\n":
            raise RuntimeError("lab: the servers did not start")

    def _connect_clients(self, server: "subprocess.Popen[bytes]") -> None:
        self._stack.callback(_reap, server)
        self._stack.callback(server.kill)
        wait_until("the start of dnsmasq", lambda: server.poll() is not None or _listens(server.pid))
        script = self.directory / "udhcpc.sh"
        script.write_text(_UDHCPC_SCRIPT, encoding="ascii")
        script.chmod(0o755)
        requests = []
        for client in self.clients:
            client.ip("link set eth0 up")
            command = ["udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "8", "-T", "1", "-s", str(script)]
            requests.append(
                client.popen([*command, "-x", f"hostname:{client.name}"], stdout=-3, stderr=subprocess.PIPE, text=True)
            )
        for client, request in zip(self.clients, requests, strict=True):
            _, words = request.communicate(timeout=30)
            if request.returncode:
                raise RuntimeError(f"lab: {client.name} got no address: {words}")
        self.clients = tuple(self._with_addresses(client) for client in self.clients)

    def _with_addresses(self, client: Host) -> Host:
        ipv6 = _slaac(client.mac)
        packed = ipv6.packed.hex()
        wait_until(f"{client.name}'s IPv6 address", lambda: packed in client.call(_if_inet6))
        addresses = json.loads(client.run(["ip", "-j", "-4", "addr", "show", "dev", "eth0"]))
        return replace(client, ipv4=addresses[0]["addr_info"][0]["local"], ipv6=str(ipv6))


def _with_fixed_addresses(number: int, client: Host) -> Host:
    client = replace(client, ipv4=f"{LAN4}.{number}", ipv6=f"{LAN6}{number:x}")
    client.ip(
        f"addr add {client.ipv4}/24 dev eth0",
        f"addr add {client.ipv6}/64 dev eth0",
        "link set eth0 up",
        f"route add default via {LAN4}.1",
        f"route add ::/0 via {LAN6}1",
    )
    return client


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _prepare(host: Host, *, forwards: bool) -> None:
    """Sysctls before the links come up: no waiting for duplicate addresses, no limits on ICMP errors."""
    for scope in ("all", "default"):
        ipv6, ipv4 = f"ipv6__conf__{scope}__", f"ipv4__conf__{scope}__"
        values = {"disable_ipv6": 0, "accept_dad": 0, "forwarding": int(forwards)}
        if scope == "default":
            values |= {"dad_transmits": 0, "router_solicitation_delay": 0, "router_solicitation_interval": 1}
            # ms: a new link reports its multicast groups at once, not at a random moment in the next seconds.
            values["mldv2_unsolicited_report_interval"] = 1
        host.sysctl(**{ipv6 + name: value for name, value in values.items()}, **{f"{ipv4}rp_filter": 0})
    host.sysctl(ipv4__ip_forward=int(forwards), ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)
    host.ip("link set lo up")


def _routes(is_router: bool, other: Host) -> list[str]:  # noqa: FBT001
    if is_router:
        return [f"route add default via {other.ipv4}", f"route add ::/0 via {other.ipv6}"]
    return [f"route add {LAN6}/64 via {other.ipv6}"]


def _slaac(mac: str) -> IPv6Address:
    """The address that RFC 4862 makes of the LAN's prefix and a MAC."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return IPv6Address(IPv6Address(LAN6).packed[:8] + identifier)


def _if_inet6() -> str:
    return Path("/proc/thread-self/net/if_inet6").read_text(encoding="ascii")


def _listens(pid: int) -> bool:
    """Whether that process's namespace has a DHCP server (port 67) and somebody who hears router solicitations."""
    net = Path(f"/proc/{pid}/net")
    return ":0043 " in (net / "udp").read_text(encoding="ascii") and ":003A " in (net / "raw6").read_text(
        encoding="ascii"
    )


def _line(stream: IO[bytes] | None) -> bytes:
    return stream.readline() if stream else b""


def _reap(process: "subprocess.Popen[bytes]") -> None:
    process.wait(timeout=5)
    if process.stdout:
        process.stdout.close()
