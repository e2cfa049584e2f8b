# SPDX-License-Identifier: GPL-2.0-or-later
"""A YAML file as values that know their places. A path goes in, an Item or Problems come out; no resource is kept.

Values are read by the core schema of YAML 1.2 (section 10.3), as editors do, not by PyYAML's YAML 1.1: there an
unquoted `12:34:56:10:20:30` is a number to the base of 60, and a client named `no` is false. Anchors, aliases, tags,
merge keys and several documents in a file are refused: the settings of a router need none of them.
"""

import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import yaml

MAX_FILE_BYTES = 256 * 1024
MAX_VALUES = 10_000
MAX_DEPTH = 16
"""Bounds, so that no broken file takes more than seconds. 1,024 clients are 44 kB with 5,000 values, 3 deep."""

_NULL = re.compile("~|null|Null|NULL|")
_BOOLEAN = re.compile("true|True|TRUE|false|False|FALSE")
INTEGER = re.compile("[-+]?[0-9]{1,30}|0x[0-9a-fA-F]{1,30}|0o[0-7]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a file; line and column count characters from 1."""

    file: Path
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class PlacedProblem:
    """A mistake with its place, and a hint on what would be right."""

    file: Path
    line: int
    column: int
    message: str
    hint: str

    @property
    def sentence(self) -> str:
        """The message behind its place, in the form that editors and compilers have."""
        return f"{_readable(str(self.file))}:{self.line}:{self.column}: {self.message}"

    def __str__(self) -> str:
        return f"{self.sentence}\n    {self.hint}"


@dataclass(frozen=True, slots=True)
class Item:
    """A value, its place, the place of its key (in a list: its own place), and the text of a scalar as written."""

    content: Any  # dict[str, Item], list[Item] or a scalar
    place: Position
    key_place: Position
    text: str = ""

    def plain(self) -> Any:  # noqa: ANN401 - any shape that YAML has
        """The value without its places."""
        if isinstance(self.content, dict):
            return {key: item.plain() for key, item in self.content.items()}
        if isinstance(self.content, list):
            return [item.plain() for item in self.content]
        return self.content

    def at(self, path: Iterable[str | int]) -> "Item":
        """The item at the end of `path`, or the last one on the way that exists."""
        item = self
        for step in path:
            inside = item.content
            if isinstance(inside, list):
                inside = dict(enumerate(inside))
            if not isinstance(inside, dict) or step not in inside:
                break
            item = inside[step]
        return item


def read(file: Path, problems: list[PlacedProblem]) -> Item | None:
    """The values of one file with their places. None for a file that cannot be read; `problems` gets the reason."""
    try:
        node = _compose(file, _text(file))
    except _NotUnderstoodError as error:
        problems.append(error.problem)
        return None
    found: list[PlacedProblem] = []
    place = Position(file)
    item = Item({}, place, place) if node is None else replace(_item(file, node, found), key_place=place)
    problems.extend(found)
    return item


def read_ours(file: Path) -> Any:  # noqa: ANN401 - any shape that YAML has
    """The plain values of a file that is part of the program, which tests have read with all its checks."""
    node = yaml.compose(file.read_text("utf-8"), _FAST)
    return {} if node is None else _item(file, node, []).plain()


_FAST = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""In C where PyYAML was built with it: ten times as fast."""


class _NotUnderstoodError(Exception):
    def __init__(self, place: Position, message: str, hint: str) -> None:
        super().__init__(message)
        self.problem = placed(place, message, hint)


def _text(file: Path) -> str:
    place = Position(file)
    try:
        # Reading a pipe or a device would wait; a folder has nothing to read.
        if not stat.S_ISREG(file.stat().st_mode):
            raise _NotUnderstoodError(place, "is not a file", "Name the configuration file itself.")
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        example = "/usr/share/doc/esimshaper/esimshaper.yaml, or etc/ in the sources"
        hint = f"Begin with `sudo esimshaper setup`, or the example: {example}."
        raise _NotUnderstoodError(place, "there is no such file", hint) from None
    except OSError as error:
        hint = "Check the owner and mode of the file and of the folders above it."
        raise _NotUnderstoodError(place, f"cannot be read: {error.strerror}", hint) from None
    if len(data) > MAX_FILE_BYTES:
        hint = "This does not look like a configuration; split it over files in conf.d if it is one."
        raise _NotUnderstoodError(place, f"is larger than {MAX_FILE_BYTES // 1024} KiB", hint)
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = _place_of_index(file, data[: error.start].decode("utf-8"))
        raise _NotUnderstoodError(place, "is not UTF-8 text", "Save the file in the encoding UTF-8.") from None


class _Loader(yaml.BaseLoader):
    """Composes the nodes of one document within the bounds, and refuses YAML that settings do not need."""

    def __init__(self, file: Path, text: str) -> None:
        super().__init__(text)
        self.file = file
        self.depth = 0
        self.values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - PyYAML's signature
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self.values += 1
        self.depth += 1
        if fault := self._fault(event):
            raise _NotUnderstoodError(_place(self.file, event.start_mark), *fault)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _fault(self, event: yaml.Event) -> tuple[str, str] | None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            hint = "Write the value out; put quotes around a text that begins with & or *."
            return "anchors and aliases (& and *) are not used here", hint
        if getattr(event, "tag", None):
            return "tags (!) are not used here", "Put quotes around a text that begins with !."
        if self.depth > MAX_DEPTH:
            return f"blocks and lists are nested more than {MAX_DEPTH} deep", "Remove the needless brackets."
        if self.values > MAX_VALUES:
            return f"there are more than {MAX_VALUES} values in this file", "Split it over files in conf.d."
        return None


def _compose(file: Path, text: str) -> yaml.Node | None:
    loader = None
    try:
        loader = _Loader(file, text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(file, mark) if mark else Position(file)
        raise _NotUnderstoodError(place, *_in_our_words(error.problem or "something is missing")) from None
    except yaml.reader.ReaderError as error:
        place = _place_of_index(file, text[: error.position])
        raise _NotUnderstoodError(place, "an invisible control character stands here", "Delete it.") from None
    except (ValueError, OverflowError):
        # PyYAML raises these for numbers out of range in escapes ("\UFFFFFFFF") and directives (%YAML).
        place = _place(file, loader.get_mark()) if loader else Position(file)
        raise _NotUnderstoodError(place, "not YAML: a number out of range", "Check \\U escapes and % lines.") from None


def _in_our_words(said: str) -> tuple[str, str]:
    """Message and hint for an error of PyYAML, in our words."""
    if "'\\t'" in said:
        return "a tab does not belong here", "Indent with spaces."
    if "mapping values are not allowed" in said:
        return "a `:` does not belong here", "Check the indentation; put quotes around a text that has `: ` in it."
    if "expected <block end>" in said:
        return "this does not fit the lines above", "Check the indentation, and quotes and brackets."
    if "found another document" in said:
        return "a second document (---) begins here", "Use one file for each."
    return (
        f"not YAML: {said}",
        "Check quotes and brackets; put quotes around a text that begins with [ ] { } , # | > % @.",
    )


def _item(file: Path, node: yaml.Node, problems: list[PlacedProblem]) -> Item:
    place = _place(file, node.start_mark)
    if isinstance(node, yaml.MappingNode):
        return Item(_block(file, node, problems), place, place)
    if isinstance(node, yaml.SequenceNode):
        return Item([_item(file, each, problems) for each in node.value], place, place)
    # A style means quotes or a block of text: then it is a text whatever it looks like.
    style = cast("yaml.ScalarNode", node).style
    return Item(node.value if style else _scalar(node.value), place, place, node.value)


def _block(file: Path, node: yaml.MappingNode, problems: list[PlacedProblem]) -> dict[str, Item]:
    block: dict[str, Item] = {}
    for key_node, value_node in node.value:
        place = _place(file, key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(placed(place, "a list or block stands where a key should", "Begin with `key: value`."))
            continue
        key = key_node.value
        item = replace(_item(file, value_node, problems), key_place=place)
        if key in block:
            hint = f"It is already in line {block[key].key_place.line}; keep one of the two."
            problems.append(placed(place, f"the key `{key}` is given twice", hint))
        else:
            block[key] = item
    return block


def _scalar(text: str) -> str | int | float | bool | None:
    """A plain scalar by the core schema of YAML 1.2, section 10.3.2."""
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text[0] in "tT"
    if INTEGER.fullmatch(text):
        return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
    return text


def _place(file: Path, mark: yaml.Mark) -> Position:
    return Position(file, mark.line + 1, mark.column + 1)


def _place_of_index(file: Path, before: str) -> Position:
    """The place behind the text `before`."""
    return Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def placed(place: Position, message: str, hint: str) -> PlacedProblem:
    return PlacedProblem(place.file, place.line, place.column, _readable(message), _readable(hint))


def _readable(text: str) -> str:
    """One line that any terminal can show, of bounded length."""
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text[:400])
    return shown if len(text) <= 400 else f"{shown}..."
