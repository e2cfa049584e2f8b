# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage wall clock -> moment: what time it is, for windows and history. Pure.

In: the Baseline (None if there never was one), a Reading's boot time, the wall clock and whether it is synchronised.
Out: the Moment that counts.

A trusted wall clock counts, wherever it steps to. Otherwise time goes on from the last known moment by boot time only:
a box without a battery that wakes up in the wrong year opens no window early. It may then be late, never ahead.
"""

from typing import NamedTuple

from esimshaper.core.model.state import Baseline


class Moment(NamedTuple):
    """`time` in Unix seconds; `sure`: it goes back to a trusted clock. `settled`: so did the moment before, if any.

    Windows of a time that was not sure say nothing once it is: they move, with what was used in them.
    """

    time: float
    sure: bool
    settled: bool = True


def moment(baseline: Baseline | None, boottime: float, wall: float, *, trusted: bool) -> Moment:
    """What time it is at `boottime` (CLOCK_BOOTTIME in seconds), when the wall clock says `wall` (Unix seconds)."""
    last = baseline if baseline and baseline.time > 0 else None
    if trusted:
        return Moment(wall, sure=True, settled=last is None or last.clock_sure)
    if last is None:
        return Moment(wall, sure=False)
    return Moment(last.time + _passed(last.boottime, boottime), last.clock_sure)


def _passed(before: float, boottime: float) -> float:
    """Seconds that passed at least. A lower boot time is that of another boot, all of which came after.

    A higher one may be as well, if maps and all are new; as nobody can tell, the smaller of both differences counts.
    """
    return boottime - before if boottime >= before else boottime
