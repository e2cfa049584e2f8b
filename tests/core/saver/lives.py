# SPDX-License-Identifier: GPL-2.0-or-later
"""Simulated months of a household that watches films: what was seen of them, and what the pace really saved."""

import random
from collections.abc import Iterator

from esimshaper.core.model.measure import NO_SAMPLE, Sample

PLAIN, PACED = 40e6 / 60, 11e6 / 60
"""Bytes of a second watched without and with a pace of 2500 kbit/s (research/page-saver.md A1)."""


def month(seed: int, clients: int = 4, days: int = 31, turns: int = 8) -> tuple[float, list[Sample]]:
    """The bytes that were saved, and the samples. A phone takes less than a TV, a day is unlike the next one, a film
    unlike another, and one of `turns` films of a client is not paced."""
    chance, saved, samples = random.Random(seed), 0.0, list[Sample]()
    for client in range(clients):
        device, habit = PLAIN * chance.lognormvariate(0, 0.5), chance.uniform(0.3, 1.2)
        rests = _rests(f"{seed}-{client}", turns)
        for _ in range(days):
            mood, sample = chance.lognormvariate(0, 0.3), NO_SAMPLE
            for _ in range(min(6, int(chance.expovariate(1 / (2 * habit))))):
                seconds = chance.choice([chance.uniform(120, 1500), chance.uniform(1200, 7200)])
                plain = device * mood * chance.lognormvariate(0, 0.4)
                paced = min(plain, PACED * chance.lognormvariate(0, 0.15))
                is_free = next(rests)
                saved += 0 if is_free else (plain - paced) * seconds
                sample = sample.plus(int((plain if is_free else paced) * seconds), seconds, is_free=is_free)
            samples.append(sample)
    return saved, [each for each in samples if each != NO_SAMPLE]


def _rests(seed: str, turns: int) -> Iterator[bool]:
    """Whether each film is one without the pace: one of each `turns`."""
    chance = random.Random(seed)
    while True:
        free = chance.randrange(turns)
        yield from (turn == free for turn in range(turns))
