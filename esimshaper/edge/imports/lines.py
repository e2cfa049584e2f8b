# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of imports: lines of a text file with their numbers, and what is wrong in one of them."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import BinaryIO, NoReturn

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, UNATTRIBUTED, ClientKey
from esimshaper.edge.bpf.layouts import is_client_key

LONGEST_LINE = 8192
LONGEST_DOCUMENT = 64 * 1024 * 1024
"""Of a JSON document, which has to be read as a whole."""
LONGEST_NAME = 256
MOST_BYTES = 10**17
EARLIEST = 946_684_800
"""The year 2000."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a file does not say itself.

    now: in Unix seconds; later rows are refused. zone: of dates without one. month: its first day, for files that have
    no time. uplink, client and source: of rows that name none; empty for the ones of the format.
    """

    now: float
    zone: tzinfo
    month: datetime | None = None
    uplink: str = ""
    client: ClientKey = UNATTRIBUTED
    source: str = ""


class Lines:
    """Text of a file, line by line; `number` is that of the last one."""

    def __init__(self, path: Path, file: BinaryIO, longest: int = LONGEST_LINE) -> None:
        self.path = path
        self.number = 0
        self._file = file
        self._longest = longest

    def __iter__(self) -> Iterator[str]:
        while data := self._file.readline(self._longest + 1):
            self.number += 1
            if self.number == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            if len(data) > self._longest:
                self.refuse("", f"the line is longer than {self._longest} bytes", "is it the right file?")
            yield self._text(data)

    def document(self) -> object:
        """All of the file as one JSON document. Raises Unusable."""
        data = self._file.read(LONGEST_DOCUMENT + 1)
        self.number = 1
        if len(data) > LONGEST_DOCUMENT:
            self.refuse("", f"the file has more than {LONGEST_DOCUMENT:,} bytes", "export less at a time")
        text = self._text(data.removeprefix(b"\xef\xbb\xbf"))
        try:
            found: object = json.loads(text)
        except ValueError as error:
            self.number = getattr(error, "lineno", 1)
            self.refuse("", f"this is not JSON: {getattr(error, 'msg', error)}", "export it once more: it is cut off")
        except RecursionError:
            self.refuse("", "this is nested too deeply", "is it the right file?")
        return found

    def table(self, needed: Iterable[str], known: Iterable[str]) -> Iterator[dict[str, str]]:
        """The rows of a CSV file below its header, by the names of its columns. Raises Unusable."""
        lines = iter(self)
        first = next(lines, "")
        divider = max((",", "\t", ";"), key=first.count)
        rows = csv.reader(lines, delimiter=divider, strict=True)
        try:
            columns = self._header(next(csv.reader([first], delimiter=divider), []), tuple(needed), tuple(known))
            for fields in rows:
                if not fields:
                    continue
                if len(fields) != len(columns):
                    said = f"{len(fields)} fields, but the first line has {len(columns)}"
                    self.refuse("", said, "put quotes around a text with a comma in it")
                yield dict(zip(columns, fields, strict=True))
        except csv.Error as error:
            self.refuse("", f"this is not CSV: {error}", "check the quotes of this line")

    def refuse(self, place: str, message: str, hint: str) -> NoReturn:
        """Raises Unusable with the place."""
        where = f":{place}" if place else ""
        raise Unusable(f"{self.path}:{max(1, self.number)}{where}: {message}", hint)

    def _text(self, data: bytes) -> str:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
            hint = f"iconv -f {'UTF-16' if utf16 else 'LATIN1'} -t UTF-8 {self.path.name} >new.csv"
            self.refuse(f"byte {error.start + 1}", "this is not UTF-8 text", f"save the file as UTF-8, or: {hint}")
        if "\0" in text:
            self.refuse("", "there is a zero byte", "save the file as UTF-8 text")
        return text

    def _header(self, names: list[str], needed: tuple[str, ...], known: tuple[str, ...]) -> list[str]:
        columns = [name.strip().lower() for name in names]
        for name in needed:
            if name not in columns:
                self.refuse("", f"the column `{name}` is missing", f"the first line has at least {','.join(needed)}")
        for name in columns:
            if name not in known:
                self.refuse("", f"unknown column `{name}`", f"the columns are {', '.join(known)}")
            if columns.count(name) > 1:
                self.refuse("", f"the column `{name}` is there twice", "keep one of them")
        return columns

    # --- values

    def count(self, name: str, value: object, *, below_zero: bool = False) -> int:
        """A whole number of bytes or packets."""
        size = value if type(value) is int else _whole(value)
        if size is None or not (-MOST_BYTES if below_zero else 0) <= size <= MOST_BYTES:
            self.refuse(name, f"`{_short(value)}` is not a whole number", "write bytes without a unit: 1500000")
        return size

    def start(self, name: str, moment: float, context: Context) -> int:
        """A moment that may be the start of a row."""
        if not EARLIEST <= moment <= context.now + 86400:
            said = datetime.fromtimestamp(min(max(moment, 0), 2**33), context.zone).strftime("%Y-%m-%d %H:%M")
            self.refuse(name, f"{said} is not between 2000 and now", "was the clock right that wrote it?")
        return int(moment)

    def client(self, name: str, text: str) -> ClientKey:
        """The key of a client: its MAC, or a word such as router."""
        key = text.strip().lower()
        if key not in BUILT_IN_CLIENTS and not is_client_key(key):
            self.refuse(name, f"`{_short(text)}` is not a MAC", "write it as 02:00:00:00:00:10")
        return ClientKey(key)

    def label(self, name: str, text: object) -> str:
        """A name that somebody gave."""
        if not isinstance(text, str) or len(text) > LONGEST_NAME or not (text.isprintable() or not text):
            self.refuse(
                name, f"`{_short(text)}` is not a name", f"at most {LONGEST_NAME} characters that can be printed"
            )
        return text


def _whole(value: object) -> int | None:
    text = value.strip() if isinstance(value, str) else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def _short(value: object) -> str:
    text = "".join(each if each.isprintable() else "?" for each in str(value))
    return text if len(text) <= 40 else f"{text[:40]}..."
