# SPDX-License-Identifier: GPL-2.0-or-later
"""Alarms that people are told of -> blocks with an end, where the settings say so. Pure.

The block is an override as one of a person is: the kernel holds it while the daemon is dead, it ends by itself, and
`allow`, `unblock` or `alarms fine` end it sooner. What was cut teaches nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from esimshaper.core.model.identity import PSEUDO_KEYS
from esimshaper.core.model.limits import Override, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.watch import Answer, Episode, Watch, WatchState

AGAIN_SECONDS, LONGEST_SECONDS = 3600, 8 * 3600
"""A further one so soon after a cut lasts twice as long, up to the last."""


def cut(
    kept: WatchState, begun: Iterable[Episode], watch: Watch, now: int
) -> tuple[WatchState, tuple[tuple[Episode, Override], ...]]:
    """`kept`, in which the episodes of which people are told now and that the settings block are cut; their blocks."""
    found = []
    for episode in begun:
        asked = [watch.blocks[kind] for kind in episode.kinds if kind in watch.blocks]
        if asked and episode.client and episode.client not in PSEUDO_KEYS:
            until = now + _length(max(asked), episode, kept, now)
            subject = Subject(SubjectKind.CLIENT, episode.client)
            found.append((replace(episode, answer=Answer.CUT), Override(subject, OverrideKind.ALARM, until)))
    if not found:
        return kept, ()
    changed = {episode.number: episode for episode, _ in found}
    return replace(kept, episodes=tuple(changed.get(each.number, each) for each in kept.episodes)), tuple(found)


def _length(seconds: int, episode: Episode, kept: WatchState, now: int) -> int:
    before = [each for each in kept.episodes if each.client == episode.client and each.answer is Answer.CUT]
    last = before[-1] if before else None
    if last is None or now - (last.until or last.seen) > AGAIN_SECONDS + seconds:
        return seconds
    return max(seconds, min(2 * seconds, LONGEST_SECONDS))
