# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device's own packet socket gets from beyond the router, whatever its kernel makes of it. Owns a thread."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from esimshaper.lab.namespaces import Host

ETH_P_ALL, SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, PACKET_OUTGOING = 3, 263, 1, 1, 4
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
IPV4, IPV6 = 0x0800, 0x86DD
HERE = ("192.168.77.", "fe80:", "2001:db8:77:", "0.0.0.0")  # the LAN's own


@dataclass
class Heard:
    """IP bytes that came from beyond the LAN so far, and a sign that ends the listening."""

    bytes: int = 0
    last: float = 0.0
    ended: list[bool] = field(default_factory=list)


@contextlib.contextmanager
def listening(device: Host) -> Iterator[Heard]:
    """Counts until the block ends and nothing has come for 0.3 s."""
    heard = Heard()
    sock = device.call(_open, device.interface)
    running = device.start(_listen, sock, heard)
    try:
        yield heard
    finally:
        heard.ended.append(True)
        running.result(300)


def _open(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((interface, ETH_P_ALL))
    index = socket.if_nametoindex(interface)
    sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8x", index, PACKET_MR_PROMISC, 0))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
    sock.settimeout(0.1)
    return sock


def _listen(sock: socket.socket, heard: Heard) -> None:
    with sock:
        heard.last = time.monotonic()
        while not heard.ended or time.monotonic() - heard.last < 0.3:
            with contextlib.suppress(TimeoutError):
                frame, address = sock.recvfrom(70_000)
                size = _size_from_beyond(frame[14:], address[1])
                if size and address[2] != PACKET_OUTGOING:
                    heard.bytes, heard.last = heard.bytes + size, time.monotonic()


def _size_from_beyond(packet: bytes, type_: int) -> int:
    if type_ == IPV4 and not socket.inet_ntoa(packet[12:16]).startswith(HERE):
        return len(packet)
    if type_ == IPV6 and not socket.inet_ntop(socket.AF_INET6, packet[8:24]).startswith(HERE):
        return len(packet)
    return 0
