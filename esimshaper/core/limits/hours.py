# SPDX-License-Identifier: GPL-2.0-or-later
"""Hours of the settings and a moment -> what is blocked then, and which quotas rest. Pure."""

from collections.abc import Iterable, Mapping

from esimshaper.core.model.hours import end_of, present
from esimshaper.core.model.limits import Curfew, Quota, Subject


def in_force(curfews: Iterable[Curfew], now: float) -> Mapping[Subject, int | None]:
    """Whom the hours of the settings block at `now`, and until when: Unix seconds, None for ever."""
    ends: dict[Subject, int | None] = {}
    for curfew in curfews:
        window = present(curfew.hours, now)
        if window is None:
            continue
        until, before = end_of(window, now), ends.get(curfew.subject, 0)
        ends[curfew.subject] = None if until is None or before is None else max(until, before)
    return ends


def resting(quotas: Iterable[Quota], now: float) -> frozenset[str]:
    """The names of quotas that neither count nor limit at `now`, as it is not in their hours."""
    return frozenset(each.name for each in quotas if each.hours and not present(each.hours, now))
