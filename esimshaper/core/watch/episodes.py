# SPDX-License-Identifier: GPL-2.0-or-later
"""What is abnormal now -> episodes: they begin, grow, are told and end. Pure.

    abnormal  ###  ##   #                  #
              |          |<- CALM_SECONDS ->|
              begins                     ends, and another begins

Every episode is noted down. People are told of those beyond what is normal, of few unsure ones a week, and of none that
they have muted, or of somebody whom they have allowed by hand. One that they know of is told anew when it becomes of a
kind that the settings react to.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.watch import UNLEARNED, AlarmKind, Answer, Episode, Learned, Mute, Peaks, WatchState
from esimshaper.core.watch import constants, learning

_UNSURE = frozenset((AlarmKind.SURGE, AlarmKind.TRICKLE))
"""Kinds that ordinary use resembles; the others always tell."""


class Sight(NamedTuple):
    """What is seen of one client at one moment: what is abnormal, what is so beyond what is normal, what it has moved
    since the last look, and in the time that made it abnormal; its peaks, and what it is in words."""

    kinds: frozenset[AlarmKind]
    telling: frozenset[AlarmKind]
    moved: int
    begun: int
    peaks: Peaks
    text: str


class Now(NamedTuple):
    """at: Unix seconds. allowance: bytes of a day. freed: clients that are allowed by hand, or everybody (None in it).

    cut: those that a person has blocked. reacting: kinds that the settings block or throttle for.
    """

    at: int
    allowance: int
    freed: frozenset[ClientKey | None]
    cut: frozenset[ClientKey]
    reacting: frozenset[AlarmKind] = frozenset()


class Followed(NamedTuple):
    """kept: what follows. begun, more, ended: episodes of which people are to hear."""

    kept: WatchState
    begun: tuple[Episode, ...] = ()
    more: tuple[Episode, ...] = ()
    ended: tuple[Episode, ...] = ()


def follow(kept: WatchState, sights: Mapping[ClientKey, Sight], moved: Mapping[ClientKey, int], now: Now) -> Followed:
    """The episodes of now. `moved`: by each client since the last look."""
    if not sights and not any(each.is_open for each in kept.episodes):
        return Followed(kept)
    return _Following(kept, sights, moved, now).all()


class _Following:
    """The episodes of one moment; what is learned of them changes with each."""

    def __init__(
        self, kept: WatchState, sights: Mapping[ClientKey, Sight], moved: Mapping[ClientKey, int], now: Now
    ) -> None:
        self._kept, self._sights, self._moved, self._now = kept, sights, moved, now
        self._learned = dict(kept.learned)
        self._begun: list[Episode] = []
        self._more: list[Episode] = []
        self._ended: list[Episode] = []

    def all(self) -> Followed:
        known = [self._next(each) if _is_running(each) else each for each in self._kept.episodes]
        running = {each.client for each in self._kept.episodes if _is_running(each)}
        number = self._kept.number
        for client, sight in self._sights.items():
            if client not in running:
                known.append(self._first(number, client, sight))
                number += 1
        after = replace(self._kept, learned=self._learned, episodes=newest(known), number=number)
        return Followed(after, tuple(self._begun), tuple(self._more), tuple(self._ended))

    def _next(self, before: Episode) -> Episode:
        episode = _grown(before, self._sights.get(before.client), self._moved.get(before.client, 0), self._now)
        if not episode.is_open:
            self._learned = _taught(self._learned, episode)
            self._ended += [episode] if episode.told else []
            return episode
        if not before.told or self._reacts(episode):
            return self._told_if_due(episode)
        if _is_more(episode, self._now) and not is_muted(episode, self._kept.mutes, self._now.at):
            episode = replace(episode, told_bytes=episode.bytes)
            self._more.append(episode)
        return episode

    def _first(self, number: int, client: ClientKey, sight: Sight) -> Episode:
        self._learned[client], peaks = learning.set_aside(self._learned.get(client, UNLEARNED))
        return self._told_if_due(_new(number, client, sight, peaks, self._now))

    def _reacts(self, episode: Episode) -> bool:
        """Whether what people know of has become what is to be cut: `asleep` was told, and then it is an `upload`."""
        sight = self._sights.get(episode.client)
        if sight is None or episode.client in PSEUDO_KEYS:  # which nothing cuts, so that it would be told each time
            return False
        hard = sight._replace(telling=sight.telling & self._now.reacting)
        return _may_tell(episode, hard, self._kept.mutes, self._learned, self._now)

    def _told_if_due(self, episode: Episode) -> Episode:
        sight = self._sights.get(episode.client)
        if not _may_tell(episode, sight, self._kept.mutes, self._learned, self._now):
            return episode
        self._learned, episode = _told(self._learned, episode, self._now)
        self._begun.append(episode)
        return episode


def _is_running(episode: Episode) -> bool:
    """Whether it lives by what is seen; that of a pace lives by its quota."""
    return episode.is_open and AlarmKind.PACE not in episode.kinds


def newest(episodes: Iterable[Episode]) -> tuple[Episode, ...]:
    """As many as are kept: the last ones."""
    return tuple(episodes)[-constants.EPISODES :]


def live_mutes(mutes: Iterable[Mute], now: float) -> Iterator[Mute]:
    return (mute for mute in mutes if now < mute.until)


def answered(kept: WatchState, episode: Episode, answer: Answer) -> WatchState:
    """`kept` with the answer of a person. What is fine is normal from now on, and what was cut never is."""
    episodes = tuple(replace(each, answer=answer) if each.number == episode.number else each for each in kept.episodes)
    learned = dict(kept.learned)
    if answer is Answer.FINE:
        learned[episode.client] = learning.taught(learned.get(episode.client, UNLEARNED), episode.peaks)
    return replace(kept, episodes=episodes, learned=learned)


def _new(number: int, client: ClientKey, sight: Sight, peaks: Peaks, now: Now) -> Episode:
    return Episode(
        number,
        client,
        in_order(sight.kinds),
        now.at,
        now.at,
        bytes=sight.begun,
        allowance=now.allowance,
        text=sight.text,
        answer=Answer.CUT if client in now.cut else Answer.NONE,
        peaks=peaks.joined(sight.peaks),
    )


def _grown(episode: Episode, sight: Sight | None, moved: int, now: Now) -> Episode:
    answer = Answer.CUT if episode.client in now.cut and episode.answer is Answer.NONE else episode.answer
    if sight is None and now.at - episode.seen >= constants.CALM_SECONDS:
        return replace(episode, until=max(now.at, 1), answer=answer)
    if sight is None and not moved and answer is episode.answer:
        return episode
    size = episode.bytes + moved
    if sight is None:
        return replace(episode, bytes=size, answer=answer)
    kinds = in_order({*episode.kinds, *sight.kinds})
    peaks = episode.peaks.joined(sight.peaks)
    text = episode.text if kinds == episode.kinds and episode.told else sight.text
    return replace(episode, kinds=kinds, seen=now.at, bytes=size, peaks=peaks, answer=answer, text=text)


def in_order(kinds: Iterable[AlarmKind]) -> tuple[AlarmKind, ...]:
    return tuple(kind for kind in AlarmKind if kind in set(kinds))


def _may_tell(
    episode: Episode, sight: Sight | None, mutes: Iterable[Mute], learned: Mapping[ClientKey, Learned], now: Now
) -> bool:
    if sight is None or not sight.telling or episode.answer is not Answer.NONE:
        return False
    if is_muted(episode, mutes, now.at) or not now.freed.isdisjoint((None, episode.client)):
        return False
    told = learned.get(episode.client, UNLEARNED).told
    recent = [at for at in told if now.at - constants.UNSURE_SECONDS < at <= now.at]
    return not sight.telling <= _UNSURE or len(recent) < constants.UNSURE_TOLD


def _told(learned: dict[ClientKey, Learned], episode: Episode, now: Now) -> tuple[dict[ClientKey, Learned], Episode]:
    if set(episode.kinds) <= _UNSURE:
        before = learned.get(episode.client, UNLEARNED)
        told = (*before.told, now.at)[-constants.UNSURE_TOLD :]
        learned = {**learned, episode.client: before._replace(told=told)}
    return learned, replace(episode, told=True, told_bytes=episode.bytes)


def _taught(learned: dict[ClientKey, Learned], episode: Episode) -> dict[ClientKey, Learned]:
    """What an episode that is over has taught: nothing if it was cut; what is fine was learned when it was said."""
    if episode.answer is Answer.CUT:
        return learned
    before = learned.get(episode.client, UNLEARNED)
    return {**learned, episode.client: learning.taught(before, episode.peaks)}


def _is_more(episode: Episode, now: Now) -> bool:
    grown = episode.bytes - episode.told_bytes
    much = episode.bytes >= constants.AGAIN_FACTOR * episode.told_bytes
    quiet = episode.answer is not Answer.NONE or not now.freed.isdisjoint((None, episode.client))
    return episode.told and much and grown >= constants.AGAIN_SHARE * now.allowance and not quiet


def is_muted(episode: Episode, mutes: Iterable[Mute], now: float) -> bool:
    """Whether each kind of it is muted."""
    live = [mute for mute in live_mutes(mutes, now) if mute.client in (None, episode.client)]
    return bool(live) and all(any(mute.kind in (None, kind) for mute in live) for kind in episode.kinds)
