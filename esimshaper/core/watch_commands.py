# SPDX-License-Identifier: GPL-2.0-or-later
"""What people say to alarms: one is fine, or they want to hear no more; functions turn a State into another. Pure.

An answer is saved with the next tick.
"""

from dataclasses import replace

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.limits import Override, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.state import State
from esimshaper.core.model.watch import SLOW_RATE, AlarmKind, Answer, Episode, Mute, WatchState
from esimshaper.core.watch import episodes
from esimshaper.core.watch.constants import MUTES


def fine(state: State, number: int) -> State:
    """The episode of that number is ordinary use: it is normal from now on, and what it set ends. Raises Unusable."""
    episode = _episode(state, number)
    after = _with_kept(state, episodes.answered(state.watch.kept, episode, Answer.FINE))
    whose, kept = Subject(SubjectKind.CLIENT, episode.client), state.limits.kept
    left = tuple(each for each in kept.overrides if (each.subject, each.kind) != (whose, OverrideKind.ALARM))
    if left == kept.overrides:
        return after
    return replace(after, limits=replace(after.limits, kept=replace(kept, overrides=left), inputs=None))


def slow(state: State, number: int, seconds: int) -> State:
    """The client of the episode of that number is held to SLOW_RATE for so long; it teaches nothing.

    Raises Unusable where the episode is of no device.
    """
    episode = _episode(state, number)
    if not episode.client or episode.client in PSEUDO_KEYS:
        raise Unusable(f"alarm {number} is of no device that could be slowed", "`esimshaper quotas` shows what limits.")
    subject, kept = Subject(SubjectKind.CLIENT, episode.client), state.limits.kept
    held = Override(subject, OverrideKind.ALARM, int(state.clock.time) + seconds, SLOW_RATE)
    others = (each for each in kept.overrides if each.subject != subject)
    limits = replace(state.limits, kept=replace(kept, overrides=(*others, held)), inputs=None)
    return replace(_with_kept(state, episodes.answered(state.watch.kept, episode, Answer.CUT)), limits=limits)


def mute(state: State, kind: AlarmKind | None, client: ClientKey | None, seconds: int | None) -> State:
    """For so long nobody is told of a kind (None: of any) of a client (None: of anybody); seconds None: they are again.

    Raises Unusable where there is nothing to take back, or no room.
    """
    kept = state.watch.kept
    others = tuple(each for each in kept.mutes if (each.kind, each.client) != (kind, client))
    if seconds is None:
        if len(others) == len(kept.mutes):
            raise Unusable("that is not muted", "`esimshaper alarms` shows what is.")
        return _with_kept(state, replace(kept, mutes=others))
    if len(others) >= MUTES:
        raise Unusable(f"{MUTES} kinds and clients are muted already", "`esimshaper alarms` shows them.")
    return _with_kept(state, replace(kept, mutes=(*others, Mute(kind, client, int(state.clock.time) + seconds))))


def _episode(state: State, number: int) -> Episode:
    for each in state.watch.kept.episodes:
        if each.number == number:
            return each
    raise Unusable(f"there is no alarm {number}", "`esimshaper alarms` shows them with their numbers.")


def _with_kept(state: State, kept: WatchState) -> State:
    """`state` with other memories of the watch, to be saved at the next tick."""
    return replace(state, watch=replace(state.watch, kept=kept), saving=replace(state.saving, urgent=True))
