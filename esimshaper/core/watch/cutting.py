# SPDX-License-Identifier: GPL-2.0-or-later
"""Alarms that people are told of -> blocks and rates with an end, where the settings say so. Pure.

Both are overrides as those of a person are: the kernel holds them while the daemon is dead, they end by themselves, and
`allow`, `unblock` or `alarms fine` end them sooner. What was cut teaches nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from esimshaper.core.model.identity import PSEUDO_KEYS
from esimshaper.core.model.limits import Override, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.watch import Answer, Episode, Reaction, Watch, WatchState

AGAIN_SECONDS, LONGEST_SECONDS = 3600, 8 * 3600
"""A further one so soon after a cut lasts twice as long, up to the last."""


def cut(
    kept: WatchState, begun: Iterable[Episode], watch: Watch, now: int
) -> tuple[WatchState, tuple[tuple[Episode, Override], ...]]:
    """`kept`, in which those of the episodes that begin now are cut that the settings react to; their overrides."""
    found = []
    for episode in begun:
        asked = [watch.reactions[kind] for kind in episode.kinds if kind in watch.reactions]
        if asked and episode.client and episode.client not in PSEUDO_KEYS:
            hardest = max(asked, key=_hardness)
            until = now + _length(hardest.seconds, episode, kept, now)
            subject = Subject(SubjectKind.CLIENT, episode.client)
            override = Override(subject, OverrideKind.ALARM, until, hardest.rate)
            found.append((replace(episode, answer=Answer.CUT), override))
    if not found:
        return kept, ()
    changed = {episode.number: episode for episode, _ in found}
    return replace(kept, episodes=tuple(changed.get(each.number, each) for each in kept.episodes)), tuple(found)


def _hardness(reaction: Reaction) -> tuple[bool, int, int]:
    """Of several a block counts, else the slowest rate, else what lasts longest."""
    return not reaction.rate, -reaction.rate, reaction.seconds


def _length(seconds: int, episode: Episode, kept: WatchState, now: int) -> int:
    before = [each for each in kept.episodes if each.client == episode.client and each.answer is Answer.CUT]
    last = before[-1] if before else None
    if last is None or now - (last.until or last.seen) > AGAIN_SECONDS + seconds:
        return seconds
    return max(seconds, min(2 * seconds, LONGEST_SECONDS))
