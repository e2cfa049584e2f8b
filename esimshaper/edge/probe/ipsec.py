# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: IPsec policies of this network namespace, by netlink (include/uapi/linux/xfrm.h). Reads only."""

import errno
import struct
from pathlib import Path

from esimshaper.core.model.box import Ipsec
from esimshaper.edge import netlink

NETLINK_XFRM = 6  # include/uapi/linux/netlink.h
XFRM_MSG_GETSPDINFO, XFRMA_SPD_INFO = 0x25, 1
INFO = struct.Struct("=6I")  # struct xfrmu_spdinfo: policies in, out, forwarded; the same of single sockets
FLAGS = struct.pack("=I", 0)
SYS_MODULE = Path("/sys/module")
MODULES = ("esp4_offload", "esp6_offload")


def ipsec() -> Ipsec:
    """How many policies for what leaves there are, and whether the kernel may unpack ESP early; OSError."""
    return Ipsec(_policies(), early=any((SYS_MODULE / name).is_dir() for name in MODULES))


def _policies() -> int:
    try:
        link = netlink.Netlink(NETLINK_XFRM, timeout=2)
    except OSError as error:
        if error.errno == errno.EPROTONOSUPPORT:  # the kernel has no IPsec
            return 0
        raise
    try:
        body = link.get(netlink.message(XFRM_MSG_GETSPDINFO, 0, FLAGS))
    finally:
        link.close()
    place = netlink.first_attribute(body, XFRMA_SPD_INFO, len(FLAGS), len(body))
    return INFO.unpack_from(body, place[0])[1] if place else 0
