# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts packets into tc classes by the server's IPv4 address, in place of the meter: a few instructions, no compiler.

Kernel: include/uapi/linux/bpf.h; a classic absolute load (BPF_LD_ABS) reads from the link-layer header on.
"""

import ctypes
import os
import platform
import socket
import struct
from collections.abc import Mapping

from pyroute2 import IPRoute

_SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
_PROG_LOAD, _SCHED_CLS = 5, 3
_PRIORITY = 32  # of struct __sk_buff
_libc = ctypes.CDLL(None, use_errno=True)


def attach(wan: str, header: int, classes: Mapping[str, int]) -> None:
    """In the calling thread's namespace: uploads to, and downloads from, each address get that class."""
    with IPRoute() as route:
        (index,) = route.link_lookup(ifname=wan)
        route.tc("add", "clsact", index)
        for side, offset in ((0xFFFFFFF3, 16), (0xFFFFFFF2, 12)):
            fd = _load(_program(header + offset, classes))
            route.tc(
                "add-filter", "bpf", index, 1, parent=side, prio=10, protocol=3, fd=fd, name="test", direct_action=True
            )
            os.close(fd)


def _program(offset: int, classes: Mapping[str, int]) -> bytes:
    code = [_instruction(0xBF, 6, 1), _instruction(0x20, value=offset)]  # r6 = skb; r0 = address
    for address, class_id in classes.items():
        number = int.from_bytes(socket.inet_aton(address), "big")
        code += [
            _instruction(0x56, 0, jump=2, value=number),  # if r0 != address (32 bit) skip two
            _instruction(0xB7, 2, value=class_id),
            _instruction(0x63, 6, 2, jump=_PRIORITY),  # skb->priority = class
        ]
    code += [_instruction(0xB7, 0, value=0xFFFFFFFF), _instruction(0x95)]  # TC_ACT_UNSPEC: on to the next filter
    return b"".join(code)


def _instruction(code: int, target: int = 0, source: int = 0, *, jump: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhI", code, source << 4 | target, jump, value)


def _load(code: bytes) -> int:
    instructions, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    wanted = struct.pack(
        "=IIQQ", _SCHED_CLS, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(licence)
    ).ljust(128, b"\0")
    fd = _libc.syscall(_SYSCALL, _PROG_LOAD, ctypes.create_string_buffer(wanted), 128)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return int(fd)
