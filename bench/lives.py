# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up life of a home behind a small plan: what each device moves, in steps of 5 s, and what of it leaks. Pure.

Sizes and rates are those of phones, laptops, a reader, a television and a camera, with calls, shared photos and an app
that its owner wants now and then: all of that is ordinary use, so an alarm about it is false. Leaks are what nobody
asked for. The same seed makes the same life.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

STEP, DAY = 5, 86400
STEPS_A_DAY = DAY // STEP
MB = 1_000_000
LINK_DOWN, LINK_UP = 20 * MB // 8 * STEP, 8 * MB // 8 * STEP
"""Bytes that the link carries in a step."""

AWAKE = (
    0.15,
    0.05,
    0.02,
    0.02,
    0.02,
    0.05,
    0.2,
    0.6,
    1,
    0.9,
    0.8,
    0.8,
    1,
    1,
    0.9,
    0.9,
    1,
    1.1,
    1.3,
    1.6,
    1.8,
    1.7,
    1.2,
    0.5,
)
"""How much people do by hour of the clock."""

Moved = dict[int, list[int]]
"""Bytes down and up by the number of the step."""


class Leak(NamedTuple):
    """What nobody asked for: steps from begin to end."""

    client: str
    kind: str
    begin: int
    end: int
    bytes: int


@dataclass
class Life:
    """What each device moves, and the leaks in it."""

    days: int
    allowance: int
    clients: dict[str, Moved] = field(default_factory=dict)
    leaks: list[Leak] = field(default_factory=list)


@dataclass(frozen=True)
class Home:
    """Who lives there, the plan of a day, and how often they do anything, beside a plain day."""

    name: str
    allowance: int
    devices: tuple[str, ...]
    often: float


HOMES = (
    Home("A", 1000 * MB, ("phone-1", "phone-2", "laptop-1", "reader-1"), 0.35),
    Home("B", 3000 * MB, ("phone-1", "phone-2", "laptop-1", "laptop-2", "tablet-1", "tv-1", "camera-1"), 0.5),
    Home("C", 333 * MB, ("phone-1", "phone-2", "laptop-1"), 0.14),
)


def life(seed: int, days: int, home: Home, *, leaky: bool) -> Life:
    """A life of so many days."""
    chance = random.Random(f"{seed} {home.name}")
    made = Life(days, home.allowance)
    moods = [chance.lognormvariate(0, 0.45) for _ in range(days)]
    for name in home.devices:
        device = _Device(chance, days, home.often * chance.lognormvariate(0, 0.5), moods)
        _DEVICES[name.partition("-")[0]](device)
        made.clients[name] = device.moved
    if leaky:
        for name in home.devices:
            for _ in range(_poisson(chance, days / 7)):
                made.leaks.append(add_leak(chance, made, name, chance.choice(list(_LEAKS))))
    return made


def add_leak(chance: random.Random, made: Life, client: str, kind: str) -> Leak:
    """One more leak in a life."""
    begin = chance.randrange(made.days * STEPS_A_DAY)
    device = _Device(chance, made.days, 1.0, [])
    end = _LEAKS[kind](device, begin)
    total = merge(made.clients[client], device.moved)
    return Leak(client, kind, begin, end, total)


def merge(into: Moved, more: Moved) -> int:
    """Adds what was moved; returns how much that is."""
    total = 0
    for step, (down, up) in more.items():
        known = into.setdefault(step, [0, 0])
        known[0] = min(LINK_DOWN, known[0] + down)
        known[1] = min(LINK_UP, known[1] + up)
        total += down + up
    return total


def _poisson(chance: random.Random, mean: float) -> int:
    number, left = 0, chance.expovariate(1.0)
    while left < mean:
        number, left = number + 1, left + chance.expovariate(1.0)
    return number


class _Device:
    """What one device moves, by what it does."""

    def __init__(self, chance: random.Random, days: int, often: float, moods: list[float]) -> None:
        self.chance, self.days, self.often, self._moods = chance, days, often, moods
        self.moved: Moved = {}

    def add(self, step: int, down: float, up: float) -> None:
        if 0 <= step < self.days * STEPS_A_DAY:
            known = self.moved.setdefault(step, [0, 0])
            known[0], known[1] = min(LINK_DOWN, known[0] + int(down)), min(LINK_UP, known[1] + int(up))

    def transfer(self, step: int, size: float, mbit: float, *, up: bool = False) -> int:
        """So many bytes at a rate; returns the step behind it."""
        each = max(1.0, mbit * MB / 8 * STEP)
        while size > 0:
            part = min(size, each)
            self.add(step, part * 0.03 if up else part, part if up else part * 0.03)
            size, step = size - part, step + 1
        return step

    def stream(self, step: int, seconds: float, down_mbit: float, up_mbit: float = 0.0) -> int:
        end = step + max(1, int(seconds / STEP))
        for at in range(step, end):
            self.add(at, down_mbit * MB / 8 * STEP, up_mbit * MB / 8 * STEP + down_mbit * MB / 8 * STEP * 0.03)
        return end

    def sessions(self, a_day: float, what: Callable[[int], object]) -> None:
        """Begins something so often, by people's hours and moods."""
        for day in range(self.days):
            for hour, awake in enumerate(AWAKE):
                mean = a_day * self.often * self._moods[day] * awake / sum(AWAKE)
                for _ in range(_poisson(self.chance, mean)):
                    what(int((day * DAY + hour * 3600 + self.chance.random() * 3600) / STEP))

    def background(self, every: float, size: float) -> None:
        for at in range(self.days * DAY // int(every)):
            self.add(
                int((at + self.chance.random()) * every / STEP), size * self.chance.lognormvariate(0, 0.7), size / 4
            )

    def pages(self, step: int, size: float) -> None:
        for _ in range(self.chance.randint(3, 15)):
            self.transfer(step, size * self.chance.lognormvariate(0, 0.9), 10)
            step += self.chance.randint(3, 15)

    def clips(self, step: int) -> None:
        for _ in range(self.chance.randint(5, 30)):
            self.transfer(step, 2.2 * MB * self.chance.lognormvariate(0, 0.5), 12)
            step += self.chance.randint(2, 8)

    def video(self, step: int, mbit: float, minutes: float) -> None:
        step = self.transfer(step, mbit * MB / 8 * 10 * self.chance.randint(2, 5), 15)
        self.stream(step, minutes * 60 * self.chance.lognormvariate(0, 0.5), mbit)

    def uniform(self, low: float, high: float) -> float:
        return self.chance.uniform(low, high)


def _phone(device: _Device) -> None:
    device.background(40, 9_000)
    device.background(1200, 250_000)
    device.sessions(9, lambda at: device.pages(at, 1.0 * MB))
    device.sessions(2, device.clips)
    device.sessions(1.5, lambda at: device.video(at, device.chance.choice((0.6, 1.2, 2.5)), 8))
    device.sessions(1, lambda at: device.stream(at, device.uniform(60, 900), 0.08, 0.08))
    device.sessions(0.4, lambda at: device.stream(at, device.uniform(120, 1500), *([device.uniform(0.5, 1.4)] * 2)))
    device.sessions(
        1.5, lambda at: device.transfer(at, device.chance.randint(1, 7) * device.uniform(1, 3.5) * MB, 4, up=True)
    )
    device.sessions(0.1, lambda at: device.transfer(at, device.uniform(8, 45) * MB, 4, up=True))
    device.sessions(1, lambda at: [device.transfer(at + 40 * i, device.uniform(3.5, 8) * MB, 10) for i in range(6)])
    device.sessions(0.3, lambda at: device.transfer(at, device.uniform(25, 140) * MB, 15))


def _laptop(device: _Device) -> None:
    device.background(90, 12_000)
    device.sessions(8, lambda at: device.pages(at, 2.0 * MB))
    device.sessions(1, lambda at: device.video(at, device.chance.choice((1.2, 2.5, 4.0)), 12))
    device.sessions(0.7, lambda at: device.stream(at, 1500 * device.chance.lognormvariate(0, 0.4), 1.2, 0.9))
    device.sessions(2, lambda at: device.transfer(at, 25 * MB * device.chance.lognormvariate(0, 0.9), 15))
    device.sessions(1, lambda at: device.transfer(at, 6 * MB * device.chance.lognormvariate(0, 0.9), 5, up=True))


def _tablet(device: _Device) -> None:
    device.background(120, 9_000)
    device.sessions(3, lambda at: device.pages(at, 1.5 * MB))
    device.sessions(1.5, lambda at: device.video(at, 1.8, 20))


def _reader(device: _Device) -> None:
    device.background(3600, 30_000)
    device.sessions(0.5, lambda at: device.transfer(at, device.uniform(0.5, 4) * MB, 5))


def _camera(device: _Device) -> None:
    rate = device.uniform(0.004, 0.013)
    device.stream(0, device.days * DAY, rate / 10, rate)


def _tv(device: _Device) -> None:
    device.background(300, 20_000)
    device.sessions(1.2, lambda at: device.video(at, device.uniform(2.5, 6), 35))


_DEVICES: dict[str, Callable[[_Device], None]] = {
    "phone": _phone,
    "laptop": _laptop,
    "tablet": _tablet,
    "reader": _reader,
    "camera": _camera,
    "tv": _tv,
}


def _retries(device: _Device, at: int) -> int:
    end = at + int(device.uniform(2, 10) * 3600 / STEP)
    step = at
    while step < end:
        device.transfer(step, device.uniform(1, 4) * MB, 10)
        step += max(1, int(device.uniform(20, 60) / STEP))
    return end


_LEAKS: dict[str, Callable[[_Device, int], int]] = {
    "update": lambda device, at: device.transfer(at, device.uniform(300, 2500) * MB, device.uniform(4, 20)),
    "app update": lambda device, at: device.transfer(at, device.uniform(80, 400) * MB, device.uniform(4, 20)),
    "photos": lambda device, at: device.transfer(at, device.uniform(60, 600) * MB, device.uniform(1.5, 8), up=True),
    "cloud": lambda device, at: device.transfer(at, device.uniform(80, 500) * MB, device.uniform(4, 15)),
    "exfiltration": lambda device, at: device.transfer(at, device.uniform(60, 400) * MB, device.uniform(2, 8), up=True),
    "slow exfiltration": lambda device, at: device.stream(
        at, device.uniform(2, 8) * 3600, 0.004, device.uniform(0.1, 0.4)
    ),
    "idle leak": lambda device, at: device.stream(at, device.uniform(8, 36) * 3600, device.uniform(0.02, 0.2)),
    "retries": _retries,
}


def days_used(made: Life) -> float:
    """Megabytes of a day in the middle, all devices together."""
    sums = [0] * made.days
    for moved in made.clients.values():
        for step, (down, up) in moved.items():
            sums[min(made.days - 1, step // STEPS_A_DAY)] += down + up
    return sorted(sums)[math.floor(made.days / 2)] / MB
