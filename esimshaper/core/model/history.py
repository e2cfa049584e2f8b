# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of history: rows, buckets and periods. Pure: values only."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ClientKey


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


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """The usage of one client in one bucket of history. `start` is Unix time in seconds.

    `estimated`: some bytes may stand in the wrong bucket or be missing (a long time unread, or a power cut).
    """

    resolution: Resolution
    start: int
    client: ClientKey
    counters: Counters
    estimated: bool = False


class RowRange(NamedTuple):
    """Rows of history whose start lies in [since, until), in Unix seconds."""

    resolution: Resolution
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class HistoryPeriod:
    """One bucket of history, summed over clients."""

    start: int
    counters: Counters
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """Five minutes of one client, the key of Pending. `start` is Unix time in seconds."""

    start: int
    client: ClientKey


@dataclass(frozen=True, slots=True)
class Pending:
    """The usage in one Bucket that is booked and not yet saved."""

    counters: Counters
    estimated: bool = False
