# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the kernel's connection tracking table, by netlink (linux/netfilter/nfnetlink_conntrack.h).

Flows as the carrier sees them go in, the same with the client's own address and port come out. It is asked only when a
person looks at flows; metering does not depend on it.
"""

import contextlib
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from esimshaper.core.model.flows import Flow, Protocol
from esimshaper.edge import netlink
from esimshaper.edge.netlink import Netlink

# Decoded here, not by pyroute2: that takes over six seconds for a table of 65,536 entries, this half a second, and the
# daemon's tick would wait for it.

NETLINK_NETFILTER = 12
GET_CONNTRACK = 1 << 8 | 1  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET

TUPLE_ORIG, TUPLE_REPLY = 1, 2  # enum ctattr_type
TUPLE_IP, TUPLE_PROTO = 1, 2  # enum ctattr_tuple
V4_SOURCE, V4_DESTINATION, V6_SOURCE, V6_DESTINATION = 1, 2, 3, 4  # enum ctattr_ip
PROTO_NUMBER, SOURCE_PORT, DESTINATION_PORT, PING_ID, PING6_ID = 1, 2, 3, 4, 7  # enum ctattr_l4proto

GENERIC = struct.Struct("=BBH")  # struct nfgenmsg
PORT = struct.Struct("!H")

PINGS = (Protocol.ICMP, Protocol.ICMPV6)
WITH_PORTS = (Protocol.TCP, Protocol.UDP, *PINGS)
"""Protocols whose ports the meter's flows have too. Connection tracking also knows ports of SCTP, and keys of GRE."""

TIMEOUT_SECONDS = 5.0


class Tuple(NamedTuple):
    """One direction of a connection; addresses in network order. For ping both ports are the echo identifier."""

    protocol: int
    source: bytes
    source_port: int
    destination: bytes
    destination_port: int


def behind_nat(flows: Iterable[Flow]) -> tuple[Flow, ...]:
    """`flows`, with client_address and client_port filled in where connection tracking knows them.

    Without connection tracking, or without the right to read it (CAP_NET_ADMIN), no flow is changed.
    """
    flows = tuple(flows)
    wanted = {_down(flow) for flow in flows}
    inside: dict[Tuple, tuple[bytes, int]] = {}
    try:
        for original, reply in _connections():
            # Down on the WAN is the reply of what a client began, or the original of what was let in to a client.
            if reply in wanted:
                inside[reply] = (original.source, original.source_port)
            elif original in wanted:
                inside[original] = (reply.source, reply.source_port)
    except OSError:
        return flows
    return tuple(_filled_in(flow, inside.get(_down(flow))) for flow in flows)


def _filled_in(flow: Flow, inside: tuple[bytes, int] | None) -> Flow:
    if inside is None or not inside[0]:
        return flow
    address, port = inside
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    return replace(flow, client_address=socket.inet_ntop(family, address), client_port=port)


def _down(flow: Flow) -> Tuple:
    """How a packet of `flow` from the carrier looks."""
    remote_port = flow.wan_port if flow.protocol in PINGS else flow.remote_port
    return Tuple(flow.protocol, _packed(flow.remote_address), remote_port, _packed(flow.wan_address), flow.wan_port)


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _connections() -> Iterator[tuple[Tuple, Tuple]]:
    """Original and reply of each connection, IPv4 and IPv6. Raises OSError."""
    with contextlib.closing(Netlink(NETLINK_NETFILTER, TIMEOUT_SECONDS)) as kernel:
        kernel.ask(netlink.message(GET_CONNTRACK, netlink.DUMP, GENERIC.pack(socket.AF_UNSPEC, 0, 0)))
        more = True
        while more:
            found, more = connections_in(kernel.receive())
            yield from found


def connections_in(data: bytes) -> tuple[list[tuple[Tuple, Tuple]], bool]:
    """Original and reply of each connection in a part of the dump, and whether there are more parts.

    Never raises: what makes no sense is left out.
    """
    found: list[tuple[Tuple, Tuple]] = []
    for kind, _, (start, end) in netlink.messages(data):
        if kind in (netlink.ERROR, netlink.DONE):
            return found, False
        tuples = netlink.attributes(data, start + GENERIC.size, end)
        if TUPLE_ORIG in tuples and TUPLE_REPLY in tuples:
            found.append((_tuple(data, *tuples[TUPLE_ORIG]), _tuple(data, *tuples[TUPLE_REPLY])))
    return found, True


def _tuple(data: bytes, start: int, end: int) -> Tuple:
    nested = netlink.attributes(data, start, end)
    addresses = netlink.attributes(data, *nested.get(TUPLE_IP, (0, 0)))
    ports = netlink.attributes(data, *nested.get(TUPLE_PROTO, (0, 0)))

    def address(v4: int, v6: int) -> bytes:
        begin, stop = addresses.get(v4) or addresses.get(v6) or (0, 0)
        return data[begin:stop] if stop - begin in (4, 16) else b""

    def port(kind: int) -> int:
        begin, stop = ports.get(kind) or ports.get(PING_ID) or ports.get(PING6_ID) or (0, 0)
        return PORT.unpack_from(data, begin)[0] if stop - begin == PORT.size and protocol in WITH_PORTS else 0

    number = ports.get(PROTO_NUMBER, (0, 0))
    protocol = data[number[0]] if number[0] < number[1] else 0
    return Tuple(
        protocol,
        address(V4_SOURCE, V6_SOURCE),
        port(SOURCE_PORT),
        address(V4_DESTINATION, V6_DESTINATION),
        port(DESTINATION_PORT),
    )
