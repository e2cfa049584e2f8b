# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes in the order of time -> bytes on the bill, where the carrier rounds up. Pure."""

from datetime import tzinfo

from esimshaper.core.model.days import day_of
from esimshaper.core.model.plan import Rounding, RoundingUnit
from esimshaper.core.model.plan_state import NOT_ROUNDED, RoundedPart

SESSION_GAP, SESSION_LONGEST = 3600, 86400
"""Seconds: where the sessions of the modem are not known, one ends after an hour without a byte, and after a day."""


class Rounder:
    """Rounds up each session, each day or the whole, as `rounding` says. part: the one that is under way."""

    def __init__(self, rounding: Rounding | None, zone: tzinfo) -> None:
        self._rounding, self._zone = rounding, zone
        self.part = NOT_ROUNDED

    def billed(self, at: int, size: int, life: int) -> int:
        """What `size` bytes at `at` add to the bill; `life`: the beginning of the plan's lifetime."""
        if self._rounding is None:
            return size
        unit = self._unit_of(self._rounding, at, life)
        used = self.part.used if unit == self.part.unit else 0
        self.part = RoundedPart(unit, at, used + size)
        return _up(used + size, self._rounding.to) - _up(used, self._rounding.to)

    def _unit_of(self, rounding: Rounding, at: int, life: int) -> int:
        """What stands for the session, the day or the lifetime that is rounded as one."""
        if rounding.per is RoundingUnit.TOTAL:
            return life
        if rounding.per is RoundingUnit.DAY:
            return day_of(at, self._zone)
        part = self.part
        goes_on = part.used and at - part.last < SESSION_GAP and at - part.unit < SESSION_LONGEST
        return part.unit if goes_on else at


def _up(size: int, to: int) -> int:
    return -(-size // to) * to
