# SPDX-License-Identifier: GPL-2.0-or-later
"""A file of recorded use (CSV) -> its records, one by one, in constant memory; or the place of a mistake, and advice.

The header is `time,client,down_bytes,up_bytes`, in any order, and may have `service` and `uplink`. `time` is Unix
seconds or ISO 8601 with an offset. A file of `esimshaper export` is read as well. Owns the open file while it is read.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.recorded import Recorded
from esimshaper.core.model.transfer import COLUMNS
from esimshaper.edge.imports import exported
from esimshaper.edge.imports.lines import Lines
from esimshaper.edge.imports.own import NAME

NEEDED = ("time", "client", "down_bytes", "up_bytes")
EXTRA = ("service", "uplink")
LONGEST_LINE = 4096
MOST_NAMES = 65_536
"""Of clients, each with its services and uplinks."""
MOST_BYTES = 10**15
_SIZES = ("down_bytes", "up_bytes")
_YEARS = range(2000, 2101)
_FIRST, _LAST = 946_684_800, 4_133_980_800
"""The seconds of these years."""


def read_recorded(path: Path) -> Iterator[Recorded]:
    """The records of the file, in its order. Raises Unusable at the first mistake: nothing after it can be trusted."""
    try:
        with path.open("rb") as file:
            if _is_export(_lines(path, file)):
                yield from exported.records_of(lambda: _Reader(_lines(path, file)).rows_of_export())
            else:
                yield from _Reader(_lines(path, file)).records()
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}", "name a CSV file with recorded use") from None


def _lines(path: Path, file: BinaryIO) -> Lines:
    file.seek(0)
    return Lines(path, file, LONGEST_LINE)


def _is_export(lines: Lines) -> bool:
    """Whether the first line is that of an export."""
    names = [name.strip().lower() for name in next(csv.reader([next(iter(lines), "")]), [])]
    return set(exported.NEEDED) <= set(names)


class _Reader:
    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._times: dict[tuple[str, str, str], float] = {}

    def records(self) -> Iterator[Recorded]:
        last = float("-inf")
        for values in self._lines.table(NEEDED, (*NEEDED, *EXTRA)):
            record = self._record(values)
            last = self._check_order(record, last)
            yield record

    def rows_of_export(self) -> Iterator[exported.Row]:
        """The rows of an export whose time is known to the day at least."""
        for values in self._lines.table(exported.NEEDED, (*COLUMNS, NAME)):
            if values["resolution"] in exported.LENGTHS:
                whose = values["client"], values["uplink"], values["service"]
                sizes = (self._bytes(name, values[name].lstrip("-")) * _sign(values[name]) for name in _SIZES)
                yield exported.Row(values["resolution"], self._time(values["start"]), *whose, *sizes)

    def _record(self, values: Mapping[str, str]) -> Recorded:
        client = values["client"].strip()
        if not client:
            self._lines.refuse("client", "there is no name", "write who it was, for example tv")
        return Recorded(
            self._time(values["time"].strip()),
            client,
            self._bytes("down_bytes", values["down_bytes"].strip()),
            self._bytes("up_bytes", values["up_bytes"].strip()),
            values.get("service", "").strip(),
            values.get("uplink", "").strip(),
        )

    def _time(self, text: str) -> float:
        hint = "write Unix seconds, or 2026-11-01T09:00:00+09:00"
        try:
            seconds = float(text)
        except ValueError:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                self._lines.refuse("time", f"`{text}` is not a time", hint)
            if moment.tzinfo is None:
                self._lines.refuse(
                    "time", f"`{text}` has no offset from UTC", f"write {text}+00:00, or the offset that is meant"
                )
            if moment.year not in _YEARS:
                self._lines.refuse("time", f"`{text}` is not in the years {_YEARS[0]} to {_YEARS[-1]}", hint)
            return moment.timestamp()
        if not _FIRST <= seconds < _LAST:
            self._lines.refuse(
                "time", f"`{text}` is not in the years {_YEARS[0]} to {_YEARS[-1]}", f"{hint}; not milliseconds"
            )
        return seconds

    def _bytes(self, name: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) <= MOST_BYTES):
            self._lines.refuse(name, f"`{text}` is not a number of bytes", "write whole bytes, without a unit: 1500000")
        return int(text)

    def _check_order(self, record: Recorded, last: float) -> float:
        if record.at < last:
            self._lines.refuse(
                "time", "this time is before that of the line above", "sort the lines: sort -t, -k1,1 for Unix seconds"
            )
        key = (record.client, record.service, record.uplink)
        if self._times.get(key) == record.at:
            said = f"`{record.client}` has this time twice"
            self._lines.refuse("time", said, "a row says what moved since the row before: keep one, or add them up")
        if key not in self._times and len(self._times) == MOST_NAMES:
            self._lines.refuse(
                "client", f"there are more than {MOST_NAMES} clients", "check that this column has names"
            )
        self._times[key] = record.at
        return record.at


def _sign(number: str) -> int:
    return -1 if number.startswith("-") else 1
