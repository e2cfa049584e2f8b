# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the kernel's ethtool interface. The name of a network card goes in, its features come out. Reads only.

It asks by ioctl, which every kernel has; the program ethtool is seldom installed. The structures are those of
include/uapi/linux/ethtool.h.
"""

import ctypes
import fcntl
import socket
import struct
from typing import Any

SIOCETHTOOL = 0x8946  # include/uapi/linux/sockios.h
GSTRINGS, GSSET_INFO, GFEATURES = 0x1B, 0x37, 0x3A
SS_FEATURES = 4
NAME_BYTES = 32  # ETH_GSTRING_LEN


def features(interface: str) -> dict[str, bool]:
    """Whether each feature is on, by its name in the kernel, such as hw-tc-offload.

    Raises OSError if there is no such card.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        found = _ask(handle, interface, struct.pack("=IIQI", GSSET_INFO, 0, 1 << SS_FEATURES, 0))
        number: int = struct.unpack_from("=I", found, 16)[0]
        head = struct.pack("=III", GSTRINGS, SS_FEATURES, number)
        text = _ask(handle, interface, head + bytes(number * NAME_BYTES))[len(head) :]
        blocks = -(-number // 32)  # each: available, requested, active, never_changed
        head = struct.pack("=II", GFEATURES, blocks)
        bits = _ask(handle, interface, head + bytes(blocks * 16))[len(head) :]
    names = [text[at * NAME_BYTES :][:NAME_BYTES].split(b"\0")[0].decode("ascii", "replace") for at in range(number)]
    active = [struct.unpack_from("=I", bits, block * 16 + 8)[0] for block in range(blocks)]
    return {name: bool(active[at // 32] >> at % 32 & 1) for at, name in enumerate(names)}


def _ask(handle: socket.socket, interface: str, request: bytes) -> bytes:
    buffer: Any = ctypes.create_string_buffer(request, len(request))
    fcntl.ioctl(handle, SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), ctypes.addressof(buffer)))
    return bytes(buffer.raw)
