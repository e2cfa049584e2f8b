# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of history: rows, buckets and periods. Pure: values only."""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from esimshaper.core.model.counts import Counters, Usage
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import ServiceUsage, Volume

UNKNOWN_UPLINK = ""
"""The uplink of rows that were saved before rows had one."""


class Resolution(Enum):
    """How finely history is kept; the value is the name in the database, the API and the command line."""

    FIVE_MINUTES = "5min"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Span(Enum):
    """The periods that people may ask for; the value is the word of the API and the command line."""

    FIVE_MINUTES = "5min"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def resolution(self) -> Resolution:
        """The buckets that a period is made of: a week, which begins on Monday, is seven days."""
        return Resolution.DAY if self is Span.WEEK else Resolution(self.value)

    @property
    def buckets(self) -> int:
        """How many of these a period has at most."""
        return 7 if self is Span.WEEK else 1


class Grouping(Enum):
    """By what a report adds up; the value is the word of the API and the command line."""

    CLIENT = "client"
    GROUP = "group"
    SERVICE = "service"
    CATEGORY = "category"
    UPLINK = "uplink"
    PLAN = "plan"
    TRIP = "trip"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @property
    def span(self) -> Span | None:
        """The period of each row; None where rows are no periods."""
        return Span(self.value) if self in (Grouping.HOUR, Grouping.DAY, Grouping.MONTH) else None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """The usage of one client by one uplink in one bucket of history. `start` is Unix time in seconds.

    `estimated`: some bytes may stand in the wrong bucket or be missing (a long time unread, or a power cut).
    `services`: bytes by service, but `unnamed`, which is the rest. They may be below zero: a later name took them away.
    """

    resolution: Resolution
    start: int
    client: ClientKey
    counters: Counters
    estimated: bool = False
    services: Mapping[str, Volume] = field(default_factory=dict)
    uplink: str = UNKNOWN_UPLINK


class RowRange(NamedTuple):
    """Rows of history whose start lies in [since, until), in Unix seconds."""

    resolution: Resolution
    since: int
    until: int


class RowChoice(NamedTuple):
    """Rows of some clients, or of all (None), by some uplinks, or by all (None).

    `counted_here`: without what was imported.
    """

    clients: Collection[ClientKey] | None = None
    uplinks: Collection[str] | None = None
    counted_here: bool = False

    def has(self, client: ClientKey, uplink: str) -> bool:
        """Whether what this client used by this uplink is chosen, if it was counted here."""
        return (self.clients is None or client in self.clients) and (self.uplinks is None or uplink in self.uplinks)


ALL_ROWS = RowChoice()
COUNTED_ROWS = RowChoice(counted_here=True)


@dataclass(frozen=True, slots=True)
class Tiles:
    """Parts of time in rows: they are between `edges`, which stand for those that were `asked` for.

    `ranges`: the rows of all parts, none of them twice.
    """

    edges: tuple[int, ...]
    asked: tuple[int, ...]
    ranges: tuple[RowRange, ...]

    def part_of(self, moment: int) -> int | None:
        """The beginning, as asked, of the part that a moment lies in; None if it lies in none."""
        at = bisect_right(self.edges, moment)
        return self.asked[at - 1] if 0 < at < len(self.edges) else None


@dataclass(frozen=True, slots=True)
class Sums:
    """What clients used in some rows together: in all, and by service but `unnamed`, which is the rest."""

    usage: Usage = field(default_factory=dict)
    services: ServiceUsage = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryPeriod:
    """One bucket of history, summed over clients."""

    start: int
    counters: Counters
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """Five minutes of one client by one uplink, the key of Pending. `start` is Unix time in seconds."""

    start: int
    client: ClientKey
    uplink: str = UNKNOWN_UPLINK


@dataclass(frozen=True, slots=True)
class Pending:
    """The usage in one Bucket that is booked and not yet saved; `services` as in HistoryRow."""

    counters: Counters
    estimated: bool = False
    services: Mapping[str, Volume] = field(default_factory=dict)
