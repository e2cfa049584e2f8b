# SPDX-License-Identifier: GPL-2.0-or-later
"""The act of the demo that saves data: its player asks for what it has time for, and its verdict can fail."""

from dataclasses import replace

import pytest

from esimshaper.demo.film_player import Film, watch
from esimshaper.demo.saving import Saved, Watched


class Link:
    """A clock, and a link on which bytes take time."""

    def __init__(self, bits: float) -> None:
        self.now, self.bits, self.bytes = 0.0, bits, 0

    def fetch(self, size: int) -> None:
        self.now += 0.05 + size * 8 / self.bits
        self.bytes += size

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def watch(self, seconds: float = 60.0) -> Film:
        return watch(self.fetch, seconds, lambda: self.now, self.wait)


@pytest.mark.parametrize(("bits", "picture"), [(30e6, 1080), (2.4e6, 480), (1.4e6, 360), (0.7e6, 240)])
def test_a_player_takes_the_picture_that_its_rate_carries_and_stands_still_at_none(bits: float, picture: int) -> None:
    film = Link(bits).watch()
    assert film.picture == picture
    assert not film.stalled
    assert film.seconds == pytest.approx(60, abs=3)


def test_a_paced_film_is_a_quarter_of_the_bytes() -> None:
    free, paced = Link(30e6), Link(2.4e6)
    free.watch()
    paced.watch()
    assert paced.bytes / free.bytes < 0.3


def test_a_link_that_carries_no_picture_stands_still_and_it_is_said() -> None:
    assert Link(0.2e6).watch(20).stalled > 10


KEPT = Watched("tv", "netflix", Film(16.0, 0.5, 0.0, [480]), 2_500_000, 2_500_000)
RIGHT = Saved(Watched("laptop", "youtube", Film(16.0, 0.1, 0.0, [1080]), 10_000_000, 10_000_000), KEPT, 0, 90_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"update": 1},
        {"call": 0},
        {"paced": replace(KEPT, counted=2_499_999)},
        {"paced": replace(KEPT, billed=3_100_000, counted=3_100_000)},
        {"paced": replace(KEPT, film=Film(16.0, 0.5, 0.1, [480]))},
    ],
)
def test_a_film_that_costs_too_much_or_stands_still_and_an_update_that_passes_are_not_true(wrong: dict) -> None:
    assert RIGHT.true
    assert not replace(RIGHT, **wrong).true
