# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the data saver saved: windows in which it rests, and what they say. Pure: values only.

A mechanism rests in a share of windows. What moved in a minute while it rested, and while it held, is told apart by
day and client: a Sample. An Estimate is made of many of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.saver import Pace

SAMPLE_DAYS = 31
"""So long samples are kept: what is watched changes with the seasons."""

NEVER = Fraction(0)
"""The share of windows in which a pace rests, if nothing is measured."""
MOST_TURNS = 32
"""One of more would be measured once in a long month."""


class How(StrEnum):
    """How it is known what a mechanism saved; the value is the word of documents and metrics."""

    COUNTED = "counted"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


class Sample(NamedTuple):
    """What one client moved on one day with services that a pace is for, and how long it watched, in seconds.

    held: while the pace held. free: in windows in which it rested.
    """

    held_bytes: int = 0
    held_seconds: float = 0.0
    free_bytes: int = 0
    free_seconds: float = 0.0

    def plus(self, size: int, seconds: float, *, is_free: bool) -> "Sample":
        if is_free:
            return self._replace(free_bytes=self.free_bytes + size, free_seconds=self.free_seconds + seconds)
        return self._replace(held_bytes=self.held_bytes + size, held_seconds=self.held_seconds + seconds)

    def __add__(self, other: object) -> "Sample":
        if not isinstance(other, Sample):
            return NotImplemented
        return Sample._make(mine + its for mine, its in zip(self, other, strict=True))


NO_SAMPLE = Sample()


class Key(NamedTuple):
    """Whose sample it is, and of which pace: its services as they are written. day: since 1 January of the year 1."""

    day: int
    client: ClientKey
    what: str


class Estimate(NamedTuple):
    """Bytes that were saved: most likely, and an interval that holds the truth with a probability of 90 %.

    held_rate, free_rate: bytes of a second watched; samples: so many had a window of rest in them.
    """

    saved: int
    low: int
    high: int
    held_rate: float
    free_rate: float
    samples: int


class Whose(NamedTuple):
    """A client, and the services of a pace as they are written."""

    client: ClientKey
    what: str


class Turn(NamedTuple):
    """A window: what a client watches until it is silent; the pace rests in some. number: how many were before.

    seconds: watched in it so far.
    """

    number: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class MeasureState:
    """What is remembered over a restart. since: when measuring began, 0 while it is off; lots are drawn by it.

    day: of now, since 1 January of the year 1. samples: of the last days. turns: of each client and pace. saved: bytes
    by pace, as the estimate of each evening had them, without today; it never falls.
    """

    since: int = 0
    day: int = 0
    samples: Mapping[Key, Sample] = field(default_factory=dict)
    turns: Mapping[Whose, Turn] = field(default_factory=dict)
    saved: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeasureSlice:
    """kept: what is saved. moved: of films that go on, when something of them came last, by the clock of readings.

    free: whose pace rests now; the same object while it is the same.
    """

    kept: MeasureState = field(default_factory=MeasureState)
    moved: Mapping[Whose, float] = field(default_factory=dict)
    free: frozenset[Whose] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a pace: an estimate, or None; and all that was seen in the last days, of each client."""

    pace: Pace
    estimate: Estimate | None
    samples: Mapping[ClientKey, Sample]
