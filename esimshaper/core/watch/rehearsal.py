# SPDX-License-Identifier: GPL-2.0-or-later
"""Recorded use -> the alarms that there would have been. Pure.

A record is of the time since the one before of its client, mostly some minutes: its bytes are shared out over it, as
if they had come evenly. Of a longer time than LONGEST nobody knows when they came, so nothing is noticed of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ClientKey, Identity
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.model.watch import Episode, WatchSlice
from esimshaper.core.watch.watching import Around, advance

LONGEST = 900.0
"""Seconds of a record that is shared out."""
_TICK = 15.0
_BOOT = 1000.0


class Noticed(NamedTuple):
    """What became of an episode at a moment (Unix seconds): it began, it is told, or (has_ended) it is over."""

    at: float
    episode: Episode
    has_ended: bool


class Rehearsal:
    """The watch of a home that lives recorded use, from the first moment on."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._slice = WatchSlice()
        self._seen = Reading(1, _BOOT, {}, {})
        self._now: float | None = None
        self._last: dict[ClientKey, float] = {}
        self._known: dict[ClientKey, Identity] = {}
        self._episodes: dict[int, tuple[bool, bool]] = {}

    def take(self, at: float, moved: Mapping[ClientKey, Counters], around: Around) -> Iterator[Noticed]:
        """What is noticed up to `at`, a moment with records of what these clients moved."""
        begin, self._now = self._now, at
        placed = {} if begin is None else {key: self._share(key, each, begin, at) for key, each in moved.items()}
        gap = 0.0 if begin is None else at - begin
        number = max(1, round(gap / _TICK)) if 0 < gap <= LONGEST else 1
        for part in range(number):
            usage = {key: _part(each, part, number) for key, each in placed.items()} if gap <= LONGEST else {}
            moment = at - gap + gap * (part + 1) / number
            yield from self._tick(moment, gap / number, usage, around)
        for key in moved:
            self._last[key] = at
            self._known.setdefault(key, Identity(key))

    def _share(self, key: ClientKey, moved: Counters, begin: float, at: float) -> Counters:
        """What of a record came after `begin`, where the one before of its client is older."""
        before = self._last.get(key, begin)
        if before >= begin or at <= before:
            return moved
        share = (at - begin) / (at - before)
        return Counters(int(moved.down_bytes * share), int(moved.up_bytes * share))

    def _tick(self, at: float, passed: float, usage: Mapping[ClientKey, Counters], around: Around) -> Iterator[Noticed]:
        reading = replace(self._seen, boottime=self._seen.boottime + passed)
        step, moment = Step(None, None, self._seen, reading), Moment(at, trusted=True)
        tick = Tick(self._rules, moment, Observation(reading), step, {}, {}, identities=self._known)
        self._seen, self._slice = reading, advance(self._slice, tick, usage, around)
        for each in self._slice.kept.episodes:
            known = (each.told, not each.is_open)
            before = self._episodes.get(each.number)
            if before != known:
                self._episodes[each.number] = known
                yield Noticed(at, each, not each.is_open)


def _part(moved: Counters, part: int, number: int) -> Counters:
    def share(size: int) -> int:
        return size * (part + 1) // number - size * part // number

    return Counters(share(moved.down_bytes), share(moved.up_bytes), 1, 1)
