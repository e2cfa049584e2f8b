# SPDX-License-Identifier: GPL-2.0-or-later
"""Wall clock -> moment: what time it is, for windows and history. Pure.

In: the last moment, a reading's boot time, the wall clock and whether it is synchronised. Out: the Moment that counts.

A trusted wall clock counts, wherever it steps to. Without one, time goes on from the last moment by boot time only: a
box without a battery that wakes up in the wrong year opens no window early. Its time may be late, never ahead (R14).
"""

from esimshaper.core.model.state import ClockSlice
from esimshaper.core.model.tick import Moment


def moment(last: ClockSlice, boottime: float, wall: float, *, trusted: bool) -> Moment:
    """The time at `boottime` (CLOCK_BOOTTIME in seconds), when the wall clock says `wall` (Unix seconds)."""
    is_first = last.time <= 0
    if trusted:
        return Moment(wall, trusted=True, was_trusted=is_first or last.trusted)
    if is_first:
        return Moment(wall, trusted=False)
    return Moment(last.time + _seconds_since(last.boottime, boottime), last.trusted)


def _seconds_since(before: float, boottime: float) -> float:
    """Seconds that have gone by at least."""
    # A lower boot time is that of another boot, all of which came after. A higher one may be that of another boot as
    # well, and nobody can tell; so the smaller of the two differences counts.
    return boottime - before if boottime >= before else boottime
