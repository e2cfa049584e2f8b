# SPDX-License-Identifier: GPL-2.0-or-later
"""Small BPF programs, written as instructions, that run before a hook: they do what BPF_PROG_TEST_RUN cannot."""

import contextlib
import ctypes as ct
import os
import struct
from collections.abc import Iterator, Mapping

from esimshaper.edge.bpf import libbpf

# include/uapi/linux/bpf.h
BPF_MAP_TYPE_PROG_ARRAY, BPF_PROG_TYPE_SCHED_CLS = 3, 3
LOAD_64, LOAD_32, STORE_32, STORE_VALUE_32 = 0x18, 0x61, 0x63, 0x62
MOVE, COPY, ADD, AND, CALL, EXIT, IF_EQUAL, UNLESS_EQUAL = 0xB7, 0xBF, 0x07, 0x57, 0x85, 0x95, 0x15, 0x55
PSEUDO_MAP_FD = 1
LOOKUP, DELETE, TAIL_CALL, PUSH = 1, 3, 12, 87
XLATED_LENGTH, XLATED = 20, 32  # offsets in struct bpf_prog_info

PRIORITY, TC_INDEX = 32, 44
"""Offsets in struct __sk_buff, as MARK is."""
NO_HOOK = 99
"""What a program returns where the hook behind it did not run."""
RUNS = 1024


def instruction(code: int, to: int = 0, of: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhI", code, to | of << 4, offset, value & 0xFFFFFFFF)


def map_into(register: int, fd: int) -> bytes:
    return instruction(LOAD_64, register, PSEUDO_MAP_FD, value=fd) + instruction(0)


def skipped(condition: int, register: int, code: bytes) -> bytes:
    """`code`, which is jumped over where the register is 0 (IF_EQUAL), or is not (UNLESS_EQUAL)."""
    return instruction(condition, register, offset=len(code) // 8) + code


@contextlib.contextmanager
def before(hook: int, code: bytes) -> Iterator[int]:
    """A program that runs `code`, which has its context in register 6, and goes on as `hook`."""
    lib = libbpf.library()
    hooks = lib.bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, b"hooks", 4, 4, 1, None)
    assert lib.bpf_map_update_elem(hooks, ct.byref(ct.c_uint32(0)), ct.byref(ct.c_uint32(hook)), ct.c_uint64(0)) == 0
    goes_on = instruction(COPY, 1, 6) + map_into(2, hooks) + instruction(MOVE, 3) + instruction(CALL, value=TAIL_CALL)
    whole = instruction(COPY, 6, 1) + code + goes_on + instruction(MOVE, value=NO_HOOK) + instruction(EXIT)
    size = ct.c_size_t(len(whole) // 8)
    program = lib.bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, b"before", b"GPL", whole, size, None)
    assert program >= 0, os.strerror(-program)
    try:
        yield program
    finally:
        os.close(program)
        os.close(hooks)


def writing(fields: Mapping[int, int]) -> bytes:
    """Writes these fields of struct __sk_buff, by their offset."""
    return b"".join(
        instruction(MOVE, 2, value=value) + instruction(STORE_32, 6, 2, offset) for offset, value in fields.items()
    )


def leaving(tc_index: int) -> bytes:
    """Writes `tc_index`. If the same packet runs once more, its priority is what the hook has left there."""
    shown = instruction(LOAD_32, 2, 6, TC_INDEX) + instruction(STORE_32, 6, 2, PRIORITY)
    again = shown + instruction(MOVE, value=NO_HOOK) + instruction(EXIT)
    return (
        instruction(LOAD_32, 1, 6, PRIORITY) + skipped(IF_EQUAL, 1, again) + writing({PRIORITY: 1, TC_INDEX: tc_index})
    )


def forgetting(mac: bytes, clients: int, free: int) -> bytes:
    """Once in so many runs, forgets the client of that MAC, whose number is free again then.

    The packet's priority counts the runs: BPF_PROG_TEST_RUN repeats on one and the same packet.
    """
    key = (*struct.unpack("=II", mac + bytes(2)), 0, 0, 0)  # struct client_key
    stored = b"".join(instruction(STORE_VALUE_32, 10, 0, 4 * number - 20, word) for number, word in enumerate(key))
    client = map_into(1, clients) + instruction(COPY, 2, 10) + instruction(ADD, 2, value=-20)
    freed = instruction(COPY, 2, 0) + map_into(1, free) + instruction(MOVE, 3) + instruction(CALL, value=PUSH)
    removed = client + instruction(CALL, value=DELETE)
    found = stored + client + instruction(CALL, value=LOOKUP) + skipped(IF_EQUAL, 0, freed + removed)
    counted = (
        instruction(LOAD_32, 1, 6, PRIORITY) + instruction(ADD, 1, value=1) + instruction(STORE_32, 6, 1, PRIORITY)
    )
    return counted + instruction(AND, 1, value=RUNS - 1) + skipped(UNLESS_EQUAL, 1, found)


def maps_in_order(program: int) -> list[int]:
    """The numbers of the maps that a loaded program refers to, in the order of its instructions."""
    info = ct.create_string_buffer(240)

    def ask() -> None:
        length = ct.c_uint32(len(info))
        assert libbpf.library().bpf_obj_get_info_by_fd(program, info, ct.byref(length)) == 0

    ask()
    (length,) = struct.unpack_from("=I", info, XLATED_LENGTH)
    code = ct.create_string_buffer(length)
    ct.memset(info, 0, len(info))
    struct.pack_into("=I", info, XLATED_LENGTH, length)
    struct.pack_into("=Q", info, XLATED, ct.addressof(code))
    ask()
    parts = (struct.unpack_from("=BBhI", code, at) for at in range(0, length, 8))
    return [value for operation, registers, _, value in parts if operation == LOAD_64 and registers >> 4]


def map_number(fd: int) -> int:
    """By which the kernel knows a map."""
    info = ct.create_string_buffer(8)  # the head of struct bpf_map_info: type and id
    length = ct.c_uint32(len(info))
    assert libbpf.library().bpf_obj_get_info_by_fd(fd, info, ct.byref(length)) == 0
    return int(struct.unpack("=II", info)[1])
