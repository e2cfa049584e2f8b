# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: what of this process is in memory. Gives back what a start has needed, and what runs does not."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

MADV_DONTNEED = 4  # include/uapi/asm-generic/mman-common.h

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def give_back() -> None:
    """Gives back the memory that is free, and lets go of code: what runs again comes again, from the file.

    The kernel maps 16 pages of a library for each that is used, so that a start leaves most of Python and of libcrypto
    mapped. Does nothing without glibc or smaps.
    """
    trim = getattr(_libc, "malloc_trim", None)
    if trim:
        trim(0)
    for start, end in _unchanged():
        _libc.madvise(start, end - start, MADV_DONTNEED)


def _unchanged() -> Iterator[tuple[int, int]]:
    """The parts of files that are mapped as they are: not those in which the loader has put addresses."""
    try:
        lines = Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    place, is_file = (0, 0), False
    for line in lines:
        words = line.split()
        if not words[0].endswith(":"):
            start, _, end = words[0].partition("-")
            place, is_file = (int(start, 16), int(end, 16)), words[-1].startswith("/") and "w" not in words[1]
        elif is_file and words[0] == "Anonymous:" and words[1] == "0":
            yield place
