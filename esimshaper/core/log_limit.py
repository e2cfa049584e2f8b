# SPDX-License-Identifier: GPL-2.0-or-later
"""The rate limit of log messages: no cause that comes again and again fills the journal. Pure.

In: the topic of a message, the message, and when it came (seconds of a clock that is never set). Out: whether to log it
at once; and, once an interval is over, how many messages were suppressed in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

# As RateLimitBurst= and RateLimitIntervalSec= of journald.conf(5), but for each topic, and with a sum at the end.
BURST = 10
"""So many messages on one topic are logged at once."""

INTERVAL_SECONDS = 600
"""Then they are suppressed for so long, and summed up. While they go on, each interval has a message and a sum."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Interval(Generic[T]):
    """Messages on one topic. free: how many more may be logged. suppressed: how many were not, and the `last` one."""

    began: float
    free: int = BURST
    suppressed: int = 0
    last: T | None = None


Intervals = Mapping[str, Interval[T]]
"""By topic. A topic without a message for a whole interval has none."""


def admit(intervals: Intervals[T], topic: str, message: T, now: float) -> tuple[Intervals[T], bool]:
    """Counts a message that came at `now`; whether to log it at once."""
    interval = intervals.get(topic) or Interval(now)
    if interval.free:
        return {**intervals, topic: replace(interval, free=interval.free - 1)}, True
    return {**intervals, topic: replace(interval, suppressed=interval.suppressed + 1, last=message)}, False


def sum_up(intervals: Intervals[T], now: float) -> tuple[Intervals[T], tuple[tuple[int, T], ...]]:
    """The intervals that go on at `now`; and of each that is over, its suppressed messages, and the last one."""
    over = {topic: interval for topic, interval in intervals.items() if now - interval.began >= INTERVAL_SECONDS}
    going_on = {topic: interval for topic, interval in intervals.items() if topic not in over}
    again: dict[str, Interval[T]] = {
        topic: Interval(now, free=1) for topic, interval in over.items() if interval.suppressed
    }
    sums = ((interval.suppressed, interval.last) for interval in over.values() if interval.last is not None)
    return going_on | again, tuple(sums)
