# SPDX-License-Identifier: GPL-2.0-or-later
"""What people and programs hear of uploads that were dropped behind our program."""

from dataclasses import replace

import pytest

from esimshaper.core.model.state import State
from esimshaper.core.model.uplink import Means, UplinkCounters, UplinkDrops
from esimshaper.core.report import uplink_drops
from tests.synthetic_router import state


def dropped(corrected: int, estimated: int, means: Means | None) -> State:
    before = state()
    assert before.meter.booked
    seen = UplinkCounters(1, means) if means else None
    drops = UplinkDrops(seen, corrected=corrected, estimated=estimated)
    return replace(before, meter=replace(before.meter, booked=replace(before.meter.booked, uplink=drops)))


@pytest.mark.parametrize(
    ("corrected", "estimated", "means", "sentence"),
    [
        (0, 0, Means.TAP, None),
        (12_000_000, 0, None, "12.0 MB of uploads were dropped on their way out: not billed, so not counted"),
        (12_000_000, 2_000_000, Means.TAP, "; 2.00 MB of this is an estimate, since the driver says how many packets"),
        (12_000_000, 12_000_000, Means.COUNTERS, "; this is an estimate, since nothing looks behind the queue"),
    ],
)
def test_the_sentence_says_how_well_it_is_known(corrected, estimated, means, sentence):
    entry = uplink_drops.entry(dropped(corrected, estimated, means))
    assert (entry["bytes"], entry["estimated_bytes"]) == (corrected, estimated)
    assert entry["means"] == (means.value if means else None)
    assert sentence in entry["sentence"] if sentence else entry["sentence"] is None


def test_metrics_tell_what_was_counted_from_what_was_estimated():
    found = uplink_drops.samples(dropped(12, 2, Means.TAP))
    assert found == {("counted",): 10, ("estimated",): 2}
    assert uplink_drops.samples(State()) == {("counted",): 0, ("estimated",): 0}
