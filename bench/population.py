# SPDX-License-Identifier: GPL-2.0-or-later
"""A crowd for real maps: clients through the LAN hook, their traffic through the WAN hook, flows by the thousand.

Packets go in by BPF_PROG_TEST_RUN, so the kernel does with its maps what it does with real ones. Owns nothing.
"""

import ipaddress
import struct
import time
from collections.abc import Iterable

from bench.place import MARK_SHIFT
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.meter import Meter
from tests.bpf import packets

LOOPBACK = 1  # its interface number
MARK, INGRESS_IFINDEX, CONTEXT = 8, 36, 192  # struct __sk_buff, include/uapi/linux/bpf.h


def mac_of(client: int) -> str:
    """The MAC of the client with this number from 0."""
    return f"02:00:01:00:{client >> 8:02x}:{client & 255:02x}"


def address_of(client: int) -> str:
    """The IPv4 address of the client with this number from 0, in 10.64.0.0/16."""
    return f"10.64.{client >> 8}.{client & 255}"


def arrive(meter: Meter, clients: int) -> None:
    """As many clients send their first packet, and then move some bytes."""
    for client in range(clients):
        datagram = packets.udp(4000, 443, bytes(100))
        frame = packets.ethernet(
            packets.ipv4(address_of(client), packets.SERVER4, packets.UDP, datagram), source=mac_of(client)
        )
        run(meter, "lan_ingress_ethernet", frame)
    move(meter, range(clients))


def move(meter: Meter, clients: Iterable[int], each: int = 10) -> None:
    """Each of these clients sends `each` packets of 1,400 bytes of a flow of its own, and gets as many."""
    for client in clients:
        port, payload = 20_000 + client, bytes(1372)
        sent = packets.ipv4(packets.WAN4, packets.SERVER4, packets.UDP, packets.udp(port, 443, payload))
        got = packets.ipv4(packets.SERVER4, packets.WAN4, packets.UDP, packets.udp(443, port, payload))
        run(meter, "wan_egress_ethernet", packets.ethernet(sent), (FIRST_CLIENT_ACCOUNT + client) << MARK_SHIFT, each)
        run(meter, "wan_ingress_ethernet", packets.ethernet(got), 0, each)


def add_flows(meter: Meter, flows: int, clients: int) -> None:
    """Fills the table up as far as an LRU hash lets itself be filled: some percent less than it has room for."""
    table = libbpf.Map(meter.generation / "flows", layouts.FLOW_KEY.size, layouts.FLOW.size)
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    local = b"\0" * 10 + b"\xff\xff" + ipaddress.IPv4Address(packets.WAN4).packed
    for number in range(flows):
        remote = b"\0" * 10 + b"\xff\xff" + struct.pack("!I", 0x08000000 + number * 7919)
        key = layouts.FLOW_KEY.pack(remote, local, 443, number & 0xFFFF, packets.TCP)
        size = (number * 2654435761) % 10_000_000
        value = layouts.FLOW.pack(
            size, size // 10, size // 1400, size // 1400, now, now, FIRST_CLIENT_ACCOUNT + number % clients, 0, 0, 0
        )
        table.update(key, value)
    table.close()


def run(meter: Meter, program: str, frame: bytes, mark: int = 0, repeat: int = 1) -> libbpf.DryRun:
    """The program on a frame that is forwarded with this mark; afterwards its mark is `mark_of` the result."""
    context = bytearray(CONTEXT)
    struct.pack_into("=I", context, MARK, mark)
    struct.pack_into("=I", context, INGRESS_IFINDEX, LOOPBACK)
    return libbpf.dry_run(meter.program(program).fd, frame, bytes(context), repeat)


def mark_of(result: libbpf.DryRun) -> int:
    """What the program wrote into the packet's mark."""
    return int(struct.unpack_from("=I", result.context, MARK)[0])
