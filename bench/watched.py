# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up life through the watch itself, step by step; and through what others do. Pure.

The watch is the very code of the daemon (core/watch/watching.py). Of the others each looks at five minutes of a client.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from datetime import UTC
from statistics import median
from types import MappingProxyType
from typing import Any, NamedTuple

from bench.lives import MB, STEP, Leak, Life, Moved
from esimshaper.core.model.counts import Counters, Usage
from esimshaper.core.model.identity import ClientKey, Identity
from esimshaper.core.model.limits import EVERYONE, Action, ActionKind, Period, PeriodUnit, Quota, Tally
from esimshaper.core.model.notices import NoticeKind
from esimshaper.core.model.period import window
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import Volume
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.model.watch import AlarmKind, Learned, Watch, WatchLevel, WatchSlice
from esimshaper.core.watch.watching import Around, advance

START = 1_780_272_000
"""2026-06-01 00:00 UTC; boot time begins there."""
GRACE = 15 * 60 // STEP
"""Steps after a leak in which an alarm is still about it."""


NO_SERVICES: Mapping[str, Mapping[str, Volume]] = MappingProxyType({})


class Alarm(NamedTuple):
    """What was told, or only noted down, of a client, at a step."""

    client: str
    step: int
    kind: str
    told: bool = True


class Watched:
    """The watch of a home with a quota of a day, from the first step on."""

    def __init__(self, allowance: int, clients: list[str], level: WatchLevel = WatchLevel.NORMAL) -> None:
        self.keys = {name: ClientKey(name) for name in clients}
        names = {key: name for name, key in self.keys.items()}
        self._quota = Quota("daily", EVERYONE, allowance, Period(PeriodUnit.DAY), UTC, Action(ActionKind.NOTIFY))
        self._rules = Rules("wwan0", UTC, names, quotas=(self._quota,), watch=Watch(level))
        self._seen = Reading(1, 0.0, {}, {})
        self._observed = Observation(self._seen)
        self._seen_before = {key: Identity(key) for key in self.keys.values()}
        self.slice = WatchSlice()
        self.tally = Tally("daily", EVERYONE, window(self._quota.period, UTC, START), allowed=allowance)

    def know(self, learned: Learned) -> None:
        """Each device is known so well from the first step on."""
        hour = START // 3600
        known = {key: learned._replace(hour=hour) for key in self.keys.values()}
        self.slice = replace(self.slice, kept=replace(self.slice.kept, learned=known))

    def remember(self, client: str) -> None:
        """The history has seen this device."""
        self._seen_before[ClientKey(client)] = Identity(ClientKey(client))

    def set(self, **settings: Any) -> None:
        """Other settings of the watch from now on."""
        self._rules = replace(self._rules, watch=replace(self._rules.watch, **settings))

    def twin(self) -> "Watched":
        """Another one that knows the same."""
        return copy(self)

    def step(
        self, number: int, used: dict[str, tuple[int, int]], services: Mapping[str, Mapping[str, Volume]] = NO_SERVICES
    ) -> WatchSlice:
        """What follows from the bytes of one step, of which the tick comes at its end. services: what they were for."""
        seconds = (number + 1) * STEP
        usage: Usage = {ClientKey(name): Counters(down, up, 1, 1) for name, (down, up) in used.items()}
        size = sum(down + up for down, up in used.values())
        now = START + seconds
        if now >= self.tally.window.end:
            self.tally = replace(self.tally, window=window(self._quota.period, UTC, now), used=0, reached=False)
        total = self.tally.used + size
        self.tally = replace(self.tally, used=total, reached=total >= self.tally.allowed)
        reading = Reading(1, float(seconds), {}, {})
        moved_on = Step(None, None, self._seen, reading)
        at = Moment(now, trusted=True)
        tick = Tick(self._rules, at, self._observed, moved_on, {}, {}, identities=self._seen_before)
        self._seen = reading
        named = {ClientKey(name): each for name, each in services.items()}
        self.slice = advance(self.slice, tick, usage, Around((self.tally,), services=named))
        return self.slice


def by_step(made: Life) -> Iterator[dict[str, tuple[int, int]]]:
    """What each device moves in each step, in the order of time."""
    steps: dict[int, dict[str, tuple[int, int]]] = {}
    for name, moved in made.clients.items():
        for step, (down, up) in moved.items():
            steps.setdefault(step, {})[name] = (down, up)
    return (steps.get(number, {}) for number in range(made.days * 86400 // STEP))


class Told(NamedTuple):
    """alarms: of clients. paces: the steps at which people heard that the day's quota will not last."""

    alarms: list[Alarm]
    paces: list[int]


def watch(made: Life, look: Callable[[int, Watched], None] | None = None) -> Told:
    """All alarms of a life. `look` is called after each step."""
    watched = Watched(made.allowance, list(made.clients))
    alarms: list[Alarm] = []
    paces: list[int] = []
    number = watched.slice.kept.number
    for step, used in enumerate(by_step(made)):
        now = watched.step(step, used)
        for notice in now.new:
            if notice.kind is NoticeKind.ALARM and AlarmKind.PACE in notice.reasons:
                paces.append(step)
            elif notice.kind is NoticeKind.ALARM:
                alarms.append(Alarm(notice.subject.id, step, str(notice.reasons[0])))
        if now.kept.number != number:
            new = [each for each in now.kept.episodes if each.number >= number and AlarmKind.PACE not in each.kinds]
            alarms += [Alarm(each.client, step, str(each.kinds[0]), told=False) for each in new]
            number = now.kept.number
        if look:
            look(step, watched)
    return Told(alarms, paces)


def about(alarm: Alarm, leaks: list[Leak]) -> Leak | None:
    """The leak that an alarm is about; None for a false one."""
    return next(
        (each for each in leaks if each.client == alarm.client and each.begin <= alarm.step <= each.end + GRACE), None
    )


# --- what others do

FIVE = 300 // STEP
BINS_A_DAY = 288


def modified_z(moved: Moved, days: int, allowance: int) -> list[int]:
    """Log of bytes in five minutes against the median of three days: 3.5 (Iglewicz and Hoaglin), 2 % of the day."""
    bins = [math.log1p(size) for size in _bins(moved, days)]
    found, middle, spread = [], 0.0, 1.0
    for at, value in enumerate(bins):
        if at % 12 == 0 and at:
            past = bins[max(0, at - 3 * BINS_A_DAY) : at]
            middle = median(past)
            spread = max(0.1, median(abs(each - middle) for each in past))
        z = 0.6745 * (value - middle) / spread
        if at >= BINS_A_DAY // 4 and z > 3.5 and math.expm1(value) > 0.02 * allowance:
            found.append(at)
    return _begun(found)


def ewma(moved: Moved, days: int, allowance: int) -> list[int]:
    """Mean and three deviations, both fading by 0.02 (Roberts 1959), 2 % of the day."""
    mean = variance = 0.0
    found = []
    for at, size in enumerate(_bins(moved, days)):
        if at >= 12 and size > mean + 3 * math.sqrt(variance) and size > 0.02 * allowance:
            found.append(at)
        difference = size - mean
        mean += 0.02 * difference
        variance = 0.98 * (variance + 0.02 * difference * difference)
    return _begun(found)


def cusum(moved: Moved, days: int, allowance: int) -> list[int]:
    """The sum above the mean and one mean more (Page 1954), from 5 % of the day on."""
    mean, total, found = 0.0, 0.0, []
    for at, size in enumerate(_bins(moved, days)):
        total = max(0.0, total + size - 2 * mean)
        if total > 0.05 * allowance:
            found.append(at)
            total = 0.0
        mean += 0.02 * (size - mean)
    return _begun(found)


def firewalla(moved: Moved, days: int, _allowance: int) -> list[int]:
    """8 slots of 150 MB in two hours, and their mean above 1.2 times that of eight hours (its DataUsageSensor.js)."""
    fives = _bins(moved, days)
    slots = [sum(fives[at : at + 3]) for at in range(0, len(fives), 3)]
    found = []
    for at in range(8, len(slots) + 1):
        two, eight = slots[at - 8 : at], slots[max(0, at - 32) : at]
        if sum(two) >= 8 * 150 * MB and sum(two) / 8 > 1.2 * sum(eight) / len(eight) > 150 * MB:
            found.append(at * 3 - 1)
    return _begun(found, quiet=48)


RIVALS: dict[str, Callable[[Moved, int, int], list[int]]] = {
    "modified z": modified_z,
    "EWMA": ewma,
    "CUSUM": cusum,
    "Firewalla": firewalla,
}


def rival(name: str, made: Life) -> list[Alarm]:
    """The alarms of another method, each at the end of its five minutes."""
    method = RIVALS[name]
    return [
        Alarm(client, (at + 1) * FIVE, name)
        for client, moved in made.clients.items()
        for at in method(moved, made.days, made.allowance)
    ]


def _bins(moved: Moved, days: int) -> list[int]:
    bins = [0] * (days * BINS_A_DAY)
    for step, (down, up) in moved.items():
        bins[min(len(bins) - 1, step // FIVE)] += down + up
    return bins


def _begun(found: list[int], quiet: int = 3) -> list[int]:
    """Where episodes begin: those that follow within 15 minutes are one."""
    return [at for place, at in enumerate(found) if place == 0 or at - found[place - 1] > quiet]
