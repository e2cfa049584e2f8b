# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas of everyone and plans in use -> the allowance of a day, which everything abnormal is a share of. Pure.

limit of the month 30 GB    12 GB left    6 days left    -> 2 GB a day
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from esimshaper.core.model.limits import EVERYONE, Direction, Tally
from esimshaper.core.model.plan import FOREVER
from esimshaper.core.model.plan_state import PlanState
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.watch import Allowance
from esimshaper.core.watch.constants import DEFAULT_DAY, LEAST_SHARE

_DAY = 86400
_LONGEST_DAY = 25 * 3600
_LONG = 30 * _DAY
"""The time that a step of a plan without an end is reckoned with."""


def next_allowance(before: Allowance | None, tick: Tick, tallies: Iterable[Tally], plans: PlanState) -> Allowance:
    """The allowance of now: of the tightest limit that holds for everyone.

    It is another only with another window, grant, plan, setting or day: one that fell with each byte would make
    everything abnormal in the end.
    """
    found = [*_of_quotas(tick, tallies), *_of_plans(plans)]
    date = datetime.fromtimestamp(tick.at.time, tick.rules.zone).date()
    key = (date, *(each[0] for each in found))
    if before and key == before.key:
        return before
    sizes = [(_share(limit, left, start, end, tick.at.time), name) for (name, *_), limit, left, start, end in found]
    size, name = min(sizes, default=(DEFAULT_DAY, ""))
    return Allowance(size, name, key)


def _of_quotas(tick: Tick, tallies: Iterable[Tally]) -> Iterator[tuple[tuple[str, int, int], int, int, int, int]]:
    """What each follows from; its limit, what is left of it, and its window."""
    quotas = {quota.name: quota for quota in tick.rules.quotas}
    for tally in tallies:
        quota = quotas.get(tally.quota)
        if (
            quota
            and tally.subject == EVERYONE
            and quota.direction is Direction.BOTH
            and not (quota.hours or quota.services)
        ):
            key, window = (tally.quota, tally.window.start, tally.allowed), tally.window
            yield key, tally.allowed, tally.allowed - tally.used, window.start, window.end


def _of_plans(plans: PlanState) -> Iterator[tuple[tuple[str, int, int], int, int, int, int]]:
    """The same of each step of the plans in use."""
    for name in sorted({uplink.plan for uplink in plans.uplinks.values()} & plans.tallies.keys()):
        for ahead in plans.tallies[name].ahead:
            end = ahead.start + _LONG if ahead.end >= FOREVER else ahead.end
            yield (f"plan {name}", ahead.start, ahead.above), ahead.above, ahead.room, ahead.start, end


def _share(limit: int, left: int, start: int, end: int, now: float) -> int:
    """Bytes of one day of these: what is left over the days that are left, parts of one counted, one at least."""
    if end - start <= _LONGEST_DAY:
        return max(1, limit)
    of_all = limit * _DAY / (end - start)
    of_rest = left * _DAY / max(_DAY, end - now)
    return max(1, int(max(of_rest, of_all / LEAST_SHARE)))
