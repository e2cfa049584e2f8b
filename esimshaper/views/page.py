# SPDX-License-Identifier: GPL-2.0-or-later
"""A page: lines and tables for people, and the two ways to show them. Owns stdout while it prints.

On a terminal by rich, coloured and fitted to the width. In a pipe as aligned plain lines, complete and never cut off.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

WIDE = 100  # characters; terminals below this width do not get the columns that are `wide`
GAP = 2
BAR_WIDTH = 12
_EIGHTHS = " ▏▎▍▌▋▊▉█"


class Tone(Enum):
    """The meaning of a line or a column (good, bad, ...); the value is the style of rich."""

    PLAIN = "none"
    TITLE = "bold"
    QUIET = "dim"
    GOOD = "bold green"
    WARNING = "yellow"
    BAD = "bold red"
    DOWN = "green"
    UP = "cyan"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a Tone of its own, other than that of its column."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text after `lead`, which has a tone of its own. A terminal breaks long lines at words.

    command: the text may be copied, so it is one line for the terminal too, which continues it at its edge.
    """

    text: str = ""
    tone: Tone = Tone.PLAIN
    lead: Cell | None = None
    command: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """`right`: for numbers, never cut; others end in an ellipsis where space ends. `wide`: not on narrow terminals."""

    title: str
    right: bool = False
    wide: bool = False
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Table:
    """Rows have one text per column. Texts may come from strangers (host names): they are made printable here."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[str | Cell]] = field(default_factory=tuple)


Page = Sequence[Line | Table]


def show(page: Page) -> None:
    """Prints a page to stdout."""
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 - not needed, so not loaded, in a pipe

        width = shutil.get_terminal_size().columns
        Console(highlight=False, width=width).print(renderable(page, width), crop=False)
    else:
        print_plain(page)


def print_plain(page: Page) -> None:
    """Prints a page to stdout for a pipe."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a host name must not end this program where the locale is not UTF-8
    for line in plain_lines(page):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def bar(value: int, largest: int, width: int = BAR_WIDTH) -> str:
    """A horizontal bar, to an eighth of a character. Anything above zero is visible."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(1, min(value, largest) * width * 8 // largest)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def printable(text: str) -> str:
    """The text without control characters: a host name may hold an escape sequence for the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _style(cell: str | Cell) -> str:
    return cell.tone.value if isinstance(cell, Cell) else ""


def plain_lines(page: Page) -> Iterator[str]:
    """The page as lines: columns aligned by blanks, all of them."""
    for part in page:
        if isinstance(part, Line):
            yield printable(f"{part.lead.text if part.lead else ''}{part.text}")
            continue
        cells = [[column.title for column in part.columns]]
        cells += [[printable(_text(cell)) for cell in row] for row in part.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            padded = (
                text.rjust(width) if column.right else text.ljust(width)
                for text, width, column in zip(row, widths, part.columns, strict=True)
            )
            yield (" " * GAP).join(padded).rstrip()


def renderable(page: Page, width: int) -> "RenderableType":
    """The page for rich, fitted to `width` columns."""
    from rich.console import Group  # noqa: PLC0415 - as above

    return Group(*(_rich_line(part) if isinstance(part, Line) else _rich_table(part, width) for part in page))


def _rich_line(line: Line) -> "Text":
    from rich.text import Text  # noqa: PLC0415 - as above

    text = Text(no_wrap=line.command, overflow="ignore" if line.command else None)
    if line.lead:
        text.append(printable(line.lead.text), style=line.lead.tone.value)
    return text.append(printable(line.text), style=line.tone.value)


def _rich_table(table: Table, width: int) -> "RenderableType":
    from rich.table import Table as RichTable  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    kept = [index for index, column in enumerate(table.columns) if width >= WIDE or not column.wide]
    columns = [table.columns[index] for index in kept]
    # Text and not markup: "[red]" in a host name is no order to rich.
    cells = [
        [Text(printable(_text(row[index])), no_wrap=True, style=_style(row[index])) for index in kept]
        for row in table.rows
    ]
    widths = [max([len(column.title), *(row[at].cell_len for row in cells)]) for at, column in enumerate(columns)]
    drawn = RichTable(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    fit = _fit(columns, widths, width)
    cells = [[_shortened(text, fitted) for text, fitted in zip(row, fit, strict=True)] for row in cells]
    fit[-1] = max(1, fit[-1] - GAP)  # rich measures a gap behind the last column and does not draw it
    for column, fitted in zip(columns, fit, strict=True):
        drawn.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            style=column.tone.value,
            no_wrap=True,
            overflow="ellipsis",
            width=fitted,
        )
    for row in cells:
        drawn.add_row(*row)
    return drawn


def _shortened(text: "Text", width: int) -> "Text":
    """Cut in the middle: names that begin alike, such as MACs, differ at their ends. (rich cuts at the end.)"""
    if not width < text.cell_len == len(text) or width < 4:
        return text  # it fits; or it has characters of double width, which rich knows to cut
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + "…" + text[-tail:]


def _fit(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Narrows text columns, always the widest one, until the table fits."""
    fitted = list(widths)
    texts = [at for at, column in enumerate(columns) if not column.right]
    excess = sum(fitted) + GAP * (len(fitted) - 1) - width
    while excess > 0 and texts:
        widest = max(texts, key=lambda at: fitted[at])
        if fitted[widest] <= 4:
            break
        fitted[widest] -= 1
        excess -= 1
    return fitted
