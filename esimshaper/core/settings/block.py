# SPDX-License-Identifier: GPL-2.0-or-later
"""A block of the configuration while values are made of it: what it holds goes in, Problems are gathered. Pure.

Each text is parsed once: a parser gives the value, or raises ValueError and so becomes a problem at that path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from esimshaper.core.model.identity import composed
from esimshaper.core.settings.problem import Path, Problem

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Block:
    """The keys of a block at `path`. All blocks of one tree share the list `problems`.

    Each value has the shape that the schema asks for. A value that the schema refused is missing, or None in a list.
    """

    values: Mapping[str, Any]
    problems: list[Problem]
    path: Path = ()

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any shape that YAML has
        """The plain value at `key`."""
        return self.values.get(key, default)

    def name(self, key: str = "name") -> str | None:
        """The name at `key` in the one form that names are compared in; None where the key is missing."""
        text: str | None = self.values.get(key)
        return None if text is None else composed(text)

    def has(self, key: str) -> bool:
        return key in self.values

    def block(self, key: str) -> "Block":
        """The block at `key`; an empty one where it is missing."""
        return Block(self.values.get(key, {}), self.problems, (*self.path, key))

    def blocks(self, key: str) -> tuple["Block", ...]:
        """The blocks of the list at `key`; an empty one in the place of each that the schema refused."""
        items = enumerate(self.values.get(key, ()))
        return tuple(Block(item or {}, self.problems, (*self.path, key, position)) for position, item in items)

    def refuse(self, where: str | Path, message: str, hint: str) -> None:
        """Adds a problem with the value at `where`: a key of this block, or a path that begins here."""
        steps = (where,) if isinstance(where, str) else where
        self.problems.append(Problem((*self.path, *steps), message, hint))

    def parse(self, key: str, parser: Callable[[Any], T], hint: str) -> T | None:
        """What `parser` makes of the value at `key`.

        None where the key is missing, or where `parser` raises ValueError: that adds a problem with `hint`.
        """
        return self.parse_value(key, self.values[key], parser, hint) if key in self.values else None

    def parse_value(self, where: str | Path, value: Any, parser: Callable[[Any], T], hint: str) -> T | None:  # noqa: ANN401
        """As `parse`, for a value that stands at `where`."""
        try:
            return parser(value)
        except ValueError as error:
            self.refuse(where, str(error), hint)
            return None
