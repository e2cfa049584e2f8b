# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the page asks the daemon for, by web.sock. Pure: values only.

An `address` is that of the browser, as the page's process saw it; who that is, the daemon asks the kernel.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Peer(NamedTuple):
    """Where a browser is: its IP address, and the interface (name or number) that a link-local one belongs to."""

    address: str
    interface: str = ""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What the page needs before it knows who looks."""


@dataclass(frozen=True, slots=True)
class MeQuery:
    """How the device at an address stands."""

    peer: Peer


PageRequest = PageQuery | MeQuery
