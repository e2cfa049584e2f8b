# SPDX-License-Identifier: GPL-2.0-or-later
"""A film as players of sites watch it: by segments, each with the picture that the last one had time for. Out: Film.

It plays by the clock, and holds some seconds of film ahead. `fetch` loads so many bytes; how long that takes alone
decides on the picture. `make bench-saver` has the players of real sites.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

PICTURES = {240: 0.42e6, 360: 0.83e6, 480: 1.34e6, 720: 2.86e6, 1080: 5.2e6}
"""Lines of the picture -> bit/s of film with sound: what `make bench-saver` offers."""
SEGMENT = 2.0
"""Seconds of film in a segment."""
_AHEAD = 8.0
"""Seconds of film that are held ready; real players hold 10 to 90."""
_TRUSTED = 0.7
"""The part of the measured rate that a picture may need, as in hls.js (abrBandWidthUpFactor)."""


@dataclass(slots=True)
class Film:
    """What a viewer met. start: seconds until the picture came; stalled: while it stood still. heights: by segment."""

    seconds: float = 0.0
    start: float = 0.0
    stalled: float = 0.0
    heights: list[int] = field(default_factory=list)

    @property
    def picture(self) -> int:
        """The size that most of the segments had."""
        return max(self.heights, key=self.heights.count, default=0)


def watch(
    fetch: Callable[[int], object],
    seconds: float,
    now: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] = time.sleep,
) -> Film:
    """Watches so many seconds of a film. Raises what `fetch` raises."""
    film, began, loaded, height = Film(), now(), 0.0, min(PICTURES)
    while film.seconds < seconds:
        asked, size = now(), int(PICTURES[height] * SEGMENT / 8)
        fetch(size)
        came = now()
        film.heights.append(height)
        height = _picture(size * 8 / max(came - asked, 0.001))
        if not loaded:
            film.start = came - began
        film.stalled += max(0.0, _played(film, came - began) - loaded)
        loaded += SEGMENT
        wait(max(0.0, loaded - _played(film, now() - began) - _AHEAD))
        film.seconds = _played(film, now() - began)
    return film


def _played(film: Film, since: float) -> float:
    """Seconds of film that a viewer saw or wanted to see, `since` it was begun."""
    return since - film.start - film.stalled


def _picture(rate: float) -> int:
    """The largest picture that the rate carries."""
    return max((height for height, bits in PICTURES.items() if bits <= rate * _TRUSTED), default=min(PICTURES))
