# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge history: rows are kept as long as promised, whatever the clock did."""

import pytest

from esimshaper.core.model.history import Resolution
from esimshaper.edge.history.database import KEPT
from tests.edge.history.test_database import BOB, SECONDS, START, booking, everything, history, path, row

__all__ = ["history", "path"]


@pytest.mark.parametrize("resolution", KEPT)
def test_old_buckets_go_and_months_stay(history, resolution):
    kept, step = KEPT[resolution], SECONDS[resolution]
    starts = [START + number * step for number in range(kept + 3)]
    rows = [row(start, resolution=r) for start in starts for r in (resolution, Resolution.MONTH)]
    history.save(booking(*rows))
    newest = starts[-1] + step
    history.save(booking(row(newest, BOB), row(newest, resolution=resolution)))
    assert everything(history, resolution)[0].start == newest - (kept - 1) * step
    assert len(everything(history, Resolution.MONTH)) == kept + 3


def test_a_clock_that_was_ahead_does_not_cost_the_history(history):
    """vnStat's trouble: one bucket from 2036 made all others look old, and what came then was refused."""
    real = [row(START + number * 300) for number in range(100)]
    history.save(booking(*real))
    history.save(booking(row(START + 315_360_000)))
    kept = KEPT[Resolution.FIVE_MINUTES]
    for begin in range(100, kept + 200, 100):
        history.save(booking(*(row(START + number * 300) for number in range(begin, begin + 100))))
    starts = [r.start for r in everything(history)]
    last = begin + 100
    assert starts == [*(START + number * 300 for number in range(last - kept, last)), START + 315_360_000]


def test_a_clock_that_was_behind_costs_nothing(history):
    kept = KEPT[Resolution.FIVE_MINUTES]
    history.save(booking(*(row(START + number * 300) for number in range(kept))))
    history.save(booking(row(300)))
    assert len(everything(history)) == kept + 1
