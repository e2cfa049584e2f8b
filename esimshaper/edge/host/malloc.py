# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the C library's allocator, by ctypes. Changes it for the whole process."""

import ctypes

M_ARENA_MAX = -8  # malloc.h of glibc


def share_one_arena() -> None:
    """Lets all threads share one arena. Call it before any thread starts. Does nothing without glibc."""
    # glibc gives each thread an arena of its own, so each HTTP thread would keep the room of its largest answer: 10 MiB
    # in all with 1,024 clients. One arena costs no speed: our threads wait for one another at Python's lock anyway.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_ARENA_MAX, 1)
