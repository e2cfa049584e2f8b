# SPDX-License-Identifier: GPL-2.0-or-later
"""Low-data mode: settings, what was set by hand, quotas and plans -> for whom it is in force, and its layer. Pure.

client by hand > its group by hand > everyone by hand > the settings; `auto`, wherever it stands, looks at quotas
and at the plan, and stays as it is until another window begins or `from` is no longer reached
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from esimshaper.core.model.decisions import (
    Decision,
    DecisionKind,
    Entry,
    Layer,
    LayerName,
    LowData,
    LowDataMode,
    LowSince,
    RulesState,
)
from esimshaper.core.model.limits import EVERYONE, QuotaUsage, Subject, SubjectKind
from esimshaper.core.model.plan import FOREVER
from esimshaper.core.model.plan_state import PlanState
from esimshaper.core.model.rules import Rules

VIDEO = "video"
_AHEAD, _AGAIN = 0.05, 0.0
"""Shares: so much more is used than time has passed before AUTO begins by `pace: ahead`; it ends when no more is."""


Said = tuple[tuple[Subject, LowSince | None], ...]


class Share(NamedTuple):
    """How much of a limit is used, and of its time has passed, both as shares; name: for people."""

    subject: Subject
    name: str
    used: float
    passed: float


def shares(usages: Iterable[QuotaUsage], plans: PlanState, now: float) -> Iterator[Share]:
    """Of each quota with a window, and of each next step of a plan in use."""
    for quota, tally in ((each.quota, each.tally) for each in usages):
        start, end = tally.window.start, tally.window.end
        if tally.allowed > 0 and end > start:
            yield Share(tally.subject, f"quota {quota.name}", tally.used / tally.allowed, (now - start) / (end - start))
    for name in sorted({uplink.plan for uplink in plans.uplinks.values()} & plans.tallies.keys()):
        for ahead in plans.tallies[name].ahead:
            if ahead.above > 0:
                passed = 0.0 if ahead.end >= FOREVER else (now - ahead.start) / max(1, ahead.end - ahead.start)
                yield Share(EVERYONE, f"plan {name}", 1 - ahead.room / ahead.above, passed or 1.0)


def automatic(before: Sequence[LowSince], found: Iterable[Share], wanted: LowData, now: float) -> tuple[LowSince, ...]:
    """For whom AUTO is in force, by subject; one that was in force before keeps its beginning."""
    known = {each.subject: each for each in before}
    following: dict[Subject, LowSince] = {}
    for share in found:
        begun = known.get(share.subject)
        if share.subject not in following and (why := _reason(share, wanted, was_on=begun is not None)):
            following[share.subject] = begun or LowSince(share.subject, int(now), why)
    return tuple(following[subject] for subject in sorted(following))


def _reason(share: Share, wanted: LowData, *, was_on: bool) -> str:
    if share.used * 100 >= wanted.percent:
        return f"{wanted.percent} % of {share.name} are used"
    if wanted.ahead and share.used > share.passed + (_AGAIN if was_on else _AHEAD):
        return f"{share.name} is used faster than its time passes"
    return ""


def in_force(rules: Rules, kept: RulesState) -> Said:
    """The subjects that low-data mode says anything of, the narrowest first: since when it holds them, None if not."""
    said: dict[Subject, LowSince | None] = {}
    by_hand = {each.subject: each for each in kept.low_data}
    for subject in sorted(by_hand, key=_width):
        mode = by_hand[subject].mode
        if mode is LowDataMode.AUTO:
            said |= {subject: None, **_by_itself(subject, kept, rules)}
        else:
            on = LowSince(subject, by_hand[subject].at, "switched on by hand")
            said[subject] = on if mode is LowDataMode.ON else None
    if EVERYONE not in by_hand:
        if rules.low_data.mode is LowDataMode.ON:
            said[EVERYONE] = LowSince(EVERYONE, 0, "on in the settings")
        elif rules.low_data.mode is LowDataMode.AUTO:
            said = {**_by_itself(EVERYONE, kept, rules), **said}
    return tuple(sorted(said.items(), key=lambda each: _width(each[0])))


def _by_itself(whose: Subject, kept: RulesState, rules: Rules) -> dict[Subject, LowSince | None]:
    """Those that AUTO holds: of `whose`, and of all below that nobody has set otherwise."""
    alone, set_for = {each.subject: each for each in kept.automatic}, {each.subject for each in kept.low_data}
    found: dict[Subject, LowSince | None] = {}
    for subject, since in alone.items():
        nearest = next((each for each in rules.hierarchy(subject) if each in set_for or each == EVERYONE), None)
        if nearest == whose:
            found[subject] = since
    above = [alone[each] for each in rules.hierarchy(whose) if each in alone]
    return {**found, whose: above[0]} if above else found


def _width(subject: Subject) -> tuple[int, Subject]:
    return {SubjectKind.CLIENT: 0, SubjectKind.GROUP: 1}.get(subject.kind, 2), subject


def layer_of(wanted: LowData, said: Said) -> Layer:
    """What low-data mode holds back for whom."""
    if not any(since for _, since in said):
        return Layer(LayerName.LOW_DATA)
    spared = [Entry(Subject(SubjectKind.CLIENT, key), None, None) for key in sorted(wanted.exempt)]
    return Layer(LayerName.LOW_DATA, (*spared, *(each for whose in said for each in _entries(*whose, wanted))))


def _entries(subject: Subject, since: LowSince | None, wanted: LowData) -> Iterator[Entry]:
    if since is None:
        yield Entry(subject, None, None)
        return
    began = since.at or None
    block = Decision(DecisionKind.BLOCK, LayerName.LOW_DATA, since.why, metered_only=True, since=began)
    if wanted.hold:
        yield Entry(subject, frozenset(wanted.hold), block)
    if wanted.video:
        pace = replace(block, kind=DecisionKind.PACE, rate=wanted.video, share=LayerName.LOW_DATA.value)
        yield Entry(subject, frozenset((VIDEO,)), pace)
