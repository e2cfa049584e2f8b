# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of imports: our own export, and how one of its rows is written. Columns are those of Transferred."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from esimshaper.core.model.history import Resolution
from esimshaper.core.model.transfer import COLUMNS, Transferred
from esimshaper.edge.imports.lines import Context, Lines

NAME = "name"
"""An optional column: how people call the client. It is not read."""
MOST_AT_ONCE = 500_000
"""Rows that begin together."""
_COUNTS = ("down_bytes", "up_bytes", "down_packets", "up_packets")
_RESOLUTIONS = {each.value: each for each in Resolution}
_ORDER = {each: number for number, each in enumerate(Resolution)}


def csv_header(*more: str) -> str:
    """The first line of a file."""
    return _csv((*COLUMNS, *more))


def csv_line(row: Transferred, *more: str) -> str:
    """A row as a line of CSV."""
    return _csv((*_written(row), *more))


def json_line(row: Transferred, *more: str) -> str:
    """A row as a line of JSON."""
    values = {**dict(zip(COLUMNS, row, strict=True)), "resolution": row.resolution.value, "start": _iso(row.start)}
    return json.dumps({**values, **dict(zip((NAME,), more, strict=False))}, ensure_ascii=False) + "\n"


def read_csv(lines: Lines, context: Context) -> Iterator[Transferred]:
    """The rows of a CSV file."""
    return _in_order(lines, (_row(lines, row, context) for row in lines.table(COLUMNS, (*COLUMNS, NAME))))


def read_json_lines(lines: Lines, context: Context) -> Iterator[Transferred]:
    """The rows of a file with a JSON object in each line."""
    return _in_order(lines, (_row(lines, found, context) for found in _objects(lines)))


def _objects(lines: Lines) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            found = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            lines.refuse("", "this is not JSON", "each line is an object of its own")
        if found is None:
            continue
        if not isinstance(found, dict):
            lines.refuse("", "this is not an object", 'write {"resolution": "day", ...} in each line')
        for name in COLUMNS:
            if name not in found:
                lines.refuse("", f"`{name}` is missing", f"each line has {', '.join(COLUMNS)}")
        yield found


def _row(lines: Lines, found: Mapping[str, Any], context: Context) -> Transferred:
    resolution = _RESOLUTIONS.get(str(found["resolution"]))
    if resolution is None:
        lines.refuse("resolution", "it is not known", f"write one of {', '.join(_RESOLUTIONS)}")
    service = lines.label("service", found["service"])
    down, up, downs, ups = (lines.count(name, found[name], below_zero=bool(service)) for name in _COUNTS)
    return Transferred(
        resolution,
        lines.start("start", _moment(lines, found["start"]), context),
        lines.client("client", str(found["client"])),
        lines.label("uplink", found["uplink"]),
        context.source or lines.label("source", found["source"]) or "import",
        service,
        down,
        up,
        downs,
        ups,
        _flag(lines, found["estimated"]),
    )


def _moment(lines: Lines, text: object) -> float:
    try:
        there = datetime.fromisoformat(str(text))
    except ValueError:
        lines.refuse("start", "this is not a time", "write 2026-11-01T00:00:00Z")
    if there.tzinfo is None:
        lines.refuse("start", "the time has no offset from UTC", f"write {text}Z if it is UTC")
    return there.timestamp()


def _flag(lines: Lines, value: object) -> bool:
    if value in (True, False):
        return bool(value)
    if value not in ("yes", "no"):
        lines.refuse("estimated", "it is neither yes nor no", "write yes or no")
    return value == "yes"


def _in_order(lines: Lines, rows: Iterable[Transferred]) -> Iterator[Transferred]:
    """The rows; refuses one that is there twice or before its turn. Memory is bounded by what begins together."""
    last, seen = (-1, 0), set[tuple[str, ...]]()
    for row in rows:
        at = _ORDER[row.resolution], row.start
        if at < last:
            lines.refuse("start", "this row is before its turn", "leave the rows in the order of the export")
        if at > last:
            last = at
            seen.clear()
        key = row.client, row.uplink, row.source, row.service
        if key in seen:
            lines.refuse("", f"`{row.client}` is there twice at this time", "keep one of the two rows")
        if len(seen) >= MOST_AT_ONCE:
            lines.refuse("", f"more than {MOST_AT_ONCE:,} rows begin together", "is it the right file?")
        seen.add(key)
        yield row


def _written(row: Transferred) -> tuple[str, ...]:
    numbers = map(str, row[6:10])
    return (row.resolution.value, _iso(row.start), *row[2:6], *numbers, "yes" if row.estimated else "no")


def _iso(start: int) -> str:
    return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _csv(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
