# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: tries the operations that the meter needs of the kernel. Failed operations come out; nothing is changed.

The bare system call is used, so that a failure is one of the kernel and not of a library. Operations in a network
namespace run in a child process, and the namespace ends with that process.
"""

import ctypes
import errno
import json
import os
import struct
import sys

from esimshaper.core.model.errors import Failure, Operation
from esimshaper.core.model.kernel import ETH_P_ALL, FILTER_PRIORITY, INGRESS
from esimshaper.edge.bpf.syscall import bpf
from esimshaper.edge.probe import child
from esimshaper.edge.probe.child import CLONE_NEWNET

# include/uapi/linux/bpf.h
MAP_CREATE, PROG_LOAD = 0, 5
MAP_TYPE_ARRAY, MAP_TYPE_RINGBUF = 2, 27
PROG_TYPE_SCHED_CLS = 3


def create_map(kind: int, key: int, value: int, entries: int) -> None:
    """Creates a map and closes it again. Raises OSError."""
    os.close(bpf(MAP_CREATE, bytearray(struct.pack("=5I", kind, key, value, entries, 0))))


def load_program() -> int:
    """A program for tc of five instructions: it adds to a number and fetches the old value, as the meter does."""
    instructions = b"".join(
        struct.pack("=BBhi", code, registers, offset, immediate)
        for code, registers, offset, immediate in (
            (0x7A, 0x0A, -8, 0),  # *(u64 *)(r10 - 8) = 0
            (0xB7, 0x01, 0, 1),  # r1 = 1
            (0xDB, 0x1A, -8, 0x01),  # r1 = atomic_fetch_add((u64 *)(r10 - 8), r1)
            (0xB7, 0x00, 0, -1),  # r0 = TC_ACT_UNSPEC
            (0x95, 0x00, 0, 0),  # exit
        )
    )
    code = ctypes.create_string_buffer(instructions, len(instructions))
    licence = ctypes.create_string_buffer(b"GPL")
    head = struct.pack("=IIQQ", PROG_TYPE_SCHED_CLS, 5, ctypes.addressof(code), ctypes.addressof(licence))
    return bpf(PROG_LOAD, bytearray(head + struct.pack("=IIQII", 0, 0, 0, 0, 0)))


def failures() -> tuple[Failure, ...]:
    """The operations that fail, out of: a map, a ring buffer, loading, clsact, attaching."""
    found = []
    for operation, arguments in (
        (Operation.MAP, (MAP_TYPE_ARRAY, 4, 8, 1)),
        (Operation.RING_BUFFER, (MAP_TYPE_RINGBUF, 0, 0, os.sysconf("SC_PAGE_SIZE"))),
    ):
        try:
            create_map(*arguments)
        except OSError as error:
            found.append(Failure(operation, error.errno or 0))
            if operation is Operation.MAP:  # without maps all other operations fail for the same reason
                return tuple(found)
    found += [Failure(Operation(name), number) for name, number in child.run(__name__)]
    return tuple(found)


def rehearse() -> tuple[Failure, ...]:
    """Loads a program and attaches it to `lo` of a new network namespace, which this process cannot leave again."""
    from pyroute2 import IPRoute, NetlinkError  # noqa: PLC0415  doctor must run without pyroute2 too

    operation = Operation.LOAD
    try:
        program = load_program()
        operation = Operation.NAMESPACE
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) < 0:
            return (Failure(operation, ctypes.get_errno()),)
        with IPRoute() as route:
            lo = route.link_lookup(ifname="lo")[0]
            operation = Operation.CLSACT
            route.tc("add", "clsact", lo)
            operation = Operation.ATTACH
            options = {
                "fd": program,
                "name": "rehearsal",
                "direct_action": True,
                "prio": FILTER_PRIORITY,
                "protocol": ETH_P_ALL,
            }
            route.tc("add-filter", "bpf", lo, parent=INGRESS, **options)
    except NetlinkError as error:
        return (Failure(operation, int(error.code)),)
    except OSError as error:
        return (Failure(operation, error.errno or errno.EIO),)
    return ()


if __name__ == "__main__":
    sys.stdout.write(json.dumps([(failure.operation.value, failure.errno) for failure in rehearse()]))
