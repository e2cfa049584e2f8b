# SPDX-License-Identifier: GPL-2.0-or-later
"""What was dropped behind our program: a part of the document `status`, its sentence, and metrics. Pure."""

from collections.abc import Mapping

from esimshaper.core.model.state import State
from esimshaper.core.model.units import format_size
from esimshaper.core.model.uplink import Means, UplinkDrops
from esimshaper.core.report.frame import Document

_WHY = {
    Means.TAP: "the driver says how many packets it dropped, and not how large they were",
    Means.NOTHING: "the driver says how many packets it dropped, and not how large they were",
    Means.COUNTERS: "nothing looks behind the queue, and only the number of dropped packets is known",
}


def entry(state: State) -> Document:
    """As documents.py has it: `means` is null while nothing is compared, `sentence` while nothing was dropped."""
    drops = _drops(state)
    means = drops.seen.means if drops.seen else None
    return {
        "bytes": drops.corrected,
        "estimated_bytes": drops.estimated,
        "means": means.value if means else None,
        "sentence": _sentence(drops, means or Means.TAP) if drops.corrected else None,
    }


def samples(state: State) -> Mapping[tuple[str, ...], float]:
    """Bytes by how they are known."""
    drops = _drops(state)
    return {("counted",): max(0, drops.corrected - drops.estimated), ("estimated",): drops.estimated}


def _drops(state: State) -> UplinkDrops:
    return state.meter.booked.uplink if state.meter.booked else UplinkDrops()


def _sentence(drops: UplinkDrops, means: Means) -> str:
    sentence = f"{format_size(drops.corrected)} of uploads were dropped on their way out: not billed, so not counted"
    if not drops.estimated:
        return sentence
    part = "this" if drops.estimated >= drops.corrected else f"{format_size(drops.estimated)} of this"
    return f"{sentence}; {part} is an estimate, since {_WHY[means]}"
