# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the lease files of DHCP servers. Paths go in, Leases come out; lease_formats.py knows what stands in them.

Only reads; uses the standard library.
"""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from esimshaper.core.model.identity import Lease
from esimshaper.edge.lan.lease_formats import recognise

MAX_BYTES = 1 << 20
"""Bytes that are read of each file, some 10,000 leases; the rest is left out."""


Stamp = tuple[int, int, int, int]
"""Device, inode, size and time of change in nanoseconds: while they stay, so does the content."""


class LeaseFiles:
    """The leases of several files, read again only when a file changes. For one thread."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._known: dict[Path, tuple[Stamp, tuple[Lease, ...]]] = {}

    def read(self) -> tuple[Lease, ...]:
        """All leases. A file that is missing or cannot be read has none; never raises."""
        return tuple(lease for path in self._paths for lease in self._read_one(path))

    def _read_one(self, path: Path) -> tuple[Lease, ...]:
        try:
            status = path.stat()
            stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = self._known[path] = stamp, parse(read_content(path)).leases
        except OSError:
            self._known.pop(path, None)
            return ()
        return known[1]


class Understood(NamedTuple):
    """What a content was taken for: the name of its format (empty for none), and its leases."""

    format: str
    leases: tuple[Lease, ...]


def parse(content: bytes) -> Understood:
    """The leases of a file's content, by the format that it has. Bytes that are not UTF-8 become U+FFFD."""
    text = content[:MAX_BYTES].decode("utf-8-sig", errors="replace")
    found = recognise(text)
    return Understood(found.name, tuple(found.leases(text))) if found else Understood("", ())


def read_content(path: Path) -> bytes:
    """The first MAX_BYTES and one more of a file. Raises OSError, also for what is no file, and never waits."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # somebody may have put a pipe in its place
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a file")
        return os.read(handle, MAX_BYTES + 1)
    finally:
        os.close(handle)
