# SPDX-License-Identifier: GPL-2.0-or-later
"""The bill of a veth WAN, where no process is in the path. In: copies of the frames at gw0. Out: Tally.

Owns one packet socket. PACKET_VNET_HDR puts a virtio header with gso_size before each frame, so the bill knows the
segments of super-packets by itself, independent of what the kernel's own counters or BPF say.
"""

import errno
import socket
import struct
from pathlib import Path

from esimshaper.lab.bill import ETHERNET, Tally
from esimshaper.lab.carrier import GATEWAY_DEVICE, Shape
from esimshaper.lab.namespaces import enter

_ETH_P_ALL = 0x0003
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_VNET_HDR = 263, 6, 15  # linux/if_packet.h
_SO_RCVBUFFORCE = 33
_RECEIVE_BUFFER = 512 << 20  # super-packets count with all of their pages
_HEADERS = 256  # more than all headers together
_BATCH = 64


class VethBill:
    """Sees every frame at the internet's end of the veth pair. Moves the calling process into that namespace."""

    def __init__(self, internet: str) -> None:
        enter(internet)
        self.tally = Tally(ethernet=ETHERNET)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        self.socket.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        self.socket.settimeout(0)
        self.socket.bind((GATEWAY_DEVICE, _ETH_P_ALL))
        self.buffer = bytearray(_HEADERS)
        self._missed = 0

    def fds(self) -> list[int]:
        return [self.socket.fileno()]

    def ready(self, _fd: int) -> bool:
        """Bill the frames that have come."""
        for _ in range(_BATCH):
            try:
                length, address = self.socket.recvfrom_into(self.buffer, 0, socket.MSG_TRUNC)
            except BlockingIOError:
                break
            except OSError as problem:
                # EINVAL: a kind of super-packet that this kernel's virtio header cannot tell.
                self._missed += problem.errno != errno.ENETDOWN
                continue
            self.tally.add(self.buffer, length, upward=address[2] != socket.PACKET_OUTGOING)
        return True

    def pause(self) -> float | None:
        return None

    def release(self) -> None:
        """Does nothing: a VethBill holds no frames back."""

    def waiting(self) -> int:
        return 0

    def missed(self) -> int:
        """Frames that did not get into the bill, or got into it but not to the router; 0 if the bill is true."""
        _, drops = struct.unpack("II", self.socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._missed += drops  # reading resets it
        return self._missed + _transmit_drops()

    def set_shape(self, shape: Shape) -> None:
        """Only the unshaped link can be watched (see Carrier.set_shape)."""


def _transmit_drops() -> int:
    for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == GATEWAY_DEVICE:
            return int(numbers.split()[11])
    return 0
