# SPDX-License-Identifier: GPL-2.0-or-later
"""Items go in; plain values with defaults come out, and what esimshaper.schema.json does not allow, as problems.

The message of a problem is the `title` of the part of the schema that was broken, its hint the `description`. Pure, but
for reading the schema.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jsonschema

from esimshaper.core.model.typed import typed_rate, typed_size
from esimshaper.core.settings.problem import Path as KeyPath
from esimshaper.edge.settings_file.yaml_file import INTEGER, Item, PlacedProblem, Position, placed

SCHEMA_FILE = Path(__file__).parent.parent.parent / "esimshaper.schema.json"

_BARE_NUMBER = re.compile(r"[0-9]{1,16}(\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True)
class _Fault:
    """A broken rule of the schema: which one, where, by which value, and the (sub)schema that has the rule."""

    rule: str
    path: KeyPath
    value: Any
    schema: Mapping[str, Any]

    def repeats_another(self) -> bool:
        """Whether only a key that has a fault of its own makes the number of keys wrong."""
        counted = self.rule in ("minProperties", "maxProperties")
        return counted and bool(self.unknown_keys() or self.missing_keys())

    def unknown_keys(self) -> list[str]:
        return [key for key in self.value if key not in self.schema["properties"]]

    def missing_keys(self) -> list[str]:
        """Keys that are missing, without those that stand there misspelt: these are faults already, as unknown keys."""
        written = [key[:64] for key in self.unknown_keys()]
        absent = [key for key in self.schema.get("required", ()) if key not in self.value]
        return [key for key in absent if not difflib.get_close_matches(key, written)]


def read_schema(file: Path) -> Mapping[str, Any]:
    """The schema that a file of ours has."""
    return cast("Mapping[str, Any]", json.loads(file.read_bytes()))


def judge(
    trees: Iterable[Item], merged: Item, *, complete: bool, schema: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[PlacedProblem]]:
    """Compares each file with `schema` (None: that of the configuration), and all together with the keys it requires.

    Returns the plain values with defaults, and the problems. A wrong value is missing, or None in a list. `complete`:
    `trees` has all files, so that a key that is not in `merged` stands in none.
    """
    schema = schema or read_schema(SCHEMA_FILE)
    problems = [
        problem
        for tree in trees
        for fault in _faults(schema, tree)
        if fault.rule != "required"
        for problem in _explain(fault, tree)
    ]
    bad: set[KeyPath] = set()
    for fault in _faults(schema, merged):
        if fault.rule == "required":
            problems += _explain(fault, merged) if complete else []
        elif fault.rule == "additionalProperties":
            bad.update((*fault.path, key) for key in fault.unknown_keys())
        else:
            bad.add(fault.path)
    return _with_defaults(schema, _without(merged.plain(), bad)), problems


def with_defaults(plain: Mapping[str, Any], schema_file: Path) -> dict[str, Any]:
    """Values that are right, with the defaults of the schema."""
    return _with_defaults(read_schema(schema_file), plain)


def _faults(schema: Mapping[str, Any], tree: Item) -> Iterator[_Fault]:
    for error in jsonschema.Draft202012Validator(schema).iter_errors(tree.plain()):
        broken = cast("Mapping[str, Any]", error.schema)
        fault = _Fault(str(error.validator), tuple(error.absolute_path), error.instance, broken)
        if not fault.repeats_another():
            yield fault


def _explain(fault: _Fault, tree: Item) -> list[PlacedProblem]:
    item = tree.at(fault.path)
    known: Mapping[str, Any] = fault.schema.get("properties", {})
    if fault.rule == "additionalProperties":
        return [_unknown(item.content[key].key_place, key, list(known)) for key in fault.unknown_keys()]
    if fault.rule == "required":
        block = ".".join(step for step in fault.path if isinstance(step, str))
        names = {key: f"{block}.{key}" if block else key for key in fault.missing_keys()}
        return [placed(item.key_place, f"`{names[key]}` is missing", known[key]["description"]) for key in names]
    return [placed(item.place, f"{_shown(item)} is not {fault.schema['title']}", _hint(fault.schema, item))]


def _unknown(place: Position, key: str, known: Sequence[str]) -> PlacedProblem:
    near = difflib.get_close_matches(key[:64], known, 1)
    hint = f"Did you mean `{near[0]}`?" if near else f"What can stand here: {', '.join(known)}."
    return placed(place, f"unknown key `{key}`", hint)


def _shown(item: Item) -> str:
    if isinstance(item.content, dict):
        return "a block of keys"
    if isinstance(item.content, list):
        return "a list" if item.content else "an empty list"
    return "nothing" if item.content is None else f"`{item.text}`"


def _hint(schema: Mapping[str, Any], item: Item) -> str:
    """The description of the schema, or more exact advice where only the quotes or the unit are wrong."""
    scalar = item.content is not None and not isinstance(item.content, dict | list)
    is_text = isinstance(item.content, str)
    units = [example.lstrip("0123456789.") for example in schema.get("examples", ())]
    if scalar and units and _BARE_NUMBER.fullmatch(item.text):
        return f"Write the unit too: {' or '.join(item.text + unit for unit in units)}."
    usual = {typed_size(item.text), typed_rate(item.text)} - {item.text}
    if scalar and (meant := [each for each in usual if re.search(schema.get("pattern", "$^"), each)]):
        return f"Write {meant[0]}."
    if scalar and "interface" in schema["title"] and "@" in item.text:
        return f"`ip link` shows a lower interface behind the @; write {item.text.partition('@')[0]}."
    if "string" in schema["type"] and scalar and not is_text and re.search(schema.get("pattern", ""), item.text):
        return f'Put it in quotes: "{item.text}".'
    if schema["type"] == "integer" and is_text and INTEGER.fullmatch(item.text):
        return f"Write it without quotes: {item.text}."
    return str(schema["description"])


def _without(value: Any, bad: set[KeyPath], path: KeyPath = ()) -> Any:  # noqa: ANN401 - any shape that YAML has
    """`value` without the values at the paths `bad`; in lists None takes their place, so others keep theirs."""
    if isinstance(value, dict):
        return {key: _without(each, bad, (*path, key)) for key, each in value.items() if (*path, key) not in bad}
    if isinstance(value, list):
        steps = [(*path, position) for position in range(len(value))]
        return [None if step in bad else _without(each, bad, step) for step, each in zip(steps, value, strict=True)]
    return value


def _with_defaults(schema: Mapping[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    """`block` with the defaults of all keys that are missing in it."""
    filled = dict(block)
    for key, inner in schema["properties"].items():
        if key not in filled and "default" in inner:
            filled[key] = inner["default"]
        if key in filled:
            filled[key] = _with_inner_defaults(inner, filled[key])
    return filled


def _with_inner_defaults(schema: Mapping[str, Any], value: Any) -> Any:  # noqa: ANN401 - any shape that YAML has
    if isinstance(value, dict) and "properties" in schema:
        return _with_defaults(schema, value)
    if isinstance(value, list) and "items" in schema:
        return [_with_inner_defaults(schema["items"], each) for each in value]
    return value
