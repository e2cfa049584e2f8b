# SPDX-License-Identifier: GPL-2.0-or-later
"""Wall clock, hardware clock -> moment: what time it is, for windows and history. Pure.

In: the last moment, a reading's boot time, the wall clock and whether it is synchronised, the hardware clock if there
is one. Out: the Moment that counts, and what the next one follows from.

A trusted wall clock counts, wherever it steps to. Without one, time goes on from the last moment by boot time only: a
box without a battery that wakes up in the wrong year opens no window early. Its time may be late, never ahead (R14).
"""

from esimshaper.core.model.state import ClockSlice
from esimshaper.core.model.tick import Moment

AGREES_SECONDS = 60.0
"""A hardware clock that is no further from a synchronised one was right."""
DRIFT = 1 / 2000
"""Seconds that a cheap hardware clock may be wrong after one second without power: 43 s a day."""
LONGEST_OFF = 400 * 86400.0
"""A hardware clock that says more has lost a bit, or was set by somebody: then time waits for a time service."""


def moment(last: ClockSlice, boottime: float, wall: float, *, trusted: bool, hardware: float | None = None) -> Moment:
    """The time at `boottime` (CLOCK_BOOTTIME in seconds), when the clocks say `wall` and `hardware` (Unix seconds)."""
    is_first = last.time <= 0
    if trusted:
        return Moment(wall, trusted=True, was_trusted=is_first or last.trusted)
    if is_first:
        return Moment(wall, trusted=False)
    elapsed = last.time + _seconds_since(last.boottime, boottime)
    if hardware is not None and _is_credible(last, hardware):
        elapsed = max(elapsed, hardware - AGREES_SECONDS - (hardware - last.time) * DRIFT)
    return Moment(elapsed, last.trusted)


def following(
    last: ClockSlice, at: Moment, boottime: float, *, trusted: bool, hardware: float | None = None
) -> ClockSlice:
    """The slice after `at`, which is the moment of these same facts."""
    # What a hardware clock is worth was seen while the other one was right. One that went back since, as with an empty
    # battery, or jumped, is not believed again before the clock is synchronised.
    if trusted:
        kept = hardware is not None and abs(hardware - at.time) <= AGREES_SECONDS
        return ClockSlice(at.time, boottime, trusted=True, kept=kept, settled=True)
    credible = hardware is not None and _is_credible(last, hardware)
    settled = last.settled or credible
    kept = last.kept and (hardware is None or settled)
    return ClockSlice(at.time, boottime, at.trusted, kept, settled, waits=at.trusted and not settled)


def _is_credible(last: ClockSlice, hardware: float) -> bool:
    """Whether the hardware clock says how long the box was off: once after a start, until the time is settled."""
    return last.trusted and last.kept and not last.settled and 0 <= hardware - last.time <= LONGEST_OFF


def _seconds_since(before: float, boottime: float) -> float:
    """Seconds that have gone by at least."""
    # A lower boot time is that of another boot, all of which came after. A higher one may be that of another boot as
    # well, and nobody can tell; so the smaller of the two differences counts.
    return boottime - before if boottime >= before else boottime
