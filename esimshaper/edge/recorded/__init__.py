# SPDX-License-Identifier: GPL-2.0-or-later
"""A file of recorded use (CSV) -> its records, one by one, in constant memory; or the place of a mistake, and advice.

The header is `time,client,down_bytes,up_bytes`, in any order, and may have `service` and `uplink`. `time` is Unix
seconds or ISO 8601 with an offset. A file of `esimshaper export` is read as well. Owns the open file while it is read.
"""

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NoReturn

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.recorded import Recorded
from esimshaper.edge.recorded import exported

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
            is_export = _Reader(path, file).is_export()
            file.seek(0)
            if is_export:
                yield from exported.records_of(lambda: _export_rows(path, file))
            else:
                yield from _Reader(path, file).records()
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}", "name a CSV file with recorded use") from None


def _export_rows(path: Path, file: BinaryIO) -> Iterator[exported.Row]:
    file.seek(0)
    return _Reader(path, file).rows_of_export()


class _Reader:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._line = 0
        self._times: dict[tuple[str, str, str], float] = {}

    def records(self) -> Iterator[Recorded]:
        lines = csv.reader(self._lines(), strict=True)
        try:
            columns = self._header(next(lines, []))
            last = float("-inf")
            for fields in lines:
                if fields:
                    record = self._record(dict(zip(columns, fields, strict=False)), fields, columns)
                    last = self._check_order(record, last)
                    yield record
        except csv.Error as error:
            self._refuse("", f"this is not CSV: {error}", "check the quotes of this line")

    def is_export(self) -> bool:
        """Whether the first line is that of an export."""
        names = [name.strip().lower() for name in next(csv.reader(self._lines()), [])]
        return set(exported.NEEDED) <= set(names)

    def rows_of_export(self) -> Iterator[exported.Row]:
        """The rows of an export whose time is known to the day at least."""
        lines = csv.reader(self._lines(), strict=True)
        try:
            columns = [name.strip().lower() for name in next(lines)]
            for fields in lines:
                values = dict(zip(columns, fields, strict=False))
                if fields and len(fields) != len(columns):
                    said = f"{len(fields)} fields, but the first line has {len(columns)}"
                    self._refuse("", said, "export it again")
                if fields and values["resolution"] in exported.LENGTHS:
                    whose = values["client"], values["uplink"], values["service"]
                    sizes = (self._bytes(name, values[name].lstrip("-")) * _sign(values[name]) for name in _SIZES)
                    yield exported.Row(values["resolution"], self._time(values["start"]), *whose, *sizes)
        except csv.Error as error:
            self._refuse("", f"this is not CSV: {error}", "check the quotes of this line")

    def _lines(self) -> Iterator[str]:
        while data := self._file.readline(LONGEST_LINE + 1):
            self._line += 1
            if self._line == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            if len(data) > LONGEST_LINE:
                self._refuse("", f"the line is longer than {LONGEST_LINE} bytes", "name a CSV file of recorded use")
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError as error:
                place = f"byte {error.start + 1}"
                hint = f"save the file as UTF-8, or: iconv -f {_encoding(data)} -t UTF-8 {self._path.name} >new.csv"
                self._refuse(place, "this is not UTF-8 text", hint)
            if "\0" in text:
                self._refuse("", "there is a zero byte", "save the file as UTF-8 text")
            yield text

    def _header(self, names: list[str]) -> list[str]:
        columns = [name.strip().lower() for name in names]
        self._line = max(self._line, 1)
        for name in NEEDED:
            if name not in columns:
                self._refuse("", f"the column `{name}` is missing", f"the first line is {','.join(NEEDED)}")
        for name in columns:
            if name not in (*NEEDED, *EXTRA):
                self._refuse("", f"unknown column `{name}`", f"the columns are {', '.join((*NEEDED, *EXTRA))}")
            if columns.count(name) > 1:
                self._refuse("", f"the column `{name}` is there twice", "keep one of them")
        return columns

    def _record(self, values: dict[str, str], fields: list[str], columns: list[str]) -> Recorded:
        if len(fields) != len(columns):
            said = f"{len(fields)} fields, but the first line has {len(columns)}"
            self._refuse("", said, "put quotes around a name with a comma in it")
        client = values["client"].strip()
        if not client:
            self._refuse("client", "there is no name", "write who it was, for example tv")
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
                self._refuse("time", f"`{text}` is not a time", hint)
            if moment.tzinfo is None:
                self._refuse(
                    "time", f"`{text}` has no offset from UTC", f"write {text}+00:00, or the offset that is meant"
                )
            if moment.year not in _YEARS:
                self._refuse("time", f"`{text}` is not in the years {_YEARS[0]} to {_YEARS[-1]}", hint)
            return moment.timestamp()
        if not _FIRST <= seconds < _LAST:
            self._refuse(
                "time", f"`{text}` is not in the years {_YEARS[0]} to {_YEARS[-1]}", f"{hint}; not milliseconds"
            )
        return seconds

    def _bytes(self, name: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) <= MOST_BYTES):
            self._refuse(name, f"`{text}` is not a number of bytes", "write whole bytes, without a unit: 1500000")
        return int(text)

    def _check_order(self, record: Recorded, last: float) -> float:
        if record.at < last:
            self._refuse(
                "time", "this time is before that of the line above", "sort the lines: sort -t, -k1,1 for Unix seconds"
            )
        key = (record.client, record.service, record.uplink)
        if self._times.get(key) == record.at:
            said = f"`{record.client}` has this time twice"
            self._refuse("time", said, "a row says what moved since the row before: keep one, or add them up")
        if key not in self._times and len(self._times) == MOST_NAMES:
            self._refuse("client", f"there are more than {MOST_NAMES} clients", "check that this column has names")
        self._times[key] = record.at
        return record.at

    def _refuse(self, place: str, message: str, hint: str) -> NoReturn:
        where = f":{place}" if place else ""
        raise Unusable(f"{self._path}:{self._line}{where}: {message}", hint)


def _sign(number: str) -> int:
    return -1 if number.startswith("-") else 1


def _encoding(data: bytes) -> str:
    return "UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "LATIN1"
