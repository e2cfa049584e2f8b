# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the table of the clock. Pure."""

from esimshaper.core.model.state import ClockSlice
from esimshaper.edge.history.rows import Fetch, Keys, Tables

_KEPT = 2
"""Added to the column `sure`, which was 0 or 1 before: the hardware clock was right as well."""

KEYS: Keys = {"clock": ("id",)}


def tables(clock: ClockSlice) -> Tables:
    """All rows of the tables of KEYS. The boot time is in the table `reading`."""
    return {"clock": {(1,): (clock.time, clock.trusted + _KEPT * clock.kept)}}


def clock_from(rows: Fetch, boottime: float) -> ClockSlice:
    """The ClockSlice in the tables, for a reading at `boottime`; a database of the first version has no time."""
    _, time, trusted = next(iter(rows("clock")), (1, 0.0, False))
    return ClockSlice(time, boottime, bool(trusted), bool(int(trusted) & _KEPT))
