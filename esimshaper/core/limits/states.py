# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage tallies -> verdicts: how each client, group and everyone stand, and why, in words. Pure.

The worst of what holds for a subject or for those above it counts; what was set by hand counts more than all quotas.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo

from esimshaper.core.model.limits import (
    STRANGER,
    ActionKind,
    ClientState,
    Direction,
    Level,
    Override,
    OverrideKind,
    QuotaUsage,
    Subject,
)
from esimshaper.core.model.units import format_moment, format_rate, format_size

OPEN = ClientState()

_LEVELS = {ActionKind.NOTIFY: Level.OPEN, ActionKind.THROTTLE: Level.THROTTLED, ActionKind.BLOCK: Level.BLOCKED}
_BADNESS = {level: number for number, level in enumerate(Level)}
_USED = {Direction.BOTH: "used", Direction.DOWNLOAD: "downloaded", Direction.UPLOAD: "uploaded"}


def verdicts(
    chains: Mapping[Subject, Sequence[Subject]],
    held: Mapping[Subject, Sequence[QuotaUsage]],
    by_hand: Mapping[Subject, Override],
    now: float,
    zone: tzinfo,
) -> Mapping[Subject, ClientState]:
    """The ClientState of each subject that has a chain; `by_hand` is the Override that counts for it."""
    own = {subject: _worst(_of_quota(each, now, zone) for each in of) for subject, of in held.items() if _limits(of)}

    def verdict(subject: Subject) -> ClientState:
        if override := by_hand.get(subject):
            return _of_hand(override, now, zone)
        return _worst(own[each] for each in chains[subject] if each in own)

    return {subject: verdict(subject) for subject in chains if subject != STRANGER}


def _of_hand(override: Override, now: float, zone: tzinfo) -> ClientState:
    blocked = override.kind is OverrideKind.BLOCK
    words = "blocked by hand" if blocked else "allowed by hand"
    end = f" until {format_moment(override.until, now, zone)}" if override.until is not None else ""
    return ClientState(Level.BLOCKED if blocked else Level.OPEN, words + end, until=override.until)


def _of_quota(held: QuotaUsage, now: float, zone: tzinfo) -> ClientState:
    quota, tally = held.quota, held.tally
    level = _LEVELS[quota.action.kind]
    if not tally.reached or level is Level.OPEN:
        return OPEN
    what = "blocked" if level is Level.BLOCKED else f"throttled to {format_rate(quota.action.rate)}"
    used = f"{format_size(tally.used)} {_USED[quota.direction]} of {format_size(tally.allowed)}"
    reason = f"{quota.name}: {used}, {what} until {format_moment(tally.window.end, now, zone)}"
    return ClientState(level, reason, quota.name, quota.action.rate, tally.window.end)


def _limits(held: Iterable[QuotaUsage]) -> bool:
    """Most of the time nothing is reached, and this is all there is to it."""
    return any(each.tally.reached for each in held)


def _worst(verdicts: Iterable[ClientState]) -> ClientState:
    """The highest level; of several the slowest rate, of those the one that lasts longest."""
    return max(verdicts, key=lambda each: (_BADNESS[each.level], -each.rate, each.until or 0), default=OPEN)
