# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole numbers shared out in proportion. Pure."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def in_proportion(size: int, weights: Mapping[T, int]) -> dict[T, int]:
    """`size` shared out by `weights`, to the last unit; nothing where all weights are zero."""
    left, total = size, sum(weights.values())
    shares = {}
    for key, weight in weights.items():
        shares[key] = left * weight // total if total else 0
        left, total = left - shares[key], total - weight
    return shares
