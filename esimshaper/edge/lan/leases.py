# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: DHCP lease files in dnsmasq's format. Paths in, Leases out. Only reads; uses the standard library.

    1764000000 02:00:00:00:00:10 192.168.8.20 alice-phone 01:02:00:00:00:00:10
    duid 00:01:00:01:...
    1764000000 17 2001:db8::20 alice-phone 00:01:...         IPv6 has no MAC here: the neighbour table knows it

Each field is untrusted: a device chooses its host name and its client id.
"""

import ipaddress
import os
import re
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from esimshaper.core.model.identity import Lease

MAX_BYTES = 1 << 20
"""Bytes that are read of each file, some 10,000 leases; the rest is left out."""

ETHERNET = re.compile("([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
"""dnsmasq writes the type of hardware before other addresses (06-aa:bb...); they cannot be one of our clients."""


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
                known = self._known[path] = stamp, parse(_content(path))
        except OSError:
            self._known.pop(path, None)
            return ()
        return known[1]


def parse(content: bytes) -> tuple[Lease, ...]:
    """The leases of a file's content. Bytes that are not UTF-8 become question marks in a diamond.

    Lines that make no sense are left out: no byte depends on them, only a name.
    """
    leases = []
    # After the last line end there is nothing, a line that dnsmasq is just writing, or one that MAX_BYTES has cut.
    for line in content[:MAX_BYTES].split(b"\n")[:-1]:
        fields = line.decode(errors="replace").split(" ")
        if fields[0] == "duid":
            break  # the rest is DHCPv6
        lease = _lease(fields)
        if lease:
            leases.append(lease)
    return tuple(leases)


def _lease(fields: list[str]) -> Lease | None:
    if len(fields) < 4 or not ETHERNET.fullmatch(fields[1]):
        return None
    try:
        address = str(ipaddress.IPv4Address(fields[2]))
        seconds = int(fields[0])
        expires = datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
    return Lease(fields[1].lower(), address, fields[3], expires)


def _content(path: Path) -> bytes:
    """Reads without ever waiting: somebody may have put a pipe in the place of the file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b""
        return os.read(handle, MAX_BYTES + 1)
    finally:
        os.close(handle)
