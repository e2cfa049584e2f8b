# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that need more than `ip`: TUN/TAP with its file descriptor, GRO. Owns the descriptors that it returns.

Kernel sources: drivers/net/tun.c, include/uapi/linux/if_tun.h, include/uapi/linux/ethtool.h, net/core/gro.c.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from esimshaper.lab.namespaces import enter, enter_fd

_TUNSETIFF, _TUNSETLINK, _TUNSETOFFLOAD = 0x400454CA, 0x400454CD, 0x400454D0
_IFF_TUN, _IFF_TAP, _IFF_NAPI, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x0002, 0x0010, 0x1000, 0x4000
_TUN_F_CSUM, _TUN_F_TSO4, _TUN_F_TSO6, _TUN_F_USO4, _TUN_F_USO6 = 0x01, 0x02, 0x04, 0x20, 0x40
_OFFLOADS = _TUN_F_CSUM | _TUN_F_TSO4 | _TUN_F_TSO6
_OFFLOADS_WITH_UDP = _OFFLOADS | _TUN_F_USO4 | _TUN_F_USO6
_SIOCETHTOOL, _ETHTOOL_SGRO = 0x8946, 0x2C
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x00020000, 0x4000, 0x40000
_GRO_FLUSH_NS = 500_000
_libc = ctypes.CDLL(None, use_errno=True)


def open_tun(netns: str, name: str, *, tap: bool, napi: bool, offloads: bool, link_type: int = 0) -> int:
    """Make a TUN or TAP device in a namespace and return its descriptor (non-blocking, with virtio headers).

    napi: received packets go through NAPI, so that GRO may join them. offloads: the kernel may hand over
    super-packets (TCP, and UDP since 6.2); those written back count as SKB_GSO_DODGY with gso_segs == 0.
    link_type: the ARPHRD type that the device shall have, 0 for its own.
    The device is gone when the descriptor is closed. Raises OSError.
    """
    flags = (_IFF_TAP if tap else _IFF_TUN) | _IFF_NO_PI | _IFF_VNET_HDR | (_IFF_NAPI if napi else 0)
    with inside(netns):  # a TUN device appears where its descriptor was opened
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode("ascii"), flags))
        if link_type:
            fcntl.ioctl(fd, _TUNSETLINK, link_type)
    if offloads:
        try:
            fcntl.ioctl(fd, _TUNSETOFFLOAD, _OFFLOADS_WITH_UDP)
        except OSError:
            fcntl.ioctl(fd, _TUNSETOFFLOAD, _OFFLOADS)
    return fd


class inside(contextlib.AbstractContextManager[None]):  # noqa: N801 - reads as a statement
    """The calling thread is in a namespace while this lasts."""

    def __init__(self, netns: str) -> None:
        self.netns = netns

    def __enter__(self) -> None:
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        enter(self.netns)

    def __exit__(self, *_: object) -> None:
        enter_fd(self.home)
        os.close(self.home)


def hold_back_gro(netns: str, device: str) -> None:
    """Let GRO wait for more packets for half a millisecond: each write to a TUN is a NAPI poll of its own otherwise.

    Call it in a process that does nothing else: it gets a mount namespace with the /sys of the network namespace,
    the only place for these settings on kernels before 6.13. Raises OSError.
    """
    _check(_libc.unshare(_CLONE_NEWNS))
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    with inside(netns):
        _check(_libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None))
    directory = Path("/sys/class/net") / device
    (directory / "napi_defer_hard_irqs").write_text("1\n", encoding="ascii")
    (directory / "gro_flush_timeout").write_text(f"{_GRO_FLUSH_NS}\n", encoding="ascii")


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def set_gro(device: str, *, on: bool) -> None:
    """Switch GRO of a device in the calling thread's namespace. A veth has it off at first. Raises OSError."""
    value = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_SGRO, int(on)))
    request = struct.pack("16sP16x", device.encode("ascii"), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SIOCETHTOOL, request)
