# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of recorded use. Pure: values only."""

from typing import NamedTuple


class Recorded(NamedTuple):
    """What one client moved since its record before: `at` in Unix seconds, bytes; service and uplink may be empty."""

    at: float
    client: str
    down: int
    up: int
    service: str = ""
    uplink: str = ""


class Use(NamedTuple):
    """Bytes that moved in the hour that begins at `at` (Unix seconds)."""

    at: int
    size: int
