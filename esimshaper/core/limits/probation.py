# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that are new -> the count of each at which its probation ends, for the kernel (R11, R13). Pure.

    free account   budget 0      a stranger's policy: throttle_at 0 + 50 MB
    device comes   budget 1 MB   its own policy:      throttle_at 50 MB, the same count
    half an hour later, or once an alarm holds it:    none

A count is worked out once, when a device is seen first, so a policy changes only as its probation begins and ends.
"""

from collections.abc import Iterable

from esimshaper.core.model.counts import UNUSED
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Override, SubjectKind
from esimshaper.core.model.probation import Probation, Probations
from esimshaper.core.model.tick import Tick


def next_probations(
    before: Probations | None, probation: Probation | None, tick: Tick, overrides: Iterable[Override]
) -> Probations | None:
    """The Probations of now; None where the settings ask for nothing of the kind."""
    if probation is None:
        return None
    known = before.ends if before else {}
    now = tick.at.time
    ends = {key: each for key, each in known.items() if now < each[1]}
    new = probation.young.keys() - ends.keys()
    accounts = {owner: account for account, owner in tick.reading.owners.items()} if new else {}
    budgets = tick.step.before.budgets if tick.step.before else {}
    for key in new & accounts.keys():
        left, until = probation.young[key]
        ends[key] = (max(0, budgets.get(accounts[key], UNUSED).both + left), until)
    held = {ClientKey(each.subject.id) for each in overrides if each.subject.kind is SubjectKind.CLIENT}
    for key in ends.keys() & (held | tick.rules.names.keys()):
        del ends[key]
    if before and ends == known and (probation.bytes, probation.rate) == before[:2]:
        return before
    return Probations(probation.bytes, probation.rate, ends)
