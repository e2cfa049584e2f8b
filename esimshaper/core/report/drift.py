# SPDX-License-Identifier: GPL-2.0-or-later
"""Corrections by the carrier's own figures -> by what factor the carrier counts otherwise than we do. Pure.

    figures of one window   C1, C2        ours when they were said      O1, O2
    factor                  (C2 - C1) / (O2 - O1)

A figure is rounded, and up to LAG_SECONDS old: both make the error. Of several windows each counts by its bytes, and a
later one twice as much as the one before. (watch-plan.md C5)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from esimshaper.core.model.plan_state import Correction
from esimshaper.core.model.units import format_size

LAG_SECONDS = 7200
LOWEST, HIGHEST = 0.93, 1.15
"""A factor beyond these is a mistake of one of both sides, and is not kept."""
_GB, _MB = 1000**3 / 1024**3, 1000**2 / 1024**2
_MOST_ROUNDED = 2_000_000
"""Bytes for each session: more than what carriers round up to has another cause."""


@dataclass(frozen=True, slots=True)
class Factor:
    """The carrier counts `value` times as much, at most `error` more or less. counted: bytes that were compared."""

    value: float
    error: float
    counted: int
    sessions: int = 0
    more: int = 0

    @property
    def is_sure(self) -> bool:
        """Whether the difference is more than the error, and may be."""
        return abs(self.value - 1) > self.error and LOWEST <= self.value <= HIGHEST


def factor_of(corrections: Iterable[Correction]) -> Factor | None:
    """The factor; None while no window has two figures that can be compared."""
    windows: dict[int, list[Correction]] = {}
    for each in corrections:
        windows.setdefault(each.window, []).append(each)
    pairs = [pair for found in windows.values() if (pair := _compare(found))]
    if not pairs:
        return None
    weights = [each.counted * 2.0**number for number, each in enumerate(pairs)]
    total = sum(weights)
    return Factor(
        sum(weight * each.value for weight, each in zip(weights, pairs, strict=True)) / total,
        sum(weight * each.error for weight, each in zip(weights, pairs, strict=True)) / total,
        sum(each.counted for each in pairs),
        sum(each.sessions for each in pairs),
        sum(each.more for each in pairs),
    )


def _compare(found: Sequence[Correction]) -> Factor | None:
    first, last = found[0], found[-1]
    lags = (first.counted - first.lowest) + (last.counted - last.lowest)
    ours = (last.counted + last.lowest - first.counted - first.lowest) / 2
    theirs = last.figure - first.figure
    if len(found) < 2 or ours <= 0 or theirs <= 0:
        return None
    value = theirs / ours
    error = (first.half + last.half + value * lags / 2) / ours
    return Factor(value, error, int(ours), last.sessions - first.sessions, int(theirs - ours))


def sentence_of(factor: Factor | None, corrections: Sequence[Correction], *, binary: bool) -> str:
    """What the comparison says, for people."""
    if not corrections:
        return "not compared with the carrier yet: `esimshaper plan correct SIZE` takes the figure of its app or SMS"
    if factor is None:
        return "compared once; a second figure in the same period tells how exact the count is"
    error, number = f"+-{100 * factor.error:.1f} %", len(corrections)
    based = f"({error}, {number} corrections, {format_size(factor.counted)})"
    for unit, ratio in (("GB", _GB), ("MB", _MB)):
        if not binary and abs(factor.value - ratio) <= factor.error < 1 - ratio:
            return f"your seller counts binary {unit} {based}: write `units: binary` in the plan"
    if not LOWEST - factor.error <= factor.value <= HIGHEST + factor.error:
        return f"the carrier's figures do not fit ours: {100 * factor.value:.0f} % of it {based}; look at both again"
    if not factor.is_sure:
        return f"the carrier counts the same as we do {based}"
    each = factor.more // factor.sessions if factor.sessions else 0
    if 0 < each <= _MOST_ROUNDED and factor.sessions > 1:
        return f"the carrier rounds up each session, by some {format_size(each)} {based}: write `round` in the plan"
    word = "more" if factor.value > 1 else "less"
    return f"the carrier counts {100 * abs(factor.value - 1):.1f} % {word} than we do {based}"
