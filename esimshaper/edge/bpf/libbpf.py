# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: the few calls of libbpf.so.1 that we need, by ctypes. Owns file descriptors of maps, programs and rings.

It knows nothing of our maps: keys and values go in and out as bytes. Errors are OSError with the kernel's errno.
Other edges may import this module, as they would a library.
"""

import ctypes as ct
import errno
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from esimshaper.core.model.errors import FailedOperation, Operation

SONAME = "libbpf.so.1"
BATCH = 4096
NO_EXIST = 1  # BPF_NOEXIST, include/uapi/linux/bpf.h

_SAMPLE = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.POINTER(ct.c_ubyte), ct.c_size_t)


class _MapInfo(ct.Structure):
    """The head of struct bpf_map_info, include/uapi/linux/bpf.h."""

    _fields_ = (
        ("type", ct.c_uint32),
        ("id", ct.c_uint32),
        ("key_size", ct.c_uint32),
        ("value_size", ct.c_uint32),
        ("max_entries", ct.c_uint32),
        ("flags", ct.c_uint32),
    )


class _RunOptions(ct.Structure):
    """struct bpf_test_run_opts, libbpf's bpf.h."""

    _fields_ = (
        ("size", ct.c_size_t),
        ("data_in", ct.c_void_p),
        ("data_out", ct.c_void_p),
        ("data_size_in", ct.c_uint32),
        ("data_size_out", ct.c_uint32),
        ("ctx_in", ct.c_void_p),
        ("ctx_out", ct.c_void_p),
        ("ctx_size_in", ct.c_uint32),
        ("ctx_size_out", ct.c_uint32),
        ("retval", ct.c_uint32),
        ("repeat", ct.c_int),
        ("duration", ct.c_uint32),
        ("flags", ct.c_uint32),
        ("cpu", ct.c_uint32),
        ("batch_size", ct.c_uint32),
    )


@cache
def library() -> ct.CDLL:
    """The loaded library. Raises FailedOperation when Debian's libbpf1 is not installed."""
    try:
        lib = ct.CDLL(SONAME, use_errno=True)
    except OSError as error:
        raise FailedOperation(Operation.LIBBPF, 0, str(error)) from None
    lib.ring_buffer__new.restype = ct.c_void_p
    lib.ring_buffer__new.argtypes = [ct.c_int, _SAMPLE, ct.c_void_p, ct.c_void_p]
    for name in ("ring_buffer__free", "ring_buffer__epoll_fd", "ring_buffer__consume"):
        getattr(lib, name).argtypes = [ct.c_void_p]
    return lib


def _check(result: int, what: str) -> int:
    if result < 0:
        number = -result if result != -1 else ct.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def open_pin(path: Path) -> int:
    """File descriptor of a pinned object."""
    return _check(library().bpf_obj_get(os.fsencode(path)), str(path))


def _info(fd: int, into: ct.Structure) -> None:
    size = ct.c_uint32(ct.sizeof(into))
    _check(library().bpf_obj_get_info_by_fd(fd, ct.byref(into), ct.byref(size)), "bpf object information")


@dataclass(frozen=True, slots=True)
class DryRun:
    """Result of BPF_PROG_TEST_RUN: the program's return value, nanoseconds a run, context and packet after it."""

    retval: int
    nanoseconds: int
    context: bytes
    packet: bytes


def dry_run(program: int, packet: bytes, context: bytes = b"", repeat: int = 1) -> DryRun:
    """Runs a tc program on a packet that starts with its link header; `context` is a struct __sk_buff."""
    data = ct.create_string_buffer(packet, len(packet))
    after = ct.create_string_buffer(len(packet))
    ctx_in = ct.create_string_buffer(context, len(context)) if context else None
    ctx_out = ct.create_string_buffer(len(context)) if context else None
    run = _RunOptions(
        size=ct.sizeof(_RunOptions),
        data_in=ct.cast(data, ct.c_void_p),
        data_out=ct.cast(after, ct.c_void_p),
        data_size_in=len(packet),
        data_size_out=len(packet),
        ctx_in=ct.cast(ctx_in, ct.c_void_p) if ctx_in else None,
        ctx_out=ct.cast(ctx_out, ct.c_void_p) if ctx_out else None,
        ctx_size_in=len(context),
        ctx_size_out=len(context),
        repeat=repeat,
    )
    _check(library().bpf_prog_test_run_opts(program, ct.byref(run)), "BPF_PROG_TEST_RUN")
    return DryRun(run.retval, run.duration, ctx_out.raw if ctx_out else b"", after.raw[: run.data_size_out])


class Map:
    """A pinned map. Raises ValueError if it does not have the given sizes: bcc re-uses pins without looking."""

    def __init__(self, path: Path, key_size: int, value_size: int) -> None:
        self.name = path.name
        self.fd = open_pin(path)
        info = _MapInfo()
        _info(self.fd, info)
        self.key_size, self.value_size, self.max_entries = key_size, value_size, int(info.max_entries)
        if (info.key_size, info.value_size) != (key_size, value_size):
            self.close()
            sizes = f"keys of {info.key_size} and values of {info.value_size} bytes"
            raise ValueError(f"{path} has {sizes}, not {key_size} and {value_size}")

    def close(self) -> None:
        os.close(self.fd)

    def lookup(self, key: bytes) -> bytes | None:
        """The value, None where there is no such key. The key of a queue is empty: its head, left in place."""
        value = ct.create_string_buffer(self.value_size)
        result = library().bpf_map_lookup_elem(self.fd, key or None, value)
        if result < 0 and -result == errno.ENOENT:
            return None
        _check(result, self.name)
        return value.raw

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Sets an entry; with an empty key puts a value into a queue."""
        _check(library().bpf_map_update_elem(self.fd, key or None, value, ct.c_uint64(flags)), self.name)

    def delete(self, key: bytes) -> None:
        """Removes an entry that is there."""
        _check(library().bpf_map_delete_elem(self.fd, key), self.name)

    def keys(self) -> Iterator[bytes]:
        """The keys of all entries."""
        for keys, _, number in self.chunks():
            yield from (bytes(keys[at * self.key_size : (at + 1) * self.key_size]) for at in range(number))

    def pop(self) -> bytes | None:
        """Takes the head of a queue; None when it is empty."""
        value = ct.create_string_buffer(self.value_size)
        result = library().bpf_map_lookup_and_delete_elem(self.fd, None, value)
        if result < 0 and -result == errno.ENOENT:
            return None
        _check(result, self.name)
        return value.raw

    def chunks(self) -> Iterator[tuple[memoryview, memoryview, int]]:
        """Keys, values and their number, a batch at a time, in buffers that are used again for the next batch.

        An entry that is inserted or removed meanwhile may or may not be seen; no entry that stays is left out.
        """
        room = min(self.max_entries + 1, BATCH)  # with room left the kernel says at once that this was all
        lib = library()
        cursor, following = (ct.create_string_buffer(max(self.key_size, 4)) for _ in range(2))
        first = True
        while True:
            keys, values = (
                ct.create_string_buffer(room * self.key_size),
                ct.create_string_buffer(room * self.value_size),
            )
            count = ct.c_uint32(room)
            start = None if first else cursor
            result = lib.bpf_map_lookup_batch(self.fd, start, following, keys, values, ct.byref(count), None)
            if result == -errno.ENOSPC:  # a bucket of the hash does not fit into the buffer: take more at once
                room *= 2
                continue
            if result < 0 and -result != errno.ENOENT:
                _check(result, self.name)
            yield memoryview(keys), memoryview(values), count.value
            if result < 0:
                return
            cursor, following, first = following, cursor, False

    def values(self, layout: struct.Struct) -> Iterator[tuple[int, ...]]:
        """The fields of all values, in the order of `chunks`: for an array by number."""
        for _, values, number in self.chunks():
            yield from layout.iter_unpack(values[: number * layout.size])

    def used(self, layout: struct.Struct) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Number and fields of each entry of an array that is not all zeros."""
        at = 0
        for _, values, number in self.chunks():
            raw = bytes(values[: number * layout.size])
            if raw.count(0) < len(raw):  # most arrays of a crowd are empty, and this sees it fastest
                found = enumerate(layout.iter_unpack(raw), at)
                yield from ((place, fields) for place, fields in found if any(fields))
            at += number

    def count(self) -> int:
        """How many entries a hash has."""
        return sum(number for _, _, number in self.chunks())


RECORDS_AT_ONCE = 256


class Ring:
    """A ring buffer's reader. `fd` becomes readable; `consume` hands records to the callback."""

    def __init__(self, path: Path, callback: Callable[[bytes], None]) -> None:
        def receive(_context: object, data: "ct._Pointer[ct.c_ubyte]", size: int) -> int:
            self._taken += 1
            callback(ct.string_at(data, size))
            return -errno.ENOBUFS if self._taken == RECORDS_AT_ONCE else 0  # libbpf ends with that; nothing is lost

        self._taken = 0
        self._map = open_pin(path)
        self._receive = _SAMPLE(receive)  # libbpf keeps the pointer: it must live as long as the ring
        self._ring = library().ring_buffer__new(self._map, self._receive, None, None)
        if not self._ring:
            number = ct.get_errno()
            os.close(self._map)
            raise OSError(number, f"{path}: {os.strerror(number)}")
        self.fd = int(library().ring_buffer__epoll_fd(self._ring))

    def consume(self) -> int:
        """Hands records to the callback, RECORDS_AT_ONCE at most, and returns how many; `fd` tells if there are more.

        A ring that is filled as fast as it is read would keep its reader from all else.
        """
        self._taken = 0
        result = library().ring_buffer__consume(self._ring)
        return self._taken if self._taken == RECORDS_AT_ONCE else _check(result, "ring buffer")

    def close(self) -> None:
        library().ring_buffer__free(self._ring)
        os.close(self._map)
