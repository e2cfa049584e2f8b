# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes that passed in spite of a block -> tallies of the reserve, and its ends in the kernel. Pure.

In: the quotas that can block the router, which of them are used up, and what was taken from the reserve since. Out: a
tally for each of these quotas, in the same windows, and the counts at which the reserve ends (R11).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from esimshaper.core.limits import tally
from esimshaper.core.model.counts import Budget
from esimshaper.core.model.hold import Reserve
from esimshaper.core.model.identity import ROUTER
from esimshaper.core.model.limits import (
    EVERYONE,
    Action,
    ActionKind,
    Period,
    PeriodUnit,
    Quota,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.core.model.period import window
from esimshaper.core.model.rules import Rules

_ABOVE_THE_ROUTER = (EVERYONE, Subject(SubjectKind.CLIENT, ROUTER))
_BLOCK = Action(ActionKind.BLOCK)


def next_reserve(
    before: Iterable[Tally], rules: Rules, turn: tally.Turn, tallies: Iterable[Tally], taken: int, delta: int
) -> tuple[tuple[Tally, ...], Reserve]:
    """The tallies of the reserve, and its ends. `taken`: bytes that it gave so far, `delta` of them lately."""
    quotas = _quotas(rules)
    reached = (each for each in tallies if each.reached and each.quota not in turn.resting)
    used_up = {each.quota for each in reached if each.subject in _ABOVE_THE_ROUTER}
    # Bytes count for the quotas that block now: else a plan of a month would pay for the days of a daily one. Where
    # none does, by hand or because the daemon has not heard of it yet, they count for all.
    blocking = [quota.name for quota in quotas if quota.name in used_up] or [quota.name for quota in quotas]
    windows = {q.name: turn.windows.get(q.name) or window(q.period, q.zone, turn.now) for q in quotas}
    known = {each.quota: each for each in before}
    now = tuple(
        tally.next_tally(known.get(quota.name), quota, EVERYONE, _turn(turn, windows, delta * (quota.name in blocking)))
        for quota in quotas
    )
    until = min(taken + each.allowed - each.used for each in now if each.quota in blocking)
    return now, Reserve(max(0, until), max(0, until - rules.reserve // 2))


def _quotas(rules: Rules) -> Sequence[Quota]:
    """A quota of the reserve in the windows of each quota that can block the router; without one, for each day."""
    able = [
        q
        for q in rules.quotas
        if q.action.kind is ActionKind.BLOCK and q.subject in _ABOVE_THE_ROUTER and q.services is None
    ]
    daily = Quota("", EVERYONE, rules.reserve, Period(PeriodUnit.DAY), rules.zone, _BLOCK)
    return [replace(daily, name=q.name, period=q.period, zone=q.zone) for q in able] or [daily]


def _turn(turn: tally.Turn, windows: Mapping[str, Window], delta: int) -> tally.Turn:
    return replace(
        turn, windows=windows, deltas={EVERYONE: Budget(delta)} if delta else {}, announced={}, resting=frozenset()
    )
