# SPDX-License-Identifier: GPL-2.0-or-later
"""What a pace saved, of samples: the interval holds the truth as often as it says, and nothing is made up."""

import random

import pytest

from esimshaper.core.model.measure import NO_SAMPLE, Sample
from esimshaper.core.saver.estimate import LEAST_SAMPLES, estimate
from tests.core.saver.lives import month

MONTHS = 200
MB = 1_000_000


@pytest.mark.parametrize("clients", [4, 8])
def test_the_truth_of_a_simulated_month_lies_within_the_interval_in_90_of_100(clients: int) -> None:
    within = said = 0
    for seed in range(MONTHS):
        saved, samples = month(seed, clients)
        if found := estimate(samples):
            said += 1
            within += found.low <= saved <= found.high
            assert found.low <= found.saved <= found.high
    assert said >= 0.95 * MONTHS
    assert within >= 0.90 * said


def test_of_a_pace_that_saves_nothing_nothing_is_claimed() -> None:
    """A household that would take no more without it: zero lies within."""
    chance, claimed = random.Random(1), 0
    for _ in range(100):
        samples = [
            Sample(int(chance.lognormvariate(0, 0.4) * 600 * MB), 3600.0)
            if chance.random() > 0.25
            else Sample(free_bytes=int(chance.lognormvariate(0, 0.4) * 600 * MB), free_seconds=3600.0)
            for _ in range(60)
        ]
        found = estimate(samples)
        claimed += bool(found and found.low > 0)
    assert claimed <= 10


def test_too_few_rests_say_nothing() -> None:
    held, free = Sample(10 * MB, 60.0), Sample(10 * MB, 600.0, 40 * MB, 600.0)
    assert estimate([]) is estimate([NO_SAMPLE]) is None
    assert estimate([held] * 100) is None
    assert estimate([free] * (LEAST_SAMPLES - 1)) is None
    assert estimate([Sample(free_bytes=MB, free_seconds=600.0)] * 20) is None, "and nothing was ever held"
    assert estimate([free] * LEAST_SAMPLES) is not None


def test_days_that_are_all_alike_have_no_doubt() -> None:
    found = estimate([Sample(11 * MB, 60.0, 40 * MB, 60.0)] * 40)
    assert found is not None
    assert found.low == found.saved == found.high == 40 * 29 * MB
    assert (found.samples, round(found.held_rate * 60), round(found.free_rate * 60)) == (40, 11 * MB, 40 * MB)


def test_the_same_samples_have_the_same_interval_in_any_order() -> None:
    _, samples = month(3)
    mixed = random.Random(1).sample(samples, len(samples))
    assert estimate(samples) == estimate(mixed)
