# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers over time -> pictures as SVG, for a page that is also printed, and read by those who see no colours. Pure.

What is more is longer, or larger; colour says nothing that this does not say. Texts are escaped here.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from html import escape

from esimshaper.core.model.units import format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import spoken

_WIDTH, _HEIGHT = 720, 200
_LEFT, _BOTTOM, _TOP = 64, 24, 10
_CELL = 22
_MOST_LABELS, _LABEL = 8, 50
_STEPS = (1, 2, 5)

Points = Sequence[tuple[datetime, int]]


def columns(points: Points, labels: Sequence[str], title: str) -> str:
    """A column for each period, with a scale at the left and some labels below."""
    largest = _scale_end(max((size for _, size in points), default=0))
    room = (_WIDTH - _LEFT) / max(1, len(points))
    ground, height = _HEIGHT - _BOTTOM, _HEIGHT - _BOTTOM - _TOP
    parts = [_open(_WIDTH, _HEIGHT, title)]
    for step in range(5):
        y, size = ground - height * step / 4, largest * step // 4
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{escape(format_size(size))}</text>')
    every = -(-len(points) // _MOST_LABELS)
    for at, ((_, size), label) in enumerate(zip(points, labels, strict=True)):
        x, tall = _LEFT + room * at, max(1.0, height * size / largest) if size else 0.0
        said = escape(f"{label}: {format_size(size)}")
        parts.append(
            f'<rect class="bar" x="{x + room * 0.1:.2f}" y="{ground - tall:.1f}" width="{room * 0.8:.2f}" '
            f'height="{tall:.1f}"><title>{said}</title></rect>'
        )
        if at % every == 0 and x < _WIDTH - _LABEL:
            parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 6}">{escape(label)}</text>')
    return "".join([*parts, "</svg>"])


def hours_of_days(points: Points, title: str) -> str:
    """A square for each hour, days from left to right: the larger, the more was used in it."""
    used: dict[tuple[date, int], int] = {}
    for start, size in points:
        key = (start.date(), start.hour)
        used[key] = used.get(key, 0) + size
    days = sorted({day for day, _ in used})
    largest = max(used.values(), default=0) or 1
    width, height = 52 + _CELL * len(days), 24 + _CELL * 24
    parts = [_open(width, height, title)]
    parts += [f'<text class="end" x="44" y="{24 + _CELL * at + 15}">{at:02}:00</text>' for at in range(0, 24, 3)]
    every = -(-len(days) // 12)
    for at, day in enumerate(days):
        x = 52 + _CELL * at
        if at % every == 0:
            parts.append(f'<text x="{x}" y="14">{escape(moments.short_day(day, spoken()))}</text>')
        parts += _squares(x, day, used, largest)
    return "".join([*parts, "</svg>"])


def bar(value: int, largest: int) -> str:
    """A bar in a table, whose number stands beside it."""
    wide = max(1.0, 120 * value / largest) if value and largest else 0.0
    return (
        '<svg class="inline" width="120" height="12" viewBox="0 0 120 12" aria-hidden="true">'
        f'<rect class="bar" x="0" y="1" width="{wide:.1f}" height="10"/></svg>'
    )


def _squares(x: int, day: date, used: Mapping[tuple[date, int], int], largest: int) -> Iterator[str]:
    for hour in range(24):
        size = used.get((day, hour), 0)
        if size:
            side = max(2.0, (_CELL - 2) * (size / largest) ** 0.5)
            middle = (_CELL - side) / 2
            yield (
                f'<rect class="bar" x="{x + middle:.1f}" y="{24 + _CELL * hour + middle:.1f}" width="{side:.1f}" '
                f'height="{side:.1f}"><title>{escape(_squared(day, hour, size))}</title></rect>'
            )
        else:
            yield f'<circle class="none" cx="{x + _CELL / 2}" cy="{24 + _CELL * hour + _CELL / 2}" r="1"/>'


def _squared(day: date, hour: int, size: int) -> str:
    return f"{moments.short_day(day, spoken())} {hour:02}:00: {format_size(size)}"


def _open(width: int, height: int, title: str) -> str:
    return (
        f'<svg class="picture" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>'
    )


def _scale_end(largest: int) -> int:
    """A round number that is not less: 1, 2 or 5 and zeros, of which a quarter is a whole number of bytes."""
    end = 4
    while True:
        for step in _STEPS:
            if end * step >= largest:
                return end * step
        end *= 10
