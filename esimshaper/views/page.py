# SPDX-License-Identifier: GPL-2.0-or-later
"""A page: lines and tables for people, and the two ways to show them. Owns stdout while it prints.

On a terminal by rich, coloured and fitted to the width. In a pipe as aligned plain lines, complete and never cut off.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from esimshaper.views import fit
from esimshaper.views.fit import GAP, Column, Tone

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

BAR_WIDTH = 12
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a Tone of its own, other than that of its column."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text after `lead`, which has a tone of its own. A terminal breaks long lines at words, and goes on
    under the text, not under the lead.

    command: the text may be copied, so it is one line for the terminal too, which continues it at its edge.
    """

    text: str = ""
    tone: Tone = Tone.PLAIN
    lead: Cell | None = None
    command: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows have one text per column. Texts may come from strangers (host names): they are made printable here."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[str | Cell]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines that are drawn for the width of the terminal, and never broken."""

    lines: Callable[[int], Sequence[Line]]


Page = Sequence[Line | Table | Picture]

_PIPE_WIDTH = 120
"""Of pictures where there is no terminal."""


def show(page: Page, *, paged: bool = False) -> None:
    """Prints a page to stdout; `paged`: on a terminal that is too short for it, by the person's pager."""
    if not sys.stdout.isatty():
        print_plain(page)
        return
    from rich.console import Console  # noqa: PLC0415 - not needed, so not loaded, in a pipe

    width, height = shutil.get_terminal_size()
    console = Console(highlight=False, width=width)
    with console.capture() as captured:
        console.print(renderable(page, width), crop=False)
    text = captured.get()
    if not (paged and text.count("\n") >= height and _by_pager(text)):
        sys.stdout.write(text)


_NO_SUCH_COMMAND = 127  # sh(1)


def _by_pager(text: str) -> bool:
    """Whether $PAGER, or `less`, has shown the text. Without a keyboard nobody could leave it."""
    pager = os.environ.get("PAGER", "less")
    if not (pager and sys.stdin.isatty()):
        return False
    # -R: colours pass. -F: a text that fits is not waited for. -X: the text stays on the screen afterwards.
    environment = {"LESS": "-FRX", **os.environ}
    done = subprocess.run(["/bin/sh", "-c", pager], input=text, text=True, env=environment, check=False)
    return done.returncode != _NO_SUCH_COMMAND


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
            yield _plain_line(part)
            continue
        if isinstance(part, Picture):
            yield from map(_plain_line, part.lines(_PIPE_WIDTH))
            continue
        cells = [[column.shown for column in part.columns]]
        cells += [[printable(_text(cell)) for cell in row] for row in part.rows]
        widths = [max(map(fit.cells_of, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            padded = (
                _padded(text, width, right=column.right)
                for text, width, column in zip(row, widths, part.columns, strict=True)
            )
            yield (" " * GAP).join(padded).rstrip()


def _plain_line(line: Line) -> str:
    return printable(f"{line.lead.text if line.lead else ''}{line.text}").rstrip()


def _padded(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - fit.cells_of(text))
    return blanks + text if right else text + blanks


def renderable(page: Page, width: int) -> "RenderableType":
    """The page for rich, fitted to `width` columns."""
    from rich.console import Group  # noqa: PLC0415 - as above

    return Group(*(drawn for part in page for drawn in _rich(part, width)))


def _rich(part: Line | Table | Picture, width: int) -> "Iterator[RenderableType]":
    if isinstance(part, Line):
        yield _rich_line(part)
    elif isinstance(part, Picture):
        yield from map(_rich_line, part.lines(width))
    else:
        yield _rich_table(part, width)


def _rich_line(line: Line) -> "RenderableType":
    from rich.table import Table as RichTable  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    overflow: Literal["ignore"] | None = "ignore" if line.command else None
    text = Text(printable(line.text), style=line.tone.value, no_wrap=line.command, overflow=overflow)
    if not line.lead:
        return text
    lead = Text(printable(line.lead.text), style=line.lead.tone.value)
    row = RichTable.grid()
    row.add_column(width=lead.cell_len, no_wrap=True)
    row.add_column()
    row.add_row(lead, text)
    return row


def _rich_table(table: Table, width: int) -> "RenderableType":
    from rich.table import Table as RichTable  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    # Text and not markup: "[red]" in a host name is no order to rich.
    cells = [[Text(printable(_text(cell)), no_wrap=True, style=_style(cell)) for cell in row] for row in table.rows]
    widths = [
        column.width or max([fit.cells_of(column.shown), *(row[at].cell_len for row in cells)])
        for at, column in enumerate(table.columns)
    ]
    if fit.is_too_narrow(table.columns, widths, width):
        return _rich_list(table, cells, width)
    kept = fit.kept_columns(table.columns, widths, width)
    columns = [table.columns[at] for at in kept]
    fitted = fit.fitted(columns, [widths[at] for at in kept], width)
    cells = [[_shortened(row[at], room) for at, room in zip(kept, fitted, strict=True)] for row in cells]
    drawn = RichTable(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    fitted[-1] = max(1, fitted[-1] - GAP)  # rich measures a gap behind the last column and does not draw it
    for column, room in zip(columns, fitted, strict=True):
        drawn.add_column(
            Text(column.shown),
            justify="right" if column.right else "left",
            style=column.tone.value,
            no_wrap=True,
            overflow="ellipsis",
            width=room,
        )
    for row in cells:
        drawn.add_row(*row)
    return drawn


def _rich_list(table: Table, cells: "Sequence[Sequence[Text]]", width: int) -> "RenderableType":
    """Each row as a head and a few lines below it."""
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    lines = []
    for row in cells:
        heads, rest = fit.items(table.columns, [cell.plain for cell in row], width)
        columns = [table.columns[at] for at in heads]
        rooms = fit.fitted(columns, [row[at].cell_len for at in heads], width)
        head = Text(" " * GAP).join(_shortened(row[at], room) for at, room in zip(heads, rooms, strict=True))
        head.stylize(Tone.TITLE.value)
        head.no_wrap, head.overflow = True, "ellipsis"
        lines += [head, *(Text(line, no_wrap=True, overflow="ellipsis") for line in fit.folded_words(rest, width))]
    return Group(*lines)


def _shortened(text: "Text", width: int) -> "Text":
    """Cut in the middle: names that begin alike, such as MACs, differ at their ends. (rich cuts at the end.)"""
    if text.cell_len <= width or width < 4:
        return text
    tail = (width - 1) // 2
    first, last = fit.fitting(text.plain, width - 1 - tail), fit.fitting(text.plain[::-1], tail)
    return text[:first] + "…" + text[len(text) - last :]
