# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of a ceiling: what a carrier gives a link, as measured while more is asked for. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.shaping import Side


class Beat(NamedTuple):
    """Some seconds of one direction of an uplink: bytes of all, and of each client.

    waits: packets waited here in front of the uplink at each of its readings.
    """

    seconds: float = 0.0
    size: int = 0
    parts: Mapping[ClientKey, int] = {}
    waits: bool = True

    @property
    def rate(self) -> float:
        """In bit/s."""
        return 8 * self.size / self.seconds if self.seconds else 0.0


class Measured(NamedTuple):
    """What a carrier gives, in bit/s; allowed: what the link is taken to give now, which is more during a look."""

    carrier: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What is known of one direction of an uplink. Moments are CLOCK_BOOTTIME in seconds.

    beats: the last ones; open: the one that goes on. rate: of the ceiling in bit/s; 0 while none is known. pause: from
    one look to the next, in seconds; look_at: when the next one may begin; looks_until: the end of the present one, 0
    for none. told_at: when people heard of it last; None: never.
    """

    beats: tuple[Beat, ...] = ()
    open: Beat = field(default_factory=Beat)
    rate: int = 0
    pause: float = 0.0
    look_at: float = 0.0
    looks_until: float = 0.0
    told_at: float | None = None


Key = tuple[str, Side]
"""The name of an uplink, and a direction of it."""


@dataclass(frozen=True, slots=True)
class CeilingSlice:
    """ceilings: of each direction that moves something. belongs_to: the plan, eSIM, window, lots and interfaces of each
    uplink that they were measured with. new: notices of this tick. Nothing of it is saved.
    """

    ceilings: Mapping[Key, Ceiling] = field(default_factory=dict)
    belongs_to: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    new: tuple[Notice, ...] = ()

    @property
    def measured(self) -> Mapping[Key, Measured]:
        """The ceilings that are in force."""
        return {
            key: Measured(each.rate, each.rate * (LOOK_FACTOR if each.looks_until else 1))
            for key, each in self.ceilings.items()
            if each.rate
        }


LOOK_FACTOR = 2
"""During a look the link is taken to be so many times as fast."""
