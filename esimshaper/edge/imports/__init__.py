# SPDX-License-Identifier: GPL-2.0-or-later
"""A file of used bytes -> rows for the history, one by one, in bounded memory; or the place of a mistake, and advice.

own.py       our own export, as CSV or JSON lines
vnstat.py    `vnstat --json`
nlbwmon.py   `nlbw -c csv` and `nlbw -c json`
totals.py    totals of months, as people read them off a phone
recorded.py  what replays and recommendations read: recorded use, or an export (exported.py)
lines.py     what all of them share: lines of text, places, numbers
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.transfer import COLUMNS, Transferred
from esimshaper.edge.imports import nlbwmon, own, totals, vnstat
from esimshaper.edge.imports.lines import Context, Lines

Reader = Callable[[Lines, Context], Iterator[Transferred]]
"""Raises Unusable at the first mistake."""

_FORMATS: Mapping[str, Reader] = {
    "our own CSV": own.read_csv,
    "our own JSON lines": own.read_json_lines,
    "vnStat JSON": vnstat.read,
    "nlbwmon JSON": nlbwmon.read_json,
    "nlbwmon CSV": nlbwmon.read_csv,
    "totals of months": totals.read,
}
FOREIGN = frozenset(_FORMATS) - {"our own CSV", "our own JSON lines"}
"""Formats of other programs: what they have counted may be what this router has counted too."""


def format_of(path: Path) -> str:
    """Which format a file has, by its first line. Raises Unusable for none of them."""
    try:
        with path.open("rb") as file:
            lines = Lines(path, file, longest=1_000_000)
            first = next((line for line in lines if line.strip()), "").strip()
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}", "name a file to import") from None
    if first.startswith("{"):
        return _json_format(path, first)
    words = [word.strip().strip('"').lower() for word in first.replace("\t", ",").replace(";", ",").split(",")]
    if "mac" in words and "rx_bytes" in words:
        return "nlbwmon CSV"
    if "month" in words:
        return "totals of months"
    if "resolution" in words or "start" in words:
        return "our own CSV"
    raise Unusable(
        f"{path}:1: this is no format that is known",
        f"the first line of our own CSV is {','.join(COLUMNS)}; also known are JSON of vnStat, CSV and JSON of nlbw, "
        "and month,client,used",
    )


def read(path: Path, kind: str, context: Context) -> Iterator[Transferred]:
    """The rows of a file in its order. Raises Unusable at the first mistake."""
    try:
        with path.open("rb") as file:
            yield from _FORMATS[kind](Lines(path, file), context)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}", "name a file to import") from None


def _json_format(path: Path, first: str) -> str:
    """By the keys of the first object: those of others may go on over many lines."""
    if '"vnstatversion"' in first:
        return "vnStat JSON"
    if '"columns"' in first:
        return "nlbwmon JSON"
    try:
        if "resolution" in json.loads(first):
            return "our own JSON lines"
    except (ValueError, RecursionError):
        pass
    with path.open("rb") as file:
        start = file.read(4096)
    if b'"vnstatversion"' in start:
        return "vnStat JSON"
    if b'"columns"' in start:
        return "nlbwmon JSON"
    raise Unusable(f"{path}:1: this is no JSON that is known", "export it with `vnstat --json`, or `nlbw -c json`")
