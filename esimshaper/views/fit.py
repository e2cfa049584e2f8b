# SPDX-License-Identifier: GPL-2.0-or-later
"""How a table fits a terminal: which columns stay, how wide they are, or a list in place of the table. Pure.

wide enough     CLIENT  STATE  DOWN NOW  UP NOW  TODAY  MAC                ADDRESSES
narrower        CLIENT  STATE  TODAY  MAC                     columns with the highest rank go first
narrower yet    alice-ph…  throttled                          each row becomes a few lines
                  TODAY 512 MB
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from unicodedata import combining, east_asian_width

from esimshaper.languages.texts import _

GAP = 2
LEAST_NAME = 20
"""A text that must be seen keeps so many characters, as long as a column of a higher rank can go for it."""
LEAST_TEXT = 12
"""Other texts are cut to so many before a column goes, and all of them before a list takes the place of a table."""


class Tone(Enum):
    """The meaning of a line or a column (good, bad, ...); the value is the style of rich."""

    # Of the 16 colours, which each terminal shows in its own way: yellow and bright green cannot be read on white, nor
    # blue on black.
    PLAIN = "none"
    TITLE = "bold"
    QUIET = "dim"
    GOOD = "not bold green"
    WARNING = "bold magenta"
    BAD = "bold red"
    DOWN = "green"
    UP = "cyan"


@dataclass(frozen=True, slots=True)
class Column:
    """`rank`: 0 for what a person must see; of others the highest goes first where space ends.

    `right`: for numbers. `whole`: a text that is useless when cut, as a MAC is; numbers are never cut either. `bar`: a
    picture of numbers in other columns. `width`: fixed in characters, 0 for as wide as its texts.
    """

    title: str = ""
    right: bool = False
    rank: int = 0
    tone: Tone = Tone.PLAIN
    whole: bool = False
    bar: bool = False
    width: int = 0

    @property
    def shown(self) -> str:
        """The title in the language that is spoken; `make messages` collects it from where the column is made."""
        return _(self.title)

    @property
    def may_be_cut(self) -> bool:
        return not (self.right or self.whole or self.bar)


def cells_of(text: str) -> int:
    """The columns of a terminal that a text takes: two for a character of East Asia, none for one that is joined on."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fitting(text: str, width: int) -> int:
    """How many characters of the beginning of a text fit into so many columns."""
    number = columns = 0
    for character in text:
        columns += cells_of(character)
        if columns > width:
            break
        number += 1
    return number


def kept_columns(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Numbers of the columns that stay, in their order; `widths` are those of the widest texts."""
    kept = list(range(len(columns)))
    while _least(columns, widths, kept, LEAST_NAME) > width:
        last = max(columns[at].rank for at in kept)
        if not last:
            break
        kept = [at for at in kept if columns[at].rank != last]  # DOWN goes with UP
    return kept


def is_too_narrow(columns: Sequence[Column], widths: Sequence[int], width: int) -> bool:
    """Whether not even the columns that must stay fit, so that a list is easier to read than a table."""
    return _least(columns, widths, kept_columns(columns, widths, width), LEAST_TEXT) > width


def fitted(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """`widths` with the texts narrowed, always the widest one, until the table fits."""
    narrowed = list(widths)
    texts = [at for at, column in enumerate(columns) if column.may_be_cut]
    excess = sum(narrowed) + GAP * (len(narrowed) - 1) - width
    while excess > 0 and texts:
        widest = max(texts, key=lambda at: narrowed[at])
        if narrowed[widest] <= 4:
            break
        narrowed[widest] -= 1
        excess -= 1
    return narrowed


def items(columns: Sequence[Column], texts: Sequence[str], width: int) -> tuple[list[int], list[str]]:
    """A row of a list: the numbers of the columns that head it, and `TITLE text` for the others that say something."""
    heads = [at for at, column in enumerate(columns) if not (column.rank or column.right or column.bar)]
    widths = [cells_of(text) for text in texts]
    while len(heads) > 1 and _least(columns, widths, heads, LEAST_TEXT) > width:
        heads.pop()
    rest = [
        f"{column.shown} {text}".strip()
        for at, (column, text) in enumerate(zip(columns, texts, strict=True))
        if at not in heads and not column.bar and text.strip(" -")
    ]
    return heads, rest


def folded_words(words: Sequence[str], width: int, indent: str = "  ") -> list[str]:
    """Lines of at most `width` characters that hold the words, two blanks apart; a longer word has its own line."""
    lines: list[str] = []
    for word in words:
        if lines and cells_of(lines[-1]) + GAP + cells_of(word) <= width:
            lines[-1] += " " * GAP + word
        else:
            lines.append(indent + word)
    return lines


def _least(columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int], name: int) -> int:
    """The width of a table of these columns, cut as far as they may be; `name`: for texts of rank 0."""
    least = (
        min(widths[at], LEAST_TEXT if columns[at].rank else name) if columns[at].may_be_cut else widths[at]
        for at in kept
    )
    return sum(least) + GAP * (len(kept) - 1)
