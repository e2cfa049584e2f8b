# SPDX-License-Identifier: GPL-2.0-or-later
"""What came out at both ends of the router, apart from what it says itself.

In: hosts of a lab. Out: IP bytes. Owns a table `bench_ends` of nftables in the namespaces of a client and of the
internet, and a packet socket at the uplink. What a blocked flow gets after its reset is nobody's any more: no program
is there to take it, so it is counted as late.
"""

import ctypes
import ipaddress
import json
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from esimshaper.core.model.kernel import ETH_P_ALL
from esimshaper.lab import Host

CLIENT = """table inet bench_ends {
    set over { type inet_service; size 65535; flags dynamic; }
    counter delivered { }
    counter resets { }
    counter late { }
    chain first {
        type filter hook prerouting priority -500;
        meta l4proto != { tcp, udp } return
        udp sport 67 return
        tcp flags & rst == rst update @over { tcp dport } counter name resets %s
        tcp dport @over counter name late return
        counter name delivered
    }
}
"""
INTERNET = """table inet bench_ends {
    set deaf { type ipv4_addr; }
    chain first {
        type filter hook prerouting priority -500;
        iifname != "gw0" return
        udp dport 9 drop comment "a flood: errors about it would be downloads, and use up the limit as well"
        meta l4proto != tcp return
        tcp flags & rst != rst return
        ip daddr @deaf drop
    }
}
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """IP bytes of TCP and UDP at a client: for a program, resets, and what came after the reset of its flow."""

    delivered: int
    resets: int
    late: int


def watch_internet(internet: Host) -> None:
    """See to the floods, and to who is to be deaf."""
    internet.run(["nft", "-f", "-"], text_in=INTERNET)


def watch(client: Host, *, deaf: bool = False) -> None:
    """Count what arrives. `deaf`: resets do not reach the client's own kernel."""
    client.run(["nft", "-f", "-"], text_in=CLIENT % ("drop" if deaf else "return"))


def deafen(internet: Host, server: str) -> None:
    """Resets do not reach this IPv4 server."""
    internet.run(["nft", "add", "element", "inet", "bench_ends", "deaf", f"{{ {server} }}"])


def arrived(clients: Iterable[Host]) -> Arrived:
    """At all of these clients together."""
    sums = {"delivered": 0, "resets": 0, "late": 0}
    for client in clients:
        listing = json.loads(client.run(["nft", "-j", "list", "counters", "table", "inet", "bench_ends"]))
        for counter in (item["counter"] for item in listing["nftables"] if "counter" in item):
            sums[counter["name"]] += int(counter["bytes"])
    return Arrived(**sums)


class Resets:
    """TCP resets that leave the router by `interface`, also those that the carrier's queue then drops."""

    def __init__(self, router: Host, interface: str) -> None:
        self._socket: socket.socket = router.call(_socket, interface)
        self._bytes: Counter[str] = Counter()

    def __enter__(self) -> "Resets":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def of(self, servers: Iterable[str]) -> int:
        """IP bytes for these servers up to now. OSError if some were not seen."""
        for _ in range(_waiting(self._socket)):
            packet = self._socket.recv(_WHOLE)
            remote = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
            self._bytes[str(ipaddress.ip_address(remote))] += len(packet)
        return sum(self._bytes[server] for server in servers)


_WHOLE = 65536
_OUTGOING = 4  # PACKET_OUTGOING
_SOL_PACKET, _STATISTICS, _ATTACH_FILTER = 263, 6, 26  # linux/if_packet.h, asm-generic/socket.h
_LDB, _LDB_X, _LDX_HEADER, _AND, _JEQ, _JSET, _RET = 0x30, 0x50, 0xB1, 0x54, 0x15, 0x45, 0x06
_PACKET_TYPE = 0xFFFFF004  # SKF_AD_OFF + SKF_AD_PKTTYPE
_FILTER = (
    (_LDB, 0, 0, _PACKET_TYPE),
    (_JEQ, 0, 13, _OUTGOING),
    (_LDB, 0, 0, 0),
    (_AND, 0, 0, 0xF0),
    (_JEQ, 0, 5, 0x40),
    (_LDB, 0, 0, 9),
    (_JEQ, 0, 8, socket.IPPROTO_TCP),
    (_LDX_HEADER, 0, 0, 0),
    (_LDB_X, 0, 0, 13),
    (_JSET, 6, 5, 4),
    (_JEQ, 0, 4, 0x60),
    (_LDB, 0, 0, 6),
    (_JEQ, 0, 2, socket.IPPROTO_TCP),
    (_LDB, 0, 0, 53),
    (_JSET, 1, 0, 4),
    (_RET, 0, 0, 0),
    (_RET, 0, 0, _WHOLE),
)
"""What leaves and has the flag RST, in classic BPF: code, jump if true, jump if false, value."""


def _socket(interface: str) -> socket.socket:
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in _FILTER))
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    made.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", len(_FILTER), ctypes.addressof(program)))
    made.bind((interface, ETH_P_ALL))
    return made


def _waiting(packets: socket.socket) -> int:
    """How many packets, since this was last asked."""
    seen, dropped = struct.unpack("=II", packets.getsockopt(_SOL_PACKET, _STATISTICS, 8))
    if dropped:
        raise OSError(f"{dropped} of {seen} resets did not fit into the socket")
    return int(seen)
