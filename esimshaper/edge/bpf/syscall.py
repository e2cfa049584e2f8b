# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: the system call bpf(2) itself, and what it says of programs on tcx, the hook before all filters of tc.

For those who must do without libbpf, and for what is asked of old kernels that lack it.
"""

import ctypes
import os
import platform
import struct

# Number of bpf() by machine: arch/*/entry/syscalls.
BPF_SYSCALL = {
    "x86_64": 321,
    "i386": 357,
    "i686": 357,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "armv6l": 386,
    "armv7l": 386,
    "ppc64le": 361,
    "s390x": 351,
}

# include/uapi/linux/bpf.h
PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, PROG_QUERY = 13, 15, 16
TCX_INGRESS, TCX_EGRESS = 46, 47
_MOST = 64  # the kernel allows no more on one hook (BPF_MPROG_MAX)
_QUERY = struct.Struct("=IIIIQI")  # interface, hook, flags, flags of attachment, where to put ids, how many
_COUNT_AT = 24
_INFO, _NAME_AT, _NAME = 80, 64, 16  # struct bpf_prog_info, up to the name


def bpf(command: int, attributes: bytearray) -> int:
    """The system call bpf(2): returns a file descriptor or 0, and writes answers into `attributes`.

    Raises OSError, or NotImplementedError on a machine whose number of the call is not known.
    """
    number = BPF_SYSCALL.get(platform.machine())
    if number is None:
        raise NotImplementedError(f"the number of bpf() on {platform.machine()} is not known")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    result = libc.syscall(ctypes.c_long(number), ctypes.c_long(command), buffer, ctypes.c_long(len(attributes)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def tcx_programs(index: int, *, egress: bool) -> tuple[int, ...]:
    """The ids of the programs on one tcx hook of an interface, in their order; none for a kernel without tcx."""
    ids = (ctypes.c_uint32 * _MOST)()
    hook = TCX_EGRESS if egress else TCX_INGRESS
    attributes = bytearray(_QUERY.pack(index, hook, 0, 0, ctypes.addressof(ids), _MOST).ljust(64, b"\0"))
    try:
        bpf(PROG_QUERY, attributes)
    except (OSError, NotImplementedError):  # older than 6.6
        return ()
    return tuple(ids[: struct.unpack_from("=I", attributes, _COUNT_AT)[0]])


def program_name(number: int) -> str:
    """The name of the program with this id, as the kernel cuts it to 15 letters; empty for all but root."""
    try:
        descriptor = bpf(PROG_GET_FD_BY_ID, bytearray(struct.pack("=I", number).ljust(16, b"\0")))
    except (OSError, NotImplementedError):
        return ""
    info = (ctypes.c_char * _INFO)()
    try:
        bpf(OBJ_GET_INFO_BY_FD, bytearray(struct.pack("=IIQ", descriptor, _INFO, ctypes.addressof(info))))
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return bytes(info)[_NAME_AT : _NAME_AT + _NAME].partition(b"\0")[0].decode(errors="replace")
