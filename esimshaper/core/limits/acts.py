# SPDX-License-Identifier: GPL-2.0-or-later
"""What people do by hand -> what it changed, kept so that it can be undone. Pure.

    grant of 200 MB      used 512   granted   0 -> 200     Change(granted=+200)
    until then           used 700   granted 200
    undone               used 700   granted   0            only the difference is taken back

A change belongs to its window: in another one nothing is left of it, so nothing is taken back there.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from esimshaper.core.limits import tally as tallying
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limit_state import Act, ActKind, Change, LimitState, Restart
from esimshaper.core.model.limits import Coming, Grant, Override, OverrideKind, Quota, Subject, Tally, Window
from esimshaper.core.model.period import window

MAX_ACTS = 20
"""So many of the last acts can be undone, one after the other."""


def noted(before: LimitState, after: LimitState, act: Act) -> LimitState:
    """`after`, which `act` has made of `before`, with the act as the last one; without it if nothing has changed."""
    if before == after:
        return after
    moved = _restart_of(after, act.quota)
    act = replace(
        act,
        before=next((each for each in before.overrides if each.subject == act.subject), None),
        changes=changes_between(before, after),
        dropped=tuple(each for each in before.coming if each not in after.coming),
        moved=moved if moved not in before.restarts else None,
        earlier=_restart_of(before, act.quota),
    )
    return replace(after, acts=(*before.acts, act)[-MAX_ACTS:])


def changes_between(before: LimitState, after: LimitState) -> tuple[Change, ...]:
    """What was added to the tallies of `before`; a grant with an end of its own is a change of its own."""
    moved = Counter(after.grants)
    moved.subtract(Counter(before.grants))
    starts = {(tally.quota, tally.subject): tally.window.start for tally in after.tallies}
    timed = [
        Change(grant.quota, grant.subject, starts[grant.quota, grant.subject], 0, sign * grant.bytes, grant.until)
        for grant, number in moved.items()
        for sign in [1 if number > 0 else -1] * abs(number)
        if (grant.quota, grant.subject) in starts
    ]
    with_end: Counter[tuple[str, Subject]] = Counter()
    for change in timed:
        with_end[change.quota, change.subject] += change.granted
    known = {(tally.quota, tally.subject): tally for tally in before.tallies}
    rest = [
        Change(
            now.quota, now.subject, now.window.start, now.used - then.used, now.granted - then.granted - with_end[key]
        )
        for now in after.tallies
        if (then := known.get(key := (now.quota, now.subject))) is not None
    ]
    return (*timed, *(change for change in rest if change.used or change.granted))


def undo_last(kept: LimitState, quotas: Sequence[Quota], now: float) -> tuple[LimitState, Act]:
    """`kept` as if its last act had not been done, and that act. Raises Unusable if nothing was done by hand."""
    if not kept.acts:
        raise Unusable("nothing was done by hand that could be undone", "`esimshaper quotas` shows what is in force.")
    *acts, last = kept.acts
    back = _add(kept, [replace(each, used=-each.used, granted=-each.granted) for each in last.changes], quotas, now)
    if last.begins is not None:
        back = _not_to_come(back, last)
    elif not last.kind.is_about_usage:
        back = _with_override(back, last.subject, last.before, now)
    if last.moved:
        others = tuple(each for each in back.restarts if each.quota != last.moved.quota)
        back = replace(back, restarts=(*others, *((last.earlier,) if last.earlier else ())))
    ahead = (*back.coming, *(each for each in last.dropped if each.at > now))
    return replace(back, acts=tuple(acts), coming=tuple(sorted(ahead, key=lambda each: each.at))), last


def redo(kept: LimitState, act: Act, quotas: Sequence[Quota], now: float) -> LimitState:
    """`kept` with an undone act done once more, with the end that it had. Raises Unusable if its beginning is over."""
    if act.begins is not None and act.begins <= now:
        raise Unusable("the moment for which it was set is over", "Say it anew, with another --at.")
    if act.moved:
        kept, begun = _with_restart(kept, act.moved, [each for each in quotas if each.name == act.quota], now)
        moved = (replace(each, window=begun) if begun and each.quota == act.quota else each for each in kept.tallies)
        kept = replace(kept, tallies=tuple(moved))
    again = _add(kept, act.changes, quotas, now)
    kind = _kind_of(act)
    ahead = [each for each in again.coming if each not in act.dropped]
    if act.begins is not None:
        ahead.append(Coming(act.subject, act.begins, kind, act.bytes, act.until))
    elif not act.kind.is_about_usage:
        again = _with_override(again, act.subject, Override(act.subject, kind, act.until) if kind else None, now)
    again = replace(again, coming=tuple(sorted(ahead, key=lambda each: each.at)))
    return again if again == kept and not act.moved else replace(again, acts=(*again.acts, act)[-MAX_ACTS:])


def _kind_of(act: Act) -> OverrideKind | None:
    """The override that an act makes; None for others."""
    kind = {ActKind.BLOCK: OverrideKind.BLOCK, ActKind.ALLOW: OverrideKind.ALLOW}.get(act.kind)
    return OverrideKind.ALLOW_OVER_PLAN if act.over_plan else kind


def _not_to_come(kept: LimitState, last: Act) -> LimitState:
    """`kept` without what was set for later, or without what has come of it since."""
    kind = _kind_of(last)
    waiting = [each for each in kept.coming if (each.subject, each.at, each.kind) == (last.subject, last.begins, kind)]
    if waiting:
        return replace(kept, coming=tuple(each for each in kept.coming if each not in waiting))
    if kind:
        begun = Override(last.subject, kind, last.until)
        return replace(kept, overrides=tuple(each for each in kept.overrides if each != begun))
    tallies, grants, _taken = tallying.take_grants(kept.tallies, kept.grants, last.subject, last.bytes)
    return replace(kept, tallies=tuple(tallies), grants=tuple(grants))


def correct(kept: LimitState, quota: Quota, subject: Subject, used: int) -> LimitState:
    """`kept` with so much as the usage of `subject`. Raises Unusable if the quota has no tally of it."""
    return _with_tallies(kept, [tallying.with_used(tally_of(kept, quota, subject), quota, used)])


def restart(kept: LimitState, quota: Quota, subject: Subject | None, now: float) -> LimitState:
    """`kept` with nothing used and nothing granted of a quota, by `subject` or (None) by anybody.

    For all of them the window begins `now` as well, where the period counts from a moment of its own.
    """
    if subject is not None:
        return _with_tallies(kept, [_anew(tally_of(kept, quota, subject), quota, None)], quota.name)
    begun = None
    if quota.period.anchor is not None:
        kept, begun = _with_restart(kept, Restart(quota.name, quota.period.anchor, int(now)), [quota], now)
    return _with_tallies(
        kept, [_anew(each, quota, begun) for each in kept.tallies if each.quota == quota.name], quota.name
    )


def _with_restart(
    kept: LimitState, moved: Restart, quotas: Iterable[Quota], now: float
) -> tuple[LimitState, Window | None]:
    """`kept` with windows of one of `quotas` that begin when `moved` says, and the present one of these."""
    kept = replace(kept, restarts=(*(each for each in kept.restarts if each.quota != moved.quota), moved))
    return kept, windows(quotas, kept.restarts, now).get(moved.quota)


def _restart_of(kept: LimitState, quota: str) -> Restart | None:
    return next((each for each in kept.restarts if each.quota == quota), None)


def live_restarts(restarts: Iterable[Restart], quotas: Iterable[Quota]) -> tuple[Restart, ...]:
    """Those of `restarts` that still say something: an edit of `from` counts more than a restart before it."""
    anchors = {quota.name: quota.period.anchor for quota in quotas}
    return tuple(each for each in restarts if anchors.get(each.quota) == each.anchor)


def windows(quotas: Iterable[Quota], restarts: Iterable[Restart], now: float) -> dict[str, Window]:
    """The window of each quota that holds `now`, by name."""
    begun = {(each.quota, each.anchor): each.at for each in restarts}

    def present(quota: Quota) -> Window:
        anchor = quota.period.anchor
        at = anchor if anchor is None else begun.get((quota.name, anchor), anchor)
        return window(replace(quota.period, anchor=at) if at != anchor else quota.period, quota.zone, now)

    return {quota.name: present(quota) for quota in quotas}


def tally_of(kept: LimitState, quota: Quota, subject: Subject) -> Tally:
    """What a subject used of a quota. Raises Unusable if the quota counts nothing for it."""
    found = next((each for each in kept.tallies if (each.quota, each.subject) == (quota.name, subject)), None)
    if found is None:
        sentence = f"the quota {quota.name} counts nothing for whom you name"
        raise Unusable(sentence, "`esimshaper quotas` shows for whom it is.")
    return found


def _anew(tally: Tally, quota: Quota, begun: Window | None) -> Tally:
    return Tally(quota.name, tally.subject, begun or tally.window, allowed=quota.limit)


def _with_tallies(kept: LimitState, changed: Iterable[Tally], anew: str = "") -> LimitState:
    """`kept` with `changed` tallies. Of those of the quota `anew`, no grant is left, and no usage of the reserve."""
    found = {(each.quota, each.subject): each for each in changed}
    return replace(
        kept,
        tallies=tuple(found.get((each.quota, each.subject), each) for each in kept.tallies),
        grants=tuple(each for each in kept.grants if each.quota != anew or (each.quota, each.subject) not in found),
        reserve=tuple(each for each in kept.reserve if each.quota != anew),
    )


def _add(kept: LimitState, changes: Iterable[Change], quotas: Iterable[Quota], now: float) -> LimitState:
    """`kept` with these changes, where their window is still the present one and their grant has not ended."""
    named = {quota.name: quota for quota in quotas}
    found = {(each.quota, each.subject): each for each in kept.tallies}
    grants = list(kept.grants)
    for change in changes:
        tally = found.get((change.quota, change.subject))
        if tally is None or change.quota not in named or tally.window.start != change.start:
            continue
        if change.until is not None and not _move_grant(grants, change, change.until, now):
            continue
        more = replace(tally, granted=max(0, tally.granted + change.granted))
        used = tally.used + change.used
        found[change.quota, change.subject] = tallying.with_used(more, named[change.quota], used)
    return replace(kept, tallies=tuple(found.values()), grants=tuple(grants))


def _move_grant(grants: list[Grant], change: Change, until: int, now: float) -> bool:
    """Adds a grant to `grants`, or takes it out of them; whether there was one to take, or time left for one."""
    grant = Grant(change.quota, change.subject, abs(change.granted), until)
    if change.granted > 0:
        if until > now:
            grants.append(grant)
        return until > now
    if grant not in grants:
        return False
    grants.remove(grant)
    return True


def _with_override(kept: LimitState, subject: Subject, override: Override | None, now: float) -> LimitState:
    others = tuple(each for each in kept.overrides if each.subject != subject)
    lasts = override is not None and (override.until is None or now < override.until)
    return replace(kept, overrides=(*others, override) if override and lasts else others)
