# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of shaping: what is installed in tc, and one change of it. Pure: values only.

    limits -> wanted tree, beside the installed tree -> changes -> tc

Class ids are those of tc, major << 16 | minor, the same for upload (HTB on the WAN) and download (HTB on an IFB).
Rates are bit/s of frames with their link-layer header, as HTB counts them, and whole bytes per second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from esimshaper.core.model.decisions import Decisions
from esimshaper.core.model.identity import Account

QDISC = 0x7A00_0000
"""Handle of our HTB on both devices, by which a fresh start knows it. No other program is known to use this major."""

DEFAULT = QDISC | 2
"""The class of packets that belong to no account's class. Our redirecting filter on the WAN carries this id,
by which a fresh start knows the filter."""


class Side(Enum):
    """The direction of packets."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


HELD_PERCENT = {Side.UPLOAD: 95, Side.DOWNLOAD: 85}
"""Percent of what the carrier gives a plan that the link is held to."""

PATIENCE = 30
"""Seconds for which a class that is not wanted may stay, as packets wait in it."""
# A device that takes no more, or a queue that is never empty, must not keep it for ever.


def held(rate: int | None, carrier: int, side: Side) -> int:
    """The rate of a link that carries `rate` (None: nobody says) and is given so much by its carrier, in bit/s."""
    # A carrier that slows a plan down has a queue for it, often of seconds, and one for all. What it gives beyond our
    # rate empties that queue, so packets wait here instead: each client's in a short queue of its own, and small ones
    # in front. Uploads never fill the carrier's. Downloads do whenever a sender tries how fast it can be, and the more
    # is left the sooner such a sender finds our queue full: at 95 % after 10 s, and then seconds wait at the carrier.
    # At 90 % a ping beside the downloads of two devices takes 150 to 190 ms at 128 kbit/s, at 85 % 100 to 120.
    most = carrier * HELD_PERCENT[side] // 100
    return min(rate or most, most)


class Leaf(NamedTuple):
    """The queue of a class, in bytes: how much may wait, and from which size on GSO packets are split on the way in."""

    limit: int
    largest: int


class Class(NamedTuple):
    """An HTB class. `parent` is a class or QDISC; without `leaf` it is a parent itself and holds no packets.

    order: of leaves that borrow from the same parent, the lower go first.
    """

    # A tuple: thousands are compared every ten seconds, and a dataclass takes ten times as long for it.

    id: int
    parent: int
    rate: int
    ceil: int
    leaf: Leaf | None = None
    order: int = 0


Classes = Mapping[int, Class]
"""Classes by id."""


SILENCE = 30.0
"""Seconds without a download after which a film is over: players fetch a segment of some seconds at a time."""


class Paced(NamedTuple):
    """Services of one client that share a rate (bit/s of IP-layer bytes, each way) in the class `id`; 0 for none."""

    id: int
    rate: int


PacesHeld = Mapping[Account, Mapping[str, Paced]]
"""By account and share of a paced Decision. What is not there is not paced yet."""


class Run(NamedTuple):
    """A share that is paced: its rate (0: none yet), when bytes of it came last, and since when it waits for another.

    Times are seconds of CLOCK_BOOTTIME. slot: the place of its class among those of the client; -1 for none.
    """

    rate: int
    moved_at: float
    waits_since: float | None = None
    slot: int = -1


@dataclass(frozen=True, slots=True)
class PacingSlice:
    """held: what is paced now. runs: of clients, by share. decisions: what they follow from; None before the first."""

    held: PacesHeld = field(default_factory=dict)
    runs: Mapping[Account, Mapping[str, Run]] = field(default_factory=dict)
    decisions: Decisions | None = None

    @property
    def classes(self) -> tuple[Paced, ...]:
        """Those that are wanted, by their ids."""
        return tuple(sorted(each for shares in self.held.values() for each in shares.values() if each.id))


class Redirect(Enum):
    """The filter that sends arriving packets through the IFB. STALE: its IFB is gone or down, so nothing arrives."""

    NONE = "none"
    STALE = "stale"
    THERE = "there"


@dataclass(frozen=True, slots=True)
class Tree:
    """Everything of ours in tc. None: there is no HTB. `device`: the IFB is there and up."""

    upload: Classes | None = None
    download: Classes | None = None
    device: bool = False
    redirect: Redirect = Redirect.NONE

    def side(self, side: Side) -> Classes | None:
        return self.upload if side is Side.UPLOAD else self.download


class ChangeKind(Enum):
    """The kinds of changes."""

    REMOVE_REDIRECT = "remove redirect"
    REMOVE_QDISC = "remove qdisc"
    REMOVE_DEVICE = "remove device"
    ADD_DEVICE = "add device"
    ADD_QDISC = "add qdisc"
    REMOVE_CLASS = "remove class"
    ADD_CLASS = "add class"
    CHANGE_CLASS = "change class"
    ADD_REDIRECT = "add redirect"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of tc. `item`: the class as it shall be, for REMOVE_CLASS as it was; None for what is no class."""

    kind: ChangeKind
    side: Side
    item: Class | None = None


@dataclass(frozen=True, slots=True)
class Wire:
    """The size of packets on the link, in bytes: the largest at the IP layer, and the header before it."""

    mtu: int = 1500
    header: int = 0

    @property
    def frame(self) -> int:
        return self.mtu + self.header


@dataclass(frozen=True, slots=True)
class Shaping:
    """The installed classes of the WAN. `problem`: a sentence on a qdisc of somebody else in our way, else empty."""

    tree: Tree = field(default_factory=Tree)
    wire: Wire = field(default_factory=Wire)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ClassStats:
    """Statistics of a class since it was made: IP-layer bytes and packets that left, bytes that wait, packets refused.

    `link`: number of the interface.
    """

    bytes: int = 0
    packets: int = 0
    backlog: int = 0
    drops: int = 0
    link: int = 0
