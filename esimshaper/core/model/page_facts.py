# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of `doctor` about the page: what is wanted of it, and what there is. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PageWanted:
    """`ports` on which it listens at each interface of the LAN; `host`: by which name devices ask for it over TLS."""

    ports: tuple[int, ...]
    tls: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What there is of the page.

    sockets: state of systemd's unit for each interface of the LAN. holders: programs that have one of its ports.
    password: whether there is one; None where the daemon does not say. announced: files in which a DHCP server has
    option 114 (RFC 8910).
    """

    sockets: Mapping[str, str] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)
    password: bool | None = None
    announced: tuple[str, ...] = ()
