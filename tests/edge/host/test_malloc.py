# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge malloc: threads of one process share one arena of the C library, as it says of itself."""

import subprocess
import sys

ARENAS = """
import ctypes, threading
from esimshaper.edge.host import malloc
{first}
libc = ctypes.CDLL(None)
for _ in range(4):
    thread = threading.Thread(target=libc.malloc, args=(5000,))
    thread.start()
    thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def arenas(first: str) -> int:
    """How many malloc_info(3) shows in a process that does `first` and then has threads."""
    command = [sys.executable, "-c", ARENAS.format(first=first)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    return shown.stdout.count("<heap nr=")


def test_threads_share_one_arena():
    assert arenas("malloc.share_one_arena()") == 1 < arenas("")
