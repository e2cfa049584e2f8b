# SPDX-License-Identifier: GPL-2.0-or-later
"""A second made-up life, by other rules than lives.py: nothing of the watch was chosen by it. Pure.

People are at home, out or asleep, minute by minute; while they are at home each device is idle, reads, watches or
talks, and stays at that for a time (a Markov chain). Sizes have a heavy tail (Pareto), not a lognormal one.
"""

import random

from bench.lives import LINK_DOWN, LINK_UP, MB, STEP, STEPS_A_DAY, Leak, Life, Moved

ALLOWANCE = 1000 * MB
DEVICES = ("mobile", "tablet", "notebook", "speaker")
STATES = ("idle", "read", "watch", "talk", "send")
STAY = {"idle": 25, "read": 6, "watch": 14, "talk": 8, "send": 1}
"""Minutes, in the mean."""
NEXT = {"idle": (0, 60, 14, 8, 6), "read": (70, 0, 15, 5, 10), "watch": (85, 15, 0, 0, 0), "talk": (90, 10, 0, 0, 0)}
KINDS = ("burst", "drain", "drip")


def life(seed: int, days: int, *, leaky: bool) -> Life:
    """A life of so many days."""
    chance = random.Random(f"other {seed}")
    made = Life(days, ALLOWANCE)
    for device in DEVICES:
        moved: Moved = {}
        _live(chance, days, moved, 0.25 if device == "speaker" else chance.uniform(0.5, 1.2))
        made.clients[device] = moved
    if leaky:
        for device in DEVICES:
            for _ in range(days // 7):
                made.leaks.append(_leak(chance, made.clients[device], device, days))
    return made


def _live(chance: random.Random, days: int, moved: Moved, much: float) -> None:
    state, until = "idle", 0
    for minute in range(days * 1440):
        hour = minute // 60 % 24
        at_home = 6 <= hour < 8 or 17 <= hour < 23 or chance.random() < 0.1
        if minute >= until:
            weights = NEXT.get(state, (100, 0, 0, 0, 0)) if at_home else (100, 0, 0, 0, 0)
            state = chance.choices(STATES, weights)[0] if chance.random() < 0.5 else "idle"
            until = minute + 1 + int(chance.expovariate(1 / STAY[state]))
        _minute(chance, moved, minute * 60 // STEP, state, much)


def _minute(chance: random.Random, moved: Moved, step: int, state: str, much: float) -> None:
    if state == "idle":
        _add(moved, step + chance.randrange(12), 4_000 * chance.paretovariate(1.6), 1_500)
    elif state == "read":
        for _ in range(2):
            _add(moved, step + chance.randrange(12), much * 150_000 * min(60, chance.paretovariate(1.2)), 20_000)
    elif state == "watch":
        for at in range(0, 12, 2):
            _add(moved, step + at, much * 900_000, 25_000)
    elif state == "talk":
        for at in range(12):
            _add(moved, step + at, 55_000, 55_000)
    else:
        _add(moved, step, 60_000, much * 1_500_000 * min(8, chance.paretovariate(1.3)))


def _add(moved: Moved, step: int, down: float, up: float) -> None:
    known = moved.setdefault(step, [0, 0])
    known[0], known[1] = min(LINK_DOWN, known[0] + int(down)), min(LINK_UP, known[1] + int(up))


def _leak(chance: random.Random, moved: Moved, device: str, days: int) -> Leak:
    kind, begin = chance.choice(KINDS), chance.randrange(days * STEPS_A_DAY)
    size = chance.uniform(120, 900) * MB
    rate = {"burst": 1_500_000, "drain": 400_000, "drip": 8_000}[kind] * chance.uniform(0.6, 1.5)
    if kind == "drip":
        size = rate * chance.uniform(4, 20) * 3600
    end = min(days * STEPS_A_DAY, begin + int(size / rate / STEP))
    for step in range(begin, end):
        _add(
            moved, step, *((0.03 * rate * STEP, rate * STEP) if kind == "drain" else (rate * STEP, 0.03 * rate * STEP))
        )
    return Leak(device, kind, begin, end, int(size))
