# SPDX-License-Identifier: GPL-2.0-or-later
"""A third made-up life, by other rules than the two others: nothing of the watch was chosen by it either. Pure.

Each device uses a share of a plan that differs from day to day (a gamma distribution), in its own hours, in pieces of a
few sizes. There are weekends. Leaks are those of lives.py.
"""

import random

from bench.lives import LINK_DOWN, LINK_UP, MB, STEP, STEPS_A_DAY, Life, Moved, add_leak

ALLOWANCE = 550 * MB
DEVICES = {"work": 186, "child": 155, "console": 93, "mobile": 74, "doorbell": 0}
"""Megabytes of a plain day."""
HOURS = {"work": range(9, 18), "child": range(15, 22), "console": range(18, 24), "mobile": range(7, 24)}
SIZES = (0.3, 1, 3, 8, 20, 60)
"""Megabytes of a piece, about."""
RATES = (0.4, 1.0, 2.0)
"""Megabytes a second."""
LEAKS = ("update", "app update", "photos", "cloud", "exfiltration", "slow exfiltration", "idle leak", "retries")


def life(seed: int, days: int, *, leaky: bool) -> Life:
    """A life of so many days."""
    chance = random.Random(f"third {seed}")
    made = Life(days, ALLOWANCE)
    for device, usual in DEVICES.items():
        moved: Moved = {}
        late = chance.uniform(-1.5, 2.0)
        for day in range(days):
            _idle(chance, moved, day)
            if device == "doorbell":
                _rings(chance, moved, day)
            else:
                weekend = {"work": 0.5, "child": 1.5, "console": 1.5}.get(device, 1.0) if day % 7 > 4 else 1.0
                _day(chance, moved, usual * MB * chance.gammavariate(4, 0.25) * weekend, day, late, HOURS[device])
        made.clients[device] = moved
    if leaky:
        made.leaks += [add_leak(chance, made, device, chance.choice(LEAKS)) for device in DEVICES for _ in range(2)]
    return made


def _day(chance: random.Random, moved: Moved, total: float, day: int, late: float, hours: range) -> None:
    while total > 0:
        size = min(total, chance.choice(SIZES) * MB * chance.uniform(0.5, 1.5))
        total -= size
        rate = chance.choice(RATES) * MB if size > 5 * MB else 1.5 * MB
        if size > 15 * MB and chance.random() < 0.6:  # a film, and no file
            rate = size / chance.uniform(300, 1800)
        step = int((day * 24 + chance.choice(hours) + late + chance.random()) * 3600 / STEP)
        is_upload = chance.random() < 0.12
        while size > 0:
            part = min(size, rate * STEP)
            _add(moved, step, *((part * 0.04, part) if is_upload else (part, part * 0.025)))
            size, step = size - part, step + 1


def _idle(chance: random.Random, moved: Moved, day: int) -> None:
    for five in range(288):
        _add(moved, day * STEPS_A_DAY + five * 300 // STEP + chance.randrange(60), 9_000, 3_000)


def _rings(chance: random.Random, moved: Moved, day: int) -> None:
    for hour in range(24):
        if chance.random() < 0.5:
            step = int((day * 24 + hour + chance.random()) * 3600 / STEP)
            for at in range(24):
                _add(moved, step + at, 2_000, 15_000)


def _add(moved: Moved, step: int, down: float, up: float) -> None:
    known = moved.setdefault(max(0, step), [0, 0])
    known[0], known[1] = min(LINK_DOWN, known[0] + int(down)), min(LINK_UP, known[1] + int(up))
