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
from typing import NamedTuple

from esimshaper.core.model import Lease

MAX_BYTES = 1 << 20
"""Of each file; some 10,000 leases. What is behind is left out, and counted as one skipped line."""

ETHERNET = re.compile("([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
OTHER_HARDWARE = re.compile("[0-9A-Fa-f]{2}-[0-9A-Fa-f:]+")
"""dnsmasq writes the type of hardware before addresses that are not Ethernet's; they cannot be one of our clients."""


class Parsed(NamedTuple):
    """What a file says; `skipped` lines could not be understood."""

    leases: tuple[Lease, ...]
    skipped: int


Stamp = tuple[int, int, int, int]
"""Device, inode, size and time of change in nanoseconds: while they stay, so does the content."""


class LeaseFiles:
    """What several files say, read again only when they change. For one thread.

    `skipped`: lines of all files, as last read, that could not be understood.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._known: dict[Path, tuple[Stamp, Parsed]] = {}
        self.skipped = 0

    def read(self) -> tuple[Lease, ...]:
        """All leases. A file that is missing or cannot be read has none; never raises."""
        parsed = [self._read_one(path) for path in self._paths]
        self.skipped = sum(each.skipped for each in parsed)
        return tuple(lease for each in parsed for lease in each.leases)

    def _read_one(self, path: Path) -> Parsed:
        try:
            status = path.stat()
            stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = self._known[path] = stamp, parse(_content(path))
        except OSError:
            self._known.pop(path, None)
            return Parsed((), 0)
        return known[1]


def parse(content: bytes) -> Parsed:
    """The leases of a file's content. Bytes that are not UTF-8 become question marks in a diamond."""
    lines = content[:MAX_BYTES].split(b"\n")
    # What is behind the last line end is empty, or a line that dnsmasq is just writing or that was cut above.
    skipped = 1 if lines.pop().strip() or len(content) > MAX_BYTES else 0
    leases = []
    for line in lines:
        fields = line.decode(errors="replace").split(" ")
        if fields[0] == "duid":
            break  # the rest is DHCPv6
        lease = _lease(fields)
        if lease:
            leases.append(lease)
        elif line.strip() and not (len(fields) > 1 and OTHER_HARDWARE.fullmatch(fields[1])):
            skipped += 1
    return Parsed(tuple(leases), skipped)


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
    """Without ever waiting: where the file should be, there may be a pipe."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b""
        return os.read(handle, MAX_BYTES + 1)
    finally:
        os.close(handle)
