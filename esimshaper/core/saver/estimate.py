# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples of days on which a pace held and rested -> what it saved, with an interval. Pure, and the same each time.

    saved = seconds watched while it held x (bytes of a second while it rested - bytes of a second while it held)

The first factor and the last term are counted. Unknown is what would have moved without the pace: the windows of rest
are a sample of that. Its interval is by a block bootstrap (Künsch 1989): days of clients are drawn with replacement, as
what one client watches on one day is alike, and is drawn or left out as a whole.
"""

import random
from collections.abc import Iterable, Sequence
from math import exp, log, sqrt

from esimshaper.core.model.measure import NO_SAMPLE, Estimate, Sample

LEVEL = 0.90
DRAWS = 1000
"""The 5 % at each end are then 50 draws: their place is known to a sixth."""
LEAST_SAMPLES = 8
"""Days of clients with a rest in them: fewer say nothing about how unlike each other they are."""
LEAST_SECONDS = 1800.0
"""Watched while the pace rested."""
WIDER = 4.0
"""By this over the number of samples an interval is wider: films differ so much that a bootstrap of few is too sure. Of
simulated months (tests/core/saver/lives.py) some 88 % lie within it without that, and 92 to 95 % with it."""


def rates(samples: Iterable[Sample]) -> tuple[float, float] | None:
    """Bytes of a second watched, while the pace held and while it rested; None where too little was seen."""
    known = sorted(each for each in samples if each != NO_SAMPLE)
    total = sum(known, NO_SAMPLE)
    rests = sum(1 for each in known if each.free_seconds)
    if rests < LEAST_SAMPLES or total.free_seconds < LEAST_SECONDS or not total.held_seconds or total.free_bytes <= 0:
        return None
    return total.held_bytes / total.held_seconds, total.free_bytes / total.free_seconds


def estimate(samples: Sequence[Sample]) -> Estimate | None:
    """None where too little was seen. The order of the samples does not matter."""
    found = rates(samples)
    if found is None:
        return None
    held, free = found
    total = sum(sorted(samples), NO_SAMPLE)
    rests = sorted((max(1, each.free_bytes), each.free_seconds) for each in samples if each.free_seconds)
    low, high = _interval(rests, free, 1 + total.free_seconds / total.held_seconds)
    saved, least, most = (round(total.held_seconds * (rate - held)) for rate in (free, low, high))
    return Estimate(saved, least, most, held, free, len(rests))


def _interval(rests: Sequence[tuple[int, float]], rate: float, both: float) -> tuple[float, float]:
    """Of bytes a second. `both`: what was watched while the pace held is a sample too, so much wider is the square."""
    number = len(rests)
    draw = random.Random(number)  # noqa: S311 - the same samples always have the same interval
    drawn = []
    for _ in range(DRAWS):
        chosen = draw.choices(rests, k=number)
        drawn.append(sum(size for size, _ in chosen) / sum(seconds for _, seconds in chosen))
    drawn.sort()
    edge = round(DRAWS * (1 - LEVEL) / 2)
    wider = sqrt(both * number / (number - 1)) * (1 + WIDER / number)
    # Of amounts, twice as much is as far as half as much: by differences the upper end would be too near.
    return rate * exp(wider * log(drawn[edge] / rate)), rate * exp(wider * log(drawn[-1 - edge] / rate))
