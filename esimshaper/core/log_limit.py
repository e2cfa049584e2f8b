# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage messages -> those to be told: what comes again and again is summed up, so that no journal fills. Pure.

In: what a message is about, the message, and when (seconds of a clock that is never set). Out: whether to tell it at
once; and, once a spell is over, how many more there were. Notices of limits do not come here: each of them is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

BURST = 10
"""So many about one thing are told at once."""

SPELL_SECONDS = 600
"""Then there is one sum for this long. If it goes on, one is told at once and the rest in the next sum."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spell(Generic[T]):
    """Messages about one thing. `free`: how many more may be told; `held`: how many were not; `last` of them."""

    began: float
    free: int = BURST
    held: int = 0
    last: T | None = None


Spells = Mapping[str, Spell[T]]
"""By what the messages are about. What was quiet for a whole spell is in it no more."""


def heard(spells: Spells[T], about: str, message: T, now: float) -> tuple[Spells[T], bool]:
    """`message` came at `now`: whether to tell it."""
    spell = spells.get(about) or Spell(now)
    if spell.free:
        return {**spells, about: replace(spell, free=spell.free - 1)}, True
    return {**spells, about: replace(spell, held=spell.held + 1, last=message)}, False


def ended(spells: Spells[T], now: float) -> tuple[Spells[T], tuple[tuple[int, T], ...]]:
    """The spells that go on at `now`; and of those that are over, how many were not told, and the last of them."""
    over = {about: spell for about, spell in spells.items() if now - spell.began >= SPELL_SECONDS}
    going_on = {about: spell for about, spell in spells.items() if about not in over}
    again: dict[str, Spell[T]] = {about: Spell(now, free=1) for about, spell in over.items() if spell.held}
    return going_on | again, tuple((spell.held, spell.last) for spell in over.values() if spell.last is not None)
