# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of `export` and `import`: a row of used bytes as it leaves a history and comes into one. Pure."""

from typing import NamedTuple

from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ClientKey

COLUMNS = (
    *("resolution", "start", "client", "uplink", "source", "service"),
    *("down_bytes", "up_bytes", "down_packets", "up_packets", "estimated"),
)
"""Of a file and of the API, in the order of Transferred."""


class Transferred(NamedTuple):
    """What a client used by an uplink in a bucket, or (`service` not empty) what of that was for a service.

    `source`: which history has counted it, never empty. A service has no packets, and may have bytes below zero.
    """

    resolution: Resolution
    start: int
    client: ClientKey
    uplink: str
    source: str
    service: str
    down_bytes: int
    up_bytes: int
    down_packets: int = 0
    up_packets: int = 0
    estimated: bool = False


class Cursor(NamedTuple):
    """Where an export goes on: after all rows of this resolution (its number) that begin by `start`."""

    number: int
    start: int


class Page(NamedTuple):
    """Some rows, and where the export goes on; None at its end."""

    rows: tuple[Transferred, ...]
    following: Cursor | None
