# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmark says: rows, and how people, pipes and programs get them. Pure but for `show`, which prints."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table


class Verdict(Enum):
    """FAIL: something is not true. MISS: true, but slower or bigger than aimed at, which depends on the machine."""

    FIGURE = ""
    PASS = "pass"  # noqa: S105 - a word, no password
    MISS = "MISS"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in `unit`. `detail` says what stands behind it, for people; `parts` the same for programs."""

    what: str
    figure: float
    unit: str
    target: str = ""
    verdict: Verdict = Verdict.FIGURE
    detail: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)


def exact(what: str, difference: float, unit: str, detail: str = "", parts: Mapping[str, float] | None = None) -> Row:
    """A figure that is 0, or the program is wrong."""
    return Row(what, difference, unit, "0", Verdict.FAIL if difference else Verdict.PASS, detail, parts or {})


def must(what: str, figure: float, unit: str, at_most: float, detail: str = "") -> Row:
    """A figure that is within a limit, or the program is wrong."""
    verdict = Verdict.PASS if figure <= at_most else Verdict.FAIL
    return Row(what, figure, unit, f"<= {number(at_most)}", verdict, detail)


def aim(what: str, figure: float, unit: str, at_most: float, detail: str = "") -> Row:
    """A figure that ought to be within a limit on any machine of today."""
    verdict = Verdict.PASS if figure <= at_most else Verdict.MISS
    return Row(what, figure, unit, f"<= {number(at_most)}", verdict, detail)


def between(what: str, figure: float, unit: str, low: int, high: int, detail: str = "") -> Row:
    """A figure that ought to be within both, rounded, on any machine of today."""
    verdict = Verdict.PASS if low <= round(figure) <= high else Verdict.MISS
    return Row(what, figure, unit, f"{low} to {high}", verdict, detail)


def spread(figures: Sequence[float]) -> str:
    """The middle half of repeated measurements, as a detail."""
    low, _, high = quantiles(figures, n=4) if len(figures) > 1 else (figures[0],) * 3
    return f"{number(low)} to {number(high)}, middle half of {len(figures)}"


def middling(what: str, figures: Sequence[float], unit: str, detail: str = "") -> Row:
    """The median of repeated measurements with its spread."""
    return Row(what, median(figures), unit, detail="; ".join(filter(None, [spread(figures), detail])))


def number(figure: float) -> str:
    """Three digits are enough for a measurement, but a count of bytes keeps all of its own."""
    if figure == int(figure):
        return f"{int(figure):,}"
    if abs(figure) >= 1000:
        return f"{figure:,.0f}"
    return f"{figure:.3g}" if abs(figure) >= 10 else f"{figure:.3f}"


def show(title: str, rows: Sequence[Row]) -> None:
    """A table on a terminal, plain lines in a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            words = [f"{title}: {row.what}:", number(row.figure), row.unit, row.target and f"(target {row.target})"]
            words += [row.verdict.value, row.detail and f"[{row.detail}]"]
            print(" ".join(filter(None, words)), flush=True)  # noqa: T201 - a command line prints
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in ("what", "figure", "unit", "target", "", "detail"):
        table.add_column(name, justify="right" if name == "figure" else "left", overflow="fold")
    style = {
        Verdict.FAIL: "bold red",
        Verdict.MISS: "yellow",
        Verdict.PASS: "green",
        Verdict.FIGURE: "",
    }
    for row in rows:
        verdict = row.verdict.value
        table.add_row(row.what, number(row.figure), row.unit, row.target, verdict, row.detail, style=style[row.verdict])
    Console(highlight=False).print(table)


def write_json(path: Path, machine: Mapping[str, str], sections: Mapping[str, Sequence[Row]]) -> None:
    """Everything that was shown."""
    shown = {name: [asdict(row) | {"verdict": row.verdict.value} for row in rows] for name, rows in sections.items()}
    path.write_text(json.dumps({"machine": machine, "sections": shown}, indent=2) + "\n", encoding="utf-8")
