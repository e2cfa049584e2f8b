# SPDX-License-Identifier: GPL-2.0-or-later
"""`measure` in the block `saver` -> the share of films that are not paced. Pure."""

from fractions import Fraction

from esimshaper.core.model.measure import MOST_TURNS, NEVER
from esimshaper.core.settings.block import Block

_HINT = "Write a share such as 1/8: one of eight films of a device is not paced."


def measure_from(top: Block) -> Fraction:
    """NEVER without it; where something is wrong, a problem more."""
    saver = top.block("saver")
    if not saver.has("measure"):
        return NEVER
    if not saver.get("pace"):
        saver.refuse("measure", "there is no pace that could rest", "Write `pace` as well, or remove this line.")
    return saver.parse("measure", _share, _HINT) or NEVER


def _share(text: str) -> Fraction:
    share = Fraction(text)
    if not Fraction(1, MOST_TURNS) <= share <= Fraction(1, 2) or share.denominator > MOST_TURNS:
        raise ValueError(f"`{text}` is not between 1/{MOST_TURNS} and 1/2")
    return share
