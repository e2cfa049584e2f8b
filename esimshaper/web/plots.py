# SPDX-License-Identifier: GPL-2.0-or-later
"""Amounts over time -> SVG for the page. Pure. What is more is longer; texts stand beside a plot, and not in it."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

_ROOM, _BAR, _HEIGHT = 10, 8, 72


class Bar(NamedTuple):
    """One column: how long it is, and what it says when it is pointed at."""

    size: int
    title: str


def columns(bars: Sequence[Bar], described: str) -> Markup:
    """A column for each bar, as wide as there is room. `described` says the same in a sentence."""
    largest = max((bar.size for bar in bars), default=0)
    width = max(1, len(bars)) * _ROOM
    # Plain texts, as markup that is put together piece by piece takes most of the time of a page.
    drawn = "".join(_column(at, bar, largest) for at, bar in enumerate(bars))
    opened = (
        f'<svg class="plot" viewBox="0 0 {width} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(described)}">'
    )
    return Markup(f"{opened}{drawn}</svg>")  # noqa: S704 - all that is not a number is escaped


def _column(at: int, bar: Bar, largest: int) -> str:
    x = at * _ROOM + (_ROOM - _BAR) // 2
    if not bar.size:
        return f'<rect class="none" x="{x}" y="{_HEIGHT - 2}" width="{_BAR}" height="2"/>'
    tall = max(3, round(_HEIGHT * bar.size / largest))
    drawn = f'<rect class="bar" x="{x}" y="{_HEIGHT - tall}" width="{_BAR}" height="{tall}" rx="1">'
    return f"{drawn}<title>{escape(bar.title)}</title></rect>"
