# SPDX-License-Identifier: GPL-2.0-or-later
"""Overrides and hours -> what holds for an account beside its quotas, now and from the next moments on. Pure.

    frames    Mon 23:00 tv blocked      Tue 07:00 nobody      what is set, from each moment on
    tv        open                      switches: Mon 23:00 blocked, Tue 07:00 open

The kernel carries out switches by itself, so they hold at the second, and while the daemon is dead.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice, takewhile

from esimshaper.core.limits import coming, hierarchy
from esimshaper.core.limits.hours import in_force
from esimshaper.core.model.hold import SWITCHES, Hold, Switch
from esimshaper.core.model.hours import windows
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import (
    EVERYONE,
    Curfew,
    Frame,
    Override,
    OverrideKind,
    Subject,
)
from esimshaper.core.model.rules import Hierarchy

AHEAD_SECONDS = 2 * 86400
"""So far ahead the kernel knows. All of it is worked out anew at each change, and at each midnight."""
MAX_FRAMES = 64


def outlook(kept: LimitState, curfews: Sequence[Curfew], now: float, offset: float) -> tuple[Frame, ...]:
    """The Frames to come. `offset`: seconds by which the clock is ahead of CLOCK_BOOTTIME."""
    moments = sorted({each for each in _moments(kept, curfews, now) if now < each <= now + AHEAD_SECONDS})
    return tuple(
        Frame(
            max(0, round((each - offset) * 1e9)),
            hierarchy.by_subject(coming.overrides_in_force(kept, each)),
            frozenset(in_force(curfews, each)),
        )
        for each in moments[:MAX_FRAMES]
    )


def _moments(kept: LimitState, curfews: Iterable[Curfew], now: float) -> Iterable[int]:
    acts = [each for each in kept.coming if each.kind]
    ends = (*(each.until for each in kept.overrides), *(each.until for each in acts))
    yield from (end for end in ends if end is not None)
    yield from (each.at for each in acts)
    for curfew in curfews:
        for window in takewhile(lambda each: each.start <= now + AHEAD_SECONDS, windows(curfew.hours, now)):
            yield from (window.start, window.end)


def hold(of: Hierarchy, overrides: Mapping[Subject, Override], curfews: Collection[Subject]) -> Hold:
    """What holds for the first subject of a hierarchy: an override, or else the hours of any subject of it."""
    override = hierarchy.override_for(of, overrides)
    if override is None or override.rate:
        holders = {each for each in of if each in curfews} if curfews else set()
        return Hold(bool(holders), with_everyone=holders == {EVERYONE}, throttled=override is not None)
    return Hold(
        blocked=not override.kind.allows,
        exempt=override.kind.allows,
        over_plan=override.kind is OverrideKind.ALLOW_OVER_PLAN,
        with_everyone=not override.kind.allows and override.subject == EVERYONE,
    )


def of_tunnels(overrides: Mapping[Subject, Override], curfews: Collection[Subject]) -> Hold:
    """What holds for packets that carry tunnels: they are blocked if everyone is, and nobody is allowed by hand."""
    # Clients in a tunnel are held to their own limits inside it.
    kinds = {override.kind for override in overrides.values()}
    blocked = hold((EVERYONE,), overrides, curfews).blocked
    return Hold(blocked, any(kind.allows for kind in kinds), OverrideKind.ALLOW_OVER_PLAN in kinds, blocked)


def switches(first: Hold, frames: Iterable[Frame], then: Callable[[Frame], Hold]) -> tuple[Switch, ...]:
    """The next Switches of an account for which `first` holds now, and `then` says what holds in a Frame."""
    return tuple(islice(_changes(first, ((frame.at, then(frame)) for frame in frames)), SWITCHES))


def _changes(before: Hold, following: Iterable[tuple[int, Hold]]) -> Iterable[Switch]:
    for at, each in following:
        if each != before:
            yield Switch(at, each)
        before = each
