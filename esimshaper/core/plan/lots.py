# SPDX-License-Identifier: GPL-2.0-or-later
"""Data that was bought on top: which lot the next byte is of, and what a top-up does to the plan's end. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal

from esimshaper.core.model.days import day_of, midnight
from esimshaper.core.model.limits import Window
from esimshaper.core.model.plan import Ending, Extends, Lifetime, TopUp
from esimshaper.core.plan.count import Count
from esimshaper.core.plan.spans import end_of, later, midnight_from, month_end


@dataclass(slots=True)
class Lot:
    """What is left (None: unlimited), and until when; None: as long as the plan. size, price, at: as it was bought."""

    left: int | None
    until: int | None
    size: int | None = None
    price: Decimal = Decimal(0)
    at: int = 0

    def ends(self, life: Window) -> int:
        return life.end if self.until is None else self.until


def lot_of(top_up: TopUp, at: int, zone: tzinfo) -> Lot:
    """The lot that a top-up gives which is bought at `at`."""
    until = _own_end(top_up, at, zone) if top_up.extends is Extends.OWN else None
    return Lot(top_up.size, until, top_up.size, top_up.price, at)


def next_lot(lots: Iterable[Lot], at: int, life: Window, limited: Iterable[Count], *, lapsed: bool) -> Lot | None:
    """The lot that the next byte is taken from; None where it is the plan's own data, or where there is no lot.

    Unlimited lots are first, then what ends first, the plan's own data (`limited`) before others of the same end.
    lapsed: the plan's own data is lost.
    """
    there = [lot for lot in lots if lot.left != 0 and lot.ends(life) > at]
    if not there:
        return None
    first = min(there, key=lambda lot: (lot.left is not None, lot.ends(life)))
    if first.left is None or lapsed:
        return first
    own = list(limited)
    if any(count.left == 0 for count in own):
        return first
    return first if own and first.ends(life) < min(count.left_until for count in own) else None


def end_with(top_up: TopUp, lifetime: Lifetime, end: int, at: int, zone: tzinfo) -> int:
    """The end of a plan, which was `end`, after a top-up that is bought at `at`."""
    lot_end = _own_end(top_up, at, zone)
    if top_up.extends is Extends.LONGEST and lot_end is not None:
        return max(end, lot_end)
    if top_up.extends is Extends.RESTART and lifetime.length:
        return end_of(lifetime.length, at, zone)
    if top_up.extends is not Extends.ADDS_DAYS:
        return end
    if end <= at:
        return midnight_from(at + 1, zone)
    if lifetime.length and lifetime.length.ending is not Ending.EXACT:
        return midnight(day_of(end, zone) + top_up.adds_days, zone)
    return later(end, top_up.adds_days)


def _own_end(top_up: TopUp, at: int, zone: tzinfo) -> int | None:
    if top_up.length:
        return end_of(top_up.length, at, zone)
    return month_end(at, zone) if top_up.month_end else None
