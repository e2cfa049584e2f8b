# SPDX-License-Identifier: GPL-2.0-or-later
"""Amounts over time -> SVG for the page. Pure. What is more is longer; texts stand beside a plot, and not in it."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

_ROOM, _BAR, _HEIGHT = 10, 8, 72


class Bar(NamedTuple):
    """One column: how long it is, and what it says when it is pointed at."""

    size: int
    title: str


def columns(bars: Sequence[Bar], described: str) -> Markup:
    """A column for each bar, as wide as there is room. `described` says the same in a sentence."""
    largest = max((bar.size for bar in bars), default=0)
    width = max(1, len(bars)) * _ROOM
    drawn = Markup("").join(_column(at, bar, largest) for at, bar in enumerate(bars))
    opened = Markup(
        '<svg class="plot" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{text}">'
    )
    return opened.format(width=width, height=_HEIGHT, text=described) + drawn + Markup("</svg>")


def _column(at: int, bar: Bar, largest: int) -> Markup:
    x = at * _ROOM + (_ROOM - _BAR) // 2
    ground = Markup('<rect class="none" x="{x}" y="{y}" width="{wide}" height="2"/>').format(
        x=x, y=_HEIGHT - 2, wide=_BAR
    )
    if not bar.size:
        return ground
    tall = max(3, round(_HEIGHT * bar.size / largest))
    column = Markup(
        '<rect class="bar" x="{x}" y="{y}" width="{wide}" height="{tall}" rx="1"><title>{title}</title></rect>'
    )
    return column.format(x=x, y=_HEIGHT - tall, wide=_BAR, tall=tall, title=bar.title)
